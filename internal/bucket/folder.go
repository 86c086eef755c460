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
//
// A file's bytes are on the disk before it has its name there, and its name is before Take returns:
//
//	sync the file; rename it to its key; sync the folders above
//
// Many Takes at a time share their syncs (together.go): with one after the other, most of the time would
// go into waiting for the disk.
type Folder struct {
	dir  string
	disk together
}

// NewFolder opens the folder at dir, which is made when missing. Files that Take is given must be on its disk.
func NewFolder(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = makeDurably(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("open folder of files: %w", err)
	}
	return &Folder{dir: abs}, nil
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
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(above)
}

// Take fills Bucket. The file can only be read afterwards. It takes least of each when many run at once.
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
		return f.takeKnown(path, file)
	}
	if err := f.settle(file); err != nil {
		return err
	}
	if err := f.makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	switch err := move(file, path); {
	case errors.Is(err, fs.ErrExist):
		return f.takeKnown(path, file)
	case err != nil:
		return err
	}
	return f.disk.sync(&wish{folders: f.above(path)})
}

// takeKnown takes a file whose key has one already, which whoever put it there may not have synced yet.
func (f *Folder) takeKnown(path, file string) error {
	known, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.disk.sync(&wish{file: known, folders: f.above(path)})
	if err := errors.Join(err, known.Close()); err != nil {
		return err
	}
	return os.Remove(file)
}

// From what size on, bytes, a file is synced by itself, so that others need not wait for it; and from what
// size on memory is not kept for it once it is on the disk: others have better use for it, and the next file
// gets pages that are warm.
const (
	alone = 8 << 20
	letGo = 1 << 20
)

// settle puts a file's bytes on the disk, not to be written again.
func (f *Folder) settle(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close() // what counts is whether it is synced
	info, err := opened.Stat()
	if err == nil && info.Mode().Perm() != 0o444 {
		err = opened.Chmod(0o444)
	}
	switch {
	case err != nil:
		return err
	case info.Size() >= alone:
		err = opened.Sync()
	default:
		err = f.disk.sync(&wish{file: opened})
	}
	if err == nil && info.Size() >= letGo {
		forget(opened)
	}
	return err
}

// makeFolder makes a folder below f's.
func (f *Folder) makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) && dir != f.dir {
		if err := f.makeFolder(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o777)
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

// link is move for where that is not one operation: a crash in between leaves the file at both places.
func link(file, path string) error {
	switch err := os.Link(file, path); {
	case err == nil:
		return os.Remove(file)
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(file, path) // a file system without hard links
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
