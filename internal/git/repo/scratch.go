package repo

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"rehome/internal/disk"
)

// Scratch hands out zeroed memory backed by unlinked files in dir, so that what grows with a
// repository is the disk's and not the process's. Untouched parts take no room.
func Scratch(dir string) func(size int64) ([]byte, func(), error) {
	return func(size int64) ([]byte, func(), error) {
		f, err := disk.CreateTemp(dir, "scratch-*")
		if err != nil {
			return nil, nil, fmt.Errorf("make scratch file: %w", err)
		}
		defer f.Close()
		if err := os.Remove(f.Name()); err != nil {
			return nil, nil, fmt.Errorf("unlink scratch file: %w", err)
		}
		size = max(size, 1)
		if err := f.Truncate(size); err != nil {
			return nil, nil, fmt.Errorf("size scratch file: %w", err)
		}
		return mapFile(f.File, size, unix.PROT_READ|unix.PROT_WRITE)
	}
}

// mapFile maps the first size bytes of f, shared. The file may be closed meanwhile.
func mapFile(f *os.File, size int64, protection int) ([]byte, func(), error) {
	if size == 0 {
		return nil, func() {}, nil
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(size), protection, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map %d bytes of %s: %w", size, filepath.Base(f.Name()), err)
	}
	return mem, func() { unix.Munmap(mem) }, nil //nolint:errcheck // a whole mapping of ours
}

// openMapped maps a whole file for reading.
func openMapped(path string) ([]byte, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	return mapFile(f, st.Size(), unix.PROT_READ)
}
