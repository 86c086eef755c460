package importer

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/survey"
	"rehome/internal/testenv"
)

// wantShape holds the shape that is handed out against that of a fetch of all. How many bytes deltas take is another matter, and so is
// which of its places a file was named at first.
func (g *grown) wantShape(whole *rehome.Shape) {
	g.t.Helper()
	got, err := g.Shape(g.t.Context(), g.r.ID)
	must(g.t, err)
	want := survey.FitShape(*whole, survey.Shown)
	for n := range got.Authors {
		got.Authors[n].Becomes = rehome.Identity{}
	}
	if !reflect.DeepEqual(got.Authors, want.Authors) || got.Undated != want.Undated || got.Rest.Identities != 0 {
		g.t.Errorf("authors %+v, %+v, %d undated, want %+v", got.Authors, got.Rest, got.Undated, want.Authors)
	}
	if got, want := filesOf(got), filesOf(want); got != want || got == 0 {
		g.t.Errorf("%d files are in folders, want %d", got, want)
	}
}

func wantNoShape(t *testing.T, err error) {
	t.Helper()
	if rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("got %v, want %s", err, rehome.NotFound)
	}
}

func filesOf(s rehome.Shape) (files int64) {
	for _, f := range s.Folders {
		files += f.Files
	}
	return files
}

// What authors become is of the map of the moment; where there is no shape, it is said.
func TestShapeFollowsTheMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Shape(t.Context(), 77)
	wantNoShape(t, err)
	r := w.repository("new")
	_, err = w.Shape(t.Context(), r.ID)
	wantNoShape(t, err)
	url, _ := serveRich(t, "sha1")
	w.start(r, StartRequest{URL: url})
	becomes := func() map[rehome.Identity]rehome.Identity {
		t.Helper()
		s, err := w.Shape(t.Context(), r.ID)
		must(t, err)
		all := map[rehome.Identity]rehome.Identity{}
		for _, a := range s.Authors {
			all[a.Identity] = a.Becomes
		}
		return all
	}
	before := becomes()
	if len(before) < 2 {
		t.Fatalf("authors: %q", before)
	}
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	changed := 0
	for remote, now := range becomes() {
		if now == before[remote] {
			continue
		}
		changed++
		if remote.Name != "Ada Lovelace" || now != (rehome.Identity{Name: "Hubot", Mail: "hubot@example.com"}) {
			t.Errorf("%q became %q", remote, now)
		}
	}
	if changed != 1 {
		t.Errorf("%d became others, want Ada alone", changed)
	}
}

// An import from before there were shapes has none until all of it is fetched again.
func TestShapeOfAnOlderRaw(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(*savedRaw){
		"none":       func(s *savedRaw) { s.Shape = nil },
		"of another": func(s *savedRaw) { s.Shape[0]++ },
	} {
		g := &grown{world: newWorld(t), over: DefaultLargeOver}
		var url string
		g.r, url, g.from = g.rich("sha1")
		g.start(g.r, StartRequest{URL: url})
		g.wantKnown()
		edit(t, g.Folder.raw(g.get(g.r).ID), spoil)
		testenv.Grow(t, g.from, "refs/heads/trunk", "dir/new.txt", 3)
		g.again()
		_, err := g.Shape(t.Context(), g.r.ID)
		if wantNoShape(t, err); t.Failed() {
			t.Fatalf("with %s before, there is the shape of what came last", what)
		}
		must(t, g.Folder.distrust(g.get(g.r).ID))
		g.again()
		g.wantKnown()
	}
}

// Names of people and folders come back byte for byte.
func TestShapeOfOddNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", "commit refs/heads/main\nauthor \xff\xfeZ <\xc3> 86400 +0000\ncommitter C <c@x> 1700000000 +0000\ndata 1\nx\n"+
		"M 100644 inline \"\xff\\ndir/\xfe\\\"/f\"\ndata 3\nabc\nM 100644 inline top\ndata 2\nde\n")
	r := w.repository("new")
	w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	s, err := w.Shape(t.Context(), r.ID)
	must(t, err)
	author := rehome.Identity{Name: "\xff\xfeZ", Mail: "\xc3"}
	if len(s.Authors) != 1 || s.Authors[0].Identity != author || !reflect.DeepEqual(s.Authors[0].Months, []rehome.MonthCommits{{Month: 0, Commits: 1}}) {
		t.Errorf("authors: %+v", s.Authors)
	}
	paths := map[string]int64{}
	for _, f := range s.Folders {
		paths[f.Path] += f.Files
	}
	if want := map[string]int64{"\xff\ndir/\xfe\"": 1, "": 1}; !reflect.DeepEqual(paths, want) {
		t.Errorf("folders %v, want %v", paths, want)
	}
}

// An empty source looks like nothing, which is known.
func TestShapeOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := t.TempDir()
	testenv.Empty(t, filepath.Join(root, "old.git"), "sha1")
	r := w.repository("new")
	w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	s, err := w.Shape(t.Context(), r.ID)
	if err != nil || len(s.Authors)+len(s.Folders)+len(s.Rest.Months) != 0 || s.Undated != 0 {
		t.Errorf("shape %+v, %v", s, err)
	}
}

// vastShape is as large as a history can make one.
func vastShape() rehome.Shape {
	s := rehome.Shape{Undated: 1 << 40}
	for month := range int32(maxMonth + 1) {
		s.Rest.Months = append(s.Rest.Months, rehome.MonthCommits{Month: month, Commits: 1<<27 + int64(month)})
	}
	for n := range 3000 {
		a := rehome.AuthorMonths{Identity: rehome.Identity{Name: fmt.Sprintf("%d %s", n, strings.Repeat("\xff", n)), Mail: strings.Repeat("m", n%50)}}
		for month := range 20 {
			a.Months = append(a.Months, rehome.MonthCommits{Month: int32(month * 4000), Commits: 1 << 27})
		}
		s.Authors = append(s.Authors, a)
		long := strings.Repeat("d", 4000)
		s.Folders = append(s.Folders, rehome.FolderBytes{Path: fmt.Sprintf("%s/%s/%d", long, long, n), Bytes: 1<<40 + int64(n), Files: 1 << 30})
	}
	return s
}

// What rows keep is bounded, and nothing is lost on the way.
func TestShownShapeIsBounded(t *testing.T) {
	vast := vastShape()
	kept := shownShape(&vast)
	if len(kept) > 1<<20 {
		t.Errorf("%d bytes are kept", len(kept))
	}
	got, err := decodeShape(kept)
	must(t, err)
	if filesOf(got) != filesOf(vast) || commitsOf(got) != commitsOf(vast) || len(got.Authors) == 0 || len(got.Folders) == 0 {
		t.Errorf("%d files and %d commits, want %d and %d; %d authors, %d folders", filesOf(got), commitsOf(got), filesOf(vast), commitsOf(vast), len(got.Authors), len(got.Folders))
	}
	if n := int64(len(got.Authors)) + got.Rest.Identities; n != 3000 {
		t.Errorf("%d people, want 3000", n)
	}
	if shownShape(nil) != nil {
		t.Error("an unknown shape is kept")
	}
}

func commitsOf(s rehome.Shape) (sum int64) {
	sum = s.Undated
	for _, a := range append([]rehome.AuthorMonths{{Months: s.Rest.Months}}, s.Authors...) {
		for _, m := range a.Months {
			sum += m.Commits
		}
	}
	return sum
}

// FuzzShape reads any bytes, and writes what it could read as it was.
func FuzzShape(f *testing.F) {
	odd := rehome.Shape{
		Undated: 1, Rest: rehome.MonthsOfMany{Identities: 2, Months: []rehome.MonthCommits{{Month: maxMonth, Commits: 1 << 40}}},
		Authors: []rehome.AuthorMonths{{Identity: rehome.Identity{Name: "\xff\x00", Mail: ""}, Months: []rehome.MonthCommits{{Month: 0, Commits: 1}, {Month: 7, Commits: 2}}}},
		Folders: []rehome.FolderBytes{{Path: "", Bytes: 1, Files: 1}, {Path: "a\xfe\n/b", Bytes: 1 << 60, Files: 3}},
	}
	f.Add(encodeShape(&odd))
	f.Add(encodeShape(&rehome.Shape{}))
	f.Add([]byte{})
	f.Add([]byte{2})
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("\x01\x00\x00\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x01\x00\x00\x02\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00\x00")) // a month so far on that their sum is negative
	if got, err := decodeShape(encodeShape(&odd)); err != nil || !reflect.DeepEqual(got, odd) {
		f.Errorf("%+v became %+v, %v", odd, got, err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeShape(b)
		if err != nil {
			return
		}
		again, err := decodeShape(encodeShape(&s))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}

// BenchmarkShape writes and reads the largest shape that rows keep.
func BenchmarkShape(b *testing.B) {
	vast := vastShape()
	kept := shownShape(&vast)
	b.SetBytes(int64(len(kept)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := decodeShape(kept)
		if err != nil || !bytes.Equal(encodeShape(&s), kept) {
			b.Fatal(err)
		}
	}
}
