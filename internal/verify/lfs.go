package verify

import (
	"context"
	"fmt"
	"slices"

	"rehome/internal/lfs"
	"rehome/internal/source"
)

// compareLFS downloads every Git LFS object that files of the destination point to, each hashed as it comes. One that neither end has
// was left out; one that only the source has is a difference.
func (v *verification) compareLFS(ctx context.Context, b both, dir string) error {
	objects := b.to.found.Pointers
	if len(objects) == 0 {
		return nil
	}
	store, err := lfs.Local(dir)
	if err != nil {
		return fmt.Errorf("make a folder for Git LFS objects: %w", err)
	}
	got, err := v.Reader.FetchLFS(ctx, source.LFSRequest{Location: v.Destination, Repo: b.to.Repo, Head: b.to.Head, Objects: objects, Store: store, AllowMissing: true})
	if err != nil {
		return atEnd(err, "destination")
	}
	v.result.LFS = int64(len(objects) - len(got.Missing))
	if len(got.Missing) == 0 {
		return nil
	}
	lost, err := v.missingAtSource(ctx, b, got.Missing, store)
	if err != nil {
		return err
	}
	neither := map[lfs.Object]bool{}
	for _, o := range lost {
		neither[o] = true
	}
	for _, o := range got.Missing {
		if !neither[o] {
			v.differs(Difference{Kind: "lfs", Name: o.OID.String(), Text: "is a Git LFS object that the destination does not have"})
		}
	}
	return nil
}

// missingAtSource returns which of the objects the source lacks as well.
func (v *verification) missingAtSource(ctx context.Context, b both, objects []lfs.Object, store *lfs.Store) ([]lfs.Object, error) {
	known := map[lfs.Object]bool{}
	for _, o := range b.from.found.Pointers {
		known[o] = true
	}
	asked := slices.DeleteFunc(slices.Clone(objects), func(o lfs.Object) bool { return !known[o] }) // the others a move made
	if len(asked) == 0 {
		return nil, nil
	}
	got, err := v.Reader.FetchLFS(ctx, source.LFSRequest{Location: v.Source, Repo: b.from.Repo, Head: b.from.Head, Objects: asked, Store: store, AllowMissing: true})
	if err != nil {
		return nil, atEnd(err, "source")
	}
	for _, o := range got.Missing[:min(len(got.Missing), shownLFS)] {
		v.result.Lacks = append(v.result.Lacks, fmt.Sprintf("neither end has the Git LFS object %s of %d bytes", o.OID, o.Size))
	}
	if more := len(got.Missing) - shownLFS; more > 0 {
		v.result.Lacks = append(v.result.Lacks, fmt.Sprintf("%d more Git LFS objects", more))
	}
	return got.Missing, nil
}
