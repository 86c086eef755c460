package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rehome/internal/testenv"
	"rehome/internal/testenv/hostile"
)

const (
	hostileUsers  = 3
	hostileAtOnce = 8                // imports of such a user, besides those that wait for another try
	hostileRound  = 15 * time.Minute // at most, for the first one: what is cut off is tried for some ten
	hostileFor    = time.Minute      // at least, that it goes on beside the honest imports

	honestImports = 10
	settle        = 2 * time.Minute // before memory is looked at: so long may Go's runtime go without a look of its own
)

// hostileFlags leave users room for each other, and lower the limits that flags do.
var hostileFlags = []string{"--workers", "16", "--max-running-per-user", "4", "--max-repository", "64MiB", "--max-refs", "25000"}

// besieged is the history of the honest imports.
var besieged = testenv.Size{Commits: 2000, Files: 300, Lines: 40, Authors: 60}

// hostileRows are what hostile imports cost honest ones, and the server.
type hostileRows struct {
	honest     subject
	besides    honestRows
	away, path int // cases left out: they name what is elsewhere, or a path
	first      tally
	later      tally

	calls int // of the hostile users, answered or not
	sick  int // of them those that were not, and 5xx
	hits  int // of addresses that nobody may reach

	memory  hostileMemory
	rest    time.Duration // until the server had no child any more, after the last of them was given up
	orphans int           // processes of the server that were left then, and once it had ended
	load    string        // average of the machine before and at the end
}

// honestRows are what became of the honest imports.
type honestRows struct {
	answers   times // to GET
	well      int   // of them 200
	starts    times // after the imports were asked for
	completed int   // imports, with every object what it was
}

// hostileMemory is anonymous memory of the server, in bytes.
type hostileMemory struct {
	idle, first, end int64 // before all, after the first round, at the end
	peak             int64 // with children, all the while
}

// measureHostile measures how a server fares while some of its users import hostile sources.
func measureHostile(ctx context.Context, s settings) (rows hostileRows, err error) {
	err = measureOf(ctx, s, "hostile-1.git", besieged, &rows.honest, func(l *lab) error {
		_, err := l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) { return cost{}, l.besiege(ctx, dir, &rows) })
		return err
	})
	return rows, err
}

// hostileCases are those that can be imported here, in an order that spreads those which keep a worker for long.
func hostileCases(rows *hostileRows) (cases []hostile.Case) {
	for _, c := range append(hostile.Repositories(), hostile.Servers()...) {
		switch {
		case c.Away:
			rows.away++
		case strings.HasPrefix(c.Name, "place: "):
			rows.path++
		default:
			cases = append(cases, c)
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(cases), func(a, b int) { cases[a], cases[b] = cases[b], cases[a] })
	return cases
}

// besiege measures on one server.
func (l *lab) besiege(ctx context.Context, dir string, rows *hostileRows) error {
	rows.load = loadAverage()
	s, err := startServer(ctx, l.rehome, dir, append([]string{"--rate-limit", "1000000/h"}, hostileFlags...))
	if err != nil {
		return err
	}
	defer s.stop()
	g, err := newSiege(ctx, l.rehome, dir, s, hostileCases(rows))
	if err != nil {
		return err
	}
	defer g.stage.close()
	if rows.memory.idle, err = anonymous(s.pid()); err != nil {
		return err
	}
	peak := testenv.WatchMemory(s.pid())
	err = errors.Join(g.firstRound(ctx, rows), l.laterRounds(ctx, g, rows))
	rows.memory.peak = peak()
	rows.calls, rows.sick, rows.hits = g.calls, g.sick, len(g.ground.Canaries.Hits())
	rows.later.noted = append(rows.later.noted, g.stage.said...)
	rows.load += ", " + loadAverage()
	if err != nil {
		return err
	}
	rows.orphans = len(descendants(s.pid()))
	s.stop()
	left, err := working(dir)
	rows.orphans += left
	return err
}

// firstRound has each case imported once, to its end.
func (g *siege) firstRound(ctx context.Context, rows *hostileRows) (err error) {
	log.Printf("%d hostile cases, once", len(g.cases))
	bounded, stop := context.WithTimeout(ctx, hostileRound)
	defer stop()
	start := time.Now()
	rows.first = g.attack(bounded, 1)
	rows.first.took = time.Since(start)
	rows.first.log()
	time.Sleep(settle)
	rows.memory.first, err = anonymous(g.server.pid())
	return err
}

// laterRounds goes on with them, with honest imports beside, and then gives up those that have not ended.
func (l *lab) laterRounds(ctx context.Context, g *siege, rows *hostileRows) error {
	attacking, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan tally)
	go func() { over <- g.attack(attacking, math.MaxInt) }()
	time.Sleep(5 * time.Second) // until all of them are at it
	err := l.honestly(ctx, g.server, &rows.besides)
	stop()
	rows.later = <-over
	rows.later.log()
	start := time.Now()
	for len(descendants(g.server.pid())) > 0 && time.Since(start) < time.Minute {
		time.Sleep(100 * time.Millisecond)
	}
	rows.rest = time.Since(start)
	time.Sleep(settle)
	end, wrong := anonymous(g.server.pid())
	rows.memory.end = end
	return errors.Join(err, wrong)
}

func (t *tally) log() {
	log.Printf("%d hostile imports ended: %s", t.sum(), t)
	for what, list := range map[string][]string{"given up": t.given, "wrongly complete": t.lies, "harmless, and refused": t.refused, "ended otherwise": t.others, "noted": t.noted} {
		for _, one := range list {
			log.Printf("%s: %s", what, one)
		}
	}
}

// honestly runs the honest imports and asks for them until they have ended, and for a while longer.
func (l *lab) honestly(ctx context.Context, s *server, rows *honestRows) error {
	from := newHonestSource(l.from.http.Handler)
	defer from.Close()
	var paths []string
	for n := range honestImports {
		name := fmt.Sprintf("honest-%d", n)
		paths = append(paths, "/repos/admin/"+name+"/import")
		if err := s.call(ctx, "POST", "/user/repos", fmt.Sprintf("{%q: %q}", "name", name), nil); err != nil {
			return err
		}
	}
	for n, path := range paths {
		from.expect(n)
		body := fmt.Sprintf(`{"vcs": "git", "vcs_url": "%s/%d/%s"}`, from.URL, n, filepath.Base(l.subject.dir))
		if err := s.call(ctx, "PUT", path, body, nil); err != nil {
			return err
		}
	}
	asking, stop := context.WithTimeout(ctx, hostileRound)
	defer stop()
	go func() {
		defer stop()
		least := time.After(hostileFor)
		for n, path := range paths {
			if err := s.waitFor(asking, path, "complete"); err != nil {
				log.Printf("honest import %d: %v", n, err)
			}
		}
		<-least
	}()
	said, err := s.askBeside(asking, loadRate, paths)
	if err != nil {
		return err
	}
	rows.answers, rows.well = said.Taken, int(said.Well)
	if said.Wrong != "" {
		log.Printf("answers that were none: %s", said.Wrong) // they are counted
	}
	rows.starts = from.began()
	log.Printf("GET of honest imports: %s; %d of them well; they began after %v", rows.answers, rows.well, rows.starts)
	return l.countHonest(ctx, s, paths, rows)
}

// countHonest clones what is complete, and holds it against the source.
func (l *lab) countHonest(ctx context.Context, s *server, paths []string, rows *honestRows) error {
	for _, path := range paths {
		var got struct{ Status string }
		var repository struct {
			URL string `json:"clone_url"`
		}
		if err := errors.Join(s.call(ctx, "GET", path, "", &got), s.call(ctx, "GET", strings.TrimSuffix(path, "/import"), "", &repository)); err != nil {
			return err
		}
		if got.Status != "complete" {
			continue
		}
		clone := filepath.Join(l.dir, "honest.git")
		url := strings.Replace(repository.URL, "://", "://admin:"+adminToken+"@", 1)
		if _, err := git(ctx, "", "clone", "-q", "--mirror", url, clone); err != nil {
			return err
		}
		if err := errors.Join(l.check(ctx, "honest imports", clone), os.RemoveAll(clone)); err != nil {
			return err
		}
		rows.completed++
	}
	return nil
}

// honestSource has a path for each import, and notes when the import begins there.
type honestSource struct {
	*httptest.Server

	mu    sync.Mutex
	due   [honestImports]time.Time // guarded by mu, as the next
	first [honestImports]time.Time
}

func newHonestSource(next http.Handler) *honestSource {
	h := &honestSource{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if n, err := strconv.Atoi(number); err == nil && n < honestImports {
			h.mu.Lock()
			if h.first[n].IsZero() {
				h.first[n] = time.Now()
			}
			h.mu.Unlock()
		}
		http.StripPrefix("/"+number, next).ServeHTTP(w, r)
	}))
	return h
}

// expect notes that an import is asked for now.
func (h *honestSource) expect(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.due[n] = time.Now()
}

// began is how long each import that began took to.
func (h *honestSource) began() (list times) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n, at := range h.first {
		if !at.IsZero() {
			list = append(list, at.Sub(h.due[n]))
		}
	}
	slices.Sort(list)
	return list
}

// descendants are the processes below one.
func descendants(pid int) (all []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // gone is as good as none
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				all = append(append(all, n), descendants(n)...)
			}
		}
	}
	return all
}

// working counts the processes that are in a folder, or were given it.
func working(dir string) (count int, err error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		at, _ := os.Readlink(filepath.Join(one, "cwd")) // gone is as good as elsewhere
		args, _ := os.ReadFile(filepath.Join(one, "cmdline"))
		if strings.HasPrefix(at, dir) || strings.Contains(string(args), dir) {
			count++
		}
	}
	return count, nil
}
