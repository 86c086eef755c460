package rewrite

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// notesPrefix is where refs lie whose trees name commits (git-notes).
const notesPrefix = "refs/notes/"

// maxNotesTrees bounds the trees that rewriting notes may make.
const maxNotesTrees = 16 << 20

func isNotes(r repo.Ref) bool { return strings.HasPrefix(r.Name, notesPrefix) }

// rewriteNotes goes through the commits that only refs of notes reach. Their trees name what
// they annotate, which was decided before.
func (p *pass) rewriteNotes(ctx context.Context, noted history.Set) error {
	order, err := p.graph.Order(ctx, noted, nil)
	if err != nil {
		return err
	}
	t := &notes{pass: p, noted: noted, root: &folder{}, known: map[string]bool{}}
	for _, n := range order {
		tree, err := t.follow(n)
		if err != nil {
			return fmt.Errorf("notes of commit %s: %w", p.graph.ID(n), err)
		}
		if err := p.next(ctx, n, func(object.ID) object.ID { return tree }); err != nil {
			return err
		}
	}
	return nil
}

// notes is the tree of a commit of notes as it is to be: names of objects in folders by
// their first digits (git-notes, "fan-out"). It is led from one commit's tree to the
// next by what differs between them.
type notes struct {
	*pass
	noted   history.Set
	at      object.ID // the old tree it stands for, zero for an empty one
	root    *folder
	renamed int             // notes whose name changed
	known   map[string]bool // ids of trees written
	buf     []byte
}

// folder is a folder of the new tree.
type folder struct {
	folders map[string]*folder
	entries map[string][]entry
	id      object.ID // when it is clean
	clean   bool
}

// entry is an entry of the old tree: its bytes up to its name, and its id. Of two that come to
// the same name the one with the lower old path counts.
type entry struct {
	path string // in the old tree
	mode string
	id   string
}

// follow leads the tree on to that of a commit and returns its new id: the old one as long as
// no note in it has another name.
func (t *notes) follow(n uint32) (object.ID, error) {
	commit, _ := object.ParseCommit(t.graph.Format(), t.graph.Bytes(n))
	if err := t.diff(t.at, commit.Tree, ""); err != nil {
		return object.ID{}, err
	}
	t.at = commit.Tree
	if t.renamed == 0 {
		return commit.Tree, nil
	}
	return t.write(t.root)
}

// diff takes the entries of the tree at before out and puts those of after in; prefix is the
// path they share. The zero id is no tree.
func (t *notes) diff(before, after object.ID, prefix string) error {
	if before == after {
		return nil
	}
	old, err := t.read(before)
	if err != nil {
		return err
	}
	now, err := t.read(after)
	if err != nil {
		return err
	}
	for name, e := range old {
		if have, ok := now[name]; !ok || have.mode != e.mode {
			err = t.change(prefix, name, e, entry{})
		}
		if err != nil {
			return err
		}
	}
	for name, e := range now {
		have := old[name]
		if have.mode != e.mode {
			have = entry{}
		}
		if have.id != e.id {
			err = t.change(prefix, name, have, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change replaces one entry by another of the same name and mode; empty ones are not there.
func (t *notes) change(prefix, name string, before, after entry) error {
	path := prefix + name
	if mode := before.mode + after.mode; isFanout(name) && len(prefix) < 3*t.graph.Format().Size() && (mode == "40000" || mode == "4000040000") {
		return t.diff(t.treeID(before), t.treeID(after), path+"/")
	}
	if before.id != "" {
		t.take(path)
	}
	if after.id != "" {
		after.path = path
		t.put(after)
	}
	return nil
}

func isFanout(name string) bool {
	_, err := hex.DecodeString(name)
	return len(name) == 2 && err == nil
}

// treeID returns the tree an entry names, the zero id for one that is not there.
func (t *notes) treeID(e entry) object.ID {
	if e.id == "" {
		return t.graph.Format().Zero()
	}
	return object.FromBytes(t.graph.Format(), []byte(e.id))
}

// read returns the entries of a tree by name.
func (t *notes) read(id object.ID) (map[string]entry, error) {
	if id.IsZero() {
		return nil, nil
	}
	kind, data, err := t.objects.Read(id)
	if err != nil {
		return nil, err
	}
	if kind != object.Tree {
		return nil, fmt.Errorf("%s is a %s, not a tree", id, kind)
	}
	all := map[string]entry{}
	for len(data) > 0 {
		e, n, err := object.ReadEntry(t.graph.Format(), data)
		if err != nil {
			return nil, fmt.Errorf("tree %s: %w", id, err)
		}
		mode, _, _ := bytes.Cut(data[:n], []byte{' '})
		all[string(e.Name)] = entry{mode: string(mode), id: string(e.ID)}
		data = data[n:]
	}
	return all, nil
}

// place returns the folder and the name an old path comes to, and whether that is another
// path. The folders to it are marked as changed.
func (t *notes) place(path string) (at *folder, name string, renamed bool) {
	now := t.newPath(path)
	at = t.root
	at.clean = false
	rest := now
	for {
		first, more, found := strings.Cut(rest, "/")
		if !found {
			return at, rest, now != path
		}
		next := at.folders[first]
		if next == nil {
			next = &folder{}
			if at.folders == nil {
				at.folders = map[string]*folder{}
			}
			at.folders[first] = next
		}
		at, rest = next, more
		at.clean = false
	}
}

// newPath renames a path whose digits, without the slashes, are the id of an object that changed.
func (t *notes) newPath(path string) string {
	digits := strings.ReplaceAll(path, "/", "")
	if len(digits) != 2*t.graph.Format().Size() {
		return path
	}
	id, err := object.ParseID(digits)
	if err != nil || id.String() != digits {
		return path
	}
	if n, ok := t.graph.Find(id); ok && t.noted.Has(n) {
		return path // a note on notes, which are not decided yet
	}
	now := t.pass.renamed(id)
	if now == id {
		return path
	}
	if t.sink == nil {
		return path + "?" // not known yet, but another one
	}
	digits = now.String()
	var b strings.Builder
	for i := range len(path) {
		if path[i] == '/' {
			b.WriteByte('/')
			continue
		}
		b.WriteByte(digits[0])
		digits = digits[1:]
	}
	return b.String()
}

func (t *notes) put(e entry) {
	at, name, renamed := t.place(e.path)
	if renamed {
		t.renamed++
	}
	if at.entries == nil {
		at.entries = map[string][]entry{}
	}
	list := at.entries[name]
	i := 0
	for i < len(list) && list[i].path < e.path {
		i++
	}
	at.entries[name] = append(list[:i:i], append([]entry{e}, list[i:]...)...)
}

func (t *notes) take(path string) {
	at, name, renamed := t.place(path)
	list := at.entries[name]
	for i := range list {
		if list[i].path != path {
			continue
		}
		if renamed {
			t.renamed--
		}
		if at.entries[name] = append(list[:i:i], list[i+1:]...); len(list) == 1 {
			delete(at.entries, name)
		}
		return
	}
}
