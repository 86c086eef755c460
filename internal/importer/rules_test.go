package importer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/source"
	"rehome/internal/store"
)

// Whatever fails while an import runs leads to a status it may move to.
func TestOutcomeIsAnAllowedMove(t *testing.T) {
	for _, s := range rehome.Statuses() {
		for _, c := range []rehome.Code{
			rehome.Unreachable, rehome.BlockedByPolicy, rehome.NotARepository, rehome.CredentialsWanted, rehome.CredentialsRefused,
			rehome.SourceCutOff, rehome.CorruptObject, rehome.DestinationMoved, rehome.DiskFull, rehome.Internal,
		} {
			if next := outcome(s, c); s.Running() && !s.CanBecome(next) {
				t.Errorf("%s with %s leads to %s, which is no allowed move", s, c, next)
			}
		}
	}
}

func oid(n byte) object.ID { b := [20]byte{n}; return object.FromBytes(object.SHA1, b[:]) }

func TestUpdatesFor(t *testing.T) {
	const name = "refs/heads/main"
	one, two, three, four := oid(1), oid(2), oid(3), oid(4) // one leads on from four
	for _, c := range []struct {
		what  string
		have  object.ID // zero for none
		wrote store.WrittenRef
		want  string // old-new; "" for no update, "moved" for an error

		divergence rehome.Divergence
	}{
		{"missing", object.ID{}, store.WrittenRef{}, "0-1", rehome.Stop},
		{"missing, written before", object.ID{}, store.WrittenRef{Wrote: two.String()}, "0-1", rehome.Stop},
		{"there already, not by us", one, store.WrittenRef{}, "", rehome.Stop},
		{"there already, by us", one, store.WrittenRef{Wrote: one.String()}, "", rehome.Stop},
		{"ours to move", two, store.WrittenRef{Wrote: two.String()}, "2-1", rehome.Stop},
		{"perhaps ours", three, store.WrittenRef{Wrote: two.String(), Writing: three.String()}, "3-1", rehome.Stop},
		{"never written by us", two, store.WrittenRef{}, "moved", rehome.Stop},
		{"moved by others", three, store.WrittenRef{Wrote: two.String()}, "moved", rehome.Stop},
		{"moved by others, and overwritten", three, store.WrittenRef{Wrote: two.String()}, "3-1", rehome.Overwrite},
		{"never written by us, and overwritten", two, store.WrittenRef{}, "2-1", rehome.Overwrite},
		{"moved by others, and skipped", three, store.WrittenRef{Wrote: two.String()}, "left", rehome.Skip},
		{"moved by others, and it need not move", three, store.WrittenRef{Wrote: one.String()}, "left", rehome.Stop},
		{"never written by us, and on the way", four, store.WrittenRef{}, "4-1", rehome.Stop},
		{"on the way, where nothing is overwritten", four, store.WrittenRef{}, "4-1", rehome.Overwrite},
		{"set back by others, and on the way", four, store.WrittenRef{Wrote: two.String()}, "4-1", rehome.Skip},
		{"set back by others, and it need not move", four, store.WrittenRef{Wrote: one.String()}, "left", rehome.Stop},
	} {
		var have []repo.Ref
		if !c.have.IsZero() {
			have = []repo.Ref{{Name: name, ID: c.have}, {Name: "refs/heads/others", ID: three}}
		}
		with := comparison{final: []finalRef{{name: name, source: one, final: one}}, at: situation{have, map[string]store.WrittenRef{name: c.wrote}}, divergence: c.divergence}
		with.onward = func(tip, at object.ID) (bool, error) { return tip == one && at == four, nil }
		updates, err := with.updates()
		got := ""
		switch {
		case rehome.CodeOf(err) == rehome.DestinationMoved:
			got = "moved"
		case err != nil:
			t.Errorf("%s: %v", c.what, err)
		case with.left[name]:
			got = "left"
		case len(updates) == 1:
			got = fmt.Sprintf("%d-%d", updates[0].Old.Bytes()[0], updates[0].New.Bytes()[0])
		}
		if got != c.want || len(with.theirs) > 0 && (c.divergence != rehome.Overwrite || c.have == four) {
			t.Errorf("%s: %q, want %q; overwritten %v", c.what, got, c.want, with.theirs)
		}
	}
}

// A tag of somebody else's does not go forward.
func TestUpdatesForTags(t *testing.T) {
	const name = "refs/tags/v1"
	c := comparison{
		final: []finalRef{{name: name, source: oid(1), final: oid(1)}}, at: situation{have: []repo.Ref{{Name: name, ID: oid(4)}}},
		onward: func(_, _ object.ID) (bool, error) { return true, nil },
	}
	if updates, err := c.updates(); rehome.CodeOf(err) != rehome.DestinationMoved {
		t.Errorf("%v, %v", updates, err)
	}
}

// What somebody else made of a ref is not taken for ours before the push that moves it is proven.
func TestWriting(t *testing.T) {
	one, two, three, none := oid(1), oid(2), oid(3), object.SHA1.Zero()
	for _, c := range []struct {
		what  string
		was   object.ID
		wrote store.WrittenRef
		want  string // what is noted as written
	}{
		{"new", none, store.WrittenRef{}, ""},
		{"ours", two, store.WrittenRef{Wrote: two.String()}, two.String()},
		{"ours, as a push before left it", two, store.WrittenRef{Wrote: three.String(), Writing: two.String()}, two.String()},
		{"ours, as it was before that push", three, store.WrittenRef{Wrote: three.String(), Writing: two.String()}, three.String()},
		{"made by others", two, store.WrittenRef{}, ""},
		{"moved by others", two, store.WrittenRef{Wrote: three.String()}, three.String()},
		{"gone, as a push before wanted", none, store.WrittenRef{Wrote: two.String(), Writing: none.String()}, two.String()},
	} {
		got := writing([]repo.Update{{Name: "r", Old: c.was, New: one}}, map[string]store.WrittenRef{"r": c.wrote})
		if len(got) != 1 || got[0].Wrote != c.want || got[0].Writing != one.String() {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// What goes is kept, also where somebody else has taken the name for that.
func TestKeep(t *testing.T) {
	at := repo.Ref{Name: "refs/heads/main", ID: oid(1)}
	short := "refs/rehome/kept/heads/main/" + oid(1).String()[:12]
	long := short + oid(1).String()[12:]
	for _, c := range []struct {
		what  string
		there []repo.Ref
		name  string
		adds  int
	}{
		{"nothing there", nil, short, 1},
		{"kept before", []repo.Ref{{Name: short, ID: oid(1)}}, short, 0},
		{"taken", []repo.Ref{{Name: short, ID: oid(2)}}, long, 1},
		{"taken, and kept before", []repo.Ref{{Name: short, ID: oid(2)}, {Name: long, ID: oid(1)}}, long, 0},
		{"both taken", []repo.Ref{{Name: short, ID: oid(2)}, {Name: long, ID: oid(3)}}, long, 1}, // which is refused, as its Old is not there
	} {
		var p pruned
		if name := p.keep(byName(c.there), at); name != c.name || len(p.updates) != c.adds || c.adds > 0 && (p.updates[0].Name != name || p.updates[0].New != at.ID || !p.updates[0].Old.IsZero()) {
			t.Errorf("%s: %s, %+v", c.what, name, p.updates)
		}
	}
}

// A ref whose file left history goes, if it is ours.
func TestUpdatesForRemoved(t *testing.T) {
	const name = "refs/tags/big"
	one, two, zero := oid(1), oid(2), object.SHA1.Zero()
	for _, c := range []struct {
		what  string
		have  object.ID
		wrote store.WrittenRef
		want  int // updates; -1 for an error
	}{
		{"never there", zero, store.WrittenRef{}, 0},
		{"gone", zero, store.WrittenRef{Wrote: one.String()}, 0},
		{"ours", one, store.WrittenRef{Wrote: one.String()}, 1},
		{"perhaps ours", two, store.WrittenRef{Wrote: one.String(), Writing: two.String()}, 1},
		{"somebody's own", one, store.WrittenRef{}, 0},
		{"moved by others", two, store.WrittenRef{Wrote: one.String()}, -1},
	} {
		var have []repo.Ref
		if !c.have.IsZero() {
			have = []repo.Ref{{Name: name, ID: c.have}}
		}
		got := -1
		with := comparison{final: []finalRef{{name: name, source: one, final: zero, removed: true}}, at: situation{have, map[string]store.WrittenRef{name: c.wrote}}}
		updates, err := with.updates()
		if err == nil {
			got = len(updates)
		}
		if got != c.want || len(with.left) != 0 || got == 1 && (updates[0].Old != c.have || !updates[0].New.IsZero()) {
			t.Errorf("%s: %v, left %v, %v", c.what, updates, with.left, err)
		}
	}
}

func TestCompare(t *testing.T) {
	final := []finalRef{{name: "refs/heads/main", source: oid(1), final: oid(1)}}
	main := repo.Ref{Name: "refs/heads/main", ID: oid(1)}
	for _, c := range []struct {
		what string
		head string
		have []repo.Ref
		ok   bool
	}{
		{"equal", "refs/heads/main", []repo.Ref{main}, true},
		{"others' refs beside it", "refs/heads/main", []repo.Ref{{Name: "refs/heads/mine", ID: oid(2)}, main}, true},
		{"missing", "refs/heads/main", nil, false},
		{"another id", "refs/heads/main", []repo.Ref{{Name: "refs/heads/main", ID: oid(2)}}, false},
		{"another default branch", "refs/heads/mine", []repo.Ref{main}, false},
	} {
		_, err := compare(final, "refs/heads/main", c.have, c.head)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := compare(final, "", []repo.Ref{main}, "refs/heads/other"); err != nil {
		t.Errorf("no default branch to compare: %v", err)
	}
}

func TestPercentNeverFalls(t *testing.T) {
	now := time.Unix(0, 0)
	m := meter{clock: func() time.Time { return now }, start: now}
	random := rand.New(rand.NewPCG(1, 2))
	if got := m.read(source.Progress{}).Percent; got != -1 {
		t.Errorf("unknown total gives %d", got)
	}
	last := 0
	for n := range 1000 {
		p := source.Progress{Progress: pack.Progress{Total: 1000, Objects: random.Int64N(1100), Resolving: n > 500, Bytes: int64(n)}}
		got := m.read(p).Percent
		if got < last || got > 99 || (p.Resolving && got < streaming) {
			t.Fatalf("%d after %d: %+v", got, last, p)
		}
		last = got
	}
	now = now.Add(10 * time.Second)
	e := m.event(rehome.Progress{Percent: 50, Bytes: 1000, Commits: -1}, 7)
	if *e.Percent != 50 || e.Rate != 100 || *e.ETA != 10 || e.Commits != 0 || e.ProgressEvent.Authors != 7 {
		t.Errorf("event: %+v", e.ProgressEvent)
	}
}

func hexID(t testing.TB, s string) object.ID {
	t.Helper()
	id, err := object.ParseID(s)
	must(t, err)
	return id
}
