package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"rehome/internal/disk"
)

// Folder is the Bucket that keeps each file below a folder, at the path that is its key. Several processes
// may share the folder.
//
// A file's bytes are on the disk before it has its name there, and its name is before Put returns:
//
//	sync the file; rename or link it to its key; sync the folders above
//
// Many Takes at a time share their syncs (together.go): with one after the other, most of the time would
// go into waiting for the disk.
type Folder struct {
	dir    string
	device uint64 // the disk it is on
	syncs  together
}

// NewFolder opens the folder at dir, which is made when missing. Files from other disks are copied into it.
func NewFolder(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = makeDurably(abs)
	}
	f := &Folder{dir: abs}
	if err == nil {
		f.device, err = f.look()
	}
	if err == nil {
		err = f.sweep()
	}
	if err != nil {
		return nil, fmt.Errorf("open folder of files: %w", err)
	}
	return f, nil
}

// makeDurably makes a folder and those above it.
func makeDurably(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(dir)
	if above == dir {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrNotExist}
	}
	if err := makeDurably(above); err != nil {
		return err
	}
	if err := disk.MakeFolder(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(above)
}

// makeFolder makes a folder below f's.
func (f *Folder) makeFolder(dir string) error {
	err := disk.MakeFolder(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) && dir != f.dir {
		if err := f.makeFolder(filepath.Dir(dir)); err != nil {
			return err
		}
		err = disk.MakeFolder(dir, 0o777)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// above returns the folders from path's own up to f's.
func (f *Folder) above(path string) (folders []string) {
	for path != f.dir {
		path = filepath.Dir(path)
		folders = append(folders, path)
	}
	return folders
}

// Open fills Bucket.
func (f *Folder) Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	path, err := f.path(ctx, key)
	if err != nil {
		return nil, err
	}
	if !isFile(path) {
		return nil, missing(key)
	}
	opened, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(key)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	if _, err := opened.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s at %d: %w", key, offset, err), opened.Close())
	}
	return opened, nil
}

// size is Size by one look.
func (f *Folder) size(ctx context.Context, key string) (int64, error) {
	path, err := f.path(ctx, key)
	if err != nil {
		return 0, err
	}
	info, err := os.Lstat(path)
	switch {
	case noFile(err) || err == nil && !info.Mode().IsRegular():
		return 0, missing(key)
	case err != nil:
		return 0, fmt.Errorf("size of %s: %w", key, err)
	}
	return info.Size(), nil
}

// Remove fills Bucket.
func (f *Folder) Remove(ctx context.Context, key string) error {
	path, err := f.path(ctx, key)
	if err != nil || !isFile(path) {
		return err
	}
	if err := os.Remove(path); err != nil && !noFile(err) {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

func (f *Folder) path(ctx context.Context, key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	return filepath.Join(f.dir, filepath.FromSlash(key)), ctx.Err()
}

// isFile reports whether a file is at path: no folder, symbolic link or device.
func isFile(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// noFile reports whether err says that no file is there, be it that a file stands where a folder should.
func noFile(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }
