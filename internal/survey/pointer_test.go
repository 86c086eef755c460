package survey

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// pointerTo is the canonical pointer to an object whose id begins with n.
func pointerTo(n uint32, size int64) (string, lfs.Object) {
	o := lfs.Object{Size: size}
	binary.BigEndian.PutUint32(o.OID[:], n)
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", o.OID, size), o
}

// TestPointers has pointers, one of them old, one in two spellings, one only the side branch has,
// and blobs that are none.
func TestPointers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lfs.git")
	one, first := pointerTo(1, 12345)
	two, second := pointerTo(2, 1)
	three, third := pointerTo(3, 7)
	old := strings.Replace(two, "git-lfs.github.com", "hawser.github.com", 1)
	var b strings.Builder
	for i, content := range []string{one, old, two, strings.Replace(one, "v1", "v9", 1), one + strings.Repeat("x", lfs.MaxPointer), "version ", ""} {
		b.WriteString(stream("main", i, "", fmt.Sprintf("d%d/e/f.bin", i), content))
	}
	b.WriteString(stream("side", 50, "", "side.bin", three))
	testenv.FromStream(t, dir, "sha1", b.String())
	r := receive(t, dir, 0, 2)
	res, err := r.finish(t, "refs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	defer r.survey.Close()
	if want := []lfs.Object{first, second, third}; !slices.Equal(res.Pointers, want) {
		t.Errorf("got %v, want %v", res.Pointers, want)
	}
	if len(res.Warnings) != 0 {
		t.Errorf("warnings: %v", res.Warnings)
	}
	objects, err := r.repo.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	places, err := r.survey.Where(t.Context(), objects, r.refs, "refs/heads/main", []lfs.OID{first.OID, second.OID, third.OID, {9}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[lfs.OID]string{}
	for oid, p := range places {
		got[oid] = p.Ref + ":" + string(p.Path)
	}
	if got[first.OID] != "refs/heads/main:d0/e/f.bin" || got[third.OID] != "refs/heads/side:side.bin" ||
		got[second.OID] != "refs/heads/main:d1/e/f.bin" && got[second.OID] != "refs/heads/main:d2/e/f.bin" || len(got) != 3 {
		t.Errorf("places: %v", got)
	}
}

// TestGlance: whatever is a pointer passes the glance.
func TestGlance(t *testing.T) {
	text, _ := pointerTo(1, 5)
	for _, space := range []string{"", " ", "\n", "\r\n", "\t", "\v", "\f", "\u0085", "\u00a0", "\u2003", "\u3000", "ext-0-a sha256:" + strings.Repeat("1", 64) + "\n"} {
		for _, data := range []string{space + text, text + space} {
			if _, ok := lfs.ParsePointer([]byte(data)); ok && !mayPoint([]byte(data)) {
				t.Errorf("%q is a pointer", data)
			}
		}
	}
}

// TestPointersDiffer: of several sizes for one id the one most blobs have counts.
func TestPointersDiffer(t *testing.T) {
	d := drive(t, Options{})
	for i, size := range []int64{5, 9, 5, 7, 9} {
		text, _ := pointerTo(1, size)
		d.must(object.Blob, text+strings.Repeat("\n", i))
	}
	res, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, want := pointerTo(1, 9); !slices.Equal(res.Pointers, []lfs.Object{want}) {
		t.Errorf("got %v, want %v", res.Pointers, want)
	}
}

// TestManyPointers keeps a million of them small, and in order.
func TestManyPointers(t *testing.T) {
	const n = 1_000_000
	p := pointers{arena: &arena{}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range uint32(n) {
		o := lfs.Object{Size: int64(i)}
		binary.BigEndian.PutUint32(o.OID[:], i*2654435761)
		if err := p.add(o, i); err != nil {
			t.Fatal(err)
		}
	}
	list := p.sort()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > 110*n {
		t.Errorf("%d bytes for each pointer", took/n)
	}
	if len(list) != n || !slices.IsSortedFunc(list, func(a, b lfs.Object) int { return slices.Compare(a.OID[:], b.OID[:]) }) {
		t.Errorf("%d objects, or out of order", len(list))
	}
	runtime.KeepAlive(p)
}

// TestTaggedFiles: a file that a tag or a ref names itself is shown at its path, if it has one anywhere.
func TestTaggedFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tagged.git")
	big := func(n int) string { return strings.Repeat("x", n) }
	one, first := pointerTo(1, 12345)
	two, second := pointerTo(2, 1)
	testenv.FromStream(t, dir, "sha1", strings.Join([]string{
		stream("main", 1, "", "big/one.bin", big(3000)),
		stream("main", 2, "", "big/two.bin", big(4000)),
		stream("main", 3, "", "p/one.bin", one),
		stream("main", 4, "", "last", "small"),
	}, ""))
	add := func(content string) string {
		return testenv.GitIn(t, dir, strings.NewReader(content), "hash-object", "-w", "--stdin")
	}
	for n, content := range []string{big(3000), one, two, big(6000)} {
		testenv.Git(t, dir, "tag", "-a", "-m", "blob", fmt.Sprintf("anno%d", n), add(content))
	}
	testenv.Git(t, dir, "tag", "-a", "-m", "folder", "folder", "main:big")
	testenv.Git(t, dir, "tag", "light", "main:big/two.bin")
	for _, workers := range []int{1, 4} {
		r := receive(t, dir, 2999, workers)
		res, err := r.finish(t, "refs/heads/main")
		if err != nil {
			t.Fatal(err)
		}
		defer r.survey.Close()
		var list []string
		for _, f := range res.LargeFiles {
			list = append(list, fmt.Sprintf("%d %s %s", f.Size, f.Ref, f.Path))
		}
		want := []string{"6000 refs/tags/anno3 ", "4000 refs/heads/main big/two.bin", "3000 refs/heads/main big/one.bin"}
		if !slices.Equal(list, want) {
			t.Errorf("got  %q\nwant %q", list, want)
		}
		objects, err := r.repo.Objects()
		if err != nil {
			t.Fatal(err)
		}
		defer objects.Close()
		places, err := r.survey.Where(t.Context(), objects, r.refs, "refs/heads/main", []lfs.OID{first.OID, second.OID})
		if err != nil {
			t.Fatal(err)
		}
		if p := places[first.OID]; p.Ref != "refs/heads/main" || string(p.Path) != "p/one.bin" {
			t.Errorf("in a tree, too: %+v", p)
		}
		if p := places[second.OID]; p.Ref != "refs/tags/anno2" || len(p.Path) != 0 {
			t.Errorf("in a tag only: %+v", p)
		}
	}
}

// TestTaggedBeforeItsTree: a tag that names a folder or a file passes before what gives it a path.
func TestTaggedBeforeItsTree(t *testing.T) {
	d := drive(t, Options{})
	blob := d.must(object.Blob, "content")
	names := func(id object.ID, kind string) object.ID {
		return d.must(object.Tag, fmt.Sprintf("object %s\ntype %s\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", id, kind))
	}
	names(blob, "blob")
	names(blob, "blob")
	tree := d.must(object.Tree, string(treeEntry("100644", "x", blob.Bytes())))
	lonely := d.must(object.Blob, "only tagged")
	tag := names(lonely, "blob")
	if _, err := d.s.Finish(t.Context(), nil, nil, ""); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[object.ID]object.ID{blob: tree, lonely: tag} {
		k, ok := d.s.table.find(id.Bytes())
		if !ok || k.state&hasRef == 0 || d.s.id(d.s.table.get(k.ref)) != want {
			t.Errorf("%s was not named by %s", id, want)
		}
	}
}
