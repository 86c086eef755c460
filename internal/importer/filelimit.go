package importer

import (
	"context"
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/git/object"
)

// checkFiles names files that the destination's forge takes at no size, before anything is pushed. It knows those that
// the raw step listed.
func (f *forgeEnd) checkFiles(ctx context.Context, done *finished) error {
	most := f.Forge.Limits(ctx, f.at).File
	if most == 0 {
		return nil
	}
	large, err := f.DB.LargeFiles(ctx, f.row.ID, 0, 0)
	if err != nil || len(large) == 0 {
		return err
	}
	objects, err := done.repo.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	var over []string
	for _, file := range large {
		blob, err := object.ParseID(string(file.OID))
		if err == nil && file.Size > most && objects.Has(blob) {
			over = append(over, fmt.Sprintf("%s (%d bytes, in %s)", rehome.Clean(string(file.Path), 200), file.Size, rehome.Clean(strings.TrimPrefix(file.Ref, "refs/heads/"), 100)))
		}
	}
	if len(over) == 0 {
		return nil
	}
	return &rehome.Error{
		Code:    rehome.DestinationRefused,
		Message: fmt.Sprintf("The destination takes no file of more than %d bytes, and this history has %d: %s.", most, len(over), named(over)),
		Hint:    "Have large files become Git LFS objects: {use_lfs: opt_in}.",
	}
}
