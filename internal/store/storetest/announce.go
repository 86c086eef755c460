package storetest

import (
	"slices"
	"testing"
	"time"

	"rehome/internal/store"
)

// aProcess is one that works on two imports at once.
func aProcess(id string) store.Process {
	return store.Process{ID: id, Name: id + ".example/data", Role: "worker", Workers: 2, Settings: map[string]string{"proxy": "abc"}}
}

func testAnnounce(t *testing.T, db *store.DB) {
	names := func() (names []string) {
		t.Helper()
		all, err := db.Processes(t.Context())
		must(t, err)
		for _, p := range all {
			names = append(names, p.Name)
		}
		return names
	}
	standing := func() store.Standing {
		t.Helper()
		s, err := db.Standing(t.Context())
		must(t, err)
		return s
	}
	if s := standing(); s.Known || s.Taking != 0 || names() != nil {
		t.Errorf("of nobody: %+v", s)
	}
	b, a := aProcess("b"), aProcess("a")
	must(t, db.Announce(t.Context(), b, time.Hour))
	must(t, db.Announce(t.Context(), a, time.Hour))
	all, err := db.Processes(t.Context())
	must(t, err)
	if len(all) != 2 || all[0].Name != "a.example/data" || all[1].Settings["proxy"] != "abc" || all[1].Role != "worker" || all[1].Workers != 2 || all[0].StartedAt.IsZero() {
		t.Errorf("processes: %+v", all)
	}
	if s := standing(); !s.Known || s.Taking != 4 {
		t.Errorf("both take up imports: %+v", s)
	}
	a.Rests = "no room"
	must(t, db.Announce(t.Context(), a, time.Hour))
	again, err := db.Processes(t.Context())
	must(t, err)
	if s := standing(); s.Taking != 2 || again[0].Rests != "no room" || again[0].StartedAt != all[0].StartedAt {
		t.Errorf("one rests: %+v, %+v", s, again)
	}
	must(t, db.Announce(t.Context(), b, -time.Second)) // it has said nothing since
	if s := standing(); !s.Known || s.Taking != 0 || !slices.Equal(names(), []string{"a.example/data"}) {
		t.Errorf("the other is gone: %+v, %q", s, names())
	}
	must(t, db.Leave(t.Context(), "a"))
	if got := names(); got != nil {
		t.Errorf("both have left, and there are %q", got)
	}
}

func testWorkerOf(t *testing.T, db *store.DB) {
	id := queue(t, db, "ada")[0]
	must(t, db.Announce(t.Context(), aProcess("a"), time.Hour))
	had, ok, err := db.Acquire(t.Context(), id, "a/1", time.Hour)
	if must(t, err); !ok {
		t.Fatal("it is not due")
	}
	page, _, err := db.Imports(t.Context(), store.Filter{Limit: 10})
	must(t, err)
	if len(page) != 1 || page[0].Worker != "a" || page[0].WorkerName != "a.example/data" || page[0].HeldAt.IsZero() {
		t.Errorf("it is worked on: %+v", page)
	}
	for process, want := range map[string]int{"a": 1, "b": 0} {
		if got, err := db.WorkedOn(t.Context(), 10, process, "c"); err != nil || len(got) != want || want > 0 && (got[0].ID != id || got[0].WorkerName != "a.example/data") {
			t.Errorf("%s works on %+v, %v", process, got, err)
		}
	}
	if got, err := db.WorkedOn(t.Context(), 0, "a"); err != nil || len(got) > 0 {
		t.Errorf("at most none: %+v, %v", got, err)
	}
	must(t, db.Release(t.Context(), had))
	page, _, err = db.Imports(t.Context(), store.Filter{Limit: 10})
	must(t, err)
	if page[0].Worker != "" || page[0].WorkerName != "" || !page[0].HeldAt.IsZero() {
		t.Errorf("nobody works on it: %+v", page)
	}
}

// What a process leaves to others is not due for it while there are others that have not tried it.
func testLeft(t *testing.T, where string, open func(t *testing.T, where string, o store.Options) *store.DB) {
	a, b := open(t, where, store.Options{Process: "a"}), open(t, where, store.Options{Process: "b"})
	anybody := open(t, where, store.Options{})
	ids := queue(t, a, "ada", "ada")
	row, err := a.ImportByID(t.Context(), ids[0])
	must(t, err)
	others := func() (others bool) {
		t.Helper()
		change(t, a, row.RepositoryID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) (err error) {
			others, err = tx.Others(t.Context(), i)
			return err
		})
		return others
	}
	due := func(db *store.DB, want ...int64) {
		t.Helper()
		got, err := db.Due(t.Context(), 10)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("due are %v, want %v", got, want)
		}
	}
	if others() {
		t.Error("nobody lives, and somebody could do it")
	}
	must(t, a.Announce(t.Context(), aProcess("a"), time.Hour))
	must(t, a.Announce(t.Context(), aProcess("b"), time.Hour))
	change(t, a, row.RepositoryID, func(i *store.Import) { i.LeftBy = append(i.LeftBy, "a") })
	if row, err = a.ImportByID(t.Context(), ids[0]); err != nil || !slices.Equal(row.LeftBy, []string{"a"}) || !others() {
		t.Errorf("left by %v (%v), others: %v", row.LeftBy, err, others())
	}
	due(a, ids[1])
	due(b, ids...)
	due(anybody, ids...)
	change(t, a, row.RepositoryID, func(i *store.Import) { i.LeftBy = append(i.LeftBy, "b") })
	if others() {
		t.Error("both left it, and others could do it")
	}
	due(a, ids...)
	change(t, a, row.RepositoryID, func(i *store.Import) { i.LeftBy = []string{"a"} })
	must(t, b.Leave(t.Context(), "b"))
	due(a, ids...) // rather than nobody
}

// Imports beyond their user's limit wait for nothing but that.
func testReady(t *testing.T, db *store.DB) {
	ids := queue(t, db, "ada", "ada", "ada", "ada", "bob") // of each two run at most
	if g := gauges(t, db); g.Waiting != 5 || g.Ready.N != 3 {
		t.Errorf("nothing runs: %+v", g)
	}
	lease(t, db, ids[0])
	lease(t, db, ids[1])
	if g := gauges(t, db); g.Waiting != 3 || g.Ready.N != 1 || g.Ready.Oldest == 0 {
		t.Errorf("one user's run: %+v", g)
	}
	lease(t, db, ids[4])
	if g := gauges(t, db); g.Waiting != 2 || g.Ready != (store.Ready{}) || g.Oldest == 0 {
		t.Errorf("all others are beyond the limit: %+v", g)
	}
	s, err := db.Standing(t.Context())
	must(t, err)
	row, err := db.ImportByID(t.Context(), ids[2])
	must(t, err)
	if s.Most != 2 || s.Running(&row) != 2 {
		t.Errorf("of its user run %d of %d", s.Running(&row), s.Most)
	}
}
