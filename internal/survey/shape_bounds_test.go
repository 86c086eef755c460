package survey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// blobOf is a blob too large to be held.
func blobOf(id object.ID, stored int64) *pack.Object {
	return &pack.Object{Type: object.Blob, ID: id, Size: stored, Stored: stored}
}

// TestShapeOfDates has every date that is none, and those at the ends of the calendar.
func TestShapeOfDates(t *testing.T) {
	d := drive(t, Options{Shape: true})
	tree := d.must(object.Tree, "")
	dates := []struct {
		date  string
		month int32 // -1 for none
	}{
		{"0 +0000", 0},
		{"253402300799 +0000", (9999-1970)*12 + 11},
		{"253402300800 +0000", -1},
		{"-1 +0000", -1},
		{"99999999999999999999999 +0000", -1},
		{" +0000", -1},
		{"951782400 +0000", 30*12 + 1},
		{"954547200 +0000", 30*12 + 3},
	}
	want := map[int32]int64{}
	for n, c := range dates {
		d.must(object.Commit, fmt.Sprintf("tree %s\nauthor A <a@x> %s\ncommitter C <c@x> 1 +0000\n\n%d", tree, c.date, n))
		want[c.month]++
	}
	r, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[int32]int64{-1: r.Shape.Undated}
	for _, a := range r.Shape.Authors {
		for _, m := range a.Months {
			got[m.Month] += m.Commits
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("commits by month %v, want %v", got, want)
	}
}

// TestShapeWithoutRoom has more months of more people than there are cells for.
func TestShapeWithoutRoom(t *testing.T) {
	d := drive(t, Options{Shape: true})
	d.s.months.most = 10
	tree := d.must(object.Tree, "")
	n := 0
	for person := range 6 {
		for month := range 5 {
			d.must(object.Commit, fmt.Sprintf("tree %s\nauthor P%d <p@x> %d +0000\ncommitter C <c@x> 1 +0000\n\n%d", tree, person, month*31*86400, n))
			n++
		}
	}
	r, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s := r.Shape
	if len(s.Authors) != 2 || s.Authors[0].Name != "P0" || commitsIn(s.Authors[1].Months) != 5 || commitsIn(s.Rest.Months) != 20 || len(s.Rest.Months) != 5 {
		t.Errorf("shape: %+v", s)
	}
	if s.Rest.Identities != 4 {
		t.Errorf("%d are everybody else, want 4", s.Rest.Identities)
	}
}

// TestShapeOfHugeBlobs has blobs of more bytes than a note holds.
func TestShapeOfHugeBlobs(t *testing.T) {
	d := drive(t, Options{Shape: true})
	for n, stored := range []int64{1<<32 - 2, 1<<32 - 1, 1 << 32, 9 << 40} {
		o := object.FromBytes(object.SHA1, fakeID(n))
		if err := d.s.Visit(blobOf(o, stored)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := []rehome.FolderBytes{{Bytes: 3<<32 - 3 + 9<<40, Files: 4}}; !slices.Equal(r.Shape.Folders, want) {
		t.Errorf("folders %+v, want %+v", r.Shape.Folders, want)
	}
}

// TestShapeOfManyFolders names more folders than are kept, and deeper ones.
func TestShapeOfManyFolders(t *testing.T) {
	d := drive(t, Options{Shape: true})
	var top []byte
	const many = 2*maxFolders + 10
	for n := range many {
		blob := object.FromBytes(object.SHA1, fakeID(n))
		if err := d.s.Visit(blobOf(blob, int64(n%7+1))); err != nil {
			t.Fatal(err)
		}
		leaf := d.must(object.Tree, string(treeEntry("100644", "f", blob.AppendTo(nil))))
		top = append(top, treeEntry("40000", fmt.Sprintf("folder-%08d", n), leaf.AppendTo(nil))...)
	}
	d.must(object.Tree, string(top))
	r, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	var files, bytes int64
	for _, f := range r.Shape.Folders {
		files, bytes = files+f.Files, bytes+f.Bytes
	}
	if len(r.Shape.Folders) > Kept.Folders || files != many || bytes < many {
		t.Errorf("%d folders with %d files, %d bytes", len(r.Shape.Folders), files, bytes)
	}
	if n := len(d.s.names.list); n > maxFolderNames {
		t.Errorf("%d names are held", n)
	}
}

// TestFitShape sums up what is small, and nothing is lost.
func TestFitShape(t *testing.T) {
	folders := []rehome.FolderBytes{
		{Path: "a/b/c", Bytes: 1, Files: 1}, {Path: "a/b", Bytes: 2, Files: 1}, {Path: "a", Bytes: 3, Files: 1}, {Path: "a/b/d", Bytes: 50, Files: 2}, {Path: "a.x", Bytes: 4, Files: 1}, {Path: "z/y/x", Bytes: 5, Files: 3}, {Path: "z/w", Bytes: 5, Files: 1},
	}
	for _, c := range []struct {
		most, room int
		want       string
	}{
		{100, 100, "a/b/d:50/2 z/w:5/1 z/y/x:5/3 a.x:4/1 a:3/1 a/b:2/1 a/b/c:1/1"},
		{5, 100, "a/b/d:50/2 a:6/3 z/w:5/1 z/y/x:5/3 :4/1"},
		{3, 100, "a/b/d:50/2 :14/5 a:6/3"},
		{100, 10, "a/b/d:50/2 :14/5 a:6/3"},
		{1, 100, ":70/10"},
		{100, 0, ":70/10"},
	} {
		got := ""
		for _, f := range fitFolders(folders, ShapeBounds{Folders: c.most, Paths: c.room}) {
			got += fmt.Sprintf(" %s:%d/%d", f.Path, f.Bytes, f.Files)
		}
		if got = strings.TrimPrefix(got, " "); got != c.want {
			t.Errorf("%d folders in %d bytes: %s, want %s", c.most, c.room, got, c.want)
		}
	}
	s := rehome.Shape{Rest: rehome.MonthsOfMany{Identities: 1, Months: []rehome.MonthCommits{{Month: 3, Commits: 1}}}}
	for n := range 9 {
		s.Authors = append(s.Authors, rehome.AuthorMonths{Identity: rehome.Identity{Name: fmt.Sprint(n)}, Months: []rehome.MonthCommits{{Month: int32(n), Commits: 1}, {Month: 100, Commits: int64(n)}}})
	}
	s.Authors[8].Mail = strings.Repeat("x", 1000)
	got := FitShape(s, ShapeBounds{Authors: 3, People: 200})
	names := ""
	for _, a := range got.Authors {
		names += a.Name
	}
	if names != "765" || got.Rest.Identities != 7 || commitsIn(got.Rest.Months) != 1+5+8+1+0+1+2+3+4 {
		t.Errorf("left are %q, and %+v", names, got.Rest)
	}
	if sorted := slices.IsSortedFunc(got.Rest.Months, func(a, b rehome.MonthCommits) int { return cmp.Compare(a.Month, b.Month) }); !sorted {
		t.Errorf("months are not in order: %v", got.Rest.Months)
	}
}

// TestMonthsAreBounded has more months of more people than memory is meant for.
func TestMonthsAreBounded(t *testing.T) {
	var m months
	const people, each = 7000, 100
	for who := range people {
		for month := range int64(each) {
			m.add(who, month*31*86400)
		}
	}
	m.add(0, 0)
	var all int64
	for _, n := range m.cells {
		all += int64(n)
	}
	for _, n := range m.rest {
		all += n
	}
	if len(m.cells) != maxCells || all != people*each+1 || len(m.late) > people || len(m.rest) != each {
		t.Errorf("%d cells, %d months and %d people beside them, %d commits in all", len(m.cells), len(m.rest), len(m.late), all)
	}
}

// TestShapeOfDeepFolders has folders as deep as they may lie, each with a file.
func TestShapeOfDeepFolders(t *testing.T) {
	d := drive(t, Options{Shape: true})
	var below []byte
	for n := range maxDepth {
		if err := d.s.Visit(blobOf(object.FromBytes(object.SHA1, fakeID(n)), 3)); err != nil {
			t.Fatal(err)
		}
		entries := slices.Concat(treeEntry("100644", "a", fakeID(n)), below)
		tree := d.must(object.Tree, string(entries))
		below = treeEntry("40000", "d", tree.AppendTo(nil))
	}
	r, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []rehome.FolderBytes{
		{Path: "d/d/d/d", Bytes: 3 * (maxDepth - 4), Files: maxDepth - 4},
		{Path: "", Bytes: 3, Files: 1},
		{Path: "d", Bytes: 3, Files: 1},
		{Path: "d/d", Bytes: 3, Files: 1},
		{Path: "d/d/d", Bytes: 3, Files: 1},
	}
	if !slices.Equal(r.Shape.Folders, want) {
		t.Errorf("folders %+v, want %+v", r.Shape.Folders, want)
	}
}

// TestFolderNamesAreBounded has folders without a name count for those above.
func TestFolderNamesAreBounded(t *testing.T) {
	d := drive(t, Options{Shape: true})
	d.s.names.bytes = maxNameBytes - 1
	if err := d.s.Visit(blobOf(object.FromBytes(object.SHA1, fakeID(1)), 7)); err != nil {
		t.Fatal(err)
	}
	leaf := d.must(object.Tree, string(treeEntry("100644", "f", fakeID(1))))
	middle := d.must(object.Tree, string(treeEntry("40000", "s", leaf.AppendTo(nil))))
	d.must(object.Tree, string(treeEntry("40000", "too long", middle.AppendTo(nil))))
	r, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := []rehome.FolderBytes{{Path: "s", Bytes: 7, Files: 1}}; !slices.Equal(r.Shape.Folders, want) {
		t.Errorf("folders %+v, want %+v", r.Shape.Folders, want)
	}
}

// TestShapeOfManyPeople has more authors than are kept: those with fewest commits are everybody else, and no commit is lost.
func TestShapeOfManyPeople(t *testing.T) {
	var m months
	people := make([]Identity, 0, 9)
	for who := range 9 {
		people = append(people, Identity{Name: fmt.Append(nil, 9-who), Mail: []byte("m")})
		for n := range 1 + who/3 {
			m.add(who, int64(n)*40*86400)
		}
	}
	s := m.shape(people, 4)
	names := ""
	for _, a := range s.Authors {
		names += a.Name
	}
	if names != "1234" || commitsIn(s.Authors[0].Months) != 3 || len(s.Authors[0].Months) != 3 || commitsIn(s.Authors[3].Months) != 2 {
		t.Errorf("authors %+v", s.Authors)
	}
	if want := []rehome.MonthCommits{{Month: 0, Commits: 5}, {Month: 1, Commits: 2}}; s.Rest.Identities != 5 || !slices.Equal(s.Rest.Months, want) {
		t.Errorf("everybody else: %+v, want 5 with %v", s.Rest, want)
	}
}

// TestFolderNamesOfACaller are few, however many there are.
func TestFolderNamesOfACaller(t *testing.T) {
	var f folderNames
	mine := map[string]uint32{}
	for n := range 3 * maxMine {
		if got := f.number(mine, fmt.Append(nil, n)); got != uint32(n+1) || len(mine) > maxMine {
			t.Fatalf("name %d has number %d, and %d are remembered", n, got, len(mine))
		}
	}
	for _, n := range []int{0, maxMine, 3*maxMine - 1} {
		if got := f.number(mine, fmt.Append(nil, n)); got != uint32(n+1) {
			t.Errorf("name %d has number %d now", n, got)
		}
	}
}
