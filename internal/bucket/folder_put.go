package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rehome/internal/disk"
)

// Put fills Bucket.
func (f *Folder) Put(ctx context.Context, key, file string) error {
	path, err := f.path(ctx, key)
	if err != nil {
		return err
	}
	if _, err := f.keep(ctx, path, file, os.Link); err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	return nil
}

// take is Put that moves the file.
func (f *Folder) take(ctx context.Context, key, file string) error {
	path, err := f.path(ctx, key)
	if err != nil {
		return err
	}
	placed, err := f.keep(ctx, path, file, move)
	if err == nil && !placed {
		err = os.Remove(file)
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	return nil
}

// keep puts a file at path with place, which gives it its name there and is fs.ErrExist when there is one of that name.
// It reports whether that was done: it is not when there is one already, nor when the file was copied.
func (f *Folder) keep(ctx context.Context, path, file string, place func(file, path string) error) (placed bool, err error) {
	if isFile(path) {
		return false, f.syncKnown(path)
	}
	here, err := f.settle(file)
	if err == nil {
		err = f.makeFolder(filepath.Dir(path))
	}
	if err != nil {
		return false, err
	}
	if here {
		err = place(file, path)
		placed = err == nil
	}
	if !here || cannotLink(err) {
		err = f.copy(ctx, path, file)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return false, f.syncKnown(path)
	case err != nil:
		return false, err
	}
	return placed, f.syncs.sync(&wish{folders: f.above(path)})
}

// syncKnown is for a file that is there already: whoever put it there may not have synced it yet.
func (f *Folder) syncKnown(path string) error {
	known, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.syncs.sync(&wish{file: known, folders: f.above(path)})
	return errors.Join(err, known.Close())
}

// From what size on, bytes, a file is synced by itself, so that others need not wait for it; and from what
// size on memory is not kept for it once it is on the disk: others have better use for it, and the next file
// gets pages that are warm.
const (
	alone = 8 << 20
	letGo = 1 << 20
)

// settle puts a file's bytes on the disk, not to be written again, unless it is on another disk than f.
func (f *Folder) settle(file string) (here bool, err error) {
	opened, info, err := openRegular(file)
	if err != nil {
		return false, err
	}
	defer opened.Close() // what counts is whether it is synced
	if device(info) != f.device {
		return false, nil
	}
	if info.Mode().Perm() != 0o444 {
		err = opened.Chmod(0o444)
	}
	switch {
	case err != nil:
		return true, err
	case info.Size() >= alone:
		if err = disk.Before(disk.Sync, file); err == nil {
			err = opened.Sync()
		}
	default:
		err = f.syncs.sync(&wish{file: opened})
	}
	if err == nil && info.Size() >= letGo {
		forget(opened)
	}
	return true, err
}

// openRegular opens a local file, and nothing else, for reading.
func openRegular(file string) (*os.File, fs.FileInfo, error) {
	opened, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is no file", file)
	}
	if err != nil {
		return nil, nil, errors.Join(err, opened.Close())
	}
	return opened, info, nil
}

func device(info fs.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Dev) }

func (f *Folder) look() (uint64, error) {
	info, err := os.Stat(f.dir)
	if err != nil {
		return 0, err
	}
	return device(info), nil
}

// cannotLink reports whether err says that two names cannot have one file: on two disks that look like one, where
// somebody else's file must not be linked, when it has too many names, where there are no links.
func cannotLink(err error) bool {
	for _, why := range []error{syscall.EXDEV, syscall.EPERM, syscall.EMLINK, syscall.EOPNOTSUPP, syscall.ENOTSUP} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// copying begins the names of files that are being copied, which no key has.
const copying = ".copy-"

// copy puts a copy of a file at path, fs.ErrExist when there is one of that name.
func (f *Folder) copy(ctx context.Context, path, file string) error {
	in, _, err := openRegular(file)
	if err != nil {
		return err
	}
	defer in.Close() // what counts is what was read
	out, err := disk.CreateTemp(f.dir, copying+"*")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, during(ctx, in))
	if err == nil {
		err = out.Chmod(0o444)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = move(out.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// during reads in until ctx ends: a copy may take minutes.
func during(ctx context.Context, in io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return in.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// abandoned is after what time nobody writes a copy any more: each write makes it young again.
const abandoned = 24 * time.Hour

// sweep removes the copies that processes which died have left.
func (f *Folder) sweep() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), copying) {
			continue
		}
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > abandoned {
			err = os.Remove(filepath.Join(f.dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// link is move for where that is not one operation: a crash in between leaves the file at both places.
func link(file, path string) error {
	switch err := disk.Share(file, path); {
	case err == nil:
		return os.Remove(file)
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return err
	}
	return disk.Move(file, path) // a file system without hard links
}

// lend is Get by a link. It reports false when that cannot be.
func (f *Folder) lend(ctx context.Context, key, file string) (done bool, err error) {
	path, err := f.path(ctx, key)
	if err != nil {
		return false, err
	}
	if !isFile(path) {
		return false, missing(key)
	}
	err = disk.Share(path, file)
	if errors.Is(err, fs.ErrExist) {
		if err = os.Remove(file); err == nil {
			err = disk.Share(path, file)
		}
	}
	switch {
	case cannotLink(err):
		return false, nil
	case err != nil && !isFile(path):
		return false, missing(key)
	case err == nil:
		err = f.syncs.sync(&wish{folders: []string{filepath.Dir(file)}})
	}
	if err != nil {
		return false, fmt.Errorf("get %s: %w", key, err)
	}
	return true, nil
}
