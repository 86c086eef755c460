package bucket

import (
	"os"

	"golang.org/x/sys/unix"

	"rehome/internal/disk"
)

// syncAll puts all of the file system on the disk. It is false when that does not work.
func (g *group) syncAll() bool {
	// Whose file it is does not matter: all are on one disk.
	var on *os.File
	for _, w := range g.wishes {
		if w.file != nil {
			on = w.file
		}
	}
	if on == nil {
		dir, err := os.Open(g.wishes[0].folders[0])
		if err != nil {
			return false
		}
		defer dir.Close()
		on = dir
	}
	if unix.Syncfs(int(on.Fd())) != nil {
		return false
	}
	for _, w := range g.wishes {
		if w.file != nil {
			// Before Linux 5.8, syncfs does not tell of bytes that could not be written. This does, once for each open
			// file, and has nothing left to wait for.
			w.err = os.NewSyscallError("sync_file_range", unix.SyncFileRange(int(w.file.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE))
		}
	}
	return true
}

// move gives a file another name on its disk, fs.ErrExist when there is a file of that name.
func move(file, path string) error {
	if err := disk.Before(disk.Rename, path); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, file, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	switch err {
	case unix.ENOSYS, unix.EINVAL: // not every file system can
		return link(file, path)
	case nil:
		return nil
	}
	return &os.LinkError{Op: "rename", Old: file, New: path, Err: err}
}

// forget gives back the memory in which the system has a file's bytes.
func forget(f *os.File) {
	unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) //nolint:errcheck // a wish
}
