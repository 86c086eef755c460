package lfs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"rehome/internal/bucket"
	"rehome/internal/disk"
)

// Store keeps objects by their SHA-256 in a bucket, under git-lfs's own names: "ab/cd/abcd…". What is in it
// has been hashed on the way in. It is safe for concurrent use, several processes included.
type Store struct {
	bucket bucket.Bucket
	spool  string
}

// NewStore opens a store on a bucket. Objects are written to files in the folder spool first, which the bucket
// has to be able to take; it is made when missing, and cleared of what processes that died left there.
func NewStore(b bucket.Bucket, spool string) (*Store, error) {
	abs, err := filepath.Abs(spool)
	if err == nil {
		err = disk.MakeFolders(abs, 0o777)
	}
	if err == nil {
		err = sweep(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("open LFS store: %w", err)
	}
	return &Store{bucket: b, spool: abs}, nil
}

// Local opens the store in dir: objects in dir/objects, where git-lfs has those of a repository whose
// .git/lfs is dir, and the spool in dir/tmp.
func Local(dir string) (*Store, error) {
	b, err := bucket.NewFolder(filepath.Join(dir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("open LFS store: %w", err)
	}
	return NewStore(b, filepath.Join(dir, "tmp"))
}

// key is where the bucket has an object.
func key(oid OID) string {
	hex := oid.String()
	return hex[:2] + "/" + hex[2:4] + "/" + hex
}

// Has reports whether the object is there with that size.
func (s *Store) Has(ctx context.Context, o Object) (bool, error) {
	size, err := s.Size(ctx, o.OID)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && size == o.Size, err
}

// Open returns an object's bytes from offset on. It is fs.ErrNotExist when the object is not there. Read from the
// beginning, bytes that are not the object's end in a *CorruptError, and the last of them is never given: so nobody
// takes them for the object. Read from later on they are as the bucket has them.
func (s *Store) Open(ctx context.Context, oid OID, offset int64) (io.ReadCloser, error) {
	in, err := s.OpenUnchecked(ctx, oid, offset)
	if err != nil || offset > 0 {
		return in, err
	}
	return &checked{ReadCloser: in, oid: oid, hash: sha256.New()}, nil
}

// OpenUnchecked is Open for those who hash what they read.
func (s *Store) OpenUnchecked(ctx context.Context, oid OID, offset int64) (io.ReadCloser, error) {
	r, err := s.bucket.Open(ctx, key(oid), offset)
	if err != nil {
		return nil, fmt.Errorf("open LFS object: %w", err)
	}
	return r, nil
}

// Size returns an object's size in bytes. It is fs.ErrNotExist when the object is not there.
func (s *Store) Size(ctx context.Context, oid OID) (int64, error) {
	size, err := bucket.Size(ctx, s.bucket, key(oid))
	if err != nil {
		return 0, fmt.Errorf("size of LFS object: %w", err)
	}
	return size, nil
}

// Remove removes an object. A missing one is no error.
func (s *Store) Remove(ctx context.Context, oid OID) error {
	if err := s.bucket.Remove(ctx, key(oid)); err != nil {
		return fmt.Errorf("remove LFS object: %w", err)
	}
	return nil
}

// ErrNoFile says that there is no file to take. It is not fs.ErrNotExist, which a store that lost its folders may give.
var ErrNoFile = errors.New("no such file")

// TakeFile copies a local file in when it holds the object, and is a *MismatchError when it holds something
// else. It is ErrNoFile when there is no file at path, be it that something else is there.
func (s *Store) TakeFile(ctx context.Context, o Object, path string) error {
	in, err := openFile(path)
	if err != nil {
		return fmt.Errorf("take LFS object %s: %w", o.OID, err)
	}
	defer in.Close()
	w, err := s.Create()
	if err != nil {
		return err
	}
	defer w.Close()
	// One byte more shows that it is too long.
	if _, err := io.Copy(w, io.LimitReader(contextReader{ctx, in}, o.Size+1)); err != nil {
		return fmt.Errorf("take LFS object %s: %w", o.OID, err)
	}
	return w.KeepAs(ctx, o)
}

// openFile opens a file, never waiting for whoever is at the other end of a pipe.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoFile
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is no file: %w", path, ErrNoFile)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// contextReader reads until a context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
