package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/submodule"
)

// tree reports whether a folder holds what it held, but for what a move may change: files that are Git LFS pointers to their
// bytes now, the lines in .gitattributes for them, files that the receipt says were removed, and where submodules are.
// A zero id stands for a folder with nothing in it.
func (c *comparison) tree(ctx context.Context, old, new object.ID, root bool) (same bool, err error) {
	key := [2]object.ID{old, new}
	if same, known := c.trees[key]; known || old == new {
		return same || old == new, nil
	}
	was, err := entries(c.from, old)
	if err != nil {
		return false, fmt.Errorf("read folder %s of the source: %w", old, err)
	}
	is, err := entries(c.to, new)
	if err != nil {
		return false, fmt.Errorf("read folder %s of the destination: %w", new, err)
	}
	same = true
	for name, e := range was {
		now, there := is[name]
		delete(is, name)
		if there && e == now {
			continue
		}
		good, err := c.entry(ctx, name, e, now, there, root)
		if err != nil {
			return false, err
		}
		same = same && good
	}
	for name, e := range is { // what was not there before
		good := false
		if name == rulesFile && e.mode.Type() == object.Blob {
			if good, err = c.edited(name, object.ID{}, e.id, addsRules); err != nil {
				return false, err
			}
		}
		if !good {
			c.v.differs(Difference{Kind: "file", Name: e.id.String(), Text: fmt.Sprintf("%q is at the destination only", name)})
			same = false
		}
	}
	c.trees[key] = same
	return same, nil
}

// entry is an entry of a folder without its name.
type entry struct {
	mode object.Mode
	id   object.ID
}

// entries reads a folder by name.
func entries(objects *repo.Objects, id object.ID) (map[string]entry, error) {
	all := map[string]entry{}
	if id.IsZero() {
		return all, nil
	}
	t, data, err := objects.Read(id)
	if err != nil {
		return nil, err
	}
	if t != object.Tree {
		return nil, errors.New("it is none")
	}
	for e, err := range object.Entries(id.Format(), data) {
		if err != nil {
			return nil, err
		}
		all[string(e.Name)] = entry{e.Mode, object.FromBytes(id.Format(), e.ID)}
	}
	return all, nil
}

// entry reports whether an entry that is another one now may be.
func (c *comparison) entry(ctx context.Context, name string, was, is entry, there, root bool) (bool, error) {
	switch {
	case was.mode.IsTree() && (is.mode.IsTree() || !there && len(c.removed) > 0):
		return c.tree(ctx, was.id, is.id, false)
	case there && name == rulesFile && was.mode == is.mode && was.mode.Type() == object.Blob:
		return c.mayBecome(name, was.id, is.id, addsRules)
	case there && name == modulesFile && root && was.mode == is.mode && was.mode.Type() == object.Blob:
		return c.mayBecome(name, was.id, is.id, submodule.SameButURLs)
	case there && was.mode.IsSubmodule() && is.mode.IsSubmodule():
		c.v.result.Content.Submodules++
		return true, nil
	case !there:
		return c.wasRemoved(name, was)
	case was.mode == is.mode && was.mode.Type() == object.Blob:
		return c.converted(ctx, name, was.id, is.id)
	}
	c.v.differs(Difference{Kind: "file", Name: was.id.String(), Have: idText(is.id), Text: fmt.Sprintf("%q is something else at the destination", name)})
	return false, nil
}

// The files that a move may edit.
const (
	rulesFile   = ".gitattributes"
	modulesFile = ".gitmodules"
)

// edit is one of them before and after.
type edit struct {
	name     string
	old, new object.ID
}

// mayBecome reports whether a file that is another one now was edited only as may says.
func (c *comparison) mayBecome(name string, old, new object.ID, may func(old, new []byte) bool) (bool, error) {
	same, err := c.edited(name, old, new, may)
	if err == nil && !same {
		c.v.differs(Difference{Kind: "file", Name: old.String(), Have: idText(new), Text: fmt.Sprintf("%q has other bytes at the destination", name)})
	}
	return same, err
}

// edited reads a file before and after; a zero id stands for one that was not there.
func (c *comparison) edited(name string, old, new object.ID, may func(old, new []byte) bool) (bool, error) {
	key := edit{name, old, new}
	if same, known := c.edits[key]; known {
		return same, nil
	}
	var was []byte
	if !old.IsZero() {
		_, text, err := c.from.Read(old)
		if err != nil {
			return false, fmt.Errorf("read %s of the source: %w", old, err)
		}
		was = text
	}
	_, is, err := c.to.Read(new)
	if err != nil {
		return false, fmt.Errorf("read %s of the destination: %w", new, err)
	}
	c.edits[key] = may(was, is)
	return c.edits[key], nil
}

// addsRules reports whether a .gitattributes is what it was, with lines for Git LFS behind it.
func addsRules(old, new []byte) bool {
	added, ok := bytes.CutPrefix(new, old)
	if !ok || len(added) == 0 {
		return ok
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		if added, ok = bytes.CutPrefix(added, []byte("\n")); !ok {
			return false
		}
	}
	for line := range bytes.Lines(added) {
		if !bytes.HasPrefix(bytes.TrimPrefix(line, []byte(`"`)), []byte("/")) || !bytes.HasSuffix(line, []byte(" -text\n")) || !bytes.Contains(line, []byte("filter=lfs")) {
			return false
		}
	}
	return true
}

// wasRemoved reports whether a file that is gone had to go.
func (c *comparison) wasRemoved(name string, was entry) (bool, error) {
	if c.removed[name] {
		c.v.result.Content.Removed++
		return true, nil
	}
	c.v.differs(Difference{Kind: "file", Name: was.id.String(), Text: fmt.Sprintf("%q is not at the destination", name)})
	return false, nil
}

// converted reports whether a file became the Git LFS pointer to its bytes.
func (c *comparison) converted(ctx context.Context, name string, old, new object.ID) (bool, error) {
	key := [2]object.ID{old, new}
	if same, known := c.trees[key]; known {
		return same, nil
	}
	same := false
	_, text, err := c.to.Read(new) // an error is that it is too large, and so no pointer
	if to, isPointer := lfs.ParsePointer(text); err == nil && isPointer {
		got, err := c.sum(ctx, old)
		if err != nil {
			return false, fmt.Errorf("read %s of the source: %w", old, err)
		}
		same = got == to
	}
	if c.trees[key] = same; same {
		c.v.result.Content.Converted++
		return true, nil
	}
	c.v.differs(Difference{Kind: "file", Name: old.String(), Have: idText(new), Text: fmt.Sprintf("%q has other bytes at the destination", name)})
	return false, nil
}

// sum returns the Git LFS object that a file of the source is.
func (c *comparison) sum(ctx context.Context, id object.ID) (lfs.Object, error) {
	s := &summer{Hash: sha256.New()}
	_, data, err := c.from.Read(id)
	if err == nil {
		s.Write(data) //nolint:errcheck // a hash takes everything
		return s.object(), nil
	}
	for _, p := range c.from.Packs() { // it may be too large to be read at once
		n, ok := p.Index.Find(id)
		if !ok {
			continue
		}
		forest, err := c.forest(ctx, p)
		if err != nil {
			return lfs.Object{}, err
		}
		err = forest.Stream(ctx, n, s)
		return s.object(), err
	}
	return lfs.Object{}, err
}

// summer hashes and counts.
type summer struct {
	hash.Hash
	size int64
}

// Write implements io.Writer.
func (s *summer) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.Hash.Write(p)
}

func (s *summer) object() lfs.Object {
	o := lfs.Object{Size: s.size}
	copy(o.OID[:], s.Sum(nil))
	return o
}

func (c *comparison) forest(ctx context.Context, p *pack.Pack) (*pack.Forest, error) {
	if f := c.streams[p]; f != nil {
		return f, nil
	}
	f, err := p.Forest(ctx, c.scratch)
	if err == nil {
		c.streams[p] = f
	}
	return f, err
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
