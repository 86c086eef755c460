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

// lfsBatch is how many objects are listed before they are looked at.
const lfsBatch = 1000

// lfsObjects checks the bytes of every Git LFS object that a row names.
func (c *checking) lfsObjects(ctx context.Context) error {
	var batch []store.LFSObject
	check := func() error {
		for _, o := range batch {
			c.Tell(Progress{Step: "bucket", Done: c.result.LFSObjects})
			c.result.LFSObjects++
			if err := c.unit(ctx, func(ctx context.Context) ([]Finding, error) { return c.lfsObject(ctx, o) }); err != nil {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	err := c.DB.EachLFSObject(ctx, func(o store.LFSObject) error {
		if batch = append(batch, o); len(batch) < lfsBatch {
			return nil
		}
		return check()
	})
	if err != nil {
		return err
	}
	return check()
}

func (c *checking) lfsObject(ctx context.Context, o store.LFSObject) ([]Finding, error) {
	l := list{where: "Git LFS object " + o.OID}
	needed, err := c.DB.HasLFSObject(ctx, o)
	if err != nil || !needed {
		return nil, err
	}
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
