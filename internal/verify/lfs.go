package verify

import (
	"context"
	"fmt"
	"slices"

	"rehome/internal/lfs"
	"rehome/internal/source"
)

// compareLFS downloads every Git LFS object that files of the destination point to, each hashed as it comes. One that neither end has
// was left out; one that only the source has, or that is another there, is a difference.
func (v *verification) compareLFS(ctx context.Context, b both, dir string) error {
	objects := b.to.found.Pointers
	if len(objects) == 0 {
		return nil
	}
	store, err := lfs.Local(dir)
	if err != nil {
		return fmt.Errorf("make a folder for Git LFS objects: %w", err)
	}
	got, err := v.Destination.Reader.FetchLFS(ctx, source.LFSRequest{Location: v.Destination.Location, Repo: b.to.Repo, Head: b.to.Head, Objects: objects, Store: store, AllowMissing: true})
	if err != nil {
		return atEnd(err, "destination")
	}
	v.result.LFS = int64(len(objects) - len(got.Missing))
	if len(got.Missing) == 0 {
		return nil
	}
	wrong := map[lfs.Object]bool{}
	for _, o := range got.Wrong {
		wrong[o] = true
	}
	absent := slices.DeleteFunc(slices.Clone(got.Missing), func(o lfs.Object) bool { return wrong[o] })
	lost, err := v.missingAtSource(ctx, b, absent, store)
	if err != nil {
		return err
	}
	neither := map[lfs.Object]bool{}
	for _, o := range lost {
		neither[o] = true
	}
	for _, o := range got.Missing {
		switch {
		case wrong[o]:
			v.differs(Difference{Kind: "lfs", Name: o.OID.String(), Text: "is a Git LFS object of which the destination has other bytes"})
		case !neither[o]:
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
	got, err := v.Source.Reader.FetchLFS(ctx, source.LFSRequest{Location: v.Source.Location, Repo: b.from.Repo, Head: b.from.Head, Objects: asked, Store: store, AllowMissing: true})
	if err != nil {
		return nil, atEnd(err, "source")
	}
	shown := got.Missing[:v.shown(len(got.Missing))]
	for _, o := range shown {
		v.result.Lacks = append(v.result.Lacks, fmt.Sprintf("neither end has the Git LFS object %s of %d bytes", o.OID, o.Size))
	}
	if more := len(got.Missing) - len(shown); more > 0 {
		v.result.Lacks = append(v.result.Lacks, fmt.Sprintf("%d more Git LFS objects", more))
	}
	return got.Missing, nil
}
