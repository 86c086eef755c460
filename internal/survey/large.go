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
	f := finder{Survey: s, objs: objs, places: map[uint32]place{}, trees: map[uint32][]byte{}}
	reached, err := f.reach(ctx, refs)
	if err != nil {
		return nil, err
	}
	var list []rehome.LargeFile
	for _, l := range s.large {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k := s.table.get(l.number)
		at, err := f.place(k)
		if err != nil {
			return nil, err
		}
		file := rehome.LargeFile{OID: rehome.ObjectID(s.id(k).String()), Size: l.size}
		if i, ok := reached.by(s.table.get(at.top)); ok {
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

// finder finds where objects stand. Trees are read again for it, each once.
type finder struct {
	*Survey
	objs   *repo.Objects
	places map[uint32]place  // of trees, by number
	trees  map[uint32][]byte // read lately
	held   int               // bytes of them
}

// place is where an object stands: its path below the topmost object, a commit or a tag
// or, where nothing names one, the last that was found.
type place struct {
	path []byte
	top  uint32
}

// heldTrees bounds the trees kept for the next look, bytes.
const heldTrees = 16 << 20

// place returns where k stands.
func (f *finder) place(k known) (place, error) {
	if at, ok := f.places[k.number]; ok {
		return at, nil
	}
	if k.is(object.Commit) || k.state&hasRef == 0 {
		return place{top: k.number}, nil
	}
	from := f.table.get(k.ref)
	at, err := f.place(from)
	if err != nil {
		return place{}, err
	}
	if from.is(object.Tree) {
		name, err := f.name(from, k)
		if err != nil {
			return place{}, err
		}
		at.path = bytes.Join(nonEmpty(at.path, name), []byte{'/'})
	}
	if k.is(object.Tree) {
		f.places[k.number] = at
	}
	return at, nil
}

func nonEmpty(dir, name []byte) [][]byte {
	if len(dir) == 0 {
		return [][]byte{name}
	}
	return [][]byte{dir, name}
}

// name returns the name of the first entry of a tree that names k.
func (f *finder) name(tree, k known) ([]byte, error) {
	data, ok := f.trees[tree.number]
	if !ok {
		var err error
		if _, data, err = f.objs.Read(f.id(tree)); err != nil {
			return nil, fmt.Errorf("find a large file: %w", err)
		}
		if f.held += len(data); f.held > heldTrees {
			clear(f.trees)
			f.held = len(data)
		}
		f.trees[tree.number] = data
	}
	for e, err := range object.Entries(f.o.Format, data) {
		if err == nil && bytes.Equal(e.ID, k.id) {
			return bytes.Clone(e.Name), nil
		}
	}
	return nil, fmt.Errorf("find a large file: tree %s does not name %s", f.id(tree), f.id(k))
}

// reached holds the first ref that reaches an object: commits by their children, other objects
// only where a ref points to them or to a tag of them.
type reached struct {
	commits []uint32          // by number in history: the ref, plus one
	others  map[uint32]uint32 // by number in the table
}

// by returns the number of the ref that reaches k.
func (r *reached) by(k known) (ref int, ok bool) {
	n := r.others[k.number]
	if k.is(object.Commit) {
		n = r.commits[k.ref]
	}
	return int(n) - 1, n > 0
}

// mark notes that a ref reaches k and reports whether it is the first.
func (r *reached) mark(k known, ref int) bool {
	if _, ok := r.by(k); ok {
		return false
	}
	if k.is(object.Commit) {
		r.commits[k.ref] = uint32(ref) + 1
	} else {
		r.others[k.number] = uint32(ref) + 1
	}
	return true
}

func (f *finder) reach(ctx context.Context, refs []repo.Ref) (reached, error) {
	r := reached{commits: make([]uint32, len(f.history.numbers)), others: map[uint32]uint32{}}
	var stack []uint32
	for i, ref := range refs {
		stack = f.tips(stack[:0], ref)
		for n := 0; len(stack) > 0; n++ {
			if n&0xffff == 0 && ctx.Err() != nil {
				return r, ctx.Err()
			}
			k := f.table.get(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
			if r.mark(k, i) && k.is(object.Commit) {
				stack = append(stack, f.history.of(k.ref)...)
			}
		}
	}
	return r, nil
}

// tips appends the object a ref points to and, for a tag, what it names in turn.
func (f *finder) tips(list []uint32, ref repo.Ref) []uint32 {
	id := ref.ID
	for {
		var b [32]byte
		k, ok := f.table.find(id.AppendTo(b[:0]))
		if !ok {
			return list
		}
		list = append(list, k.number)
		if !k.is(object.Tag) {
			return list
		}
		_, data, err := f.objs.Read(id)
		if err != nil {
			return list
		}
		g, faults := object.ParseTag(f.o.Format, data)
		if faults.Dangerous() != object.NoFault {
			return list
		}
		id = g.Object
	}
}
