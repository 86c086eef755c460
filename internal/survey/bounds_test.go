package survey

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// TestPeopleAreBounded has more identities than memory is meant for.
func TestPeopleAreBounded(t *testing.T) {
	p := people{known: map[string]int{}}
	name, err := bytes.Repeat([]byte("x"), 1<<20), error(nil)
	for i := 0; i < 60 && err == nil; i++ {
		name[0] = byte('A' + i)
		if _, err = p.add(&object.Ident{Name: name, End: 1}, &object.Ident{Name: name, End: 1}); i < 40 && err != nil {
			t.Fatalf("refused after %d: %v", i, err)
		}
	}
	if rehome.CodeOf(err) != rehome.LimitPassed {
		t.Errorf("got %v, want %s", err, rehome.LimitPassed)
	}
}

// TestIdentitiesKeepTheirBytes: names and mails share memory, which nobody may write over.
func TestIdentitiesKeepTheirBytes(t *testing.T) {
	p := people{known: map[string]int{}}
	want := []string{"A <a@x>", "A <>", " <a@x>", "A a <@x>", "Aa <a@x>"}
	for _, s := range want {
		name, mail, _ := strings.Cut(strings.TrimSuffix(s, ">"), " <")
		if _, err := p.add(&object.Ident{Name: []byte(name), Mail: []byte(mail), End: 1}); err != nil {
			t.Fatal(err)
		}
	}
	_ = append(p.list[0].Name, "spoilt"...)
	if got := namesOf(p.list); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestList goes over the edge of a chunk.
func TestList(t *testing.T) {
	l := list{arena: &arena{}}
	n := 1<<listBits*2 + 3
	for i := range n {
		if err := l.add(uint32(i)); err != nil {
			t.Fatal(err)
		}
	}
	l.set(1<<listBits, 7)
	if l.at(1<<listBits) != 7 || l.at(1<<listBits-1) != 1<<listBits-1 || l.n != n {
		t.Errorf("%d numbers, %d and %d at the edge", l.n, l.at(1<<listBits-1), l.at(1<<listBits))
	}
	for i := n - 1; i > 1<<listBits; i-- {
		if got := l.pop(); got != uint32(i) {
			t.Fatalf("popped %d, want %d", got, i)
		}
	}
}

// TestLargeFilesBehindTags finds large files that only tags of tags lead to, and one whose path
// no file system has room for.
func TestLargeFilesBehindTags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source.git")
	testenv.Empty(t, dir, "sha1")
	hash := func(typ string, content []byte) string {
		return strings.TrimSpace(testenv.GitIn(t, dir, bytes.NewReader(content), "hash-object", "-t", typ, "-w", "--stdin", "--literally"))
	}
	raw := func(hex string) []byte {
		id, err := object.ParseID(hex)
		if err != nil {
			t.Fatal(err)
		}
		return id.Bytes()
	}
	tag := func(typ, hex string) string {
		return hash("tag", fmt.Appendf(nil, "object %s\ntype %s\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", hex, typ))
	}
	one, two := hash("blob", bytes.Repeat([]byte("1"), 2000)), hash("blob", bytes.Repeat([]byte("2"), 1500))
	inner := hash("tree", treeEntry("100644", "file", raw(one)))
	outer := hash("tree", treeEntry("40000", "folder", raw(inner)))
	long := hash("tree", treeEntry("100644", "file", raw(two)))
	for range maxPath/maxName + 1 {
		long = hash("tree", treeEntry("40000", strings.Repeat("n", maxName), raw(long)))
	}
	testenv.Git(t, dir, "update-ref", "refs/tags/deep", tag("tag", tag("tag", tag("tree", outer))))
	testenv.Git(t, dir, "update-ref", "refs/tags/other", tag("tag", tag("tree", outer)))
	testenv.Git(t, dir, "update-ref", "refs/tags/long", tag("tree", long))
	r := receive(t, dir, 1000, 1)
	got, err := r.finish(t, "")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range got.LargeFiles {
		lines = append(lines, fmt.Sprintf("%d %s %s", f.Size, f.Ref, f.Path))
	}
	if want := []string{"2000 refs/tags/deep folder/file", "1500 refs/tags/long "}; fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

// TestMissingNamesItsNamer: what names a missing object is told, whatever it is.
func TestMissingNamesItsNamer(t *testing.T) {
	d := drive(t, Options{})
	tree := d.must(object.Tree, "")
	missing := object.FromBytes(object.SHA1, fakeID(9))
	child := d.must(object.Commit, fmt.Sprintf("tree %s\nparent %s\n%s", tree, missing, line))
	_, err := d.s.Finish(t.Context(), nil, []repo.Ref{{Name: "refs/heads/x", ID: child}}, "")
	if want := fmt.Sprintf("the source's commit %s names as a commit, is missing", child); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
