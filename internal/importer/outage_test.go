package importer

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// fetching is a source of which Fetch is another.
type fetching struct {
	source.Source
	fetch func(context.Context, source.Request) (source.Result, error)
}

func (f fetching) Fetch(ctx context.Context, q source.Request) (source.Result, error) {
	return f.fetch(ctx, q)
}

// A database that goes away while a repository is fetched, and comes back, costs nothing: not even another fetch.
func TestDatabaseGoneForAMoment(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	var fetched atomic.Int32
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	w := newWorld(t, onPostgres(t, server.NewDatabase(t), store.Limits{}), func(o *Options) {
		real := o.Source[rehome.Git]
		o.Source = map[rehome.VCS]source.Source{rehome.Git: fetching{real, func(ctx context.Context, q source.Request) (source.Result, error) {
			if fetched.Add(1) > 1 {
				return real.Fetch(ctx, q)
			}
			server.Kill(t)
			defer server.Start(t)
			return real.Fetch(ctx, q)
		}}}
	})
	r := w.repository("a")
	_, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	must(t, w.Work(t.Context(), 0))
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantMoved(r, from)
	row, err := w.DB.ImportOf(t.Context(), r.ID)
	must(t, err)
	if row.Held() || fetched.Load() > 1 {
		t.Errorf("still held: %v; fetched %d times", row.Held(), fetched.Load())
	}
	all, err := w.DB.Authors(t.Context(), row.ID, 0, 0)
	must(t, err)
	if int64(len(all)) != row.Found.Authors || len(all) == 0 {
		t.Errorf("%d authors are counted as %d", len(all), row.Found.Authors)
	}
}

// Who cannot renew the lease stops before it expires, and goes on when the database is back.
func TestDatabaseGoneForLong(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	url, from := serveRich(t, "sha1")
	var first sync.Once
	var stopped error
	var after time.Duration
	w := newWorld(t, onPostgres(t, server.NewDatabase(t), store.Limits{}), func(o *Options) {
		real := o.Source[rehome.Git]
		o.Source = map[rehome.VCS]source.Source{rehome.Git: fetching{real, func(ctx context.Context, q source.Request) (source.Result, error) {
			first.Do(func() {
				began := time.Now()
				server.Kill(t)
				<-ctx.Done()
				stopped, after = context.Cause(ctx), time.Since(began)
			})
			if ctx.Err() != nil {
				return source.Result{}, ctx.Err()
			}
			return real.Fetch(ctx, q)
		}}}
	})
	w.holding = holding{leaseFor: 3 * time.Second, renewEvery: 100 * time.Millisecond}
	r := w.repository("a")
	_, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	if err := w.Work(t.Context(), 0); !store.Unavailable(err) {
		t.Errorf("Work: %v", err)
	}
	if !errors.Is(stopped, store.ErrLeaseLost) {
		t.Errorf("stopped after %v because of %v", after, stopped)
	}
	server.Start(t)
	for w.get(r).State.Status != rehome.Complete { // once the lease has expired
		must(t, w.Work(t.Context(), 0))
	}
	w.wantMoved(r, from)
}

// What goes wrong with the database in the middle of a step is no failure of the import.
func TestSessionsTerminated(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	url, from := serveRich(t, "sha1")
	w := newWorld(t, onPostgres(t, server.NewDatabase(t), store.Limits{}))
	times := 0
	w.fault = func(point string) {
		if times++; times%3 == 0 && times < 30 {
			server.TerminateSessions(t)
		}
	}
	r := w.repository("a")
	i := w.startWorking(r, url)
	wantStatus(t, i, rehome.Complete, "", "")
	w.wantMoved(r, from)
	if times < 6 {
		t.Errorf("%d fail points were passed", times)
	}
	if strings.Contains(i.State.Note, "database") {
		t.Errorf("it says %q", i.State.Note)
	}
}

// startWorking starts an import and has a worker do all of it, whatever the database does.
func (w *world) startWorking(r rehome.Repository, url string) rehome.Import {
	w.t.Helper()
	_, err := w.Start(w.t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(w.t, err)
	for i := w.get(r); i.State.Status.Running(); i = w.get(r) {
		if err := w.Work(w.t.Context(), 0); err != nil && !store.Unavailable(err) {
			w.t.Fatal(err)
		}
	}
	return w.get(r)
}
