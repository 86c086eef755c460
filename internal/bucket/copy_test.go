package bucket

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// open makes a folder, and a file beside it.
func open(t *testing.T, content string) (f *Folder, file string) {
	t.Helper()
	dir := t.TempDir()
	f, err := NewFolder(filepath.Join(dir, "files"))
	file = filepath.Join(dir, "file")
	if err := errors.Join(err, os.WriteFile(file, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	return f, file
}

// same reports whether two names have one file.
func same(t *testing.T, a, b string) bool {
	t.Helper()
	first, errFirst := os.Stat(a)
	second, err := os.Stat(b)
	if err := errors.Join(errFirst, err); err != nil {
		t.Fatal(err)
	}
	return os.SameFile(first, second)
}

// TestFolderShares has one file for what was put, and for what is got of it.
func TestFolderShares(t *testing.T) {
	f, file := open(t, "content")
	if err := f.Put(t.Context(), "a/b", file); err != nil {
		t.Fatal(err)
	}
	got := file + ".got"
	if err := Get(t.Context(), f, "a/b", got); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(f.dir, "a", "b")
	if !same(t, file, kept) || !same(t, got, kept) {
		t.Error("it was copied")
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o444 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestFolderOfAnotherDisk copies: what is put, what is taken, and what is there already.
func TestFolderOfAnotherDisk(t *testing.T) {
	f, file := open(t, "content")
	f.device++ // that of no file here
	if err := f.Put(t.Context(), "a/b", file); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(f.dir, "a", "b")
	if same(t, file, kept) {
		t.Error("it was linked")
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the local file has mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(kept); err != nil || info.Mode() != 0o444 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := Take(t.Context(), f, "a/c", file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was taken is there: %v", err)
	}
	r, err := f.Open(t.Context(), "a/c", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if content, err := io.ReadAll(r); string(content) != "content" || err != nil {
		t.Errorf("read %q, %v", content, err)
	}
	left, err := filepath.Glob(filepath.Join(f.dir, copying+"*"))
	if len(left) != 0 || err != nil {
		t.Errorf("left: %q, %v", left, err)
	}
}

// TestFolderTakesNoLink has a symbolic link for a local file.
func TestFolderTakesNoLink(t *testing.T) {
	f, file := open(t, "content")
	if err := os.Symlink(file, file+".link"); err != nil {
		t.Fatal(err)
	}
	if f.Put(t.Context(), "a", file+".link") == nil || Take(t.Context(), f, "a", file+".link") == nil {
		t.Error("no error")
	}
}

// TestFolderSweepsOldCopies keeps those that somebody may still write.
func TestFolderSweepsOldCopies(t *testing.T) {
	f, file := open(t, "content")
	for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": 0} {
		path := filepath.Join(f.dir, copying+name)
		if err := errors.Join(os.Link(file, path), os.Remove(file), os.Chtimes(path, time.Time{}, time.Now().Add(-age)), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for file, err := range f.List(t.Context(), "") {
		t.Errorf("lists %q, %v", file.Key, err)
	}
	if _, err := NewFolder(f.dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(f.dir)
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0].Name(), "new") {
		t.Errorf("left: %v, %v", left, err)
	}
}
