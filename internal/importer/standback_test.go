package importer

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// cluster is two workers that host nothing, and a process that has their rows and works on nothing.
type cluster struct {
	*world
	small, big *world
	url        string // of a server with old.git, and empty repositories to push to
	fetched    atomic.Int32
}

// full fails fetches as a disk without room does.
func (c *cluster) full(o *Options) {
	o.Source = map[rehome.VCS]source.Source{rehome.Git: fetching{o.Source[rehome.Git], func(context.Context, source.Request) (source.Result, error) {
		c.fetched.Add(1)
		return source.Result{}, syscall.ENOSPC
	}}}
}

// newCluster opens one. What each worker is told besides is given.
func newCluster(t *testing.T, small, big func(*cluster, *Options)) *cluster {
	t.Helper()
	where, root := testenv.Postgres(t).NewDatabase(t), t.TempDir()
	richAt(t, filepath.Join(root, "old.git"), "sha1")
	must(t, os.Mkdir(filepath.Join(root, "octocat"), 0o700))
	for _, name := range []string{"a", "b", "octocat/a"} {
		testenv.Empty(t, filepath.Join(root, name+".git"), "sha1")
	}
	c := &cluster{world: newWorld(t, onPostgres(t, where, store.Limits{})), url: testenv.NewServer(t, root, testenv.Options{Push: true}).URL}
	worker := func(change func(*cluster, *Options)) *world {
		w := newWorld(t, func(o *Options) {
			must(t, o.DB.Close())
			db, err := store.Options{Process: o.Folder.id}.Open(t.Context(), where)
			must(t, err)
			must(t, o.Host.Close())
			o.DB, o.Host, o.Seal = db, nil, c.Seal
			o.Folder.KeepOn(c.Folder.shelf)
			change(c, o)
		})
		must(t, w.DB.Announce(t.Context(), store.Process{ID: w.Folder.id, Name: w.Folder.Called(), Role: "worker", Workers: 2}, time.Hour))
		return w
	}
	c.small, c.big = worker(small), worker(big)
	return c
}

// begin starts an import, to a destination of its own where that is named.
func (c *cluster) begin(name string, elsewhere bool) rehome.Repository {
	c.t.Helper()
	r := c.repository(name)
	if elsewhere {
		_, err := c.SetDestination(c.t.Context(), r.ID, DestinationRequest{URL: c.url + "/" + name + ".git"})
		must(c.t, err)
	}
	_, err := c.Start(c.t.Context(), r, StartRequest{URL: c.url + "/old.git", VCS: rehome.Git})
	must(c.t, err)
	return r
}

// What does not fit on one machine's disk goes to another, and that one takes nothing else meanwhile.
func TestFullDiskLeavesWorkToOthers(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var later atomic.Int64 // minutes
	c := newCluster(t, func(c *cluster, o *Options) {
		c.full(o)
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(later.Load()) * time.Minute) }
	}, func(*cluster, *Options) {})
	a, b := c.begin("a", true), c.begin("b", true)
	must(t, c.small.Work(t.Context(), 0))
	row := c.row(a)
	if row.State.Status != rehome.Importing || row.Held() || !slices.Equal(row.LeftBy, []string{c.small.Folder.id}) || !strings.HasPrefix(row.State.Note, leftNote) {
		t.Errorf("left to others: %+v, held: %v", row.State, row.Held())
	}
	wantNamed(t, &log, row.ID, "octocat/a", "import taken up", "step begun", "import left to others: this disk has no room for it", "import given back")
	if c.fetched.Load() != 1 || c.small.Rests() == "" {
		t.Errorf("fetched %d times, rests: %q", c.fetched.Load(), c.small.Rests())
	}
	later.Store(2)
	must(t, c.small.Work(t.Context(), 0)) // the other one, and not the first again
	if got := c.row(b).LeftBy; c.fetched.Load() != 2 || len(got) != 1 {
		t.Errorf("fetched %d times, the second is left by %v", c.fetched.Load(), got)
	}
	must(t, c.big.Work(t.Context(), 0))
	for _, r := range []rehome.Repository{a, b} {
		if row := c.row(r); row.State.Status != rehome.Complete || row.LeftBy != nil || row.State.Note != "" {
			t.Errorf("at the end: %+v, left by %v", row.State, row.LeftBy)
		}
	}
}

// What fits on no machine's disk ends in an error.
func TestFullDisksEverywhere(t *testing.T) {
	t.Parallel()
	full := func(c *cluster, o *Options) { c.full(o) }
	c := newCluster(t, full, full)
	a := c.begin("a", true)
	must(t, c.small.Work(t.Context(), 0))
	must(t, c.big.Work(t.Context(), 0))
	wantStatus(t, c.get(a), rehome.Failed, rehome.StepRaw, rehome.DiskFull)
	if n := c.fetched.Load(); n != 2 {
		t.Errorf("fetched %d times", n)
	}
}

// A worker that was not told of the destination leaves imports to those that were.
func TestNoDestinationLeavesWorkToOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, func(*cluster, *Options) {}, func(c *cluster, o *Options) {
		o.Elsewhere = Elsewhere{Template: c.url + "/{owner}/{repo}.git"}
	})
	a := c.begin("a", false)
	must(t, c.small.Work(t.Context(), 0))
	if row := c.row(a); !row.State.Status.Running() || len(row.LeftBy) != 1 {
		t.Errorf("left to others: %+v, by %v", row.State, row.LeftBy)
	}
	must(t, c.big.Work(t.Context(), 0))
	wantStatus(t, c.get(a), rehome.Complete, "", "")
}

// The log says which process took an import up, and how far it came.
func TestTurnsAreLogged(t *testing.T) {
	var log bytes.Buffer
	w, _ := imported(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	var steps []any
	for _, line := range lines(t, &log) {
		if line["msg"] == "step ended" {
			steps = append(steps, line["step"])
		}
		if line["msg"] == "import taken up" && line["worker"] != w.Folder.Called() {
			t.Errorf("taken up by %v, not %v", line["worker"], w.Folder.Called())
		}
	}
	if want := []any{"detection", "raw", "rewrite", "push"}; !slices.Equal(steps, want) {
		t.Errorf("steps %v ended, want %v", steps, want)
	}
	text := log.String()
	for _, want := range []string{"import taken up", "step begun", "import given back"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing is logged of %q", want)
		}
	}
	if w.Busy() != 0 {
		t.Errorf("at work on %d", w.Busy())
	}
}

// An import whose worker is lost says that it was begun again, while the step lasts, to those who watch, too.
func TestBegunAgain(t *testing.T) {
	w := newWorld(t)
	url, _ := serveRich(t, "sha1")
	r := w.repository("a")
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	_, ok, err := w.DB.Acquire(t.Context(), i.ID, "dead/1", -time.Second)
	if must(t, err); !ok {
		t.Fatal("it is not due")
	}
	watching, stop := context.WithCancel(t.Context())
	events, err := w.Watch(watching, r.ID)
	must(t, err)
	var texts []string
	var reading sync.WaitGroup
	reading.Go(func() {
		for e := range events {
			texts = append(texts, e.Text)
			if e.Kind == rehome.EventDone {
				return
			}
		}
	})
	var note string
	w.fault = func(point string) {
		if point == "raw received" {
			note = w.get(r).State.Note
		}
	}
	must(t, w.Reconcile(t.Context(), i.ID))
	reading.Wait()
	stop()
	if note != lostNote || w.get(r).State.Note != "" {
		t.Errorf("it says %q, and at the end %q", note, w.get(r).State.Note)
	}
	if !slices.Contains(texts, "begun_again: "+lostNote) {
		t.Errorf("watchers are told %q", texts)
	}
}

// An import that waits says for what.
func TestWhyItWaits(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	w := newWorld(t, onPostgres(t, where, store.Limits{Running: 1}), func(o *Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Hour) }
	})
	w.lookEvery = 0
	says := func(r rehome.Repository, want string) {
		t.Helper()
		if got := w.get(r).State.Note; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	begin := func(name string) rehome.Repository {
		r := w.repository(name)
		_, err := w.Start(t.Context(), r, StartRequest{URL: "http://127.0.0.1:1/none.git", VCS: rehome.Git})
		must(t, err)
		return r
	}
	a := begin("a")
	p := store.Process{ID: "p", Name: "p", Role: "worker", Workers: 2, Rests: "its disk is nearly full"}
	must(t, w.DB.Announce(t.Context(), p, time.Hour))
	says(a, "Waiting for its turn: 1st in the queue. No worker takes work at the moment.")
	p.Rests = ""
	must(t, w.DB.Announce(t.Context(), p, time.Hour))
	says(a, "Waiting for its turn: 1st in the queue.")
	_, ok, err := w.DB.Acquire(t.Context(), w.row(a).ID, "p/1", time.Hour)
	if must(t, err); !ok {
		t.Fatal("it is not due")
	}
	b := begin("b")
	says(b, "Waiting for its turn: 1st in the queue. Whoever started it has 1 running, and no more run at once.")
	listed, _, err := w.List(t.Context(), Filter{})
	must(t, err)
	if listed[1].Worker != "p" || listed[1].StartedAt.IsZero() || listed[0].Worker != "" || listed[0].State.Note != w.get(b).State.Note {
		t.Errorf("listed: %+v", listed)
	}
}
