package history_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/testenv"
)

// heap is Scratch out of the heap.
func heap(size int64) ([]byte, func(), error) { return make([]byte, size), func() {}, nil }

// source reads the packs of a repository, and its loose commits and tags with git.
func source(t testing.TB, dir string, f object.Format) history.Source {
	t.Helper()
	s := history.Source{Format: f, Scratch: heap, Workers: 2}
	for _, name := range packs(t, dir) {
		s.Packs = append(s.Packs, open(t, name, f))
	}
	loose, _ := filepath.Glob(filepath.Join(dir, "objects/[0-9a-f][0-9a-f]/*"))
	for _, path := range loose {
		id, err := object.ParseID(filepath.Base(filepath.Dir(path)) + filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := object.ParseType(testenv.Git(t, dir, "cat-file", "-t", id.String()))
		if kind == object.Commit || kind == object.Tag {
			s.Loose = append(s.Loose, history.Loose{ID: id, Type: kind, Data: read(t, dir, id)})
		}
	}
	return s
}

func packs(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func open(t testing.TB, name string, f object.Format) *pack.Pack {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(strings.TrimSuffix(name, "pack") + "idx")
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Open(b, index, f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// read reads an object with git.
func read(t testing.TB, dir string, id object.ID) []byte {
	t.Helper()
	out := testenv.GitIn(t, dir, strings.NewReader(id.String()+"\n"), "cat-file", "--batch")
	_, data, _ := strings.Cut(out+"\n", "\n")
	return []byte(strings.TrimSuffix(data, "\n"))
}

// list returns the ids of all commits and tags git finds, sorted.
func list(t testing.TB, dir string) []string {
	t.Helper()
	var ids []string
	for line := range strings.Lines(testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")) {
		if kind, id, _ := strings.Cut(strings.TrimSpace(line), " "); kind == "commit" || kind == "tag" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// scatter makes the rich repository with its history in two packs, one of them of everything, and loose
// objects, some of which are in a pack as well.
func scatter(t testing.TB, format string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rich.git")
	testenv.Rich(t, dir, format)
	objects := testenv.Objects(t, dir)
	testenv.GitIn(t, dir, strings.NewReader(strings.Join(objects[:len(objects)/2], "\n")), "pack-objects", "-q", filepath.Join(dir, "objects/pack/pack"))
	testenv.Git(t, dir, "-c", "gc.auto=0", "update-ref", "refs/heads/more", testenv.Git(t, dir, "commit-tree", "-p", "trunk", "-m", "more", "trunk^{tree}"))
	testenv.Git(t, dir, "tag", "-a", "-m", "m", "more", "more")
	b := readFile(t, packs(t, dir)[0])
	other := filepath.Join(t.TempDir(), "other.git")
	testenv.Empty(t, other, format)
	testenv.GitIn(t, other, bytes.NewReader(b), "unpack-objects", "-q")
	for _, id := range list(t, other)[:3] {
		path := filepath.Join("objects", id[:2], id[2:])
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "objects", id[:2]), 0o755), os.Rename(filepath.Join(other, path), filepath.Join(dir, path))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	for _, name := range []string{"sha1", "sha256"} {
		t.Run(name, func(t *testing.T) {
			dir := scatter(t, name)
			f, _ := object.ParseFormat(name)
			s := source(t, dir, f)
			if len(s.Packs) < 2 || len(s.Loose) < 4 {
				t.Fatalf("%d packs, %d loose", len(s.Packs), len(s.Loose))
			}
			g, err := history.Read(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			want := list(t, dir)
			if g.Len() != len(want) || !g.Complete() {
				t.Fatalf("%d objects, want %d; complete: %v", g.Len(), len(want), g.Complete())
			}
			commits := int64(0)
			for n := range uint32(g.Len()) {
				if got := g.ID(n).String(); got != want[n] || !bytes.Equal(g.IDBytes(n), g.ID(n).Bytes()) {
					t.Errorf("object %d is %s, want %s", n, got, want[n])
				}
				if found, ok := g.Find(g.ID(n)); !ok || found != n {
					t.Errorf("Find of %d says %d, %v", n, found, ok)
				}
				if g.Type(n) == object.Commit {
					commits++
				}
				check(t, dir, g, n)
			}
			if g.Commits() != commits {
				t.Errorf("%d commits, counted %d", g.Commits(), commits)
			}
		})
	}
}

// check holds one object of the graph against what git says of it.
func check(t *testing.T, dir string, g *history.Graph, n uint32) {
	t.Helper()
	data := read(t, dir, g.ID(n))
	if !bytes.Equal(g.Bytes(n), data) {
		t.Errorf("%s is %q, want %q", g.ID(n), g.Bytes(n), data)
	}
	var parents, people []string
	head, _, _ := strings.Cut(string(data), "\n\n")
	for line := range strings.Lines(head + "\n") {
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); key {
		case "parent", "object":
			parents = append(parents, value)
		case "author", "committer", "tagger":
			people = append(people, value)
		}
	}
	links := g.Parents(n)
	if links.Len() != len(parents) {
		t.Fatalf("%s has %d parents, want %d", g.ID(n), links.Len(), len(parents))
	}
	for i, want := range parents {
		kind := testenv.Git(t, dir, "cat-file", "-t", want)
		if at := links.At(i); (at == history.None) != (kind == "tree" || kind == "blob") || at != history.None && g.ID(at).String() != want {
			t.Errorf("parent %d of %s is number %d, want %s, a %s", i, g.ID(n), at, want, kind)
		}
	}
	numbers := []uint32{g.Author(n), g.Committer(n)}
	if g.Type(n) == object.Tag || len(people) == 1 {
		numbers = numbers[1:]
	}
	for i, want := range people {
		if who := g.Identities()[numbers[i]]; !strings.Contains(want, who.Name) || !strings.Contains(want, who.Mail) {
			t.Errorf("%q of %s is %+v", want, g.ID(n), who)
		}
	}
}

// TestEntry copies the stored entries of all objects into a pack of their own, in the order of Stored.
func TestEntry(t *testing.T) {
	for _, name := range []string{"sha1", "sha256"} {
		dir := filepath.Join(t.TempDir(), "from.git")
		testenv.FromStream(t, dir, name, longMessages(100))
		testenv.Git(t, dir, "repack", "-adfq", "--depth=20", "--window=50")
		f, _ := object.ParseFormat(name)
		g, err := history.Read(t.Context(), source(t, dir, f))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		to := filepath.Join(t.TempDir(), "to.pack")
		deltas := copyEntries(t, g, to)
		if deltas == 0 {
			t.Error("no entry is a delta")
		}
		testenv.Git(t, "", "index-pack", "--object-format="+name, "-o", to+".idx", to)
		if a, b := readFile(t, to+".ours"), readFile(t, to+".idx"); !bytes.Equal(a, b) {
			t.Errorf("%s: git makes another index", name)
		}
	}
}

// longMessages is a history of commits that are worth being deltas of each other.
func longMessages(commits int) string {
	var s strings.Builder
	for n := range commits {
		message := fmt.Sprint(n, " ", strings.Repeat("the same words over and over again\n", 40), n)
		fmt.Fprintf(&s, "commit refs/heads/trunk\ncommitter A <a> %d +0000\ndata %d\n%s\n\n", n, len(message), message)
	}
	return s.String()
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func copyEntries(t *testing.T, g *history.Graph, to string) (deltas int) {
	t.Helper()
	file, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	index, err := os.Create(to + ".ours")
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	w, err := pack.NewWriter(file, pack.WriterOptions{Format: g.Format(), Objects: int64(g.Len()), Scratch: heap})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	at := map[uint32]uint32{}
	for _, n := range g.Stored() {
		e, base, ok, err := g.Entry(n)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", g.ID(n), ok, err)
		}
		if e.Base < 0 {
			at[n], err = w.Add(g.Type(n), g.ID(n), e.Stored, e.Stream)
		} else {
			deltas++
			from, ok := at[base]
			if !ok {
				t.Fatalf("%s comes before %s, which it is made from", g.ID(n), g.ID(base))
			}
			at[n], err = w.AddDelta(g.Type(n), g.ID(n), from, e.Stored, e.Stream)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	return deltas
}

func TestComplete(t *testing.T) {
	g, ids := made(t, nil, []int{0}, []int{1})
	n, _ := g.Find(ids[1])
	tag := fmt.Sprintf("object %s\ntype commit\ntag v\n\nm", ids[0])
	for _, c := range []struct {
		name  string
		loose history.Loose
		want  bool
	}{
		{"a commit without its parent", history.Loose{ID: ids[1], Type: object.Commit, Data: g.Bytes(n)}, false},
		{"a tag without its commit", history.Loose{ID: ids[2], Type: object.Tag, Data: []byte(tag)}, false},
		{"a tag of a tree", history.Loose{ID: ids[2], Type: object.Tag, Data: []byte(strings.Replace(tag, "commit", "tree", 1))}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := history.Read(t.Context(), history.Source{Scratch: heap, Workers: 1, Loose: []history.Loose{c.loose}})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if g.Complete() != c.want || g.Parents(0).At(0) != history.None {
				t.Errorf("complete: %v, parent %d", g.Complete(), g.Parents(0).At(0))
			}
		})
	}
}

// TestOdd finds whom Git does not look for.
func TestOdd(t *testing.T) {
	head := "tree " + object.SHA1.Zero().String() + "\nauthor A <a> 1 +0000\n"
	tag := "object " + object.SHA1.Zero().String() + "\ntype tree\ntag v\n"
	for _, c := range []struct {
		kind object.Type
		data string
		want bool
	}{
		{object.Commit, head + "committer A <a> 1 +0000\nx y\n\nauthor B <b>\ncommitter B <b>\n", false},
		{object.Commit, head + "committer A <a> 1 +0000\nx\n author B <b>\n\nm", false},
		{object.Commit, head + "author B <b> 1 +0000\ncommitter A <a> 1 +0000\n\nm", true},
		{object.Commit, head + "committer A <a> 1 +0000\nauthor B <b> 1 +0000\n\nm", true},
		{object.Commit, head + "committer A <a> 1 +0000\nx y\ncommitter B <b> 1 +0000\n\nm", true},
		{object.Commit, head + "committer A <a> 1 +0000\ncommitter B <b> 1 +0000", true},
		{object.Commit, head, true},
		{object.Commit, "author A <a> 1 +0000\n", true},
		{object.Tag, tag + "tagger A <a> 1 +0000\n\ntagger B <b> 1 +0000\n", false},
		{object.Tag, tag + "tagger A <a> 1 +0000\nx y\ntagger B <b> 1 +0000\n\nm", true},
		{object.Tag, tag + "\ntagger B <b> 1 +0000\n", true},
		{object.Tag, "tagger A <a> 1 +0000\n", true},
	} {
		g, err := history.Read(t.Context(), history.Source{Scratch: heap, Workers: 1, Loose: []history.Loose{{Type: c.kind, Data: []byte(c.data)}}})
		if err != nil {
			t.Fatal(err)
		}
		if g.Odd(0) != c.want {
			t.Errorf("%q is odd: %v, want %v", c.data, g.Odd(0), c.want)
		}
		g.Close()
	}
}

// TestDamage breaks bytes of a pack and its index in turn: what comes of it is read, or is an error that says so.
func TestDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rich.git")
	testenv.Rich(t, dir, "sha1")
	name := packs(t, dir)[0]
	b, index := readFile(t, name), readFile(t, strings.TrimSuffix(name, "pack")+"idx")
	wrong := 0
	for i := 0; i < len(b)+len(index); i += 1 + min(i/40, 6) {
		pb, ib := bytes.Clone(b), bytes.Clone(index)
		if i < len(b) {
			pb[i] ^= 0x55
		} else {
			ib[i-len(b)] ^= 0x55
		}
		p, err := pack.Open(pb, ib, object.SHA1)
		if err == nil {
			var g *history.Graph
			if g, err = history.Read(t.Context(), history.Source{Packs: []*pack.Pack{p}, Scratch: heap, Workers: 1}); err == nil {
				g.Close()
				continue
			}
		}
		if wrong++; !errors.Is(err, pack.ErrCorrupt) && !errors.As(err, new(*pack.LimitError)) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	if wrong == 0 {
		t.Error("no damage was found")
	}
}

func TestNoMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rich.git")
	testenv.Rich(t, dir, "sha1")
	s := source(t, dir, object.SHA1)
	full := errors.New("disk full")
	for calls := range 20 {
		taken, given := 0, 0
		s.Scratch = func(size int64) ([]byte, func(), error) {
			if taken == calls {
				return nil, nil, full
			}
			taken++
			return make([]byte, size), func() { given++ }, nil
		}
		g, err := history.Read(t.Context(), s)
		if err == nil {
			g.Close()
		}
		if given != taken || err != nil && !errors.Is(err, full) || calls == 0 && err == nil {
			t.Errorf("after %d: %v; %d pieces taken, %d given back", calls, err, taken, given)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "from.git")
	testenv.Synthetic(b, dir, "sha1", testenv.Size{Commits: 3000})
	s := source(b, dir, object.SHA1)
	b.ReportAllocs()
	for b.Loop() {
		g, err := history.Read(b.Context(), s)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := g.Order(b.Context(), g.Reach(nil), nil); err != nil {
			b.Fatal(err)
		}
		g.Close()
	}
}
