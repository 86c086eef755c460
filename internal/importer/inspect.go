package importer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/repo"
)

// Inspect says what is at a source and what Once would change of it with the same options.
// It fetches into a temporary folder within o.Dir, "" for the system's, and leaves nothing there. Git LFS
// objects stay at the source.
func Inspect(ctx context.Context, o OnceOptions) (found rehome.Inspection, err error) {
	work, err := os.MkdirTemp(o.Dir, ".rehome-inspect-*")
	if err != nil {
		return found, fmt.Errorf("make a folder to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	o.Plan.CommitMap = nil // nothing is made, so no new id is known
	once := newOnce(o)
	got, err := once.fetch(ctx, filepath.Join(work, "repository"), nil)
	if err != nil {
		return found, err
	}
	did, err := once.wouldDo(ctx, got)
	if err != nil {
		return found, err
	}
	found = once.inspection(got)
	found.Plan = rehome.InspectedChanges{
		CommitsChanged: did.changes.Commits, TagsChanged: did.changes.Tags, SignaturesDropped: did.changes.Signatures,
		AuthorsMapped: did.mapped, Refused: once.refused(found.LargeFiles), LargeFiles: o.Plan.inspected(did),
	}
	people, err := contributorsOf(ctx, got.Repo, got.Refs)
	if err != nil {
		return found, err
	}
	found.Authors, found.Plan.Authors = list(people), changedAuthors(people, did.authors)
	found.Submodules, err = submodulesOf(got)
	return found, err
}

// refused lists the large files that stay and that the destination would not take.
func (o *once) refused(large []rehome.InspectedFile) []rehome.Refusal {
	all := []rehome.Refusal{}
	if o.FileLimit == 0 || o.Plan.choice() != rehome.LFSUndecided {
		return all
	}
	for _, f := range large {
		if f.Size > o.FileLimit {
			all = append(all, rehome.Refusal{Kind: "file_over_limit", Path: f.Path})
		}
	}
	return all
}

// wouldDo finds out what a rewrite would change. Which paths leave history is known once it has been made.
func (o *once) wouldDo(ctx context.Context, got raw) (did rewritten, err error) {
	var into *repo.Repo
	if o.Plan.choice() == rehome.LFSOptOut {
		into = got.Repo
	}
	_, did, err = o.remake(ctx, got, into)
	return did, err
}

// inspected is what a plan does to large files, nil where they stay.
func (p OncePlan) inspected(did rewritten) *rehome.InspectedLarge {
	if p.choice() == rehome.LFSUndecided {
		return nil
	}
	_, removed := apart(did.final)
	return &rehome.InspectedLarge{
		Choice: p.Large, Files: did.made.Files, Bytes: did.made.Bytes, RemovedPaths: did.made.paths(),
		Skipped: list(skipRemoved(removed)), Tips: list(did.tips),
	}
}

// changedAuthors lists who of the people becomes somebody else.
func changedAuthors(people []rehome.Contributor, to map[rehome.Identity]rehome.Identity) []rehome.InspectedAuthor {
	all := []rehome.InspectedAuthor{}
	for _, p := range people {
		if now, ok := to[p.Identity()]; ok {
			all = append(all, rehome.NewInspectedAuthor(p, now))
		}
	}
	return all
}

// inspection says what was fetched.
func (o *once) inspection(got raw) rehome.Inspection {
	known := factsOf(got, o.LargeOver, o.meter.start)
	found := rehome.Inspection{
		Source:  rehome.ReceiptSource{VCS: o.VCS, URL: o.Location.String(), ObjectFormat: known.Format}.Named(strings.TrimPrefix(known.Head, "refs/heads/")),
		Skipped: list(got.Skipped), Commits: known.Commits, Bytes: got.Received.Bytes,
		LargeFiles: []rehome.InspectedFile{}, Faults: []rehome.Warning{}, Warnings: []rehome.Warning{},
	}
	for _, ref := range got.Refs {
		switch {
		case strings.HasPrefix(ref.Name, "refs/heads/"):
			found.Refs.Branches++
		case strings.HasPrefix(ref.Name, "refs/tags/"):
			found.Refs.Tags++
		default:
			found.Refs.Other++
		}
	}
	for _, f := range got.found.LargeFiles {
		found.LargeFiles = append(found.LargeFiles, rehome.NewInspectedFile(f))
	}
	for _, w := range known.Warnings {
		if ofChoice(w) {
			found.Warnings = append(found.Warnings, w)
		} else {
			found.Faults = append(found.Faults, w)
		}
	}
	found.LFS.Pointers = int64(len(got.found.Pointers))
	return found
}

// submodulesOf lists the submodules of the default branch.
func submodulesOf(got raw) ([]rehome.Submodule, error) {
	all := []rehome.Submodule{}
	at := slices.IndexFunc(got.Refs, func(r repo.Ref) bool { return r.Name == got.Head })
	if at < 0 {
		return all, nil
	}
	objects, err := got.Repo.Objects()
	if err != nil {
		return nil, fmt.Errorf("open what was received: %w", err)
	}
	defer objects.Close()
	named, err := objects.Submodules(got.Refs[at].ID)
	if err != nil {
		return nil, err
	}
	for _, s := range named {
		all = append(all, rehome.NewSubmodule(s.Path, s.URL))
	}
	return all, nil
}
