package rewrite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"rehome/internal/git/object"
	"rehome/internal/lfs"
	"rehome/internal/rewrite/content"
	"rehome/internal/submodule"
)

// savedContent is what content became, but for the pairs.
type savedContent struct {
	Key      string        `json:"key"`  // see contentKey
	Pack     string        `json:"pack"` // base name; "" when content stayed as it was
	Replaced string        `json:"replaced"`
	Trees    int           `json:"trees"` // pairs of trees and blobs
	Files    int64         `json:"files"`
	Bytes    int64         `json:"bytes"`
	Objects  []savedObject `json:"objects"`
	Removed  [][]byte      `json:"removed"`

	Submodules submodule.Changes `json:"submodules"`
}

// savedObject is a Git LFS object.
type savedObject struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// savedContent returns what is to be saved of content, nil for nothing.
func (r *Result) savedContent() *savedContent {
	if r.content == nil || !r.Changed() {
		return nil
	}
	s := &savedContent{
		Key: r.key, Pack: r.Content, Replaced: r.content.Replaced,
		Files: r.Large.Files, Bytes: r.Large.Bytes, Removed: r.Large.Removed, Submodules: r.Submodules,
	}
	for range r.content.Each {
		s.Trees++
	}
	for _, o := range r.Large.Objects {
		s.Objects = append(s.Objects, savedObject{o.OID.String(), o.Size})
	}
	return s
}

// saveTrees writes the pairs of content, sorted. What left has the zero id.
func (r *Result) saveTrees(out *bufio.Writer) {
	var pairs [][]byte
	for old, now := range r.content.Each {
		pairs = append(pairs, now.AppendTo(old.AppendTo(nil)))
	}
	slices.SortFunc(pairs, bytes.Compare)
	for _, pair := range pairs {
		out.Write(pair)
	}
}

// key returns the contentKey of the rewrite before.
func (b *Before) key() string {
	if b.content == nil {
		return ""
	}
	return b.content.Key
}

// contentBefore takes over what content became before, if it becomes the same again. It is nil when not,
// and when a part of it is gone.
func (p *pass) contentBefore(ctx context.Context) (*content.Result, error) {
	b := p.o.Before
	if b == nil || b.content == nil || b.repo.Format() != p.graph.Format() || b.key() != p.result.key {
		return nil, nil
	}
	s := b.content
	r := content.Result{Pack: s.Pack, Replaced: s.Replaced, Files: s.Files, Bytes: s.Bytes, Removed: s.Removed, Submodules: s.Submodules}
	for _, o := range s.Objects {
		oid, err := lfs.ParseOID(o.OID)
		if err != nil {
			return nil, fmt.Errorf("read saved rewrite: %w", err)
		}
		one := lfs.Object{OID: oid, Size: o.Size}
		if p.o.Store != nil {
			if has, err := p.o.Store.Has(ctx, one); err != nil || !has {
				return nil, err
			}
		}
		r.Objects = append(r.Objects, one)
	}
	if p.o.Into != nil && s.Pack != "" {
		err := p.o.Into.LinkPack(b.repo, s.Pack)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	size := p.graph.Format().Size()
	return content.Restore(r, func(yield func(old, now object.ID) bool) {
		for at := 0; at < len(b.trees); at += 2 * size {
			if !yield(object.FromBytes(p.graph.Format(), b.trees[at:]), object.FromBytes(p.graph.Format(), b.trees[at+size:])) {
				return
			}
		}
	}), nil
}
