package importer

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// silent serves an answer that never comes, and says when it was asked for one.
func silent(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	c := make(chan struct{}, 100)
	return answers(t, func(_ http.ResponseWriter, r *http.Request) {
		c <- struct{}{}
		<-r.Context().Done()
	}), c
}

func TestCancelStopsWhatRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	url, asked := silent(t)
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git, Password: "p"})
	must(t, err)
	ended := make(chan error)
	go func() { ended <- w.Reconcile(context.Background(), i.ID) }()
	<-asked
	events, err := w.Watch(t.Context(), r.ID)
	must(t, err)
	must(t, w.Cancel(t.Context(), r.ID, 0))
	if _, err := w.Get(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("a deleted import is seen: %v", err)
	}
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("still running after 10 s")
	}
	for range events { //nolint:revive // it has to end
	}
	w.wantNothingLeft()
	if _, err := w.DB.ImportByID(t.Context(), i.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("the row is left: %v", err)
	}
	if err := w.Cancel(t.Context(), r.ID, 0); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("cancel again: %v", err)
	}
}

func TestCancelAtRest(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 5})
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	for _, c := range []struct {
		name  string
		until rehome.Status
	}{{"not begun", rehome.Detecting}, {"complete", rehome.Complete}} {
		r := w.repository(strings.ReplaceAll(c.name, " ", "-"))
		_, err := w.Start(t.Context(), r, StartRequest{URL: url})
		must(t, err)
		if c.until == rehome.Complete {
			w.work()
		}
		wantStatus(t, w.get(r), c.until, "", "")
		must(t, w.Cancel(t.Context(), r.ID, 0))
		w.wantNothingLeft()
		// The repository stays, and a new import knows what the old one wrote.
		i := w.start(r, StartRequest{URL: url})
		wantStatus(t, i, rehome.Complete, "", "")
		w.wantMoved(r, from)
		must(t, w.Cancel(t.Context(), r.ID, 0))
	}
}

func TestStopKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	url, asked := silent(t)
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Reconcile(ctx, i.ID) }()
	<-asked
	stop()
	must(t, <-ended)
	wantStatus(t, w.get(r), rehome.Importing, "", "")
	w.wantNothingLeft()
	if due, err := w.DB.IsDue(t.Context(), i.ID); err != nil || !due {
		t.Errorf("not due after a stop: %v", err)
	}
}

// An import that begins while its repository goes is canceled with it: those who wait for its end are told, its work stops
// and nothing of it is left.
func TestDeleteRepository(t *testing.T) {
	t.Parallel()
	var ends []rehome.ImportEnd
	calls := 0
	w := newWorld(t, func(o *Options) {
		o.Ended = func(_ context.Context, _ *store.Tx, e rehome.ImportEnd) (func(), error) {
			ends = append(ends, e)
			return func() { calls++ }, nil
		}
	})
	r, bare := w.repository("new"), w.repository("bare")
	url, asked := silent(t)
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	ended := make(chan error)
	go func() { ended <- w.Reconcile(context.Background(), i.ID) }()
	<-asked
	must(t, w.DeleteRepository(t.Context(), r.ID, 7))
	if want := []rehome.ImportEnd{{ImportID: 1, RepositoryID: r.ID, By: 7, Outcome: rehome.Canceled}}; !slices.Equal(ends, want) || calls != 1 {
		t.Errorf("told of %+v, %d times after the commit; want %+v, once", ends, calls, want)
	}
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("still running after 10 s")
	}
	w.wantNothingLeft()
	must(t, w.DeleteRepository(t.Context(), bare.ID, 7))
	if err := w.DeleteRepository(t.Context(), r.ID, 7); rehome.CodeOf(err) != rehome.NotFound || len(ends) != 1 {
		t.Errorf("deleted again: %v, told %d times", err, len(ends))
	}
}
