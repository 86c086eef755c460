package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// copyBucket copies the files of the bucket that the rows name. again says that one has gone which nobody needs any more.
func (b *backup) copyBucket(ctx context.Context, snap *store.Snapshot) (again bool, err error) {
	b.manifest.LFSObjects = 0
	err = snap.LFSObjects(ctx, func(o store.LFSObject) error {
		oid, err := lfs.ParseOID(o.OID)
		if err != nil {
			b.problems.add("a row names %q as a Git LFS object", o.OID)
			return nil
		}
		key := lfs.Key(oid)
		err = b.fetch(ctx, key, filepath.Join(b.work, lfsFolder, filepath.FromSlash(key)), o.Size)
		if errors.Is(err, fs.ErrNotExist) {
			needed, err := b.DB.HasLFSObject(ctx, o)
			if err == nil && needed {
				b.problems.add("the Git LFS object %s is not there", o.OID)
			}
			again = again || err == nil && !needed
			return err
		}
		if err == nil {
			b.manifest.LFSObjects++
			b.Tell(Progress{Step: "bucket", Done: b.manifest.LFSObjects, Total: b.manifest.Rows["lfs_objects"]})
		}
		return err
	})
	if err != nil || again {
		return again, err
	}
	return b.copyRaw(ctx, snap)
}

// copyRaw copies raw repositories that are kept in the bucket.
func (b *backup) copyRaw(ctx context.Context, snap *store.Snapshot) (again bool, err error) {
	keys, err := snap.RawKeys(ctx)
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		prefix, _, _ := strings.Cut(key, "/lists/")
		found := false
		for file, err := range b.Bucket.List(ctx, prefix+"/") {
			if err != nil {
				return false, err
			}
			err = b.fetch(ctx, file.Key, filepath.Join(b.work, bucketFolder, filepath.FromSlash(file.Key)), file.Size)
			if errors.Is(err, fs.ErrNotExist) {
				again = true // the sweep took what an older list had
				continue
			}
			if err != nil {
				return false, err
			}
			found = found || file.Key == key || key == prefix
		}
		if !found {
			b.problems.add("there is no raw repository at %s in the bucket", key)
		}
	}
	return again, nil
}

// fetch brings one file of the bucket into the backup, unless it is there. fs.ErrNotExist when the bucket has none of that size.
func (b *backup) fetch(ctx context.Context, key, path string, size int64) error {
	if info, err := os.Lstat(path); err == nil && info.Size() == size {
		return nil
	}
	have, err := bucket.Size(ctx, b.Bucket, key)
	if err != nil {
		return err
	}
	if have != size {
		b.problems.add("%s has %d bytes in the bucket, not %d", key, have, size)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return bucket.Get(ctx, b.Bucket, key, path)
}
