package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rehome/internal/testenv"
)

const (
	loadImports = 50               // that run at once
	loadRate    = 50               // requests a second while they run: each has one who polls it every second
	loadFor     = 20 * time.Second // at most, while all of them run
	pollRate    = 200              // requests a second while one import runs
)

// loadRows is what requests and imports cost each other.
type loadRows struct {
	many   subject // of which loadImports are imported at once
	one    subject // that is imported alone
	idle   int64   // anonymous bytes of a server that has nothing to do
	quiet  times   // of GET import while nothing else happens
	busy   times   // of GET import while loadImports imports run
	memory int64   // peak of anonymous bytes meanwhile, children included
	polled []pair
	asked  int // how often the last polled import was asked for
}

// loaded is the history of which many imports run at once, polled the one of which one does.
var (
	loaded = testenv.Size{Commits: 15_000, Files: 1500, Lines: 60, Authors: 400}
	polled = testenv.Size{Commits: 80_000, Files: 4000, Lines: 80, Authors: 2000}
)

// measureLoad measures how fast the API answers while imports run, and what its answers cost one.
func measureLoad(ctx context.Context, s settings) (rows loadRows, err error) {
	for _, one := range []struct {
		name    string
		size    testenv.Size
		subject *subject
		measure func(*lab) error
	}{
		{"load-1.git", loaded, &rows.many, func(l *lab) error { return l.manyImports(ctx, &rows) }},
		{"load-2.git", polled, &rows.one, func(l *lab) error { return l.polledImports(ctx, &rows) }},
	} {
		if err := measureOf(ctx, s, one.name, one.size, one.subject, one.measure); err != nil {
			return rows, fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return rows, nil
}

// measureOf measures with a history made up, whose source answers from memory.
func measureOf(ctx context.Context, s settings, name string, size testenv.Size, from *subject, measure func(*lab) error) error {
	dir, err := kept(ctx, name, func(w io.Writer) error { return testenv.WriteSynthetic(w, size) })
	if err != nil {
		return err
	}
	work := filepath.Join(s.work, "load")
	if *from, err = look(ctx, dir, filepath.Join(work, "copies")); err != nil {
		return err
	}
	log.Printf("== %s: %d commits, %d objects, %d MB", from.name, from.commits, from.objects, from.bytes>>20)
	l := &lab{settings: s, subject: *from, dir: filepath.Join(work, "runs")}
	if l.want, err = contents(ctx, dir); err != nil {
		return err
	}
	if l.from, err = serveThrough(ctx, dir, func(h http.Handler) http.Handler { return newReplay(h) }); err != nil {
		return err
	}
	defer l.from.close()
	if _, err := l.fresh(ctx, l.importOnce); err != nil {
		return err
	}
	return measure(l)
}

// manyImports runs loadImports imports at once and asks for them meanwhile.
func (l *lab) manyImports(ctx context.Context, rows *loadRows) error {
	_, err := l.fresh(ctx, func(ctx context.Context, dir string) (c cost, err error) {
		s, err := startServer(ctx, l.rehome, dir, []string{"--rate-limit", "1000000/h", "--workers", fmt.Sprint(loadImports), "--max-running-per-user", "0"})
		if err != nil {
			return c, err
		}
		defer s.stop()
		if rows.idle, err = anonymous(s.pid()); err != nil {
			return c, err
		}
		paths := make([]string, loadImports)
		for n := range paths {
			name := fmt.Sprintf("bench-%d", n)
			paths[n] = "/repos/admin/" + name + "/import"
			if err := s.call(ctx, "POST", "/user/repos", fmt.Sprintf("{%q: %q}", "name", name), nil); err != nil {
				return c, err
			}
		}
		defer s.cancelAll(ctx, paths)
		peak := testenv.WatchMemory(s.pid())
		defer func() { rows.memory = peak() }()
		if err := s.startAll(ctx, paths, l.from.URL); err != nil {
			return c, err
		}
		if rows.busy, err = s.whileAllRun(ctx, paths); err != nil {
			return c, err
		}
		log.Printf("%d imports run: GET import takes %s", loadImports, rows.busy)
		s.cancelAll(ctx, paths)
		rows.quiet, err = s.quiet(ctx, paths[0], l.from.URL)
		return c, err
	})
	return err
}

// startAll starts all imports at once.
func (s *server) startAll(ctx context.Context, paths []string, from string) error {
	body, err := json.Marshal(map[string]any{"vcs": "git", "vcs_url": from})
	if err != nil {
		return err
	}
	errs := make([]error, len(paths))
	var all sync.WaitGroup
	for n, path := range paths {
		all.Go(func() { errs[n] = s.call(ctx, "PUT", path, string(body), nil) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// cancelAll ends what runs.
func (s *server) cancelAll(ctx context.Context, paths []string) {
	var all sync.WaitGroup
	for _, path := range paths {
		all.Go(func() { s.call(ctx, "DELETE", path, "", nil) }) // one that is gone already is as good
	}
	all.Wait()
}

// whileAllRun asks for one import after the other until the first of them ends.
func (s *server) whileAllRun(ctx context.Context, paths []string) (times, error) {
	asking, stop := context.WithTimeout(ctx, loadFor)
	defer stop()
	taken, err := s.ask(asking, loadRate, paths, func(text []byte) error {
		var got struct{ Status, Message string }
		if err := json.Unmarshal(text, &got); err != nil {
			return err
		}
		switch got.Status {
		case "importing", "mapping", "pushing":
		case "complete":
			stop()
		default:
			return fmt.Errorf("an import is %s: %s", got.Status, got.Message)
		}
		return nil
	})
	if err == nil && len(taken) < 5*loadRate {
		err = fmt.Errorf("all imports ran together for %d requests only", len(taken))
	}
	return taken, err
}

// quiet asks for one import that is complete, and nothing else happens.
func (s *server) quiet(ctx context.Context, path, from string) (times, error) {
	if err := s.startAll(ctx, []string{path}, from); err != nil {
		return nil, err
	}
	if err := s.waitFor(ctx, path, "complete"); err != nil {
		return nil, err
	}
	asking, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	return s.ask(asking, loadRate, []string{path}, nothing)
}

// nothing is what is looked for where only the time counts.
func nothing([]byte) error { return nil }

// ask sends so many requests a second, to one path after the other, until ctx ends, whether earlier ones are
// answered or not, and returns how long each took from when it was due. look is shown every answer's body, several at once.
func (s *server) ask(ctx context.Context, rate int, paths []string, look func([]byte) error) (taken times, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all sync.WaitGroup
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		due := start.Add(time.Duration(n) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Go(func() {
			text, failed := s.get(context.WithoutCancel(ctx), client, paths[n%len(paths)])
			took := time.Since(due)
			if failed == nil {
				failed = look(text)
			}
			mu.Lock()
			defer mu.Unlock()
			taken, err = append(taken, took), errors.Join(err, failed)
		})
	}
	all.Wait()
	slices.Sort(taken)
	return taken, err
}

func (s *server) get(ctx context.Context, client *http.Client, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", s.base+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "token "+adminToken)
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, answer.Status, text)
	}
	return text, err
}

// polledImports imports with and without requests that come meanwhile.
func (l *lab) polledImports(ctx context.Context, rows *loadRows) (err error) {
	rows.polled, err = l.pairs(ctx, "import while it is polled", func(ctx context.Context, dir string) (cost, error) {
		return l.polledImport(ctx, dir, &rows.asked)
	}, l.hostImport)
	return err
}

func (l *lab) polledImport(ctx context.Context, dir string, asked *int) (cost, error) {
	s, err := l.startServer(ctx, dir, "--rate-limit", "1000000/h")
	if err != nil {
		return cost{}, err
	}
	defer s.stop()
	c, err := s.measured(func() error {
		if err := s.start(ctx, map[string]any{"vcs": "git", "vcs_url": l.from.URL}); err != nil {
			return err
		}
		asking, stop := context.WithCancel(ctx)
		var polling sync.WaitGroup
		var failed error
		polling.Go(func() {
			var taken times
			taken, failed = s.ask(asking, pollRate, []string{benchImport}, nothing)
			*asked = len(taken)
		})
		err := s.wait(ctx, "complete")
		stop()
		polling.Wait()
		return errors.Join(err, failed)
	})
	if err != nil {
		return c, err
	}
	return c, l.checkPublished(ctx, dir)
}

// anonymous is the anonymous memory of a process, in bytes.
func anonymous(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "RssAnon: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("no RssAnon in /proc")
}

// times are how long requests took, sorted.
type times []time.Duration

// at returns the time that a share of the requests stayed within.
func (t times) at(share float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	return t[min(int(share*float64(len(t))), len(t)-1)]
}

func (t times) String() string {
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, at most %s, of %d", ms(t.at(0.5)), ms(t.at(0.95)), ms(t.at(0.99)), ms(t.at(1)), len(t))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
