package disk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Every change is asked about once, by its kind and path, and fails as it is told to.
func TestEveryChangeCounts(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	file := func() *File {
		f, err := CreateFile(path("file"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for name, c := range map[string]struct {
		op     Op
		change func() error
	}{
		"create":       {Create, func() error { _, err := CreateFile(path("made")); return err }},
		"create aside": {Create, func() error { _, err := CreateTemp(dir, "x-*"); return err }},
		"whole":        {Create, func() error { return WriteFile(path("whole"), []byte("text"), 0o600) }},
		"write":        {Write, func() error { _, err := file().Write([]byte("text")); return err }},
		"write at":     {Write, func() error { _, err := file().WriteAt([]byte("text"), 7); return err }},
		"text":         {Write, func() error { _, err := file().WriteString("text"); return err }},
		"copy":         {Write, func() error { _, err := io.Copy(file(), strings.NewReader("text")); return err }},
		"truncate":     {Write, func() error { return file().Truncate(3) }},
		"sync":         {Sync, func() error { return file().Sync() }},
		"rename":       {Rename, func() error { return Move(path("from"), path("to")) }},
		"link":         {Link, func() error { return Share(path("from"), path("to")) }},
		"folder":       {Mkdir, func() error { return MakeFolder(path("a"), 0o700) }},
		"folders":      {Mkdir, func() error { return MakeFolders(path("b/c"), 0o700) }},
	} {
		t.Run(name, func(t *testing.T) {
			defer Fail(nil)
			asked := 0
			Fail(func(op Op, at string) error {
				if op != c.op || !strings.HasPrefix(at, dir) {
					return nil
				}
				asked++
				return syscall.ENOSPC
			})
			if err := c.change(); !errors.Is(err, syscall.ENOSPC) || asked != 1 {
				t.Errorf("asked %d times, then %v", asked, err)
			}
		})
	}
}

// A write that fails leaves half of its bytes.
func TestFailedWriteIsCut(t *testing.T) {
	defer Fail(nil)
	name := filepath.Join(t.TempDir(), "file")
	f, err := CreateFile(name)
	if err != nil {
		t.Fatal(err)
	}
	Fail(func(op Op, _ string) error {
		if op == Write {
			return syscall.EIO
		}
		return nil
	})
	if n, err := f.Write([]byte("12345678")); n != 4 || !errors.Is(err, syscall.EIO) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(name); !bytes.Equal(text, []byte("1234")) {
		t.Errorf("left %q", text)
	}
}
