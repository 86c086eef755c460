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
		err = b.fetch(ctx, key, lfsFolder, o.Size)
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
	return b.copyKept(ctx, snap)
}

// copyKept copies what imports keep in the bucket, with all that lies beside it: what one list names another may share.
func (b *backup) copyKept(ctx context.Context, snap *store.Snapshot) (again bool, err error) {
	keys, err := snap.Kept(ctx)
	if err != nil {
		return false, err
	}
	copied := map[string]bool{}
	for _, key := range keys {
		prefix, _, _ := strings.Cut(key, "/lists/")
		if !copied[prefix] {
			gone, err := b.copyBelow(ctx, prefix+"/")
			if err != nil {
				return false, err
			}
			again, copied[prefix] = again || gone, true
		}
		if _, err := os.Lstat(b.kept(key)); err == nil {
			continue
		}
		needed, err := b.DB.Keeps(ctx, key)
		if err != nil {
			return false, err
		}
		if again = again || !needed; needed { // else something newer has taken its place
			b.problems.add("%s is not there: it is fetched or made anew when the import changes next", b.names.of(key))
		}
	}
	return again, nil
}

func (b *backup) kept(key string) string {
	return filepath.Join(b.work, bucketFolder, filepath.FromSlash(key))
}

// copyBelow copies the files whose keys begin with prefix. gone says that one went meanwhile.
func (b *backup) copyBelow(ctx context.Context, prefix string) (gone bool, err error) {
	for file, err := range b.Bucket.List(ctx, prefix) {
		if err != nil {
			return false, err
		}
		err = b.fetch(ctx, file.Key, bucketFolder, file.Size)
		if errors.Is(err, fs.ErrNotExist) {
			gone = true
			continue
		}
		if err != nil {
			return false, err
		}
	}
	return gone, nil
}

// fetch brings one file of the bucket into the backup, unless it is there. fs.ErrNotExist when the bucket has none of that size.
func (b *backup) fetch(ctx context.Context, key, folder string, size int64) error {
	name := folder + "/" + key
	path := filepath.Join(b.work, filepath.FromSlash(name))
	if info, err := os.Lstat(path); err == nil && info.Size() == size {
		return nil
	}
	have, err := bucket.Size(ctx, b.Bucket, key)
	if err != nil {
		return err
	}
	if have != size {
		b.problems.add("%s has %d bytes in the bucket, not %d", b.names.of(name), have, size)
		b.odd[path] = true
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return bucket.Get(ctx, b.Bucket, key, path)
}
