package content

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"

	"rehome"
	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/submodule"
)

// modulesName is the file that says where submodules are; Git reads it at the root alone (gitmodules).
const modulesName = ".gitmodules"

// linked is what becomes of submodules.
type linked struct {
	roots   set               // trees; nil when submodules stay
	modules set               // .gitmodules files of those
	edited  map[uint32]uint32 // of those, by blob: number of the file that it becomes

	numbering sync.RWMutex // guards the next two while trees are scanned
	numbers   map[object.ID]uint32
	commits   []linkedCommit // by number
}

// linkedCommit is a commit that a tree names as a submodule's.
type linkedCommit struct {
	old, now object.ID
	known    bool
	used     bool  // by a tree that something reaches
	err      error // why it is not known what it becomes
}

// findLinkedRoots makes it known to scan which trees may have a .gitmodules.
func (p *pass) findLinkedRoots() {
	if p.Submodules == nil {
		return
	}
	p.roots, p.modules = newSet(p.forest.Len()), newSet(p.forest.Len())
	p.edited, p.numbers = map[uint32]uint32{}, map[object.ID]uint32{}
	for _, id := range p.Roots {
		if tree, ok := p.pack.Index.Find(id); ok {
			p.roots.add(uint32(tree))
		}
	}
}

// link takes down a submodule's commit.
func (s *scanner) link(e *object.TreeEntry, at uint32) {
	s.files = append(s.files, s.numberOf(object.FromBytes(s.Format, e.ID)), at, isNever|isLink)
}

func (p *pass) numberOf(commit object.ID) uint32 {
	p.numbering.RLock()
	n, ok := p.numbers[commit]
	p.numbering.RUnlock()
	if ok {
		return n
	}
	c := linkedCommit{old: commit}
	c.now, c.known, c.err = p.Submodules.Commit(commit)
	p.numbering.Lock()
	defer p.numbering.Unlock()
	if n, ok = p.numbers[commit]; ok {
		return n
	}
	n = uint32(len(p.commits))
	p.numbers[commit] = n
	p.commits = append(p.commits, c)
	return n
}

// module takes down the .gitmodules of a root; false when it is none that could be edited.
func (s *scanner) module(e *object.TreeEntry, at uint32) bool {
	if !s.roots.has(s.at) || e.Mode.IsSymlink() {
		return false
	}
	blob, ok := s.ids.find(s.pack.Index, s.Format, e.ID)
	if !ok {
		return false
	}
	s.pass.modules.add(blob)
	word := blob
	if s.large.has(blob) {
		word |= isLarge
	}
	s.files = append(s.files, word, at, isNever|isModules)
	return true
}

// editModules makes the .gitmodules files that are to be.
func (p *pass) editModules(ctx context.Context) error {
	if p.Submodules == nil {
		return nil
	}
	small := newSet(p.forest.Len())
	var d inflate.Decoder
	for i := range p.modules.each {
		size, err := p.forest.Size(&d, int(i))
		if err != nil {
			return err
		}
		if size <= submodule.MaxFile {
			small.add(i)
		}
	}
	o := pack.WalkOptions{Types: []object.Type{object.Blob}, Workers: p.Workers, Want: func(i int) bool { return small.has(uint32(i)) }}
	return p.forest.Walk(ctx, o, func(o *pack.Object) error {
		text, changed := p.Submodules.Edit(o.Data)
		if !changed {
			return ctx.Err()
		}
		p.rules.mu.Lock()
		defer p.rules.mu.Unlock()
		n, err := p.newFile(text)
		p.edited[o.Pos] = n
		return err
	})
}

// edits reports whether an entry of a tree in some state is a submodule's commit or a .gitmodules that becomes another.
func (p *pass) edits(state uint32, f file) bool {
	switch {
	case f.link:
		c := &p.commits[f.blob]
		return c.known && c.now != c.old
	case f.modules:
		return p.states.list[state].root && p.isEdited(f.blob)
	}
	return false
}

func (p *pass) isEdited(blob uint32) bool {
	_, ok := p.edited[blob]
	return ok
}

// editedBytes returns the id of what an entry becomes that edits says becomes another.
func (p *pass) editedBytes(f file) []byte {
	if f.link {
		return p.commits[f.blob].now.Bytes()
	}
	id := p.rules.idOf(p.edited[f.blob])
	return id.Bytes()
}

// follow reports whether an entry of the tree that is entered becomes another.
func (w *walk) follow(s *step, f file) (bool, error) {
	if f.link {
		c := &w.commits[f.blob]
		c.used = true
		if c.err != nil {
			return false, w.astray(s, f, c)
		}
	}
	return w.edits(s.state, f), nil
}

// astray is the error for a submodule whose commit became nothing that can be named.
func (w *walk) astray(s *step, f file, c *linkedCommit) error {
	var path strings.Builder
	for _, above := range w.stack {
		if err := w.addName(&path, above.tree, above.record.folder(above.next).at); err != nil {
			return err
		}
		path.WriteByte('/')
	}
	if err := w.addName(&path, s.tree, f.at); err != nil {
		return err
	}
	return &rehome.Error{
		Code:    rehome.Invalid,
		Message: fmt.Sprintf("The submodule %q is at the commit %s, which %s.", rehome.Clean(path.String(), 200), c.old, c.err),
		Hint:    "Move the submodules' repositories with the same options, or leave submodules as they are.",
	}
}

// addName appends the name of an entry.
func (p *pass) addName(path *strings.Builder, tree, at uint32) error {
	_, data, err := p.pack.Read(int(tree), math.MaxInt64)
	if err != nil {
		return err
	}
	e, _, err := object.ReadEntry(p.Format, data[at:])
	path.Write(e.Name)
	return err
}

// countSubmodules counts what becomes of them.
func (p *pass) countSubmodules() {
	p.result.Submodules.Files = int64(len(p.edited))
	for _, c := range p.commits {
		switch {
		case !c.used:
		case !c.known:
			p.result.Submodules.Unknown++
		case c.now != c.old:
			p.result.Submodules.Commits++
		}
	}
}
