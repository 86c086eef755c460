package storetest

import (
	"maps"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

func gauges(t *testing.T, db *store.DB) store.Gauges {
	t.Helper()
	g, err := db.Gauges(t.Context())
	must(t, err)
	return g
}

func testGauges(t *testing.T, db *store.DB) {
	if g := gauges(t, db); len(g.Imports) != 0 || g.Waiting != 0 || g.Oldest != 0 || g.Held != 0 || g.Pending != 0 {
		t.Errorf("of nothing: %+v", g)
	}
	ids := queue(t, db, "ada", "ada", "bob", "eve", "eve") // due since 1970
	row, err := db.ImportByID(t.Context(), ids[4])
	must(t, err)
	change(t, db, row.RepositoryID, func(i *store.Import) { i.State.Status = rehome.DetectionFoundNothing })
	g := gauges(t, db)
	if want := map[rehome.Status]int64{rehome.Detecting: 4, rehome.DetectionFoundNothing: 1}; !maps.Equal(g.Imports, want) {
		t.Errorf("imports %v, want %v", g.Imports, want)
	}
	if g.Waiting != 4 || g.Held != 0 || g.Oldest < 40*365*24*time.Hour {
		t.Errorf("nobody works: %+v", g)
	}

	// One that a worker has does not wait. One whose holder is gone has waited since it was given up.
	for _, id := range ids[:3] {
		lease(t, db, id)
	}
	must(t, db.Renew(t.Context(), lease(t, db, ids[3]), -2*time.Hour))
	if g := gauges(t, db); g.Waiting != 1 || g.Held != 3 || g.Oldest < 2*time.Hour || g.Oldest > 3*time.Hour {
		t.Errorf("all are held, one by nobody: %+v", g)
	}

	// What waits for its time does not count, nor what is deleted.
	row, err = db.ImportByID(t.Context(), ids[3])
	must(t, err)
	change(t, db, row.RepositoryID, func(*store.Import) {}, func(t *store.Tx, i *store.Import) error {
		i.DueAt = t.Now.Add(time.Hour)
		return nil
	})
	first, err := db.ImportByID(t.Context(), ids[0])
	must(t, err)
	_, err = db.DeleteImport(t.Context(), first.RepositoryID, nil)
	must(t, err)
	if g := gauges(t, db); g.Waiting != 0 || g.Oldest != 0 || g.Held != 2 || g.Imports[rehome.Detecting] != 3 {
		t.Errorf("one waits for its time, one is deleted: %+v", g)
	}
}

func testGaugesOfDeliveries(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "ada", "r")
	hook, err := db.CreateHook(t.Context(), store.Hook{Hook: rehome.Hook{Target: rehome.HookTarget{RepositoryID: r.ID}, URL: "https://ci.example", Active: true}}, 20)
	must(t, err)
	var last int64
	for range 3 {
		last, err = db.AddDelivery(t.Context(), store.Delivery{Delivery: rehome.Delivery{HookID: hook.ID, Event: rehome.EventPing}, Payload: []byte("{}")})
		must(t, err)
	}
	if g := gauges(t, db); g.Pending != 3 {
		t.Errorf("%d pending, want 3", g.Pending)
	}
	d, _, ok, err := db.ClaimDelivery(t.Context(), last, time.Minute)
	if must(t, err); !ok {
		t.Fatal("it cannot be claimed")
	}
	must(t, db.FinishDelivery(t.Context(), d, -1))
	if g := gauges(t, db); g.Pending != 2 {
		t.Errorf("%d pending, want 2", g.Pending)
	}
}

func testLostBy(t *testing.T, db *store.DB) {
	id := queue(t, db, "ada")[0]
	had := lease(t, db, id)
	lost := func() bool {
		t.Helper()
		row, err := db.ImportByID(t.Context(), id)
		must(t, err)
		return row.LostBy(had)
	}
	if lost() {
		t.Error("the holder lost it")
	}
	must(t, db.Renew(t.Context(), had, -time.Second))
	if lost() {
		t.Error("a lease that nobody took is lost")
	}
	next := lease(t, db, id)
	if !next.Taken || !lost() {
		t.Errorf("taken: %v, lost: %v", next.Taken, lost())
	}
	must(t, db.Release(t.Context(), next))
	if !lost() {
		t.Error("it came back by itself")
	}
	if next = lease(t, db, id); next.Taken {
		t.Error("a lease that was given back counts as taken")
	}
	row, err := db.ImportByID(t.Context(), id)
	must(t, err)
	_, err = db.DeleteImport(t.Context(), row.RepositoryID, nil)
	must(t, err)
	if lost() {
		t.Error("a deleted import counts as lost")
	}
}
