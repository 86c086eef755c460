package bucket_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"rehome/internal/bucket"
	"rehome/internal/disk"
)

// Whichever change of the disk fails, a folder says so, has the file whole or not at all, and takes it the next time.
func TestFolderOnADiskThatFails(t *testing.T) {
	content := bytes.Repeat([]byte("content\n"), 1000)
	for name, put := range map[string]func(t *testing.T, b bucket.Bucket, file string) error{
		"put": func(t *testing.T, b bucket.Bucket, file string) error { return b.Put(t.Context(), "a/b/c", file) },
		"take": func(t *testing.T, b bucket.Bucket, file string) error {
			return bucket.Take(t.Context(), b, "a/b/c", file)
		},
		"get": func(t *testing.T, b bucket.Bucket, file string) error {
			return errors.Join(b.Put(t.Context(), "a/b/c", file), bucket.Get(t.Context(), b, "a/b/c", file+"-got"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for nth := 1; ; nth++ {
				dir := t.TempDir()
				file := filepath.Join(dir, "file")
				b, err := bucket.NewFolder(filepath.Join(dir, "files"))
				if err = errors.Join(err, os.WriteFile(file, content, 0o600)); err != nil {
					t.Fatal(err)
				}
				asked := failNth(t, nth, func() { err = put(t, b, file) })
				if asked < nth {
					if nth < 4 || err != nil {
						t.Errorf("%d changes, %v", asked, err)
					}
					return
				}
				kept, missing := os.ReadFile(filepath.Join(dir, "files", "a", "b", "c"))
				switch {
				case !errors.Is(err, syscall.ENOSPC):
					t.Errorf("change %d failed, and it said %v", nth, err)
				case !errors.Is(missing, fs.ErrNotExist) && !bytes.Equal(kept, content):
					t.Errorf("change %d failed, and there is a part: %d bytes, %v", nth, len(kept), missing)
				}
				if err := put(t, b, file); err != nil && !errors.Is(err, fs.ErrNotExist) { // Take had it already
					t.Errorf("again after change %d: %v", nth, err)
				}
				if kept, err := os.ReadFile(filepath.Join(dir, "files", "a", "b", "c")); !bytes.Equal(kept, content) {
					t.Errorf("again after change %d there are %d bytes, %v", nth, len(kept), err)
				}
			}
		})
	}
}

// failNth fails the nth change of the disk while do runs, and returns how many there were.
func failNth(t *testing.T, nth int, do func()) (asked int) {
	t.Helper()
	defer disk.Fail(nil)
	disk.Fail(func(disk.Op, string) error {
		if asked++; asked == nth {
			return syscall.ENOSPC
		}
		return nil
	})
	do()
	return asked
}
