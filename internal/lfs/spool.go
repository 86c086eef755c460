package lfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"rehome/internal/disk"
)

// spoolPrefix begins the names of our files in a spool: git-lfs may have some of its own there.
const spoolPrefix = "rehome-"

// createLocked makes a file in the spool and locks it while it is open: that tells a sweep, of this or
// another process, that somebody still writes it.
func createLocked(spool string) (*disk.File, error) {
	for {
		f, err := disk.CreateTemp(spool, spoolPrefix+"*")
		if err != nil {
			return nil, err
		}
		err = lock(f.File)
		if err == nil && stillThere(f.File) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, os.Remove(f.Name()))
		}
		// A sweep came between making and locking.
	}
}

// sweep removes the files of the spool that nobody writes any more.
func sweep(spool string) error {
	entries, err := os.ReadDir(spool)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), spoolPrefix) || !e.Type().IsRegular() {
			continue
		}
		if err := removeUnlocked(filepath.Join(spool, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func removeUnlocked(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(f); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil
		}
		return err
	}
	return os.Remove(path)
}

func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// stillThere reports whether the file is what its name leads to.
func stillThere(f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(opened, named)
}
