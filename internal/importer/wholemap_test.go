package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/mailmap"
	"rehome/internal/store"
	"rehome/internal/survey"
)

// peopled makes an import, not begun, that has the authors given as name and mail.
func (w *world) peopled(authors ...string) rehome.Repository {
	w.t.Helper()
	r := w.repository("new")
	_, err := w.Start(w.t.Context(), r, StartRequest{URL: "https://old.example/old.git", VCS: rehome.Git})
	must(w.t, err)
	w.addAuthors(r, authors...)
	return r
}

// addAuthors has a recorder see identities.
func (w *world) addAuthors(r rehome.Repository, authors ...string) {
	w.t.Helper()
	lease, ok, err := w.DB.Acquire(w.t.Context(), w.get(r).ID, "test", time.Hour)
	must(w.t, err)
	if !ok {
		w.t.Fatal("the import is not due")
	}
	var seen []survey.Identity
	for _, a := range authors {
		name, mail, _ := strings.Cut(strings.TrimSuffix(a, ">"), " <")
		seen = append(seen, survey.Identity{Name: []byte(name), Mail: []byte(mail)})
	}
	ctx, stop := context.WithCancelCause(w.t.Context())
	defer stop(nil)
	rec := startRecorder(ctx, &worker{Importer: w.Importer, lease: lease}, stop)
	rec.identities(seen)
	must(w.t, rec.close())
	must(w.t, w.DB.Release(w.t.Context(), lease))
}

// people lists what the authors are mapped to.
func (w *world) people(r rehome.Repository) []string {
	w.t.Helper()
	all, err := w.Authors(w.t.Context(), r.ID, 0, 0)
	must(w.t, err)
	var people []string
	for _, a := range all {
		people = append(people, a.Name+" <"+a.Email+">")
	}
	return people
}

func ptr(s string) *string { return &s }

func TestMapAuthors(t *testing.T) {
	t.Parallel()
	authors := []string{"Ada <ada@x>", "ADA <Ada@X>", "Bob <bob@x>", "J\xf6rg <j@x>", " <>"}
	for _, c := range []struct {
		name    string
		given   AuthorMap
		want    []string
		unknown []UnknownLine
	}{
		{
			"lines match without case",
			AuthorMap{Text: []byte("# all\nAdele <a@y> <ADA@x>\nbob = Robert <r@y>\nNobody <n@y> <none@x>\n")},
			[]string{"Adele <a@y>", "Adele <a@y>", "Robert <r@y>", "J\ufffdrg <j@x>", " <>"},
			[]UnknownLine{{4, "Nobody <n@y> <none@x>"}},
		},
		{"nothing", AuthorMap{Text: []byte{}}, []string{"Ada <ada@x>", "ADA <Ada@X>", "Bob <bob@x>", "J\ufffdrg <j@x>", " <>"}, nil},
		{
			"entries match exactly",
			AuthorMap{Entries: []AuthorEntry{
				{RemoteID: ptr("ada@x"), Name: ptr("Adele")},
				{RemoteName: ptr("Bob"), RemoteID: ptr("bob@x"), Email: ptr("")},
				{RemoteName: ptr("J\ufffdrg"), Name: ptr("J\u00f6rg"), Email: ptr("j@y")},
				{RemoteName: ptr("bob"), Name: ptr("never")},
				{ID: 99, Name: ptr("never")},
			}},
			[]string{"Adele <ada@x>", "ADA <Ada@X>", "Bob <>", "J\u00f6rg <j@y>", " <>"},
			[]UnknownLine{{4, "bob"}, {5, "id 99"}},
		},
		{
			"the id comes first",
			AuthorMap{Entries: []AuthorEntry{
				{ID: 1, RemoteName: ptr("Bob"), Name: ptr("by id")}, {RemoteID: ptr("ada@x"), Name: ptr("by mail")},
			}},
			[]string{"by id <ada@x>", "ADA <Ada@X>", "Bob <bob@x>", "J\ufffdrg <j@x>", " <>"},
			nil,
		},
		{"no entries", AuthorMap{Entries: []AuthorEntry{}}, []string{"Ada <ada@x>", "ADA <Ada@X>", "Bob <bob@x>", "J\ufffdrg <j@x>", " <>"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.peopled(authors...)
			_, err := w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte("Zed <zed@y> <j@x>\n")}) // is replaced
			must(t, err)
			for range 2 {
				did, err := w.MapAuthors(t.Context(), r.ID, c.given)
				must(t, err)
				if got := w.people(r); !slices.Equal(got, c.want) {
					t.Errorf("people %q, want %q", got, c.want)
				}
				changed := int64(0)
				for n, a := range authors {
					if strings.ToValidUTF8(a, "\ufffd") != c.want[n] {
						changed++
					}
				}
				if did.Mapped != changed || did.Mapped+did.Unmapped != int64(len(authors)) || !slices.Equal(did.Unknown, c.unknown) {
					t.Errorf("answer %+v, want %d mapped and %v", did, changed, c.unknown)
				}
			}
		})
	}
}

// A map that was taken can be read again when it is needed, however it was written.
func TestMapIsKeptAsItWasGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.peopled("Ada <ada@x>")
	text := "\xef\xbb\xbf# all\n" + strings.Repeat("A<b>#\n", 500) + "Later<later@x>\n"
	_, err := w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte(text)})
	must(t, err)
	kept, ok, err := w.DB.AuthorMap(t.Context(), w.get(r).ID, 0)
	if err != nil || !ok || string(kept.Body) != text {
		t.Errorf("kept %q, %v, %v", kept.Body, ok, err)
	}
	w.addAuthors(r, "L <later@x>")
	if people := w.people(r); people[1] != "Later <later@x>" {
		t.Errorf("people %q", people)
	}
}

// A map that changes nothing makes no new plan.
func TestSameMapAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.peopled("Ada <ada@x>")
	for _, c := range []struct {
		text string
		more int64
	}{{"A <a@y> <ada@x>\n", 1}, {"A <a@y> <ada@x>\n", 0}, {"# the same\n\nA <a@y> <ADA@x>\n", 0}, {"A <a@y> <ada@x>\nN <n@y> <later@x>\n", 0}, {"", 1}, {"", 0}} {
		before := w.get(r).Wanted.Plan
		_, err := w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte(c.text)})
		must(t, err)
		if got := w.get(r).Wanted.Plan - before; got != c.more {
			t.Errorf("%q makes %d new plans, want %d", c.text, got, c.more)
		}
	}
}

// Lines for nobody are kept for identities still to come, and what PATCH did stays.
func TestMapIsKeptForThoseToCome(t *testing.T) {
	t.Parallel()
	for _, given := range []AuthorMap{
		{Text: []byte("Later <later@y> <LATER@x>\n")},
		{Entries: []AuthorEntry{{RemoteID: ptr("later@x"), Name: ptr("Later"), Email: ptr("later@y")}, {ID: 2, Name: ptr("never")}}},
	} {
		w := newWorld(t)
		r := w.peopled("Ada <ada@x>")
		did, err := w.MapAuthors(t.Context(), r.ID, given)
		must(t, err)
		if len(did.Unknown) == 0 || did.Mapped != 0 {
			t.Errorf("answer %+v", did)
		}
		w.remap(r, "Ada", "A", "a@y")
		w.addAuthors(r, "L <later@x>", "Other <other@x>")
		if got, want := w.people(r), []string{"A <a@y>", "Later <later@y>", "Other <other@x>"}; !slices.Equal(got, want) {
			t.Errorf("people %q, want %q", got, want)
		}
	}
}

func TestBadMapsAreNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.peopled("Ada <ada@x>")
	for _, c := range []struct {
		given AuthorMap
		want  []int
	}{
		{AuthorMap{Text: []byte("A <a@y> <ada@x>\nnonsense\n\n<\n")}, []int{2, 4}},
		{AuthorMap{Entries: []AuthorEntry{{RemoteID: ptr("ada@x"), Name: ptr("A")}, {Name: ptr("A")}, {ID: 1, Email: ptr("a\nb")}}}, []int{2, 3}},
	} {
		_, err := w.MapAuthors(t.Context(), r.ID, c.given)
		var bad *mailmap.Error
		if !errors.As(err, &bad) {
			t.Fatalf("%v", err)
		}
		var lines []int
		for _, f := range bad.Faults {
			lines = append(lines, f.Line)
		}
		if !slices.Equal(lines, c.want) || w.people(r)[0] != "Ada <ada@x>" {
			t.Errorf("bad lines %v, want %v; people %q", bad.Faults, c.want, w.people(r))
		}
	}
	if _, err := w.MapAuthors(t.Context(), r.ID+1, AuthorMap{}); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("without an import: %v", err)
	}
}

// What was stored can be read back, and means the same.
func TestStoredMap(t *testing.T) {
	for _, kind := range []string{mapOfLines, mapOfEntries} {
		given := AuthorMap{Text: []byte("A <a@y> <ada@x>\n")}
		if kind == mapOfEntries {
			given = AuthorMap{Entries: []AuthorEntry{{RemoteName: ptr("Ada"), Name: ptr("A"), Email: ptr("a@y")}}}
		}
		whole, err := parseMap(given)
		must(t, err)
		kept := whole.stored()
		again, err := readMap(kept)
		must(t, err)
		to, ok := again.lookup(0, rehome.Identity{Name: "Ada", Mail: "ada@x"})
		if !ok || to != (rehome.Identity{Name: "A", Mail: "a@y"}) || kept.Kind != kind || string(again.stored().Body) != string(kept.Body) {
			t.Errorf("%s: %+v, %v, kept as %q", kind, to, ok, kept.Body)
		}
	}
	for _, bad := range []store.AuthorMap{{Kind: "?"}, {Kind: mapOfLines, Body: []byte("x")}, {Kind: mapOfEntries, Body: []byte("{")}} {
		if _, err := readMap(bad); err == nil {
			t.Errorf("%+v was read", bad)
		}
	}
}

// A whole map of 100,000 lines for as many authors, each of whom it changes.
func BenchmarkMapAuthors(b *testing.B) {
	const people = 100_000
	w := newWorld(b)
	names, maps := make([]string, people), make([]strings.Builder, 2)
	for n := range names {
		names[n] = fmt.Sprintf("Person %d <p%d@old.example>", n, n)
		for m := range maps {
			fmt.Fprintf(&maps[m], "Somebody %d <s%d@new%d.example> <p%d@old.example>\n", n, n, m, n)
		}
	}
	r := w.peopled(names...)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		did, err := w.MapAuthors(b.Context(), r.ID, AuthorMap{Text: []byte(maps[n%2].String())})
		must(b, err)
		if did.Mapped != people {
			b.Fatalf("mapped %d", did.Mapped)
		}
	}
}
