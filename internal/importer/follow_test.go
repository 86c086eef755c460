package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// quick has a world look at the rows of others often.
func (w *world) quick() *world {
	w.lookEvery = time.Millisecond
	return w
}

// heard reads events until one of the kind comes.
func heard(t *testing.T, events <-chan rehome.Event, until rehome.EventKind) (all []rehome.Event) {
	t.Helper()
	for e := range events {
		all = append(all, e)
		if e.Kind == until {
			return all
		}
	}
	t.Fatalf("no %s among %v", until, all)
	return nil
}

// What a worker elsewhere does is told by a process that only watches: each author once, in the order in which it happened.
func TestWatchOtherProcesses(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	door := newWorld(t, onPostgres(t, where, store.Limits{})).quick()
	url, _ := serveRich(t, "sha1")
	r := door.repository("a")
	_, err := door.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	_, err = door.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte("A <a@y> <nobody@example.com>\n")})
	must(t, err)
	events, err := door.Watch(t.Context(), r.ID)
	must(t, err)
	worker := newWorld(t, onPostgres(t, where, store.Limits{}), func(o *Options) { o.Host = door.Host })
	worker.Seal = door.Seal
	must(t, worker.Work(t.Context(), 0))
	seen, at := map[rehome.EventKind]int{}, rehome.Status("")
	var authors []int64
	var warned []string
	for _, e := range heard(t, events, rehome.EventDone) {
		seen[e.Kind]++
		switch e.Kind {
		case rehome.EventStatus:
			if e.Old != at {
				t.Errorf("status %q to %q, was at %q", e.Old, e.Status, at)
			}
			at = e.Status
		case rehome.EventWarning:
			warned = append(warned, e.Text)
		case rehome.EventAuthor:
			authors = append(authors, e.ID)
		case rehome.EventDone:
			if e.Receipt == nil || e.Receipt.Import != "octocat/a" {
				t.Errorf("done without its receipt: %+v", e)
			}
		}
	}
	want, err := door.DB.Authors(t.Context(), door.get(r).ID, 0, 0)
	must(t, err)
	if len(authors) != len(want) || !slices.IsSorted(authors) || len(slices.Compact(slices.Clone(authors))) != len(want) || at != rehome.Complete {
		t.Errorf("%d authors, want %d; at %s; %v", len(authors), len(want), at, seen)
	}
	if text, _ := door.receiptOf(r).warning(warnUnmatched); text == "" || len(warned) != 1 || !strings.HasSuffix(warned[0], text) {
		t.Errorf("warned of %q, want %q", warned, text)
	}
}

// How far a rewrite elsewhere is, is told, and is over with it.
func TestWatchOthersRewrite(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	door := newWorld(t, onPostgres(t, where, store.Limits{})).quick()
	other := newWorld(t, onPostgres(t, where, store.Limits{}), func(o *Options) { o.Host, o.Seal, o.LFS = door.Host, door.Seal, door.LFS })
	other.Folder.KeepOn(door.Folder.shelf)
	r, url, _ := other.rich("sha1")
	other.start(r, StartRequest{URL: url})
	other.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	events, err := door.Watch(t.Context(), r.ID)
	must(t, err)
	lease, ok, err := other.DB.Acquire(t.Context(), other.get(r).ID, "elsewhere/1", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	meter := (&worker{Importer: other.Importer, lease: lease, row: other.row(r)}).newRewriteMeter()
	meter.commits(5, 10)
	version := other.row(r).UpdatedAt
	for range 2 {
		must(t, meter.share(t.Context(), lease))
	}
	if now := other.row(r).UpdatedAt; now.Sub(version) <= 0 {
		t.Error("the row has not changed")
	}
	all := heard(t, events, rehome.EventProgress)
	e := all[len(all)-1]
	if e.Step != rehome.StepRewrite || e.Status != rehome.Mapping || e.Percent == nil || *e.Percent != 49 || e.ProgressEvent.Commits != 5 {
		t.Errorf("told %+v, %+v", e, e.ProgressEvent)
	}
	must(t, other.DB.Release(t.Context(), lease))
	other.work()
	if row := other.row(r); row.State.Status != rehome.Complete || row.Rewriting != (store.Rewriting{}) {
		t.Errorf("at %s: %+v", row.State.Status, row.Rewriting)
	}
}

// Failures and deletions elsewhere are told, too.
func TestWatchOthersEnd(t *testing.T) {
	onEach(t, store.Limits{}, func(t *testing.T, open func(...func(*Options)) *world) {
		w := open().quick()
		failing, deleted := w.repository("failing"), w.repository("deleted")
		var streams []<-chan rehome.Event
		for _, r := range []rehome.Repository{failing, deleted} {
			_, err := w.Start(t.Context(), r, StartRequest{URL: "http://127.0.0.1:1/x", VCS: rehome.Git})
			must(t, err)
			events, err := w.Watch(t.Context(), r.ID)
			must(t, err)
			streams = append(streams, events)
		}
		// As by other processes: nobody here is told.
		_, err := w.DB.ChangeImport(t.Context(), failing.ID, func(_ *store.Tx, i *store.Import) error {
			i.State = rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw, Err: &rehome.Error{Code: rehome.Unreachable, Message: "gone"}}
			return nil
		})
		must(t, err)
		_, err = w.DB.DeleteImport(t.Context(), deleted.ID, nil)
		must(t, err)
		if e := heard(t, streams[0], rehome.EventError); e[len(e)-1].Code != rehome.Unreachable || e[len(e)-1].Step != rehome.StepRaw {
			t.Errorf("told %+v", e[len(e)-1].ErrorEvent)
		}
		for range streams[1] { //nolint:revive // it has to close
		}
	})
}

// Who waits is told of each new place, and reads it in the status.
func TestPlaceInTheQueue(t *testing.T) {
	onEach(t, store.Limits{}, func(t *testing.T, open func(...func(*Options)) *world) {
		late := func(o *Options) { o.Clock = func() time.Time { return time.Now().Add(time.Minute) } }
		w := open(late).quick()
		var last rehome.Repository
		var ids []int64
		for n := range 3 {
			last = w.ownedBy(fmt.Sprint("user", n), "r")
			_, err := w.Start(t.Context(), last, StartRequest{URL: "http://127.0.0.1:1/x", VCS: rehome.Git})
			must(t, err)
			ids = append(ids, w.get(last).ID)
		}
		events, err := w.Watch(t.Context(), last.ID)
		must(t, err)
		for n, id := range ids[:2] {
			e := heard(t, events, rehome.EventQueued)
			if got := e[len(e)-1]; got.Position != 3-n || got.Status != rehome.Importing {
				t.Errorf("place %+v, want %d", got.QueuedEvent, 3-n)
			}
			if _, ok, err := w.DB.Acquire(t.Context(), id, "elsewhere/1", time.Hour); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}
		if e := heard(t, events, rehome.EventQueued); e[len(e)-1].Position != 1 {
			t.Errorf("place %+v, want 1", e[len(e)-1].QueuedEvent)
		}
		time.Sleep(2 * w.lookEvery) // what was known has to be too old
		if got := w.get(last).State.Note; got != "Waiting for its turn: 1st in the queue." {
			t.Errorf("status text %q", got)
		}
		if got, err := w.Turn(t.Context(), last.ID); err != nil || got.Position != 1 || got.Since.IsZero() || got.Why != "" || got.Worker != "" {
			t.Errorf("turn %+v, %v", got, err)
		}
		taken, err := w.DB.ImportByID(t.Context(), ids[0])
		must(t, err)
		if got, err := w.Turn(t.Context(), taken.RepositoryID); err != nil || got.Position != 0 || !got.Since.IsZero() || got.Worker == "" || got.StartedAt.IsZero() {
			t.Errorf("turn of one that is worked on %+v, %v", got, err)
		}
		listed, _, err := w.List(t.Context(), Filter{PerPage: 1})
		must(t, err)
		if got := listed[0].State.Note; got != "Waiting for its turn: 1st in the queue." || listed[0].QueuePosition != 1 {
			t.Errorf("listed %q, %d", got, listed[0].QueuePosition)
		}
	})
}

func TestOrdinals(t *testing.T) {
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 102: "102nd", 111: "111th", 1013: "1013th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// However many ask, the database is asked once in a while.
func TestPlacesAreAskedOnce(t *testing.T) {
	var p places
	asked := 0
	for range 100 {
		got, err := p.now(t.Context(), time.Hour, func(context.Context) (placesAt, error) {
			asked++
			return placesAt{by: map[int64]int{7: 1}}, nil
		})
		if err != nil || got.by[7] != 1 {
			t.Fatal(got, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
