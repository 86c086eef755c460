package carry

import (
	"context"
	"strings"

	"rehome/internal/git/object"
)

// Left is a tag, or a HEAD that names a commit, that keeps commits of one's own on the old history.
type Left struct {
	Name  string // as refs/tags/v1, or HEAD, or HEAD of the work tree NAME
	Names object.ID
	New   object.ID // what its commit is on the new history; zero when nothing that moved has it
	Heavy bool      // it names a tag object
	Why   string    // it cannot move; may be ""
}

// names is what a tag or a HEAD stands for.
type names struct {
	name       string
	id, commit object.ID
}

// other finds the tags and HEADs that are looked at though they never move.
func (c *carry) other(ctx context.Context) error {
	refs, err := c.o.Clone.Refs()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if strings.HasPrefix(ref.Name, "refs/tags/") {
			c.named = append(c.named, names{name: ref.Name, id: ref.ID})
		}
	}
	for _, head := range c.trees.detached {
		c.named = append(c.named, names{name: head.name, id: head.id})
	}
	for i := range c.named {
		one := &c.named[i]
		if one.commit, err = c.peel(one.id); err != nil {
			return err
		}
		if one.commit.IsZero() {
			continue
		}
		if err := c.local.visit(ctx, one.commit); err != nil {
			return err
		}
	}
	return nil
}

// peel returns the commit that an object stands for; zero when it is none, or not here.
func (c *carry) peel(id object.ID) (object.ID, error) {
	for {
		if !c.local.objects.Has(id) {
			return object.ID{}, nil
		}
		t, err := c.local.objects.Type(id)
		if err != nil || t == object.Commit {
			return id, err
		}
		if t != object.Tag {
			return object.ID{}, nil
		}
		_, raw, err := c.local.objects.Read(id)
		if err != nil {
			return object.ID{}, err
		}
		tag, _ := object.ParseTag(id.Format(), raw)
		if id = tag.Object; id.IsZero() {
			return id, nil
		}
	}
}

// left lists those of named that keep local commits, and counts tags of commits that everybody has.
func (c *carry) left(m *remake, moving map[object.ID]bool) (all []Left, tags int) {
	for _, one := range c.named {
		p := c.local.places[one.commit]
		switch {
		case p == nil || p.other:
		case !p.local && p.moves && strings.HasPrefix(one.name, "refs/tags/"):
			tags++
		case p.local && (p.based && p.moves || p.fault != ""):
			l := Left{Name: one.name, Names: one.id, Heavy: one.id != one.commit, Why: p.fault}
			if moving[one.commit] {
				l.New = m.becomes(one.commit)
			}
			all = append(all, l)
		}
	}
	return all, tags
}
