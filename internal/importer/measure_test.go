package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
)

// tally is what a Measure was told, by its words.
type tally struct {
	mu   sync.Mutex
	seen map[string]int64 // guarded by mu
}

func (c *tally) add(what string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]int64{}
	}
	c.seen[what] += n
}

func (c *tally) take() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.seen
	c.seen = nil
	return taken
}

func (c *tally) measure() Measure {
	return Measure{
		Step:      func(s rehome.Step, _ time.Duration) { c.add("step "+string(s), 1) },
		Failed:    func(s rehome.Step, code rehome.Code) { c.add(fmt.Sprint("failed ", s, " ", code), 1) },
		TakenOver: func() { c.add("taken over", 1) },
		LeaseLost: func() { c.add("lease lost", 1) },
		Received:  func(n int64) { c.add("received", n) },
		Sent:      func(n int64) { c.add("sent", n) },
	}
}

// lines are the records of a log in JSON.
func lines(t *testing.T, log *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var one map[string]any
		must(t, json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	return all
}

// wantNamed checks that each line of the log names the import and its repository, and that there is one with each message.
func wantNamed(t *testing.T, log *bytes.Buffer, importID int64, repository string, messages ...string) {
	t.Helper()
	seen := map[any]bool{}
	for _, line := range lines(t, log) {
		seen[line["msg"]] = true
		if line["import"] != float64(importID) || line["repository"] != repository {
			t.Errorf("of import %d of %s: %v", importID, repository, line)
		}
	}
	for _, m := range messages {
		if !seen[m] {
			t.Errorf("nothing is logged of %q, but of %v", m, seen)
		}
	}
}

func TestMeasuredSteps(t *testing.T) {
	var told tally
	w, r := imported(t, func(o *Options) { o.Measure = told.measure() })
	got := told.take()
	if got["received"] < 1000 {
		t.Errorf("%d bytes were received", got["received"])
	}
	delete(got, "received")
	if want := map[string]int64{"step detection": 1, "step raw": 1, "step rewrite": 1, "step push": 1}; !maps.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}

	w.breakSource(r)
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	if got, want := told.take(), map[string]int64{"failed raw credentials_refused": 1}; !maps.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// A step that is tried again is counted once, as what it ends with.
func TestMeasuredFailure(t *testing.T) {
	var told tally
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) { o.Measure, o.Log = told.measure(), slog.New(slog.NewJSONHandler(&log, nil)) })
	r := w.repository("a")
	wantStatus(t, w.start(r, StartRequest{URL: "http://127.0.0.1:1/none.git", VCS: rehome.Git}), rehome.Failed, rehome.StepRaw, rehome.Unreachable)
	if got, want := told.take(), map[string]int64{"failed raw unreachable": 1}; !maps.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	wantNamed(t, &log, 1, "octocat/a", "import started", "import step")
}

func TestMeasuredLeases(t *testing.T) {
	var told tally
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) { o.Measure, o.Log = told.measure(), slog.New(slog.NewJSONHandler(&log, nil)) })
	url, _ := serveRich(t, "sha1")
	r := w.repository("a")
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)

	// Somebody who takes it dies, and this process goes on with it; another takes it from this one, and finishes.
	dead, ok, err := w.DB.Acquire(t.Context(), i.ID, "dead/1", -time.Second)
	if must(t, err); !ok {
		t.Fatal("it is not due")
	}
	if dead.Taken {
		t.Error("the first holder took it from nobody")
	}
	var once sync.Once
	w.fault = func(point string) {
		if point != "raw received" {
			return
		}
		once.Do(func() {
			ours := dead
			ours.Owner, ours.Fence = w.owner, dead.Fence+1
			must(t, w.DB.Renew(t.Context(), ours, -time.Second))
			other, ok, err := w.DB.Acquire(t.Context(), i.ID, "other/1", time.Hour)
			if must(t, err); !ok || !other.Taken {
				t.Errorf("another cannot take it: %+v, %v", other, ok)
			}
		})
	}
	must(t, w.Reconcile(t.Context(), i.ID))
	got := told.take()
	delete(got, "received")
	if want := map[string]int64{"taken over": 1, "lease lost": 1}; !maps.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	wantNamed(t, &log, i.ID, "octocat/a", "import taken over", "lease lost")
}

// Who deletes an import takes nothing from anybody.
func TestDeletedIsNotLost(t *testing.T) {
	var told tally
	w := newWorld(t, func(o *Options) { o.Measure = told.measure() })
	url, _ := serveRich(t, "sha1")
	r := w.repository("a")
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	w.fault = func(point string) {
		if point == "raw received" {
			if _, err := w.DB.DeleteImport(context.Background(), r.ID, nil); err != nil {
				t.Error(err)
			}
		}
	}
	must(t, w.Reconcile(t.Context(), i.ID))
	got := told.take()
	delete(got, "received")
	if len(got) != 0 {
		t.Errorf("told %v", got)
	}
	w.wantNothingLeft()
}

func TestGrowth(t *testing.T) {
	var g growth
	for n, c := range []struct{ to, want int64 }{{5, 5}, {5, 0}, {12, 7}, {0, 0}, {4, 4}, {3, 0}, {4, 1}} {
		if got := g.to(c.to); got != c.want {
			t.Errorf("%d: to %d it grew by %d, want %d", n, c.to, got, c.want)
		}
	}
}
