package importer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// onPostgres has a world keep its rows in a database of its own on the shared server.
func onPostgres(t testing.TB, where string, limits store.Limits) func(*Options) {
	return func(o *Options) {
		must(t, o.DB.Close())
		db, err := store.Options{Limits: limits}.Open(t.Context(), where)
		must(t, err)
		o.DB = db
	}
}

// onEach runs a test on both engines; open makes worlds that share their rows on Postgres.
func onEach(t *testing.T, limits store.Limits, test func(t *testing.T, open func(change ...func(*Options)) *world)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(change ...func(*Options)) *world { return newWorld(t, change...) })
	})
	t.Run("postgres", func(t *testing.T) {
		where := testenv.Postgres(t).NewDatabase(t)
		test(t, func(change ...func(*Options)) *world {
			return newWorld(t, append([]func(*Options){onPostgres(t, where, limits)}, change...)...)
		})
	})
}

// ownedBy makes an empty repository of a user.
func (w *world) ownedBy(login, name string) rehome.Repository {
	w.t.Helper()
	o, err := w.DB.OwnerByLogin(w.t.Context(), login)
	if rehome.CodeOf(err) == rehome.NotFound {
		o, err = w.DB.CreateOwner(w.t.Context(), rehome.Owner{Login: login, Kind: rehome.User})
	}
	must(w.t, err)
	r, err := w.DB.CreateRepository(w.t.Context(), rehome.Repository{Owner: o, Name: name, Private: true})
	must(w.t, err)
	must(w.t, w.Host.Create(w.t.Context(), r.ID, object.SHA1))
	return r
}

// endsIn collects the repositories whose imports end, in that order.
type endsIn struct {
	mu  sync.Mutex
	ids []int64
}

func (e *endsIn) tell(o *Options) {
	o.Ended = func(_ context.Context, _ *store.Tx, end rehome.ImportEnd) (func(), error) {
		return func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.ids = append(e.ids, end.RepositoryID)
		}, nil
	}
}

// A worker that is woken once does all that is due, and whoever has something running already lets others go first.
func TestWorkGoesRoundUsers(t *testing.T) {
	onEach(t, store.Limits{}, func(t *testing.T, open func(...func(*Options)) *world) {
		var ends endsIn
		w := open(ends.tell)
		url, _ := serveRich(t, "sha1")
		names := map[int64]string{}
		var first rehome.Repository
		for n, user := range []string{"ada", "ada", "ada", "bob", "bob", "eve"} {
			r := w.ownedBy(user, fmt.Sprint("r", n))
			names[r.ID] = fmt.Sprint(user, n)
			if n == 0 {
				first = r
			}
			_, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
			must(t, err)
		}
		busy, err := w.DB.ImportOf(t.Context(), first.ID)
		must(t, err)
		lease, ok, err := w.DB.Acquire(t.Context(), busy.ID, "elsewhere/1", time.Hour)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		must(t, w.Work(t.Context(), 0))
		must(t, w.DB.Release(t.Context(), lease))
		must(t, w.Work(t.Context(), 0))
		var got []string
		for _, id := range ends.ids {
			got = append(got, names[id])
		}
		if want := []string{"bob3", "eve5", "bob4", "ada1", "ada2", "ada0"}; !slices.Equal(got, want) {
			t.Errorf("ended in the order %v, want %v", got, want)
		}
	})
}

// Several workers, of one process and of two, do everything once and leave nothing.
func TestWorkTogether(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	limits := store.Limits{Running: 2}
	var ends endsIn
	w := newWorld(t, onPostgres(t, where, limits), ends.tell)
	url, _ := serveRich(t, "sha1")
	for n := range 8 {
		r := w.ownedBy([]string{"ada", "bob"}[n%2], fmt.Sprint("r", n))
		_, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
		must(t, err)
	}
	other := newWorld(t, onPostgres(t, where, limits), ends.tell, func(o *Options) { o.Host = w.Host; o.LFS = w.LFS })
	other.Folder.KeepOn(w.Folder.shelf)
	var working sync.WaitGroup
	for n := range 6 {
		working.Go(func() {
			if err := []*world{w, other}[n%2].Work(context.Background(), 0); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	must(t, w.Work(t.Context(), 0)) // what one gave back while others were at their limit
	slices.Sort(ends.ids)
	if n := len(slices.Compact(slices.Clone(ends.ids))); n != 8 || len(ends.ids) != 8 {
		t.Errorf("%d imports ended, %d times", n, len(ends.ids))
	}
}

// An import on which something goes wrong around its steps keeps nobody else from being worked on.
func TestWorkPassesOverTrouble(t *testing.T) {
	w := newWorld(t)
	url, _ := serveRich(t, "sha1")
	var all []rehome.Repository
	for n := range 3 {
		r := w.ownedBy("ada", fmt.Sprint("r", n))
		all = append(all, r)
		_, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
		must(t, err)
	}
	first, err := w.DB.ImportOf(t.Context(), all[0].ID)
	must(t, err)
	if !w.enlist(first.ID, func(error) {}) { // as by another worker of this process, who has not come to the lease
		t.Fatal("it is at work")
	}
	must(t, w.Work(t.Context(), first.ID))
	for n, want := range []rehome.Status{rehome.Importing, rehome.Complete, rehome.Complete} {
		if got := w.get(all[n]).State.Status; got != want {
			t.Errorf("import %d is %s, want %s", n, got, want)
		}
	}
	w.dismiss(first.ID)
	must(t, w.Work(t.Context(), first.ID))
	wantStatus(t, w.get(all[0]), rehome.Complete, "", "")
}
