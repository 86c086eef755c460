package rewrite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	if !p.o.Plan.changesContent() {
		return nil
	}
	of, err := p.findRoots()
	if err != nil {
		return err
	}
	p.result.key = p.contentKey(of)
	if p.content, err = p.contentBefore(ctx); err == nil && p.content == nil {
		p.content, err = p.makeContent(ctx, of)
	}
	if err != nil {
		return err
	}
	r := p.content
	p.result.Submodules = r.Submodules
	p.result.Large = LargeResult{Objects: r.Objects, Files: r.Files, Bytes: r.Bytes, Removed: r.Removed}
	if p.o.Into != nil && r.Changed() {
		p.result.Content = r.Pack
		p.result.Replaced = append(p.result.Replaced, p.contentPacks...)
	}
	return nil
}

func (p *pass) makeContent(ctx context.Context, of roots) (made *content.Result, err error) {
	objects := p.objects
	if len(p.contentPacks) > 1 {
		one, remove, failed := p.joined(ctx)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, remove()) }()
		if objects, err = one.Objects(); err != nil {
			return nil, err
		}
		defer objects.Close()
	}
	o := content.Options{
		Objects: objects, Format: p.graph.Format(), Into: p.o.Into, Store: p.o.Store, Scratch: repo.Scratch(p.o.scratch()),
		Roots: of.trees, Blobs: of.blobs, Kept: of.kept, Submodules: p.o.Plan.Submodules,
		Workers: p.o.Workers, Converting: p.o.Converting,
	}
	if l := p.o.Plan.Large; l.changes() {
		o.Choice, o.Over, o.Match = l.Choice, l.Over, l.Match
	}
	return content.Run(ctx, o)
}

// roots are the trees and blobs that history and refs name, sorted.
type roots struct {
	trees, blobs []object.ID
	kept         []object.ID // trees of notes
}

func (p *pass) findRoots() (all roots, err error) {
	for n := range uint32(p.graph.Len()) {
		switch {
		case p.plain.Has(n):
			p.leadsTo(n, &all.trees, &all.blobs)
		case p.result.noted.Has(n):
			p.leadsTo(n, &all.kept, new([]object.ID))
		}
	}
	for _, r := range p.o.Refs {
		if _, ok := p.graph.Find(r.ID); ok {
			continue
		}
		kind, err := p.objects.Type(r.ID)
		if err != nil {
			return all, err
		}
		if kind == object.Tree {
			all.trees = append(all.trees, r.ID)
		} else if kind == object.Blob {
			all.blobs = append(all.blobs, r.ID)
		}
	}
	for _, ids := range all.lists() {
		slices.SortFunc(*ids, object.ID.Compare)
		*ids = slices.Compact(*ids)
	}
	return all, nil
}

func (r *roots) lists() []*[]object.ID { return []*[]object.ID{&r.trees, &r.blobs, &r.kept} }

// sum is another for others.
func (r *roots) sum() []byte {
	sum := sha256.New()
	var b []byte
	for _, ids := range r.lists() {
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(len(*ids)))
		for _, id := range *ids {
			b = id.AppendTo(b)
		}
		sum.Write(b)
	}
	return sum.Sum(nil)
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
	if p.o.Into == nil || p.result.Content == "" || p.o.Before != nil && p.o.Before.repo.Dir() == p.o.Into.Dir() {
		return err // or it was there before
	}
	return errors.Join(err, p.o.Into.RemovePack(p.result.Content))
}

// contentKey says what decides the content besides the objects of a pack: two rewrites with the same key
// have the same trees. What is named belongs to it, for the new pack has only what that leads to.
func (p *pass) contentKey(of roots) string {
	l := p.o.Plan.Large
	key := fmt.Sprintf("%s over %d of %x in %s matching\n%s", l.Choice, l.Over, of.sum(), strings.Join(p.contentPacks, " "), l.Match)
	if s := p.o.Plan.Submodules; s != nil {
		key += "\nwith submodules " + s.Key()
	}
	return key
}
