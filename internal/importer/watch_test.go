package importer

import (
	"context"
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

func TestWatchTellsTheWholeStory(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	richAt(t, filepath.Join(root, "old.git"), "sha1")
	r := w.repository("new")
	if _, err := w.Watch(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("watching nothing: %v", err)
	}
	_, err := w.Start(t.Context(), r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	events, err := w.Watch(ctx, r.ID)
	must(t, err)
	w.work()
	seen := map[rehome.EventKind]int{}
	at := rehome.Status("")
	for e := range events {
		seen[e.Kind]++
		if e.Kind == rehome.EventStatus {
			if e.Old != at || at != "" && !at.CanBecome(e.Status) {
				t.Errorf("status %q to %q, was at %q", e.Old, e.Status, at)
			}
			at = e.Status
		}
		if e.Kind == rehome.EventDone {
			if e.Receipt == nil || e.Receipt.Import != "octocat/new" {
				t.Errorf("done without its receipt: %+v", e)
			}
			break
		}
	}
	if int64(seen[rehome.EventAuthor]) != w.get(r).Found.Authors || seen[rehome.EventProgress] == 0 || at != rehome.Complete {
		t.Errorf("events %v, at %s, %d authors", seen, at, w.get(r).Found.Authors)
	}
	// Who comes late is told how it ended.
	late, err := w.Watch(ctx, r.ID)
	must(t, err)
	if e := <-late; e.Kind != rehome.EventStatus || e.Status != rehome.Complete {
		t.Errorf("first: %+v", e)
	}
	if e := <-late; e.Kind != rehome.EventDone || e.Receipt == nil {
		t.Errorf("second: %+v", e)
	}
	stop()
	for range late { //nolint:revive // it has to close
	}
}

func TestSlowWatchersMissProgressOnly(t *testing.T) {
	var s watched
	w := s.add(1)
	s.publish(2, rehome.Event{Kind: rehome.EventStatus})
	for n := range 10 * maxWaiting {
		s.publish(1, rehome.Event{Kind: rehome.EventAuthor})
		s.publish(1, rehome.Event{Kind: rehome.EventProgress})
		s.publish(1, rehome.Event{Kind: rehome.EventProgress, Text: "newer"})
		if n%1000 == 0 {
			s.publish(1, rehome.Event{Kind: rehome.EventStatus})
		}
	}
	if len(w.waiting) > maxWaiting {
		t.Errorf("%d events wait, at most %d should", len(w.waiting), maxWaiting)
	}
	statuses := 0
	for _, e := range w.waiting {
		if e.Kind == rehome.EventStatus {
			statuses++
		}
		if e.Kind == rehome.EventProgress && e.Text == "" {
			t.Fatal("older progress was kept beside newer")
		}
	}
	if want := (10*maxWaiting + 999) / 1000; statuses != want {
		t.Errorf("%d changes of status wait, want %d", statuses, want)
	}
	s.remove(1, w)
	if len(s.by) != 0 {
		t.Errorf("watchers are left: %v", s.by)
	}
}
