package bucket_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"rehome/internal/bucket"
	"rehome/internal/bucket/buckettest"
)

func TestFolder(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) (bucket.Bucket, string) {
		dir := t.TempDir()
		b, err := bucket.NewFolder(filepath.Join(dir, "new", "files"))
		if err != nil {
			t.Fatal(err)
		}
		return b, dir
	})
}

// TestFolderTakesNoLinkForAFile has symbolic links where files would be.
func TestFolderTakesNoLinkForAFile(t *testing.T) {
	dir := t.TempDir()
	b, err := bucket.NewFolder(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("secret"), 0o600), os.Symlink(secret, filepath.Join(dir, "files", "link"))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(t.Context(), "link", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
	if _, err := bucket.Size(t.Context(), b, "link"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size: %v", err)
	}
}

func TestFolderFilesAreReadOnly(t *testing.T) {
	dir := t.TempDir()
	b, err := bucket.NewFolder(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, []byte("content"), 0o600), bucket.Take(t.Context(), b, "a/b", file)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "files", "a", "b"))
	if err != nil || info.Mode() != 0o444 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
