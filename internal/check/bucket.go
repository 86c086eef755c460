package check

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// lfsBatch is how many rows are read at once.
const lfsBatch = 1000

// lfsObjects checks the bytes of every Git LFS object that a row names, each once.
func (c *checking) lfsObjects(ctx context.Context) error {
	seen := map[string]int64{} // sizes
	var last store.OfRepository
	for {
		batch, err := c.DB.NextLFSObjects(ctx, last, lfsBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, o := range batch {
			if size, ok := seen[o.OID]; ok && size == o.Size {
				continue
			}
			seen[o.OID] = o.Size
			c.result.LFSObjects++
			c.Tell(Progress{Step: "bucket", Done: c.result.LFSObjects})
			if err := c.unit(ctx, func(ctx context.Context) ([]Finding, error) { return c.needed(ctx, o) }); err != nil {
				return err
			}
		}
		last = batch[len(batch)-1]
	}
}

// needed looks at an object, and tells nothing of one that its repository has no more.
func (c *checking) needed(ctx context.Context, o store.OfRepository) ([]Finding, error) {
	found, err := c.lfsObject(ctx, o.LFSObject)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	sizes, err := c.DB.LFSObjects(ctx, o.RepositoryID, []string{o.OID})
	if _, still := sizes[o.OID]; err != nil || !still {
		return nil, err
	}
	return found, nil
}

func (c *checking) lfsObject(ctx context.Context, o store.LFSObject) ([]Finding, error) {
	l := list{where: "Git LFS object " + o.OID}
	oid, err := lfs.ParseOID(o.OID)
	if err != nil {
		l.add(Damage, "lfs_row", "a row names it so: %v", err)
		return l.all, nil
	}
	size, err := bucket.Size(ctx, c.Bucket, lfs.Key(oid))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.add(Damage, "lfs_missing", "its %d bytes are not there", o.Size)
	case err != nil:
		return nil, err
	case size != o.Size:
		l.add(Damage, "lfs_size", "it has %d bytes, not %d", size, o.Size)
	case c.ReadData:
		sum, err := c.sumOf(ctx, lfs.Key(oid))
		if err != nil {
			return nil, fmt.Errorf("read Git LFS object %s: %w", o.OID, err)
		}
		if sum != o.OID {
			l.add(Damage, "lfs_changed", "its bytes have the SHA-256 %s", sum)
		}
	}
	return l.all, nil
}

func (c *checking) sumOf(ctx context.Context, key string) (string, error) {
	in, err := c.Bucket.Open(ctx, key, 0)
	if err != nil {
		return "", err
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
