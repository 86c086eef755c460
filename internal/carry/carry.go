// Package carry moves the unpushed branches and stashes of a developer's clone of the old repository onto the new history.
//
// The rewrite is a function of objects, so that it can go on where the import left off:
//
//	from each branch and stash: walk local commits until those that the commit map knows
//	refuse what cannot move, ref by ref: its base is gone, not here, or has other files now
//	make the local commits anew, parents first: parents renamed, trees as they are, authors mapped on request
//	write them as one pack; move all refs in one transaction, the old tips kept under refs/rehome/before-carry/
//
// A tip's tree is what it was, so that indexes and work trees stay right, whatever is changed in them.
package carry

import (
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/mailmap"
)

// kept is where the old tips go: a slash and the rest of the ref's name follow, as heads/main, or stash/0.
const kept = "refs/rehome/before-carry"

// Options say what is carried. Clone and Commits are required.
type Options struct {
	Clone    *repo.Repo // of the old repository, with the new history fetched
	Commits  *Map
	Earlier  []*Map       // of earlier rewrites of the same source, in any order: what is on those moves as well
	Authors  *mailmap.Map // applied to local commits; nil maps nobody
	Trailers bool         // with Authors, in messages as well
	DryRun   bool         // nothing is written
}

// Outcome is what became of a ref.
type Outcome uint8

// The outcomes.
const (
	Stays   Outcome = iota // nothing of it changed
	Arrived                // it is on the new history already
	Moved                  // with DryRun: it would be
	Refused                // Why says why
	Apart                  // it has nothing to do with the map
)

// Ref is a branch, or a stash by its name in the log, and what became of it.
type Ref struct {
	Name     string // as refs/heads/main, or stash@{0}; refs/stash where its log does not end with it
	Old, New object.ID
	Outcome  Outcome
	Remade   int    // commits
	Why      string // with Refused
}

// Result is what was carried.
type Result struct {
	Refs       []Ref  // branches by name, then stashes, latest first
	Signatures int    // of commits that were made anew: they are gone
	Detached   bool   // HEAD names a commit, not a branch: it stays as it is
	Left       []Left // tags by name, then HEADs
	Tags       int    // that name commits of the old history which are others now
	Origin     bool   // the remote origin was fetched from the new home already
	Kept       string // the prefix of the refs that keep the old tips; "" when nothing was moved
}

// carry is one run.
type carry struct {
	o     Options
	local *local
	trees worktrees
	there map[string]object.ID // refs
	stash *stash
	refs  []Ref
	named []names
}

// Run carries what can be. Nothing is written before all is known; a ref that somebody moved meanwhile is
// a *repo.MovedError, one that another process keeps locked repo.ErrLocked, and nothing has moved then.
// Done again it does nothing.
func Run(ctx context.Context, o Options) (*Result, error) {
	got, err := run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("carry: %w", err)
	}
	return got, nil
}

func run(ctx context.Context, o Options) (*Result, error) {
	if o.Commits.Len() > 0 && o.Commits.format != o.Clone.Format() {
		return nil, fmt.Errorf("the commit map has %s ids, the repository %s", o.Commits.format, o.Clone.Format())
	}
	for n, earlier := range o.Earlier {
		if earlier.Len() > 0 && !o.Commits.sharesOlds(earlier) {
			return nil, &rehome.Error{
				Code: rehome.Invalid, Field: "earlier_map", Message: fmt.Sprintf("Earlier commit map %d is of another source: it has no old commit in common with the newest one.", n+1),
				Hint: "Give the maps of the same source, the newest first.",
			}
		}
	}
	objects, err := o.Clone.Objects()
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	c := &carry{o: o, local: &local{commits: o.Commits, earlier: o.Earlier, objects: objects, places: map[object.ID]*place{}}}
	for _, step := range []func() error{c.look, c.list} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	m := newRemake(c.local, o.Clone.Format(), o.Authors, o.Trailers)
	moving, err := c.decide(ctx, m)
	if err != nil {
		return nil, err
	}
	head, err := o.Clone.Head()
	if err != nil {
		return nil, err
	}
	got := &Result{Refs: c.refs, Signatures: m.signatures(), Detached: head == "", Origin: c.atOrigin()}
	got.Left, got.Tags = c.left(m, moving)
	if o.DryRun || !slices.ContainsFunc(c.refs, func(r Ref) bool { return r.Outcome == Moved }) {
		return got, nil
	}
	got.Kept = c.prefix()
	return got, c.write(ctx, m, got.Kept)
}

// look reads what may be in the way.
func (c *carry) look() (err error) {
	if c.local.shallow, err = c.o.Clone.Shallow(); err != nil {
		return err
	}
	if c.trees, err = readWorktrees(c.o.Clone); err != nil {
		return err
	}
	c.stash, err = readStash(c.o.Clone)
	return err
}

// list finds the refs that may move. A branch that is another one's name stands for that.
func (c *carry) list() error {
	refs, err := c.o.Clone.Refs()
	if err != nil {
		return err
	}
	symbolic, err := c.o.Clone.Symbolic()
	if err != nil {
		return err
	}
	c.there = map[string]object.ID{}
	for _, ref := range refs {
		c.there[ref.Name] = ref.ID
		if strings.HasPrefix(ref.Name, "refs/heads/") && symbolic[ref.Name] == "" {
			c.refs = append(c.refs, Ref{Name: ref.Name, Old: ref.ID})
		}
	}
	tip, ok := c.there[stashRef]
	if !ok {
		c.stash.lines = nil
	}
	if n := len(c.stash.lines); ok && (n == 0 || c.stash.at(0) != tip) {
		c.refs = append(c.refs, Ref{Name: stashRef, Old: tip})
	}
	for n := range c.stash.lines {
		c.refs = append(c.refs, Ref{Name: fmt.Sprintf("stash@{%d}", n), Old: c.stash.at(n)})
	}
	return nil
}

// atOrigin reports whether a branch of origin ends with a commit that the rewrite made, and none with one that it replaced.
func (c *carry) atOrigin() (made bool) {
	for name, id := range c.there {
		if !strings.HasPrefix(name, "refs/remotes/origin/") {
			continue
		}
		switch to, old := c.o.Commits.New(id); {
		case old && to != id:
			return false
		case !old && c.o.Commits.isNew(id):
			made = true
		}
	}
	return made
}

// decide finds out what becomes of each ref, and makes the commits for it. It returns those that they are made of.
func (c *carry) decide(ctx context.Context, m *remake) (moving map[object.ID]bool, err error) {
	var tips []object.ID
	for _, ref := range c.refs {
		if err := c.local.visit(ctx, ref.Old); err != nil {
			return nil, err
		}
	}
	if err := c.other(ctx); err != nil {
		return nil, err
	}
	for _, id := range c.there {
		tips = append(tips, id)
	}
	if err := c.local.published(ctx, c.o.Clone, tips); err != nil {
		return nil, err
	}
	wanted := map[object.ID]bool{}
	for i := range c.refs {
		if p := c.local.places[c.refs[i].Old]; p.based && p.fault == "" {
			c.local.below(c.refs[i].Old, func(id object.ID) { wanted[id] = true })
		}
	}
	if err := m.all(ctx, wanted); err != nil {
		return nil, err
	}
	moving = map[object.ID]bool{}
	for i := range c.refs {
		c.judge(&c.refs[i], m, moving)
	}
	m.only(moving)
	return moving, nil
}

// judge says what becomes of a ref. Commits that are made anew for it go into moving.
func (c *carry) judge(ref *Ref, m *remake, moving map[object.ID]bool) {
	p := c.local.places[ref.Old]
	ref.New = m.becomes(ref.Old)
	switch {
	case p.fault != "":
		ref.Outcome, ref.Why = Refused, p.fault
	case !p.based:
		ref.Outcome = Apart
	case ref.New == ref.Old && p.carried:
		ref.Outcome = Arrived
	case ref.New == ref.Old:
		ref.Outcome = Stays
	case c.trees.busy[ref.Name] != "":
		ref.Outcome, ref.Why = Refused, c.trees.busy[ref.Name]+" is in progress on it: finish or abort it first"
	case p.differs != "" && (c.trees.checkedOut[ref.Name] || !ref.isBranch()):
		ref.Outcome, ref.Why = Refused, p.differs
	default:
		ref.Outcome = Moved
		c.local.below(ref.Old, func(id object.ID) {
			if _, ok := m.ids[id]; ok {
				ref.Remade++
				moving[id] = true
			}
		})
	}
	if ref.Outcome != Moved {
		ref.New = ref.Old
	}
}

// write writes the commits and moves the refs.
func (c *carry) write(ctx context.Context, m *remake, prefix string) error {
	r := c.o.Clone
	_, err := r.WritePack(ctx, func(p, index pack.File, scratch pack.Scratch) (pack.Written, error) {
		return m.write(ctx, r.Format(), p, index, scratch)
	})
	if err != nil {
		return err
	}
	stashed := map[object.ID]object.ID{}
	var updates []repo.Update
	for ref := range c.moved() {
		updates = append(updates, repo.Update{Name: ref.keptAs(prefix), New: ref.Old})
		if ref.isBranch() {
			updates = append(updates, repo.Update{Name: ref.Name, Old: ref.Old, New: ref.New})
		} else {
			stashed[ref.Old] = ref.New
		}
	}
	if tip, ok := c.there[stashRef]; ok && len(stashed) > 0 { // it must be where it was, even if others move
		updates = append(updates, repo.Update{Name: stashRef, Old: tip, New: renamed(tip, stashed)})
	}
	move := func() error { return r.Update(updates) }
	if len(stashed) == 0 || len(c.stash.lines) == 0 {
		return move()
	}
	return c.stash.replace(c.stash.renamed(stashed), move)
}

// moved iterates over the refs that move.
func (c *carry) moved() iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		for _, ref := range c.refs {
			if ref.Outcome == Moved && !yield(ref) {
				return
			}
		}
	}
}

// prefix returns one under which no ref stands in the way of the old tips.
func (c *carry) prefix() string {
	for n := 1; ; n++ {
		prefix := kept + "/"
		if n > 1 {
			prefix = fmt.Sprintf("%s.%d/", kept, n)
		}
		if !c.inTheWay(prefix) {
			return prefix
		}
	}
}

func (c *carry) inTheWay(prefix string) bool {
	there := map[string]bool{}
	for name := range c.there {
		for strings.HasPrefix(name, prefix) {
			there[name] = true
			name = path.Dir(name)
		}
	}
	for ref := range c.moved() {
		name := ref.keptAs(prefix)
		if there[name] {
			return true
		}
		for ; strings.HasPrefix(name, prefix); name = path.Dir(name) {
			if _, ok := c.there[name]; ok {
				return true
			}
		}
	}
	return false
}

// isBranch tells a branch from a stash.
func (r Ref) isBranch() bool { return strings.HasPrefix(r.Name, "refs/heads/") }

// keptAs returns the name of the ref that keeps the old tip.
func (r Ref) keptAs(prefix string) string {
	if r.Name == stashRef {
		return prefix + "stash/tip" // beside those in the log
	}
	if r.isBranch() {
		return prefix + strings.TrimPrefix(r.Name, "refs/")
	}
	return prefix + "stash/" + strings.TrimSuffix(strings.TrimPrefix(r.Name, "stash@{"), "}")
}
