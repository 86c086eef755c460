package survey

import (
	"fmt"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
)

// TestDangerous: what could be accepted is refused at the end, with its place, unless it was accepted.
func TestDangerous(t *testing.T) {
	file := func(name string, id object.ID) string { return string(treeEntry("100644", name, id.Bytes())) }
	cases := []struct {
		data  func(blob, tree object.ID) string
		code  rehome.Code
		fault object.Fault
		at    string
	}{
		{func(_, tree object.ID) string { return string(treeEntry("40000", ".GIT", tree.Bytes())) }, rehome.UnsafePath, object.HasDotgit, ".GIT"},
		{func(_, tree object.ID) string { return string(treeEntry("40000", "..", tree.Bytes())) }, rehome.UnsafePath, object.HasDotdot, ".."},
		{func(b, _ object.ID) string { return file("a/\x1b[31mb", b) }, rehome.UnsafePath, object.FullPathname, "a/ [31mb"},
		{func(b, _ object.ID) string { return string(treeEntry("120000", ".gitmodules", b.Bytes())) }, rehome.UnsafePath, object.GitmodulesSymlink, ".gitmodules"},
		{func(b, _ object.ID) string { return file("a", b) + file("a", b) }, rehome.CorruptObject, object.DuplicateEntries, "a"},
		{func(b, _ object.ID) string { return file("b", b) + file("a", b) }, rehome.CorruptObject, object.TreeNotSorted, "a"},
	}
	for _, c := range cases {
		t.Run(c.fault.String(), func(t *testing.T) {
			for _, accept := range []object.Faults{0, 1 << c.fault, object.Acceptable &^ (1 << c.fault)} {
				d := drive(t, Options{Accept: accept})
				tree := d.must(object.Tree, c.data(d.must(object.Blob, "b"), d.must(object.Tree, "")))
				got, err := d.s.Finish(t.Context(), nil, nil, "")
				if accept.Has(c.fault) {
					if err != nil || len(got.Warnings) != 1 || got.Warnings[0].Kind != c.fault.String() {
						t.Errorf("accepted: %v, warnings %v", err, got.Warnings)
					}
					continue
				}
				want := fmt.Sprintf("The source's tree %s has a dangerous fault at %q: %s.", tree, c.at, c.fault)
				if e := rehome.AsError(err); err == nil || e.Code != c.code || e.Message != want || !strings.Contains(e.Hint, "{allow_faults: "+c.fault.String()+"}") {
					t.Errorf("accepting %b: %v, want %s", accept, err, want)
				}
			}
		})
	}
}

// TestDuplicatesInDisorder: accepting disorder does not let equal names in that are no neighbours.
func TestDuplicatesInDisorder(t *testing.T) {
	d := drive(t, Options{Accept: 1 << object.TreeNotSorted})
	b := d.must(object.Blob, "b").Bytes()
	d.must(object.Tree, string(treeEntry("100644", "b", b))+string(treeEntry("100644", "a", b))+string(treeEntry("100644", "b", b)))
	if _, err := d.s.Finish(t.Context(), nil, nil, ""); rehome.CodeOf(err) != rehome.CorruptObject {
		t.Errorf("got %v", err)
	}
}

// TestMadeOfDangerous: a tree made by delta from one with an accepted fault is looked at whole.
func TestMadeOfDangerous(t *testing.T) {
	d := drive(t, Options{Accept: 1 << object.HasDot})
	b := d.must(object.Blob, "b").Bytes()
	base := string(treeEntry("100644", ".", b)) + string(treeEntry("100644", ".git", b))
	for range 3 {
		d.must(object.Tree, base)
		base += string(treeEntry("100644", "z"+base[len(base)-30:len(base)-25], b))
	}
	_, err := d.s.Finish(t.Context(), nil, nil, "")
	if e := rehome.AsError(err); err == nil || e.Code != rehome.UnsafePath || !strings.Contains(e.Message, "has_dotgit") {
		t.Errorf("got %v", err)
	}
}
