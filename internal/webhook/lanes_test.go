package webhook

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
)

// crowd makes n hooks at the URL, in repositories of their own as far as needed.
func (w *world) crowd(n int, url string) {
	w.t.Helper()
	var r rehome.Repository
	for i := range n {
		if i%most == 0 {
			r = w.repository(w.user, fmt.Sprintf("crowd%d", i))
		}
		w.hook(Config{URL: fmt.Sprintf("%s/%d/%d", url, i%2, i)}, rehome.HookTarget{RepositoryID: r.ID})
	}
}

// TestHangingCrowd: a hundred hooks whose receiver hangs, for the first time and again and again, delay no other.
func TestHangingCrowd(t *testing.T) {
	w := newWorld(t)
	w.limits.attempt = 10 * time.Minute // none of them gives up while the test runs
	w.limits.drags = 10 * time.Millisecond
	var hanging atomic.Int64
	var failed sync.Map // by path
	crowd := receive(t, func(rw http.ResponseWriter, r *http.Request, before int) {
		if _, has := failed.LoadOrStore(r.URL.Path, true); !has && r.URL.Path[1] == '1' { // every other one fails first
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		hanging.Add(1)
		hang(rw, r, before)
	})
	w.Waits = []time.Duration{time.Millisecond}
	w.crowd(100, crowd.URL)
	w.run()
	await(t, "the crowd hangs", func() bool { return hanging.Load() >= 50+int64(places[failing]) })
	well := receive(t, nil)
	hook := w.hook(Config{URL: well.URL})
	for n := range 5 {
		well.await(t, n+1)
		must(t, w.Ping(t.Context(), w.at, hook.ID, w.user))
	}
	if n := hanging.Load(); n != 50+int64(places[failing]) {
		t.Errorf("%d hang, want 50 that never failed and %d that did", n, places[failing])
	}
}

// TestOneAtATime: a hook gets one delivery at a time, the oldest first.
func TestOneAtATime(t *testing.T) {
	w := newWorld(t)
	var now, most atomic.Int64
	release := make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, _ *http.Request, _ int) {
		most.Store(max(most.Load(), now.Add(1)))
		<-release
		now.Add(-1)
	})
	hook := w.hook(Config{URL: r.URL})
	for range 4 {
		must(t, w.Ping(t.Context(), w.at, hook.ID, w.user))
	}
	w.run()
	for n := range 5 {
		r.await(t, n+1)
		release <- struct{}{}
	}
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
	all, err := w.Deliveries(t.Context(), w.at, hook.ID, 0, 10)
	must(t, err)
	slices.Reverse(all)
	for i, g := range r.requests() {
		if g.header.Get("X-GitHub-Delivery") != all[i].GUID {
			t.Errorf("request %d is of another delivery", i)
		}
	}
}

// TestTriedAgain: what is not taken comes again, the same, until it is.
func TestTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.Waits = []time.Duration{time.Millisecond}
	r := receive(t, func(rw http.ResponseWriter, _ *http.Request, before int) {
		if before < 2 {
			rw.WriteHeader(http.StatusInternalServerError)
			io.WriteString(rw, "no")
			return
		}
		io.WriteString(rw, "yes")
	})
	hook := w.hook(Config{URL: r.URL, Secret: "hunter2"})
	w.run()
	await(t, "taken", func() bool { return w.newest(hook.ID).Answer.OK() })
	all := r.requests()
	for _, g := range all {
		checkMessage(t, g, hook, "hunter2")
		if g.body != all[0].body || g.header.Get("X-GitHub-Delivery") != all[0].header.Get("X-GitHub-Delivery") {
			t.Error("an attempt is not as the first one")
		}
	}
	d, row := w.newest(hook.ID), w.row(hook)
	if len(all) != 3 || d.Attempts != 3 || !d.NextAttemptAt.IsZero() || string(d.ResponseBody) != "yes" || row.Failing != 0 || row.Last.Text != "OK" {
		t.Errorf("after %d requests: %+v, %+v", len(all), d, row)
	}
}

// TestStopped: an attempt that is under way when Run stops, or whose process is killed, is made again and held against nobody.
func TestStopped(t *testing.T) {
	w := newWorld(t)
	w.limits.attempt, w.limits.claim = 10*time.Minute, 200*time.Millisecond
	r := receive(t, func(rw http.ResponseWriter, req *http.Request, before int) {
		if before == 0 {
			hang(rw, req, before)
		}
	})
	hook := w.hook(Config{URL: r.URL})
	stop := w.run()
	r.await(t, 1)
	stop()
	if d, row := w.newest(hook.ID), w.row(hook); d.Answer != (rehome.Answer{}) || d.NextAttemptAt.IsZero() || row.Failing != 0 {
		t.Errorf("after the stop: %+v, %+v", d.Delivery, row)
	}
	// Killed: claimed, and never finished.
	await(t, "another claim", func() bool {
		_, _, ok, err := w.DB.ClaimDelivery(t.Context(), w.newest(hook.ID).ID, w.limits.claim)
		must(t, err)
		return ok
	})
	w.run()
	await(t, "taken", func() bool { return w.newest(hook.ID).Answer.OK() })
	all := r.requests()
	if d := w.newest(hook.ID); len(all) != 2 || d.Attempts != 3 || all[0].body != all[1].body {
		t.Errorf("%d requests, %+v", len(all), d.Delivery)
	}
}

// TestRowsOfOthers: what another process adds is delivered without a wake-up.
func TestRowsOfOthers(t *testing.T) {
	w := newWorld(t)
	r := receive(t, nil)
	w.run()
	other := New(w.Options)
	_, err := other.Create(t.Context(), w.at, w.user, Create{Config: Config{URL: r.URL}})
	must(t, err)
	r.await(t, 1)
}

// TestDeletedRepository: what is due goes out all the same, and then the hook goes.
func TestDeletedRepository(t *testing.T) {
	w := newWorld(t)
	r := receive(t, nil)
	hook := w.hook(Config{URL: r.URL})
	w.end(w.own, rehome.Canceled, w.user.ID)
	_, err := w.DB.DeleteRepository(t.Context(), w.own.ID, nil)
	must(t, err)
	w.limits.tidy = 10 * time.Millisecond
	w.run()
	if all := r.await(t, 2); all[1].event() != rehome.EventImport || at(all[1].payload(t), "status") != "cancelled" {
		t.Errorf("%+v", all[1])
	}
	await(t, "the hook goes", func() bool {
		all, err := w.DB.Deliveries(t.Context(), hook.ID, 0, 1)
		return len(all) == 0 && err == nil
	})
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	r := receive(t, nil)
	hook, other := w.hook(Config{URL: r.URL}), w.hook(Config{URL: r.URL, ContentType: "json"})
	must(t, w.Delete(t.Context(), w.at, hook.ID))
	w.run()
	all := r.await(t, 1)
	await(t, "the other is finished", func() bool { return w.newest(other.ID).Answer.OK() })
	if len(r.requests()) != 1 || all[0].header.Get("Content-Type") != "application/json" {
		t.Errorf("a deleted hook is told: %+v", r.requests())
	}
}
