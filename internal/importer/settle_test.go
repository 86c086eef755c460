package importer

import (
	"os"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

func TestReplan(t *testing.T) {
	m := &Importer{Options: Options{Waits: Waits{Settle: defaultSettle}}}
	start := time.UnixMilli(1700000000000).UTC()
	i := &store.Import{Import: rehome.Import{State: rehome.State{Status: rehome.Complete}}}
	for _, c := range []struct{ at, until float64 }{
		{0, 2},
		{1, 3},
		{2.5, 4.5},
		{4.5, 6.5},
		{6, 8},
		{8, 10},
		{10, 12},
		{12, 14},
		{14, 16},
		{16, 18},
		{18, 20},
		{20, 22},
		{22, 24},
		{24, 26},
		{26, 28},
		{27.9, 29.9},
		{29.5, 30},
		{29.9, 30},   // 30 s after the first, however many come
		{30.1, 32.1}, // the next
		{100, 102},
	} {
		now := start.Add(time.Duration(c.at * float64(time.Second)))
		was := i.Wanted.Plan
		m.replan(i, now)
		if got := i.Settle.Until.Sub(start).Seconds(); got != c.until || i.Wanted.Plan != was+1 || !i.DueAt.Equal(i.Settle.Until) {
			t.Errorf("a change at %g s is carried out after %g s, want %g; due at %v, plan %d", c.at, got, c.until, i.DueAt, i.Wanted.Plan)
		}
	}
}

func TestWhereAChangeLeads(t *testing.T) {
	m := &Importer{Options: Options{Waits: Waits{Settle: defaultSettle}}}
	now := time.UnixMilli(1700000000000).UTC()
	failed := func(s rehome.Step) rehome.State { return rehome.State{Status: rehome.Failed, FailedStep: s} }
	for _, c := range []struct {
		state rehome.State
		want  rehome.Status

		fetched int64 // generation; 0 for nothing
	}{
		{failed(rehome.StepDetection), rehome.Failed, 0},
		{failed(rehome.StepRaw), rehome.Failed, 0},
		{failed(rehome.StepRewrite), rehome.Mapping, 1},
		{failed(rehome.StepPush), rehome.Mapping, 1},
		{failed(rehome.StepPush), rehome.Failed, 0}, // of a destination that was asked before
		{rehome.State{Status: rehome.Complete, Note: "n"}, rehome.Mapping, 0},
		{rehome.State{Status: rehome.WaitingToPush}, rehome.Mapping, 0},
		{rehome.State{Status: rehome.Mapping}, rehome.Mapping, 0},
		{rehome.State{Status: rehome.Pushing}, rehome.Pushing, 0},
		{rehome.State{Status: rehome.Importing}, rehome.Importing, 0},
		{rehome.State{Status: rehome.AuthFailed}, rehome.AuthFailed, 0},
		{rehome.State{Status: rehome.Detecting}, rehome.Detecting, 0},
	} {
		i := &store.Import{Import: rehome.Import{State: c.state}}
		i.Wanted.Raw, i.Done.Raw = 1, c.fetched
		m.replan(i, now)
		if i.State.Status != c.want || i.State.Note != c.state.Note || i.DueAt.IsZero() == (c.want == rehome.Mapping) {
			t.Errorf("%+v became %+v, due at %v", c.state, i.State, i.DueAt)
		}
		if s := c.state.Status; s != c.want && !s.CanBecome(c.want) {
			t.Errorf("%s may not become %s", s, c.want)
		}
	}
}

// The old home may be gone for good when somebody chooses otherwise: what was fetched is there.
func TestChangeAfterAFailedRestart(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	away := from + ".away"
	must(t, os.Rename(from, away))
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Failed, rehome.StepRaw, rehome.NotARepository)
	w.setLFS(r, rehome.LFSOptIn)
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantFilms(r, away, rehome.LFSOptIn)

	must(t, os.Rename(away, from))
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantFilms(r, from, rehome.LFSOptIn)
}

// Changes that come close together become one rewrite and one push.
func TestChangesSettle(t *testing.T) {
	t.Parallel()
	var waits []time.Duration
	w := newWorld(t, func(o *Options) {
		o.WakeAt = func(_ int64, after time.Duration) { waits = append(waits, after) }
	})
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	rewrites, pushes := 0, 0
	w.fault = func(point string) {
		switch point {
		case "final kept":
			rewrites++
		case "published":
			pushes++
		}
	}
	w.Waits.Settle = []time.Duration{time.Hour, 2 * time.Hour}
	w.remap(r, "Ada Lovelace", "Other", "other@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Mapping, "", "")
	w.remap(r, "Charles Babbage", "C", "c@example.com")
	w.work()
	if rewrites+pushes != 0 || len(waits) != 2 || waits[0] != time.Hour {
		t.Errorf("%d rewrites and %d pushes before they settled, wake-ups after %v", rewrites, pushes, waits)
	}
	if _, err := w.Start(t.Context(), r, StartRequest{URL: url}); err != nil || len(waits) != 2 { // PUT again
		t.Errorf("what changes nothing sets the clock anew: %v, %v", waits, err)
	}
	w.Waits.Settle = []time.Duration{0, 0}
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if rewrites != 1 || pushes != 1 {
		t.Errorf("%d rewrites and %d pushes, want one of each", rewrites, pushes)
	}
	w.wantRewritten(r, from, map[string]string{ada: hubot, "Charles Babbage <charles@example.com>": "C <c@example.com>"})
}

// A change that came during a rewrite settles before the next.
func TestChangeDuringARewriteSettles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	w.remap(r, "Ada Lovelace", "Other", "other@example.com")
	changed := false
	w.fault = func(point string) {
		if point == "final kept" && !changed {
			changed = true
			w.Waits.Settle = []time.Duration{time.Hour, time.Hour}
			w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
		}
	}
	w.work()
	i := w.get(r)
	wantStatus(t, i, rehome.Mapping, "", "")
	if !changed || i.Done.Plan == i.Wanted.Plan {
		t.Errorf("an outdated rewrite was pushed: %+v", i)
	}
}
