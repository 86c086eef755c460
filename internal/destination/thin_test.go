package destination

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// alikes is a likeness of what a fast-import stream adds to another, whose objects the destination has.
func alikes(t testing.TB, had, more string) (l *likeness, now func(path string) object.ID) {
	t.Helper()
	w := &world{t: t, source: filepath.Join(t.TempDir(), "source.git")}
	testenv.Empty(t, w.source, "sha1")
	testenv.GitIn(t, w.source, strings.NewReader(had), "fast-import", "--quiet")
	var err error
	w.from, err = repo.Init(filepath.Join(t.TempDir(), "from.git"), object.SHA1)
	must(t, err)
	w.take(w.from, "refs/heads/main")
	old, err := w.from.PackNames()
	must(t, err)
	testenv.GitIn(t, w.source, strings.NewReader(more), "fast-import", "--quiet")
	w.take(w.from, "refs/heads/new", "^refs/heads/main")
	objects, err := w.from.Objects()
	must(t, err)
	t.Cleanup(objects.Close)
	l = &likeness{objects: objects, format: object.SHA1, left: thinRead, like: map[object.ID]object.ID{}, looked: map[object.ID]bool{}}
	for name, p := range objects.Named() {
		if !slices.Contains(old, name) {
			l.parts = append(l.parts, pack.Part{Pack: p})
		}
	}
	l.has = func(id []byte) bool {
		return slices.ContainsFunc(objects.Holders(object.FromBytes(object.SHA1, id)), func(name string) bool { return slices.Contains(old, name) })
	}
	return l, func(path string) object.ID {
		return parse(t, strings.TrimSpace(testenv.Git(t, w.source, "rev-parse", path)))
	}
}

// file is a change of a file in a fast-import stream.
func file(path, text string) string {
	return fmt.Sprintf("M 100644 inline %s\ndata %d\n%s\n", path, len(text), text)
}

func commit(ref, from string, files ...string) string {
	if from != "" {
		from = "from " + from + "\n"
	}
	return fmt.Sprintf("commit %s\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n%s%s\n", ref, 1_700_000_000+len(files), from, strings.Join(files, ""))
}

// TestLikeness finds for each version of a file the one that the destination has, through versions between them, on
// ways that go round in a circle, and not for what has none.
func TestLikeness(t *testing.T) {
	t.Parallel()
	text := func(n int) string { return strings.Repeat("a line of a file\n", 20) + fmt.Sprint(n) }
	more := commit("refs/heads/new", "refs/heads/main^0", file("src/a", text(1)), file("other", text(100)))
	for n := 2; n < 30; n++ {
		more += commit("refs/heads/new", "", file("src/a", text(n)))
	}
	for _, n := range []int{5, 9, 5, 9} { // back and forth
		more += commit("refs/heads/new", "", file("src/a", text(n)))
	}
	l, now := alikes(t, commit("refs/heads/main", "", file("src/a", text(0)), file("gone", text(50))), more)
	l.commits()
	for n := range 33 {
		at := fmt.Sprintf("refs/heads/new~%d:src", n)
		for path, want := range map[string]object.ID{at: now("refs/heads/main:src"), at + "/a": now("refs/heads/main:src/a")} {
			like, before, data, ok := l.find(now(path))
			if !ok {
				continue // only round in a circle
			}
			if like != want || len(before) == 0 || bytes.Equal(before, data) {
				t.Errorf("%s is like %s, not %s (%d bytes, %d before)", path, like, want, len(data), len(before))
			}
		}
	}
	for _, n := range []int{32, 31, 29} { // before it goes back and forth
		if _, _, _, ok := l.find(now(fmt.Sprintf("refs/heads/new~%d:src/a", n))); !ok {
			t.Errorf("nothing is like the file %d commits ago", n)
		}
	}
	if like, _, _, ok := l.find(now("refs/heads/new:other")); ok {
		t.Errorf("a file that is new altogether is like %s", like)
	}
}

// TestLikenessCircle has objects that are like one another alone.
func TestLikenessCircle(t *testing.T) {
	t.Parallel()
	l, now := alikes(t, commit("refs/heads/main", "", file("a", "0")), commit("refs/heads/new", "refs/heads/main^0", file("b", "1"), file("c", "2"), file("d", "3")))
	b, c, d := now("refs/heads/new:b"), now("refs/heads/new:c"), now("refs/heads/new:d")
	l.like[b], l.like[c], l.like[d] = c, b, b
	for _, id := range []object.ID{d, b, c} {
		if like, _, _, ok := l.find(id); ok {
			t.Errorf("%s is like %s", id, like)
		}
	}
	l.like[b], l.like[c], l.like[d] = now("refs/heads/main:a"), b, c
	if like, before, data, ok := l.find(d); !ok || string(before) != "0" || string(data) != "3" {
		t.Errorf("%s is like %s: %q, %q, %v", d, like, before, data, ok)
	}
	if l.like[d] != l.like[b] || l.like[c] != l.like[b] {
		t.Error("the way is as long as before")
	}
}

// TestLikenessIsBounded looks at wide trees, trees far down in one another, and large files no longer than it may.
func TestLikenessIsBounded(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("d/", 3000) + "f"
	had, more := file(deep, "far down"), file(deep, "further")
	for n := range 3000 {
		had += file(fmt.Sprintf("wide/%d", n), fmt.Sprint(n))
		more += file(fmt.Sprintf("wide/%d", n), fmt.Sprint(n+1))
	}
	large := strings.Repeat("0123456789abcdef", thinObject/16)
	stream := commit("refs/heads/new", "refs/heads/main^0", more, file("large", large+"1"))
	for n := range 50 {
		stream += commit("refs/heads/new", "", file("wide/0", fmt.Sprintf("%d, once more", n)))
	}
	l, now := alikes(t, commit("refs/heads/main", "", had, file("large", large+"0")), stream)
	l.commits()
	read := thinRead - l.left
	if _, _, _, ok := l.find(now("refs/heads/new:" + deep)); !ok {
		t.Error("nothing is like a file far down")
	}
	if _, _, _, ok := l.find(now("refs/heads/new:wide")); !ok {
		t.Error("nothing is like a wide tree")
	}
	if _, _, _, ok := l.find(now("refs/heads/new:large")); ok {
		t.Error("a large file was read")
	}
	clear(l.like)
	clear(l.looked)
	l.left = read / 10
	l.commits()
	if l.left > 0 {
		t.Errorf("%d bytes may be read still, after %d trees", l.left, len(l.looked))
	}
	if _, _, _, ok := l.find(now("refs/heads/new:wide")); ok {
		t.Error("more is read than may be")
	}
}

// BenchmarkLikeness compares wide trees that differ in one file.
func BenchmarkLikeness(b *testing.B) {
	var had, more strings.Builder
	for n := range 20_000 {
		had.WriteString(file(fmt.Sprintf("file-%d", n), fmt.Sprint(n)))
	}
	more.WriteString(commit("refs/heads/new", "refs/heads/main^0", file("file-1", "new")))
	for n := range 20 {
		more.WriteString(commit("refs/heads/new", "", file(fmt.Sprintf("file-%d", 100*n), "new, too")))
	}
	l, _ := alikes(b, commit("refs/heads/main", "", had.String()), more.String())
	b.ReportAllocs()
	for b.Loop() {
		clear(l.like)
		clear(l.looked)
		l.left = thinRead
		l.commits()
		b.SetBytes(thinRead - l.left)
	}
}
