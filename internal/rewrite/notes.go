package rewrite

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// notesPrefix is where refs lie whose trees name commits (git-notes).
const notesPrefix = "refs/notes/"

func isNotes(r repo.Ref) bool { return strings.HasPrefix(r.Name, notesPrefix) }

// rewriteNotes goes through the commits that only refs of notes reach. Their trees name what
// they annotate, which was decided before: when nothing of that changed, nor do they.
func (p *pass) rewriteNotes(ctx context.Context, noted history.Set) error {
	order, err := p.graph.Order(ctx, noted, nil)
	if err != nil {
		return err
	}
	named := p.result.CommitsChanged+p.result.TagsChanged > 0
	if named {
		p.unmet = map[object.ID]bool{}
	}
	t := &notes{pass: p, noted: noted, root: &folder{}, known: map[string]bool{}, effort: newEffort(p.graph)}
	for _, n := range order {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !named {
			if err := p.next(ctx, n, nil); err != nil {
				return err
			}
			continue
		}
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
	effort
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
	old, now := cursor{format: t.graph.Format()}, cursor{format: t.graph.Format()}
	if err := errors.Join(t.open(&old, before), t.open(&now, after)); err != nil {
		return err
	}
	defer t.letGo(old.size + now.size)
	for !old.end || !now.end {
		var err error
		switch c := old.compare(&now); {
		case c < 0:
			err = errors.Join(t.change(prefix, &old, nil), old.next())
		case c > 0:
			err = errors.Join(t.change(prefix, nil, &now), now.next())
		default:
			if !bytes.Equal(old.ID, now.ID) || !bytes.Equal(old.mode, now.mode) {
				err = t.change(prefix, &old, &now)
			}
			err = errors.Join(err, old.next(), now.next())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change replaces one entry by another of the same name; nil is none.
func (t *notes) change(prefix string, before, after *cursor) error {
	one := before
	if one == nil {
		one = after
	}
	path := prefix + string(one.Name)
	if before.isFanout() && after.isFanout() && len(prefix) < 3*t.graph.Format().Size() {
		return t.diff(before.id(one.format), after.id(one.format), path+"/")
	}
	if before != nil {
		if err := t.take(path); err != nil {
			return err
		}
	}
	if after == nil {
		return nil
	}
	return t.put(entry{path: path, mode: string(after.mode), id: string(after.ID)})
}

// open begins to read a tree.
func (t *notes) open(c *cursor, id object.ID) error {
	if id.IsZero() {
		c.end = true
		return nil
	}
	kind, data, err := t.objects.Read(id)
	if err != nil {
		return err
	}
	if kind != object.Tree {
		return fmt.Errorf("%s is a %s, not a tree", id, kind)
	}
	c.rest, c.size = data, len(data)
	return errors.Join(t.work(treeWork), t.hold(len(data)), c.next())
}

// cursor reads a tree entry by entry.
type cursor struct {
	object.TreeEntry
	mode   []byte // as written
	rest   []byte
	size   int // of the tree
	end    bool
	format object.Format
}

func (c *cursor) next() (err error) {
	if c.end = len(c.rest) == 0; c.end {
		return nil
	}
	var n int
	if c.TreeEntry, n, err = object.ReadEntry(c.format, c.rest); err != nil {
		return err
	}
	c.mode = c.rest[:bytes.IndexByte(c.rest, ' ')]
	c.rest = c.rest[n:]
	return nil
}

// compare orders two entries as Git sorts trees: folders as if a slash followed their names.
// What has ended comes last.
func (c *cursor) compare(o *cursor) int {
	switch {
	case c.end:
		return 1
	case o.end:
		return -1
	}
	n := min(len(c.Name), len(o.Name))
	if order := bytes.Compare(c.Name[:n], o.Name[:n]); order != 0 {
		return order
	}
	return cmp.Compare(c.after(n), o.after(n))
}

// after returns the byte of the name at n, for its end a slash for folders and 0 for others.
func (c *cursor) after(n int) byte {
	switch {
	case n < len(c.Name):
		return c.Name[n]
	case c.Mode.IsTree():
		return '/'
	}
	return 0
}

// isFanout reports whether the entry is nothing, or a folder named by two digits.
func (c *cursor) isFanout() bool {
	return c == nil || c.Mode.IsTree() && len(c.Name) == 2 && isDigit(c.Name[0]) && isDigit(c.Name[1])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// id returns what the entry names, the zero id for nothing.
func (c *cursor) id(f object.Format) object.ID {
	if c == nil {
		return f.Zero()
	}
	return object.FromBytes(f, c.ID)
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
			t.held += folderSize
		}
		at, rest = next, more
		at.clean = false
	}
}

// newPath renames a path whose digits, without the slashes, are the id of an object that changed.
func (t *notes) newPath(path string) string {
	var sum [32]byte
	if !idOfPath(sum[:t.graph.Format().Size()], path) {
		return path
	}
	id := object.FromBytes(t.graph.Format(), sum[:])
	n, ok := t.graph.Find(id)
	if (!ok || !t.looked.Has(n) && !t.noted.Has(n)) && len(t.unmet) <= mostUnmet {
		t.unmet[id] = true
	}
	if !ok || t.noted.Has(n) || !t.result.changed.Has(n) {
		return path // notes on notes are not decided yet
	}
	if t.sink == nil {
		return path + "?" // not known yet, but another one
	}
	var digits [64]byte
	rest := appendHex(digits[:0], t.ids.at(n))
	now := []byte(path)
	for i := range now {
		if now[i] != '/' {
			now[i], rest = rest[0], rest[1:]
		}
	}
	return string(now)
}

// idOfPath reads the digits of a path, which are in lower case, into sum. It is false when
// they do not fill it exactly.
func idOfPath(sum []byte, path string) bool {
	n := 0
	for i := range len(path) {
		c := path[i]
		switch {
		case c == '/':
			continue
		case !isDigit(c) || n == 2*len(sum):
			return false
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= '0'
		}
		sum[n/2] = sum[n/2]<<4 | c
		n++
	}
	return n == 2*len(sum)
}

func (t *notes) put(e entry) error {
	at, name, renamed := t.place(e.path)
	if renamed {
		t.renamed++
	}
	if at.entries == nil {
		at.entries = map[string][]entry{}
	}
	list := at.entries[name]
	i, _ := slices.BinarySearchFunc(list, e.path, entry.comparePath)
	at.entries[name] = slices.Insert(list, i, e)
	return errors.Join(t.work(1+len(list)-i), t.hold(e.size()))
}

func (t *notes) take(path string) error {
	at, name, renamed := t.place(path)
	list := at.entries[name]
	i, ok := slices.BinarySearchFunc(list, path, entry.comparePath)
	if !ok {
		return nil
	}
	if renamed {
		t.renamed--
	}
	t.letGo(list[i].size())
	if at.entries[name] = slices.Delete(list, i, i+1); len(list) == 1 {
		delete(at.entries, name)
	}
	return t.work(1 + len(list) - i)
}

func (e entry) comparePath(path string) int { return strings.Compare(e.path, path) }
