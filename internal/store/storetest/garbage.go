package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome"
	"rehome/internal/store"
)

// anObject is one of the objects that these tests have.
func anObject(n int) store.LFSObject {
	return store.LFSObject{OID: fmt.Sprintf("%064x", n), Size: int64(n)}
}

func someObjects(ns ...int) (all []store.LFSObject) {
	for _, n := range ns {
		all = append(all, anObject(n))
	}
	return all
}

func someOIDs(ns ...int) (all []string) {
	for _, o := range someObjects(ns...) {
		all = append(all, o.OID)
	}
	return all
}

func wantMarked(t *testing.T, db *store.DB, want int64, ns ...int) {
	t.Helper()
	if got, err := db.MarkLFS(t.Context(), someOIDs(ns...)); err != nil || got != want {
		t.Errorf("marked %d of %v, want %d: %v", got, ns, want, err)
	}
}

func wantCondemned(t *testing.T, db *store.DB, grace time.Duration, want ...int) store.Condemned {
	t.Helper()
	c, err := db.CondemnLFS(t.Context(), grace, 100)
	must(t, err)
	slices.Sort(c.OIDs)
	if !slices.Equal(c.OIDs, someOIDs(want...)) {
		t.Errorf("condemned are %q, want %v", c.OIDs, want)
	}
	return c
}

// setMade names what a rewrite made for the repository's import.
func setMade(t *testing.T, db *store.DB, repositoryID int64, ns ...int) {
	t.Helper()
	change(t, db, repositoryID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
		return tx.SetMadeLFS(t.Context(), i.ID, someObjects(ns...))
	})
}

// testGarbage finds objects that nothing names, and no others.
func testGarbage(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	newImport(t, db, r.ID)
	must(t, db.AddLFSObjects(ctx, r.ID, someObjects(1)))
	setMade(t, db, r.ID, 2, 2)
	wantMarked(t, db, 2, 1, 2, 3, 3, 4)
	wantMarked(t, db, 1, 1, 2, 3, 4, 5)
	wantCondemned(t, db, time.Hour)
	must(t, db.AddLFSObjects(ctx, r.ID, someObjects(4))) // it takes its mark along
	setMade(t, db, r.ID, 6)
	wantMarked(t, db, 1, 2)
	c := wantCondemned(t, db, 0, 2, 3, 5)
	wantCondemned(t, db, 0) // nobody else gets them
	must(t, db.ForgetLFS(ctx, c))
	deleteRepository(t, db, r.ID) // its import outlives it for a while
	wantMarked(t, db, 5, 1, 2, 3, 4, 5, 6)
}

// testCondemned adds rows for objects whose bytes are about to go.
func testCondemned(t *testing.T, db *store.DB) {
	ctx, stop := context.WithCancel(t.Context())
	r := newRepository(t, db, "octocat", "one")
	removals := func() int64 {
		t.Helper()
		n, err := db.LFSRemovals(t.Context())
		must(t, err)
		return n
	}
	before := removals()
	wantMarked(t, db, 1, 1)
	c := wantCondemned(t, db, 0, 1)
	stop() // it would wait for the bytes to be gone
	if err := db.AddLFSObjects(ctx, r.ID, someObjects(1)); err == nil {
		t.Error("a row was added without a word")
	}
	wantLFSCount(t, db, r.ID, 0, 0)
	waits := make(chan error)
	go func() { waits <- db.AddLFSObjects(t.Context(), r.ID, someObjects(1)) }()
	must(t, db.ForgetLFS(t.Context(), c))
	must(t, <-waits)
	wantLFSCount(t, db, r.ID, 1, 1)
	if removals() <= before {
		t.Error("nobody is told that bytes may be gone")
	}
	before = removals()
	must(t, db.ForgetLFS(t.Context(), store.Condemned{}))
	must(t, db.AddLFSObjects(t.Context(), r.ID, someObjects(1)))
	if removals() != before {
		t.Error("everybody is told to look, and nothing was removed")
	}
}

// testGarbageRaces lets uploads, deletes and sweeps take their steps in any order, with a bucket that loses bytes when it is told
// to, also late, and wants the bytes of all objects that a row names when whoever added it is done.
func testGarbageRaces(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "octocat", "one")
	newImport(t, db, r.ID)
	first := 0
	rapid.Check(t, func(rt *rapid.T) {
		first += 10 // others than in the history before, of which marks may be left
		g := &garbageWorld{t: t, first: first, rt: rt, db: db, repository: r.ID, bucket: map[string]bool{}, named: map[int]bool{}, made: map[int]bool{}}
		rt.Repeat(map[string]func(*rapid.T){
			"begin upload": g.begin,
			"put bytes":    g.put,
			"add row":      g.add,
			"make":         g.make,
			"make nothing": func(*rapid.T) { g.remake() },
			"delete rows":  func(*rapid.T) { g.drop() },
			"sweep":        func(*rapid.T) { g.sweep() },
			"sweep on":     func(*rapid.T) { g.sweep() },
			"sweeper dies": func(rt *rapid.T) { g.die(rt) },
			"":             func(*rapid.T) { g.wantBytes() },
		})
		g.end()
	})
}

// garbageWorld is one bucket with those who put and remove.
type garbageWorld struct {
	t          *testing.T
	rt         *rapid.T
	db         *store.DB
	repository int64
	first      int // object
	bucket     map[string]bool
	named      map[int]bool // by a row of the repository, when whoever added it was done
	made       map[int]bool // by a row of the import
	uploads    []*anUpload
	sweeps     []*aSweep
}

type anUpload struct {
	n     int
	count int64 // of removals, when it began
	put   bool
}

type aSweep struct {
	store.Condemned
	removed int
}

func (g *garbageWorld) removals() int64 {
	n, err := g.db.LFSRemovals(g.t.Context())
	g.must(err)
	return n
}

func (g *garbageWorld) must(err error) {
	if err != nil {
		g.rt.Fatal(err)
	}
}

func (g *garbageWorld) begin(rt *rapid.T) {
	g.uploads = append(g.uploads, &anUpload{n: g.first + rapid.IntRange(1, 2).Draw(rt, "object"), count: g.removals()})
}

func (g *garbageWorld) one(rt *rapid.T, put bool) *anUpload {
	var some []*anUpload
	for _, u := range g.uploads {
		if u.put == put {
			some = append(some, u)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return rapid.SampledFrom(some).Draw(rt, "upload")
}

func (g *garbageWorld) put(rt *rapid.T) {
	if u := g.one(rt, false); u != nil {
		u.put, g.bucket[anObject(u.n).OID] = true, true // what is there stays
	}
}

// done ends an upload whose row was added: it looks again where it has to.
func (g *garbageWorld) done(u *anUpload, err error) bool {
	g.uploads = slices.DeleteFunc(g.uploads, func(o *anUpload) bool { return o == u })
	if rehome.CodeOf(err) == rehome.Unreachable && err != nil {
		return false // it is told to try again
	}
	g.must(err)
	if g.removals() != u.count {
		g.bucket[anObject(u.n).OID] = true
	}
	return true
}

func (g *garbageWorld) add(rt *rapid.T) {
	u := g.one(rt, true)
	if u == nil {
		return
	}
	_, err := g.db.ChangeImport(g.t.Context(), g.repository, func(tx *store.Tx, _ *store.Import) error {
		return tx.AddConvertedLFS(g.t.Context(), g.repository, someObjects(u.n))
	})
	if g.done(u, err) {
		g.named[u.n] = true
	}
}

func (g *garbageWorld) make(rt *rapid.T) {
	u := g.one(rt, true)
	if u == nil {
		return
	}
	_, err := g.db.ChangeImport(g.t.Context(), g.repository, func(tx *store.Tx, i *store.Import) error {
		return tx.SetMadeLFS(g.t.Context(), i.ID, someObjects(u.n))
	})
	if g.done(u, err) {
		g.made = map[int]bool{u.n: true}
	}
}

func (g *garbageWorld) remake() {
	_, err := g.db.ChangeImport(g.t.Context(), g.repository, func(tx *store.Tx, i *store.Import) error {
		return tx.SetMadeLFS(g.t.Context(), i.ID, nil)
	})
	g.must(err)
	g.made = map[int]bool{}
}

func (g *garbageWorld) drop() {
	_, err := g.db.ChangeImport(g.t.Context(), g.repository, func(tx *store.Tx, _ *store.Import) error {
		return tx.DropConvertedLFS(g.t.Context(), g.repository, nil)
	})
	g.must(err)
	g.named = map[int]bool{}
}

// sweep takes the next step of a sweep.
func (g *garbageWorld) sweep() {
	switch {
	case len(g.sweeps) == 0:
		g.mark()
		g.condemn()
	case g.sweeps[0].removed < len(g.sweeps[0].OIDs):
		g.remove()
	default:
		g.forget()
	}
}

// die ends a sweep for good, rarely: what it condemned is nobody's for a while.
func (g *garbageWorld) die(rt *rapid.T) {
	if rapid.IntRange(0, 9).Draw(rt, "luck") == 0 {
		g.sweeps = nil
	}
}

func (g *garbageWorld) mark() {
	_, err := g.db.MarkLFS(g.t.Context(), slices.Sorted(maps.Keys(g.bucket)))
	g.must(err)
}

func (g *garbageWorld) condemn() {
	c, err := g.db.CondemnLFS(g.t.Context(), 0, 2)
	g.must(err)
	if len(c.OIDs) > 0 {
		g.sweeps = append(g.sweeps, &aSweep{Condemned: c})
	}
}

func (g *garbageWorld) remove() {
	for _, s := range g.sweeps {
		if s.removed < len(s.OIDs) {
			delete(g.bucket, s.OIDs[s.removed])
			s.removed++
			return
		}
	}
}

func (g *garbageWorld) forget() {
	for n, s := range g.sweeps {
		if s.removed == len(s.OIDs) {
			g.must(g.db.ForgetLFS(g.t.Context(), s.Condemned))
			g.sweeps = slices.Delete(g.sweeps, n, n+1)
			return
		}
	}
}

func (g *garbageWorld) wantBytes() {
	for _, names := range []map[int]bool{g.named, g.made} {
		for n := range names {
			if !g.bucket[anObject(n).OID] {
				g.rt.Fatalf("a row names object %d, and its bytes are gone", n)
			}
		}
	}
}

// end leaves the database as it was.
func (g *garbageWorld) end() {
	g.drop()
	g.remake()
	for _, s := range g.sweeps {
		g.must(g.db.ForgetLFS(g.t.Context(), s.Condemned))
	}
}

// testChores has one of many do what is to be done once.
func testChores(t *testing.T, db *store.DB) {
	take := func(name string, every time.Duration, want bool) {
		t.Helper()
		if ours, err := db.TakeChore(t.Context(), name, every); err != nil || ours != want {
			t.Errorf("take %s: %v, want %v: %v", name, ours, want, err)
		}
	}
	take("sweep", time.Hour, true)
	take("sweep", time.Hour, false)
	take("dust", -time.Hour, true)
	take("dust", time.Hour, true)
	take("dust", time.Hour, false)
	for _, step := range []struct {
		who  string
		ttl  time.Duration
		want bool
	}{{"a", time.Hour, true}, {"b", time.Hour, false}, {"a", time.Hour, true}, {"a", 0, true}, {"b", time.Hour, true}, {"a", 0, false}, {"a", time.Hour, false}} {
		if ours, err := db.HoldPost(t.Context(), "host", step.who, step.ttl); err != nil || ours != step.want {
			t.Errorf("hold by %+v: %v, %v", step, ours, err)
		}
	}
	one, err := db.Token(t.Context(), "a")
	must(t, err)
	two, err := db.Token(t.Context(), "b")
	must(t, err)
	if one != "a" || two != "a" {
		t.Errorf("tokens %q and %q", one, two)
	}
}
