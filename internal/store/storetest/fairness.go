package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome"
	"rehome/internal/store"
)

// line is a queue of users' imports, and who was served of it.
type line struct {
	t     *testing.T
	db    *store.DB
	made  int
	users map[int64]string // whose import it is
	held  []store.Lease
}

// join makes imports of a user that are due, in the order made.
func (l *line) join(user string, n int) {
	l.t.Helper()
	for range n {
		l.made++
		r := newRepository(l.t, l.db, user, fmt.Sprint("r", l.made))
		newImport(l.t, l.db, r.ID)
		at := time.UnixMilli(int64(1000 + l.made))
		l.users[change(l.t, l.db, r.ID, func(i *store.Import) { i.DueAt = at }).ID] = user
	}
}

// serve has the next import taken up; ok is false when there is none.
func (l *line) serve() (id int64, ok bool) {
	l.t.Helper()
	id, ok, err := l.db.Next(l.t.Context())
	must(l.t, err)
	if ok {
		l.held = append(l.held, lease(l.t, l.db, id))
	}
	return id, ok
}

// finish ends all that is worked on.
func (l *line) finish() {
	l.t.Helper()
	for _, h := range l.held {
		row, err := l.db.ImportByID(l.t.Context(), h.ImportID)
		must(l.t, err)
		change(l.t, l.db, row.RepositoryID, func(i *store.Import) { i.State.Status = rehome.DetectionFoundNothing })
		must(l.t, l.db.Release(l.t.Context(), h))
	}
	l.held = nil
}

// predicted is the order that places tell.
func (l *line) predicted() []int64 {
	l.t.Helper()
	places, err := l.db.Places(l.t.Context())
	must(l.t, err)
	ids := make([]int64, len(places))
	for id, place := range places {
		if place < 1 || place > len(ids) || ids[place-1] != 0 {
			l.t.Fatalf("places %v", places)
		}
		ids[place-1] = id
	}
	return ids
}

// Places are the order in which imports are taken up, whatever users had before: by many workers, of which none ends, and by
// one, who ends each before it takes the next.
func testPlacesAreKept(t *testing.T, db *store.DB) {
	l := &line{t: t, db: db, users: map[int64]string{}}
	some := []string{"ada", "bob", "eve", "kim"}
	rapid.Check(t, func(rt *rapid.T) {
		one := rapid.Bool().Draw(rt, "one worker")
		for round := range 2 {
			for n := range rapid.IntRange(0, 4).Draw(rt, "users") {
				l.join(some[(n+rapid.IntRange(0, 3).Draw(rt, "user"))%4], rapid.IntRange(1, 3).Draw(rt, "imports"))
			}
			if round == 0 { // some of them run when places are asked for
				for range rapid.IntRange(0, 5).Draw(rt, "served before") {
					l.serve()
				}
			}
			if one {
				l.finish()
			}
		}
		want := l.predicted()
		var got []int64
		for id, ok := l.serve(); ok; id, ok = l.serve() {
			got = append(got, id)
			if one {
				l.finish()
			}
		}
		if !slices.Equal(got, want) {
			rt.Errorf("taken up %v, places said %v", got, want)
		}
		l.finish()
	})
}

// One worker goes round users who have many imports each, and a newcomer waits for one of each other at most.
func testOneWorkerGoesRound(t *testing.T, db *store.DB) {
	l := &line{t: t, db: db, users: map[int64]string{}}
	some := []string{"ada", "bob", "eve", "kim"}
	for _, user := range some { // one user's all before the next one's
		l.join(user, 5)
	}
	var served []string
	serve := func() {
		id, ok := l.serve()
		if !ok {
			t.Fatalf("after %v nothing is due", served)
		}
		served = append(served, l.users[id])
		l.finish()
	}
	for range 2 * len(some) {
		serve()
	}
	if want := slices.Concat(some, some); !slices.Equal(served, want) {
		t.Errorf("served %v, want %v", served, want)
	}
	for _, newcomer := range []string{"new", "come again"} {
		l.join("new", 1)
		before := len(served)
		for range len(some) + 1 {
			serve()
		}
		round := served[before:]
		for _, user := range append([]string{"new"}, some...) {
			if n := len(slices.DeleteFunc(slices.Clone(round), func(other string) bool { return other != user })); n != 1 {
				t.Errorf("%s comes: %s was served %d times of %v", newcomer, user, n, round)
			}
		}
	}
}
