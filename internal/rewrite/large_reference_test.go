package rewrite_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// largeReference says plainly what is to become of large files, and compares it with what did:
// objects are strings, ids are hex, attributes are asked of git.
type largeReference struct {
	t        *testing.T
	from, to string // the repositories
	old, now map[string]raw
	removes  bool
	renames  bool            // A <a@x> becomes B <b@y>
	matches  map[string]bool // paths that the patterns choose

	chosen  map[string]bool // blobs
	kept    map[string]bool // blobs
	removed map[string]bool // paths
	faults  []string
}

func (r *largeReference) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// entry is one of a tree: mode and name as they stand there.
type entry struct{ mode, name, id string }

func entriesOf(data string, size int) (list []entry) {
	for data != "" {
		head, rest, _ := strings.Cut(data, "\x00")
		mode, name, _ := strings.Cut(head, " ")
		list = append(list, entry{mode, name, hex.EncodeToString([]byte(rest[:size]))})
		data = rest[size:]
	}
	return list
}

func (r *largeReference) entries(of map[string]raw, id string) []entry {
	o, ok := of[id]
	if !ok {
		r.t.Fatalf("tree %s is missing", id)
	}
	return entriesOf(o.data, len(id)/2)
}

func isFolder(mode string) bool { return strings.TrimLeft(mode, "0") == "40000" }

var largePointer = regexp.MustCompile(`^version https://git-lfs.github.com/spec/v1\noid sha256:[0-9a-f]{64}\nsize [0-9]+\n$`)

// chooses tells whether an entry of a tree is converted or removed.
func (r *largeReference) chooses(e entry, path string) bool {
	text := r.old[e.id].data
	large := len(text) > largeOver
	switch {
	case e.mode == "160000" || slices.Contains([]string{".gitattributes", ".gitignore", ".gitmodules", ".lfsconfig"}, e.name):
		return false
	case e.mode == "120000":
		return r.removes && large
	case text == "" || largePointer.MatchString(text):
		return false
	}
	return large || r.matches[path]
}

// pointer is what a blob becomes.
func (r *largeReference) pointer(id string) string {
	text := r.old[id].data
	return sum(len(id), "blob", fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%x\nsize %d\n", sha256.Sum256([]byte(text)), len(text)))
}

// tree is what came of one below a root.
type tree struct {
	pointers map[string]bool      // paths
	rules    map[string][2]string // .gitattributes by folder, before and after, where they changed
	changed  bool
}

// compare compares a tree with what became of it, entry by entry; now is "" for one that went.
func (r *largeReference) compare(old, now, prefix string, into *tree) (left int) {
	var got []entry
	if now != "" {
		got = r.entries(r.now, now)
	}
	rest := map[string]entry{}
	for _, e := range got {
		rest[e.name] = e
	}
	for _, e := range r.entries(r.old, old) {
		g, there := rest[e.name]
		delete(rest, e.name)
		path := prefix + e.name
		switch {
		case isFolder(e.mode):
			if n := r.compare(e.id, g.id, path+"/", into); n == 0 && len(r.entries(r.old, e.id)) > 0 {
				if there {
					r.fault("empty folder %q is left", path)
				}
				continue
			}
		case r.chooses(e, path):
			r.chosen[e.id], into.changed = true, true
			if r.removes {
				if r.removed[path] = true; there {
					r.fault("%q is left", path)
				}
				continue
			}
			if into.pointers[path] = true; g.id != r.pointer(e.id) {
				r.fault("%q became %s %q", path, g.id, r.now[g.id].data)
			}
		case e.name == ".gitattributes" && g.id != e.id && there:
			into.rules[prefix] = [2]string{r.old[e.id].data, r.now[g.id].data}
		default:
			if r.kept[e.id] = true; g.id != e.id {
				r.fault("%q became %q", path, g.id)
			}
		}
		if left++; !there || g.mode != e.mode {
			r.fault("%q: mode %q, want %q", path, g.mode, e.mode)
		}
	}
	for name, g := range rest {
		if name != ".gitattributes" || g.mode != "100644" {
			r.fault("%q is new", prefix+name)
		}
		into.rules[prefix] = [2]string{"", r.now[g.id].data}
	}
	r.order(got, prefix)
	return left
}

// order checks that entries stand as git wants them.
func (r *largeReference) order(list []entry, prefix string) {
	key := func(e entry) string {
		if isFolder(e.mode) {
			return e.name + "/"
		}
		return e.name
	}
	if !slices.IsSortedFunc(list, func(a, b entry) int { return strings.Compare(key(a), key(b)) }) {
		r.fault("entries of %q are out of order", prefix)
	}
}

// root compares the tree of a commit, or one that a tag or ref names.
func (r *largeReference) root(old, now string) {
	into := &tree{pointers: map[string]bool{}, rules: map[string][2]string{}}
	r.compare(old, now, "", into)
	if !into.changed && old != now {
		r.fault("tree %s became %s, and nothing is to change", old, now)
	}
	r.attributes(old, now, into)
}

var ourLine = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|[^" \t]\S*)[ \t].*filter=lfs`)

// attributes checks that lines are added for exactly the pointers that need one, and that git
// takes them so.
func (r *largeReference) attributes(old, now string, into *tree) {
	paths := r.paths(r.now, now, "")
	before, after := r.filters(r.from, old, paths), r.filters(r.to, now, paths)
	added := map[string]bool{}
	for folder, texts := range into.rules {
		was := texts[0]
		if was != "" && !strings.HasSuffix(was, "\n") {
			was += "\n"
		}
		lines, ok := strings.CutPrefix(texts[1], was)
		if !ok || lines == "" || folder != "" && was == "" {
			r.fault(".gitattributes of %q was %q and is %q", folder, texts[0], texts[1])
		}
		for line := range strings.Lines(lines) {
			path := folder + r.named(line)
			if added[path] || !into.pointers[path] || before[path] == "lfs" {
				r.fault(".gitattributes of %q: line %q (filter was %q)", folder, line, before[path])
			}
			added[path] = true
		}
	}
	for _, path := range paths {
		switch {
		case into.pointers[path] && (after[path] != "lfs" || !added[path] && before[path] != "lfs"):
			r.fault("%q is a pointer, its filter was %q and is %q: %q", path, before[path], after[path], into.rules)
		case !into.pointers[path] && after[path] != before[path]:
			r.fault("%q is no pointer, its filter was %q and is %q: %q", path, before[path], after[path], into.rules)
		}
	}
}

// named gives the path of a line for exactly one.
func (r *largeReference) named(line string) string {
	m := ourLine.FindStringSubmatch(line)
	if m == nil {
		r.fault("line %q", line)
		return ""
	}
	text := m[1]
	if text[0] == '"' {
		text = regexp.MustCompile(`\\([0-7]{3}|.)`).ReplaceAllStringFunc(text[1:len(text)-1], func(s string) string {
			if len(s) == 2 {
				return s[1:]
			}
			return string([]byte{(s[1]-'0')<<6 | (s[2]-'0')<<3 | (s[3] - '0')})
		})
	}
	path, ok := strings.CutPrefix(regexp.MustCompile(`(?s)\\(.)`).ReplaceAllString(text, "$1"), "/")
	if !ok {
		r.fault("line %q is not anchored", line)
	}
	return path
}

// paths lists the files below a tree.
func (r *largeReference) paths(of map[string]raw, id, prefix string) (list []string) {
	for _, e := range r.entries(of, id) {
		if isFolder(e.mode) {
			list = append(list, r.paths(of, e.id, prefix+e.name+"/")...)
		} else {
			list = append(list, prefix+e.name)
		}
	}
	return list
}

// filters asks git for the filter of files when a tree is what there is.
func (r *largeReference) filters(dir, tree string, paths []string) map[string]string {
	of := map[string]string{}
	if len(paths) == 0 {
		return of
	}
	testenv.Git(r.t, dir, "read-tree", tree)
	out := testenv.GitIn(r.t, dir, strings.NewReader(strings.Join(paths, "\x00")+"\x00"), "check-attr", "--cached", "-z", "--stdin", "filter")
	list := strings.Split(out, "\x00")
	for i := 2; i < len(list); i += 3 {
		of[list[i-2]] = list[i]
	}
	return of
}

// matching asks git which of the paths patterns choose, by way of a .gitattributes of their own.
func matching(t *testing.T, patterns []string, paths map[string]bool) map[string]bool {
	t.Helper()
	chosen := map[string]bool{}
	if len(patterns) == 0 || len(paths) == 0 {
		return chosen
	}
	var text strings.Builder
	for _, p := range patterns {
		if folder, ok := strings.CutSuffix(p, "/"); ok {
			if p = folder + "/**"; !strings.Contains(folder, "/") {
				p = "**/" + p
			}
		}
		text.WriteString(p + " chosen\n")
	}
	dir := t.TempDir()
	testenv.Git(t, dir, "init", "-q")
	if err := os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	in := strings.Join(slices.Sorted(maps.Keys(paths)), "\x00") + "\x00"
	list := strings.Split(testenv.GitIn(t, dir, strings.NewReader(in), "check-attr", "-z", "--stdin", "chosen"), "\x00")
	for i := 2; i < len(list); i += 3 {
		chosen[list[i-2]] = list[i] == "set"
	}
	return chosen
}
