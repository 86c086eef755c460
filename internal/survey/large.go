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

// largeFiles gives each large blob a path and a ref, as Place says.
func (s *Survey) largeFiles(ctx context.Context, objs *repo.Objects, refs []repo.Ref, head string) ([]rehome.LargeFile, error) {
	if len(s.large) == 0 || objs == nil {
		return nil, nil
	}
	f, err := s.finder(ctx, objs, refs, head)
	if err != nil {
		return nil, err
	}
	var list []rehome.LargeFile
	for _, l := range s.large {
		at, err := f.where(ctx, l.number)
		if err != nil {
			return nil, err
		}
		oid := rehome.ObjectID(s.id(s.table.get(l.number)).String())
		list = append(list, rehome.LargeFile{OID: oid, Size: l.size, Ref: at.Ref, Path: at.Path})
	}
	slices.SortFunc(list, func(a, b rehome.LargeFile) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(string(a.OID), string(b.OID)))
	})
	return list, nil
}

// Place is where an object is found: up from tree to tree by what named it first, to a commit, and
// the first ref that reaches that one. What only refs or tags name themselves has no path, what no ref
// reaches neither path nor ref.
type Place struct {
	Ref  string
	Path []byte
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
	objs    *repo.Objects
	refs    []repo.Ref // preferred first
	reached reached
	trees   map[uint32][]byte // read lately, by number
	names   map[uint32][]byte // of trees in what named them first, by number; slices of trees
	held    int               // bytes of trees
}

func (s *Survey) finder(ctx context.Context, objs *repo.Objects, refs []repo.Ref, head string) (*finder, error) {
	f := &finder{Survey: s, objs: objs, refs: preferred(refs, head), names: map[uint32][]byte{}, trees: map[uint32][]byte{}}
	var err error
	f.reached, err = s.reach(ctx, objs, f.refs)
	return f, err
}

// where returns the place of the object with a number in the table.
func (f *finder) where(ctx context.Context, number uint32) (Place, error) {
	k := f.table.get(number)
	at, err := f.place(ctx, k)
	if err != nil {
		return Place{}, err
	}
	if i, ok := f.reached.by(at.top); ok {
		return Place{Ref: f.refs[i].Name, Path: at.path}, nil
	}
	if i, ok := f.reached.by(k); ok { // a ref names it, and a tree that no ref reaches
		return Place{Ref: f.refs[i].Name}, nil
	}
	return Place{}, nil
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
		return nil, fmt.Errorf("find a path: %w", err)
	}
	for e, err := range object.Entries(f.o.Format, data) {
		if err == nil && bytes.Equal(e.ID, k.id) {
			if k.is(object.Tree) {
				f.names[k.number] = e.Name
			}
			return e.Name, nil
		}
	}
	return nil, fmt.Errorf("find a path: tree %s does not name %s", f.id(tree), f.id(k))
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
