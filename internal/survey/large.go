package survey

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// largeBlob is a blob over the limit, by its number in the table.
type largeBlob struct {
	number uint32
	size   int64
}

// largeFiles gives each large blob a path and a ref: it goes up from tree to tree by what named
// it first, to a commit, and takes the first ref that reaches it. The default branch
// comes first, then branches, tags and other refs. What no ref reaches has neither.
func (s *Survey) largeFiles(ctx context.Context, objs *repo.Objects, refs []repo.Ref, head string) ([]rehome.LargeFile, error) {
	if len(s.large) == 0 || objs == nil {
		return nil, nil
	}
	refs = preferred(refs, head)
	f := finder{Survey: s, objs: objs, names: map[uint32][]byte{}, trees: map[uint32][]byte{}}
	reached, err := s.reach(ctx, objs, refs)
	if err != nil {
		return nil, err
	}
	var list []rehome.LargeFile
	for _, l := range s.large {
		k := s.table.get(l.number)
		at, err := f.place(ctx, k)
		if err != nil {
			return nil, err
		}
		file := rehome.LargeFile{OID: rehome.ObjectID(s.id(k).String()), Size: l.size}
		if i, ok := reached.by(at.top); ok {
			file.Ref, file.Path = refs[i].Name, at.path
		}
		list = append(list, file)
	}
	slices.SortFunc(list, func(a, b rehome.LargeFile) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(string(a.OID), string(b.OID)))
	})
	return list, nil
}

// preferred orders refs by where a file is best shown.
func preferred(refs []repo.Ref, head string) []repo.Ref {
	rank := func(r repo.Ref) int {
		switch {
		case r.Name == head:
			return 0
		case strings.HasPrefix(r.Name, "refs/heads/"):
			return 1
		case strings.HasPrefix(r.Name, "refs/tags/"):
			return 2
		}
		return 3
	}
	refs = slices.Clone(refs)
	slices.SortStableFunc(refs, func(a, b repo.Ref) int { return rank(a) - rank(b) })
	return refs
}

// finder finds where objects stand. Trees are read again for it.
type finder struct {
	*Survey
	objs  *repo.Objects
	trees map[uint32][]byte // read lately, by number
	names map[uint32][]byte // of trees in what named them first, by number; slices of trees
	held  int               // bytes of trees
}

// place is where an object stands: its path below the topmost object, a commit or a tag
// or, where nothing names one, the last that was found.
type place struct {
	path []byte
	top  known
}

const (
	heldTrees = 16 << 20 // bytes of the trees kept for the next look
	maxPath   = 64 << 10 // bytes of a path; a longer one is left out, as no file system has room for it
)

// place returns where k stands.
func (f *finder) place(ctx context.Context, k known) (place, error) {
	var names [][]byte
	size := 0
	for !k.is(object.Commit) && k.state&hasRef != 0 {
		if ctx.Err() != nil {
			return place{}, ctx.Err()
		}
		from := f.table.get(k.ref)
		if from.is(object.Tree) && size <= maxPath {
			name, err := f.name(from, k)
			if err != nil {
				return place{}, err
			}
			names = append(names, name)
			size += len(name) + 1
		}
		k = from
	}
	if size > maxPath {
		return place{top: k}, nil
	}
	slices.Reverse(names)
	return place{path: bytes.Join(names, []byte{'/'}), top: k}, nil
}

// name returns the name of the first entry of a tree that names k.
func (f *finder) name(tree, k known) ([]byte, error) {
	if name, ok := f.names[k.number]; ok {
		return name, nil
	}
	data, err := f.read(tree)
	if err != nil {
		return nil, fmt.Errorf("find a large file: %w", err)
	}
	for e, err := range object.Entries(f.o.Format, data) {
		if err == nil && bytes.Equal(e.ID, k.id) {
			if k.is(object.Tree) {
				f.names[k.number] = e.Name
			}
			return e.Name, nil
		}
	}
	return nil, fmt.Errorf("find a large file: tree %s does not name %s", f.id(tree), f.id(k))
}

// read returns the bytes of a tree.
func (f *finder) read(tree known) ([]byte, error) {
	if data, ok := f.trees[tree.number]; ok {
		return data, nil
	}
	_, data, err := f.objs.Read(f.id(tree))
	if err != nil {
		return nil, err
	}
	if f.held += len(data); f.held > heldTrees {
		clear(f.trees)
		clear(f.names)
		f.held = len(data)
	}
	f.trees[tree.number] = data
	return data, nil
}
