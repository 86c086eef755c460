package rewrite_test

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"

	"pgregory.net/rapid"
)

// files is a folder of a generated history; a folder in it has the mode of one.
type files map[string]node

type node struct {
	mode  string
	text  string // of a file; the id of a submodule, in hex
	below files  // of a folder
}

var (
	largeNames = []string{
		"a.bin", "b.dat", "big file.bin", "é.bin", "[x]*.dat", "#h", "!n.bin", `q"uote`, "t\tab.bin", `back\slash.dat`, "\xff.bin", "-dash", "trail ", "[attr]x", ".gitignore", ".lfsconfig", "readme",
	}
	largeFolders = []string{"d", "sub", "a b", "é", "d.x", "[f]"}

	// What .gitattributes say: nothing of the filter, that files are of Git LFS, that they are not,
	// by macros too, and with line ends and without.
	largeRules = []string{
		"*.txt text\n", "*.bin filter=lfs diff=lfs merge=lfs -text\n", "*.dat -filter\n", "[attr]big filter=lfs -text\n*.bin big\n", "* !filter\n", "*.bin -big\n", "b.dat filter=other",
		"\"big file.bin\" filter=lfs", "*.bin filter=lfs\na.bin -filter\n", "*.bin filter=lfs\r\n", "", "# nothing", "/d/** filter=lfs\n", "a.bin !big\nb.dat big\n",
		"\"[attr]big\" text filter=lfs\n*.dat big\n", "[attr]big text\na.bin big\n", "\xef\xbb\xbf# marked\n*.bin filter=lfs\n",
	}
	largePatterns = [][]string{nil, {"*.dat"}, {"/d/"}, {"sub/", "/a.bin"}, {"**/d/*.bin"}, {"readme", `\#h`, ".gitattributes", ".lfsconfig"}, {"**"}}
)

// largeOver is the size over which files are large in generated histories, bytes.
const largeOver = 500

// content draws a file: large ones are alike, so that they are deltas of one another, and so are
// some of the others.
func (w *world) content() string {
	text := strings.Repeat(pick(w, "one line\n", "some other line\n"), 30)
	n := fmt.Sprint(w.upTo(9))
	switch w.upTo(9) {
	case 0:
		return ""
	case 1, 2, 3, 4:
		return text + n + strings.Repeat(text, 2)
	case 5:
		return text + n
	case 6:
		return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%064x\nsize 12345\n", w.upTo(3))
	}
	return "small " + n + "\n"
}

// change changes a folder at some place.
func (w *world) change(in files, depth int) {
	if depth > 0 && w.often(2) {
		name := pick(w, largeFolders...)
		folder := in[name].below
		if folder == nil {
			folder = files{}
		}
		in[name] = node{mode: "40000", below: maps.Clone(folder)}
		w.change(in[name].below, depth-1)
		if len(in[name].below) == 0 {
			delete(in, name)
		}
		return
	}
	name := pick(w, largeNames...)
	switch w.upTo(9) {
	case 0:
		delete(in, name)
	case 1:
		in[".gitattributes"] = node{mode: "100644", text: pick(w, largeRules...)}
	case 2:
		in["link"] = node{mode: "120000", text: pick(w, w.content(), "a.bin")}
	case 3:
		in["module"] = node{mode: "160000", text: strings.Repeat("1", 2*w.format.Size())}
	case 4: // a file moves, or comes to be a second time
		for _, from := range sortedKeys(in) {
			if file := in[from]; file.below == nil && !strings.HasPrefix(from, ".git") && file.mode[:3] == "100" {
				in[name] = file
				if w.often(2) && from != name {
					delete(in, from)
				}
				break
			}
		}
	default:
		in[name] = node{mode: pick(w, "100644", "100644", "100755", choose(w.tame, "100644", "100664")), text: w.content()}
	}
}

// put adds a folder's objects.
func (w *world) put(in files) object.ID {
	entries := map[string]string{}
	for name, f := range in {
		var id object.ID
		switch {
		case f.below != nil:
			id = w.put(f.below)
			name += "/"
		case f.mode == "160000":
			sum, err := hex.DecodeString(f.text)
			if err != nil {
				panic(err)
			}
			id = object.FromBytes(w.format, sum)
		default:
			id = w.add(object.Blob, f.text)
		}
		entries[name] = fmt.Sprintf("%s %s\x00%s", f.mode, strings.TrimSuffix(name, "/"), id.Bytes())
	}
	var b strings.Builder
	for _, name := range sortedKeys(entries) {
		b.WriteString(entries[name])
	}
	return w.add(object.Tree, b.String())
}

// newLargeWorld draws a history with large files.
func newLargeWorld(t *rapid.T) *world {
	w := &world{T: t, tame: rapid.Bool().Draw(t, "tame"), format: pick(&world{T: t}, object.SHA1, object.SHA1, object.SHA256), named: map[object.ID]object.Type{}}
	root := files{}
	for range 2 + w.upTo(8) {
		root = maps.Clone(root)
		for range 1 + w.upTo(4) {
			w.change(root, 2)
		}
		tree := w.put(root)
		id := w.add(object.Commit, fmt.Sprintf("tree %s\n%sauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nchange %d\n", tree, w.parents(), len(w.commits)))
		w.commits, w.named[id], w.named[tree] = append(w.commits, id), object.Commit, object.Tree
	}
	w.ref("refs/heads/b", w.commits[len(w.commits)-1])
	w.ref("refs/heads/other", pick(w, w.commits...))
	for _, o := range w.objects {
		if o.kind == object.Blob && w.often(4) {
			w.named[o.id] = object.Blob
		}
	}
	for range w.upTo(6) {
		what := pick(w, sortedIDs(w.named)...)
		id := w.add(object.Tag, fmt.Sprintf("object %s\ntype %s\ntag v%d\ntagger A <a@x> 1 +0000\n\na tag\n", what, w.named[what], len(w.objects)))
		w.named[id] = object.Tag
		w.ref("refs/tags/t", id)
	}
	if w.often(3) {
		w.ref("refs/tags/direct", pick(w, sortedIDs(w.named)...))
	}
	if w.often(2) {
		note := w.add(object.Blob, pick(w, w.content(), strings.Repeat("a long note\n", 99)))
		notes := w.add(object.Tree, fmt.Sprintf("100644 %s\x00%s", pick(w, w.commits...), note.Bytes()))
		w.refs = append(w.refs, repo.Update{Name: "refs/notes/commits", New: w.add(object.Commit, fmt.Sprintf("tree %s\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nnotes\n", notes))})
	}
	return w
}

// packed makes a repository of the objects with a pack of history and one or more of content, as raw ones
// have; git makes deltas.
func (w *world) packed(t *testing.T) history {
	t.Helper()
	loose := w.save(t, 1, inOne)
	r, err := repo.Init(filepath.Join(t.TempDir(), "raw.git"), w.format)
	if err != nil {
		t.Fatal(err)
	}
	lists := make([]strings.Builder, pick(w, 2, 2, 4))
	for n, o := range w.objects {
		if o.kind == object.Commit || o.kind == object.Tag {
			fmt.Fprintln(&lists[0], o.id)
			continue
		}
		fmt.Fprintln(&lists[1+n%(len(lists)-1)], o.id)
		if w.often(5) {
			fmt.Fprintln(&lists[len(lists)-1], o.id)
		}
	}
	for n := range lists {
		if lists[n].Len() > 0 {
			testenv.GitIn(t, loose.Dir(), strings.NewReader(lists[n].String()), "pack-objects", "-q", "--window=50", filepath.Join(r.Dir(), "objects/pack/pack"))
		}
	}
	if err := r.Update(w.refs); err != nil {
		t.Fatal(err)
	}
	return open(t, r.Dir())
}

// settle gives the result of a rewrite those packs of from that it keeps, and nothing else.
func settle(t *testing.T, from history, to rewritten) {
	t.Helper()
	gone := map[string]bool{}
	for _, name := range to.result.Replaced {
		gone[name] = true
	}
	if err := os.Remove(filepath.Join(to.Dir(), "objects/info/alternates")); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(from.Dir(), "objects/pack/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		base := filepath.Base(file)
		if gone[strings.TrimSuffix(base, filepath.Ext(base))] {
			continue
		}
		if err := os.Link(file, filepath.Join(to.Dir(), "objects/pack", base)); err != nil {
			t.Fatal(err)
		}
	}
}
