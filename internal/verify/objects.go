package verify

import (
	"context"
	"fmt"
	"slices"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// compareObjects holds what refs lead to at both ends against each other. At both it is whole and hashed, so below equal
// ids everything is equal.
func (v *verification) compareObjects(ctx context.Context, b both) error {
	if b.from.Repo == nil || b.to.Repo == nil {
		return nil // what is empty has no refs that could be equal
	}
	if from, to := b.from.Repo.Format(), b.to.Repo.Format(); from != to && len(b.from.Refs) > 0 {
		v.differs(Difference{Kind: "format", Text: fmt.Sprintf("the source has ids of %s, the destination of %s", from, to)})
		return nil
	}
	v.result.Commits, v.result.Objects = b.from.found.Commits, b.from.Received.Objects()
	c := &comparison{v: v, done: map[object.ID]object.ID{}, trees: map[[2]object.ID]bool{}, edits: map[edit]bool{}}
	defer c.close()
	if err := c.open(b); err != nil {
		return err
	}
	return pack.Guard(func() error {
		if len(v.result.Differences) == 0 && len(v.pairs) == 0 {
			return c.sweep(ctx)
		}
		return c.walk(ctx, v.pairs)
	})
}

// comparison holds changed history against what it was.
type comparison struct {
	v        *verification
	from, to *repo.Objects
	scratch  pack.Scratch
	removed  map[string]bool // names of files that left history
	streams  map[*pack.Pack]*pack.Forest

	done  map[object.ID]object.ID // commits and tags that were looked at, by the old ids
	trees map[[2]object.ID]bool   // folders and files that were
	edits map[edit]bool           // files that a move may edit and that were
	next  []pair                  // still to look at
}

// pair is a commit or tag before and after.
type pair struct {
	old, new object.ID
	notes    bool // below refs/notes: its files are named by commits
}

func (c *comparison) open(b both) (err error) {
	if c.from, err = b.from.Repo.Objects(); err != nil {
		return fmt.Errorf("open the source's objects: %w", err)
	}
	if c.to, err = b.to.Repo.Objects(); err != nil {
		return fmt.Errorf("open the destination's objects: %w", err)
	}
	c.scratch = repo.Scratch(b.from.Repo.Dir())
	c.streams, c.removed = map[*pack.Pack]*pack.Forest{}, map[string]bool{}
	if r := c.v.Receipt; r != nil && r.Body.LargeFiles.Choice == rehome.LFSOptOut {
		for n, path := range r.Body.LargeFiles.Removed {
			var bytes []byte
			if n < len(r.Body.LargeFiles.Exact) {
				bytes = r.Body.LargeFiles.Exact[n]
			}
			c.removed[baseName(exact(path, bytes))] = true
		}
	}
	return nil
}

func (c *comparison) close() {
	for _, forest := range c.streams {
		forest.Close()
	}
	for _, objects := range []*repo.Objects{c.from, c.to} {
		if objects != nil {
			objects.Close()
		}
	}
}

// sweep looks for every object of the source at the destination.
func (c *comparison) sweep(ctx context.Context) error {
	for _, p := range c.from.Packs() {
		for n := range p.Index.Len() {
			if id := p.Index.ID(n); !c.to.Has(id) {
				c.v.differs(Difference{Kind: "object", Name: id.String(), Text: "is not at the destination"})
			}
			if n%10_000 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// walk follows changed history from what refs name, old and new side by side.
func (c *comparison) walk(ctx context.Context, from []pair) error {
	c.next = slices.Clone(from)
	for len(c.next) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := c.next[len(c.next)-1]
		c.next = c.next[:len(c.next)-1]
		if p.old == p.new {
			continue
		}
		if other, seen := c.done[p.old]; seen {
			if other != p.new {
				c.differs(p, "commit", fmt.Sprintf("became %s in one place and %s in another", other, p.new))
			}
			continue
		}
		c.done[p.old] = p.new
		if err := c.compare(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range from {
		if p.notes {
			if err := c.notes(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) differs(p pair, kind, text string) {
	c.v.differs(Difference{Kind: kind, Name: p.old.String(), Have: idText(p.new), Text: text})
}

// compare looks at one pair.
func (c *comparison) compare(ctx context.Context, p pair) error {
	oldType, old, err := c.from.Read(p.old)
	if err != nil {
		return fmt.Errorf("read %s of the source: %w", p.old, err)
	}
	newType, new, err := c.to.Read(p.new)
	if err != nil {
		return fmt.Errorf("read %s of the destination: %w", p.new, err)
	}
	switch {
	case oldType != newType:
		c.differs(p, oldType.String(), fmt.Sprintf("is a %s at the source and a %s at the destination", oldType, newType))
	case oldType == object.Commit:
		return c.commit(ctx, p, old, new)
	case oldType == object.Tag:
		c.tag(p, old, new)
	case oldType == object.Tree:
		_, err = c.tree(ctx, p.old, p.new, true)
		return err
	default:
		c.differs(p, "file", "is another file at the destination")
	}
	return nil
}

// commit compares all of a commit but names and mails.
func (c *comparison) commit(ctx context.Context, p pair, old, new []byte) error {
	c.v.result.Changed++
	was, _ := object.ParseCommit(p.old.Format(), old)
	is, _ := object.ParseCommit(p.new.Format(), new)
	if m := c.v.Map; m != nil {
		if said, ok := m.New(p.old); !ok || said != p.new {
			c.differs(p, "commit", "is not what the commit map says")
		}
	}
	var parents []object.ID
	for id := range is.Parents() {
		parents = append(parents, id)
	}
	count := 0
	for id := range was.Parents() {
		if count < len(parents) {
			c.next = append(c.next, pair{id, parents[count], p.notes})
		}
		count++
	}
	if count != len(parents) {
		c.differs(p, "commit", fmt.Sprintf("has another number of parents: %d at the source, %d at the destination", count, len(parents)))
	}
	if what := otherLines(old, new, was.Message, is.Message); what != "" {
		c.differs(p, "commit", what)
	}
	if was.Tree == is.Tree || p.notes {
		return nil
	}
	same, err := c.tree(ctx, was.Tree, is.Tree, true)
	if !same && err == nil {
		c.differs(p, "commit", "has other files at the destination")
	}
	return err
}

// tag compares all of a tag but the tagger's name and mail.
func (c *comparison) tag(p pair, old, new []byte) {
	was, _ := object.ParseTag(p.old.Format(), old)
	is, _ := object.ParseTag(p.new.Format(), new)
	c.next = append(c.next, pair{old: was.Object, new: is.Object})
	if what := otherLines(old[:was.Sign], new[:is.Sign], min(was.Message, was.Sign), min(is.Message, is.Sign)); what != "" {
		c.differs(p, "tag", what)
	}
}
