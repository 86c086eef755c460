package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"rehome/internal/disk"
)

// ErrLocked is wrapped when another process keeps a lock file for longer than Update waits.
var ErrLocked = errors.New("locked by another process")

// lock is a lock file that this process made. The zero value holds nothing.
type lock struct {
	path string
}

// takeLock makes path's lock file without waiting.
func takeLock(path string) (lock, error) {
	f, err := disk.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return lock{}, fmt.Errorf("%w: %q", ErrLocked, path)
	}
	if err != nil {
		return lock{}, err
	}
	return lock{path: path + ".lock"}, f.Close()
}

// release removes the lock file. One that was renamed into place is not ours to remove any more.
func (l lock) release() {
	if l.path != "" {
		os.Remove(l.path)
	}
}

// lockRef makes the lock file of a ref, and the folders above it.
//
// Two cases need no lock because nobody can write the loose ref at all: the name is too
// long for a file, or another loose ref stands where a folder would have to be.
func (r *Repo) lockRef(name string) (lock, error) {
	file := r.path(name)
	for {
		l, err := takeLock(file)
		if unlockable(err) {
			return lock{}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
		// Git removes empty folders at any time: make them again until the file is there.
		if err := disk.MakeFolders(filepath.Dir(file), 0o777); unlockable(err) {
			return lock{}, nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return lock{}, err
		}
	}
}

func unlockable(err error) bool {
	return errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ENOTDIR)
}

// pruneFolders removes folder and those above it up to refs/<kind>, as far as they are
// empty. (os.Remove would take a loose ref for a folder.)
func (r *Repo) pruneFolders(folder string) {
	for strings.Count(folder, "/") >= 2 && syscall.Rmdir(r.path(folder)) == nil {
		folder = path.Dir(folder)
	}
}

// ClearLocks removes what dead processes left behind: lock files and half-made
// packed-refs, packs and pushes. Nobody may be using the repository.
func (r *Repo) ClearLocks() error {
	for _, name := range []string{"HEAD.lock", "config.lock", "packed-refs.lock", "packed-refs.new", "shallow.lock"} {
		if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear locks: %w", err)
		}
	}
	err := filepath.WalkDir(r.path("refs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".lock") {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		return fmt.Errorf("clear locks: %w", err)
	}
	for _, pattern := range []string{"objects/tmp_objdir-*", "objects/incoming-*", "objects/pack/tmp_*", "objects/pack/.tmp-*"} {
		left, _ := filepath.Glob(filepath.Join(globQuote(r.dir), pattern))
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("clear locks: %w", err)
			}
		}
	}
	return nil
}

// globQuote makes dir match itself in a pattern.
func globQuote(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
