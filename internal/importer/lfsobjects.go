package importer

import (
	"context"
	"fmt"
	"slices"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// checkLFS makes sure that the repository has each object and the store its bytes, so that
// no pointer is published that leads nowhere.
func (w *worker) checkLFS(ctx context.Context, objects []store.LFSObject) error {
	lost, err := w.lostLFS(ctx, objects)
	if err != nil {
		return fmt.Errorf("look for Git LFS objects: %w", err)
	}
	oids := make([]string, len(objects))
	for n, o := range objects {
		oids[n] = o.OID
	}
	sizes, err := w.DB.LFSObjects(ctx, w.row.RepositoryID, oids)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if size, ok := sizes[o.OID]; !ok || size != o.Size {
			lost = append(lost, o.OID)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	slices.Sort(lost)
	lost = slices.Compact(lost)
	return &rehome.Error{
		Code:    rehome.LFSMissing,
		Message: fmt.Sprintf("The server lost %d of the %d Git LFS objects that this history points to: %s.", len(lost), len(objects), named(lost)),
		Hint:    "To have them made and fetched anew, start the import again.",
	}
}

// lostLFS returns the objects whose bytes are not in the store, by their ids.
func (m *Importer) lostLFS(ctx context.Context, objects []store.LFSObject) (lost []string, err error) {
	for _, o := range objects {
		oid, err := lfs.ParseOID(o.OID)
		if err != nil {
			return nil, err
		}
		has := false
		if m.LFS != nil {
			if has, err = m.LFS.Has(ctx, lfs.Object{OID: oid, Size: o.Size}); err != nil {
				return nil, err
			}
		}
		if !has {
			lost = append(lost, o.OID)
		}
	}
	return lost, nil
}
