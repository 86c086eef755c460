package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/submodule"
)

// order finds out which rows are submodules of others, so that those come first.
func (b *batchRun) order(ctx context.Context) error {
	b.after = make([][]int, len(b.rows))
	if !b.flags.submodules {
		return nil
	}
	urls := make([][]string, len(b.rows))
	batch.Each(ctx, len(b.rows), b.flags.parallel, func(n int) {
		if _, done := b.journal.Finished(b.rows[n].Destination, b.stamps[n]); !done || b.again(n) {
			urls[n] = b.submodulesAt(ctx, n)
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return b.setOrder(urls)
}

// setOrder takes down what .gitmodules of each row names. Rows that are submodules of each other are an error.
func (b *batchRun) setOrder(urls [][]string) error {
	order := batch.Submodules(b.rows, urls)
	b.after = order.After
	if len(order.Cycles) == 0 {
		return nil
	}
	for _, cycle := range order.Cycles {
		var names []string
		for _, n := range append(slices.Clip(cycle), cycle[0]) {
			names = append(names, fmt.Sprintf("%s (line %d)", rehome.Clean(b.rows[n].Source, 200), b.rows[n].Line))
		}
		fmt.Fprintf(b.Stderr, "submodules of each other: %s\n", strings.Join(names, " has "))
	}
	return usagef("Move them without --rewrite-submodules, in a batch of their own.", "some repositories are submodules of each other, so that none can be first")
}

// submodulesAt lists the URLs in .gitmodules at the tips of a row's branches. None where it cannot be read: the row itself
// says why when its turn comes.
func (b *batchRun) submodulesAt(ctx context.Context, n int) []string {
	l, err := b.forRow(nil, nil).location(ctx, b.rows[n].Source, b.moves[n].user, b.moves[n].ssh)
	if err != nil {
		return nil
	}
	urls, err := b.readSubmodules(ctx, l, b.moves[n].ssh)
	if err != nil {
		return nil
	}
	return urls
}

// readSubmodules reads a path where it is, and fetches a URL into a temporary folder.
func (b *batchRun) readSubmodules(ctx context.Context, l remote.Location, ssh sshFlags) (urls []string, err error) {
	if l.Path != "" {
		r, err := repo.OpenClone(l.Path)
		if err != nil {
			return nil, err
		}
		refs, err := r.Refs()
		if err != nil {
			return nil, err
		}
		return submodulesIn(r, refs)
	}
	work, err := os.MkdirTemp("", "rehome-submodules-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	reader, err := b.ownMachineGit(ssh, b.noteUnless(b.quiet))
	if err != nil {
		return nil, err
	}
	got, err := reader.Fetch(ctx, source.Request{Location: l, Dir: filepath.Join(work, "repository")})
	if err != nil {
		return nil, err
	}
	return submodulesIn(got.Repo, got.Refs)
}

func submodulesIn(r *repo.Repo, refs []repo.Ref) (urls []string, err error) {
	objects, err := r.Objects()
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	for _, ref := range refs {
		if !strings.HasPrefix(ref.Name, "refs/heads/") {
			continue
		}
		named, err := objects.Submodules(ref.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range named {
			urls = append(urls, s.URL)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls), nil
}

// mapFile is where a row's commit map goes: where it says, or, when others may need it, into the state folder.
func (b *batchRun) mapFile(n int) string {
	if file := b.moves[n].commitMap; file != "" || !b.flags.submodules {
		return file
	}
	sum := sha256.Sum256([]byte(remote.Key(b.rows[n].Destination)))
	return filepath.Join(b.journal.Dir(), "commit-map-"+hex.EncodeToString(sum[:10]))
}

// movedInside lists the repositories that are submodules of a row, and that the batch has moved before it.
func (b *batchRun) movedInside(n int) (all []submodule.Repository, err error) {
	for _, at := range b.after[n] {
		row := b.rows[at]
		file := b.mapFile(at)
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("the commit map of its submodule %s (line %d) is not there any more: %w", rehome.Clean(row.Source, 200), row.Line, err)
		}
		all = append(all, submodule.Repository{Source: row.Source, Destination: row.Destination, Map: file})
	}
	return all, nil
}
