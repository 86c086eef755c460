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
)

// Folder is the Bucket that keeps each file below a folder, at the path that is its key. Several processes
// may share the folder.
type Folder struct{ dir string }

// NewFolder opens the folder at dir, which is made when missing. Files that Take is given must be on its disk.
func NewFolder(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(abs, 0o777)
	}
	if err != nil {
		return nil, fmt.Errorf("open folder of files: %w", err)
	}
	return &Folder{dir: abs}, nil
}

// Take fills Bucket. The file can only be read afterwards.
func (f *Folder) Take(ctx context.Context, key, file string) error {
	path, err := f.path(ctx, key)
	if err != nil {
		return err
	}
	if err := f.take(path, file); err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	return nil
}

func (f *Folder) take(path, file string) error {
	if isFile(path) {
		return os.Remove(file)
	}
	if err := settle(file); err != nil {
		return err
	}
	if err := f.makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	switch err := os.Link(file, path); {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil && !errors.Is(err, fs.ErrExist):
		if err := os.Rename(file, path); err != nil { // a file system without hard links
			return err
		}
	default:
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Dir(path))
}

// settle puts a file's bytes on the disk, not to be written again.
func settle(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	return errors.Join(opened.Chmod(0o444), opened.Sync(), opened.Close())
}

// makeFolder makes a folder below f's, durably.
func (f *Folder) makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil || dir == f.dir {
		return err
	}
	if err := f.makeFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

func syncFolder(dir string) error {
	opened, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
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

// Size fills Bucket.
func (f *Folder) Size(ctx context.Context, key string) (int64, error) {
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

func missing(key string) error { return fmt.Errorf("%s: %w", key, fs.ErrNotExist) }

// noFile reports whether err says that no file is there, be it that a file stands where a folder should.
func noFile(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }
