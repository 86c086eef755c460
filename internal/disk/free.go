package disk

import (
	"fmt"
	"sync/atomic"
	"syscall"
)

var free atomic.Pointer[func(dir string) (int64, error)]

// Free returns how many bytes can be written to the file system of dir.
func Free(dir string) (int64, error) {
	if f := free.Load(); f != nil {
		return (*f)(dir)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look how much room there is at %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // their types differ from system to system
}

// Size returns how many bytes the file system of dir has in all.
func Size(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look how large the disk is at %s: %w", dir, err)
	}
	return int64(s.Blocks) * int64(s.Bsize), nil //nolint:unconvert // as above
}

// FreeBy has Free ask f; nil ends that. Only tests call it.
func FreeBy(f func(dir string) (int64, error)) {
	if f == nil {
		free.Store(nil)
		return
	}
	free.Store(&f)
}

// Floor is how much room has to be left on a file system for work to begin. The zero value asks for none.
type Floor struct {
	Dir   string // on the file system
	Least int64  // bytes
}

// LowError says that less room is left than has to be.
type LowError struct{ Free, Least int64 } // bytes

func (e *LowError) Error() string {
	return fmt.Sprintf("%d bytes are free on the disk, less than the %d that have to be", e.Free, e.Least)
}

// Check is a *LowError when new work is not to begin.
func (f Floor) Check() error { return f.check(f.Least) }

// CheckRunning is a *LowError when what runs has to end, too: half of what has to be left is gone.
func (f Floor) CheckRunning() error { return f.check(f.Least / 2) }

func (f Floor) check(least int64) error {
	if least <= 0 {
		return nil
	}
	has, err := Free(f.Dir)
	if err != nil {
		return err
	}
	if has < least {
		return &LowError{Free: has, Least: least}
	}
	return nil
}
