package rewrite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"rehome"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite/content"
)

// changes reports whether large files become anything else.
func (l LargeFiles) changes() bool {
	return l.Choice == rehome.LFSOptIn || l.Choice == rehome.LFSOptOut
}

// changeContent makes the trees and blobs that the plan asks for, or takes them over from the
// rewrite before.
func (p *pass) changeContent(ctx context.Context) (err error) {
	if !p.o.Plan.Large.changes() {
		return nil
	}
	if p.content, err = p.contentBefore(ctx); err == nil && p.content == nil {
		p.content, err = p.makeContent(ctx)
	}
	if err != nil {
		return err
	}
	r := p.content
	p.result.Large = LargeResult{Objects: r.Objects, Files: r.Files, Bytes: r.Bytes, Removed: r.Removed}
	if p.o.Into != nil && r.Changed() {
		p.result.Content = r.Pack
		p.result.Replaced = append(p.result.Replaced, r.Replaced)
	}
	return nil
}

func (p *pass) makeContent(ctx context.Context) (*content.Result, error) {
	o := content.Options{
		Objects: p.objects, Format: p.graph.Format(), Into: p.o.Into, Store: p.o.Store, Scratch: repo.Scratch(p.o.scratch()),
		Choice: p.o.Plan.Large.Choice, Over: p.o.Plan.Large.Over, Match: p.o.Plan.Large.Match,
		Workers: p.o.Workers, Converting: p.o.Converting,
	}
	for n := range uint32(p.graph.Len()) {
		switch {
		case p.plain.Has(n):
			p.leadsTo(n, &o.Roots, &o.Blobs)
		case p.result.noted.Has(n):
			p.leadsTo(n, &o.Kept, new([]object.ID))
		}
	}
	for _, r := range p.o.Refs {
		if _, ok := p.graph.Find(r.ID); ok {
			continue
		}
		kind, err := p.objects.Type(r.ID)
		if err != nil {
			return nil, err
		}
		if kind == object.Tree {
			o.Roots = append(o.Roots, r.ID)
		} else if kind == object.Blob {
			o.Blobs = append(o.Blobs, r.ID)
		}
	}
	for _, ids := range []*[]object.ID{&o.Roots, &o.Blobs, &o.Kept} {
		slices.SortFunc(*ids, object.ID.Compare)
		*ids = slices.Compact(*ids)
	}
	return content.Run(ctx, o)
}

// leadsTo adds the tree of a commit, or the tree or blob that a tag names.
func (p *pass) leadsTo(n uint32, trees, blobs *[]object.ID) {
	if p.graph.Type(n) == object.Commit {
		if tree, ok := treeOf(p.graph, n); ok {
			*trees = append(*trees, tree)
		}
		return
	}
	tag, _ := object.ParseTag(p.graph.Format(), p.graph.Bytes(n))
	switch kind, err := p.objects.Type(tag.Object); {
	case err != nil:
	case kind == object.Tree:
		*trees = append(*trees, tag.Object)
	case kind == object.Blob:
		*blobs = append(*blobs, tag.Object)
	}
}

// treeOf returns the tree of a commit, which its first line names.
func treeOf(g *history.Graph, n uint32) (tree object.ID, ok bool) {
	raw := g.Bytes(n)
	end := len("tree ") + 2*g.Format().Size()
	if len(raw) <= end || string(raw[:5]) != "tree " || raw[end] != '\n' {
		return tree, false
	}
	var sum [32]byte
	if _, err := hex.Decode(sum[:], raw[5:end]); err != nil {
		return tree, false
	}
	return object.FromBytes(g.Format(), sum[:]), true
}

// newTree returns what became of a commit's tree: itself when it stays.
func (p *pass) newTree(old object.ID) object.ID {
	if p.content != nil {
		if now, ok := p.content.New(old); ok {
			return now
		}
	}
	return old
}

// contentChanges reports whether a commit's tree, or what a tag names, became another.
func (p *pass) contentChanges(n uint32) bool {
	if p.content == nil || !p.content.Changed() || p.result.noted.Has(n) {
		return false
	}
	if p.graph.Type(n) == object.Commit {
		tree, ok := treeOf(p.graph, n)
		return ok && p.newTree(tree) != tree
	}
	tag, _ := object.ParseTag(p.graph.Format(), p.graph.Bytes(n))
	_, ok := p.content.New(tag.Object)
	return ok
}

// goneWith notes that a tag goes since what it names left history.
func (p *pass) goneWith(n uint32) bool {
	if p.content == nil || p.graph.Type(n) != object.Tag {
		return false
	}
	tag, _ := object.ParseTag(p.graph.Format(), p.graph.Bytes(n))
	if !p.isGone(tag.Object) {
		return false
	}
	p.gone.Add(n)
	p.count(n, false)
	return true
}

// isGone reports whether an object that refs or tags name left history.
func (p *pass) isGone(id object.ID) bool {
	if p.content == nil {
		return false
	}
	if n, ok := p.graph.Find(id); ok {
		return p.gone.Has(n)
	}
	return p.content.Gone(id)
}

// withoutContent undoes what changeContent put into Into, for a rewrite that failed.
func (p *pass) withoutContent(err error) error {
	if p.o.Into == nil || p.result.Content == "" {
		return err
	}
	return errors.Join(err, p.o.Into.RemovePack(p.result.Content))
}

// contentKey says what decides the content besides history: two rewrites with the same key
// have the same trees.
func (p *pass) contentKey() string {
	l := p.o.Plan.Large
	if !l.changes() {
		return ""
	}
	from := ""
	for name, one := range p.objects.Named() {
		if isHistory, err := one.Only(object.Commit, object.Tag); err != nil || !isHistory {
			from += " " + name
		}
	}
	patterns := ""
	if l.Match != nil {
		patterns = l.Match.String()
	}
	return fmt.Sprintf("%s over %d of%s matching\n%s", l.Choice, l.Over, from, patterns)
}

func isZero(id []byte) bool {
	for _, b := range id {
		if b != 0 {
			return false
		}
	}
	return true
}
