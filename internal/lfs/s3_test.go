package lfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestStoreInS3 keeps objects in an object store: nothing stays here, and damage there is found.
func TestStoreInS3(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	b, err := bucket.OpenURL(t.Context(), "s3://files?prefix=lfs&endpoint="+v.URL, bucket.S3Options{Keys: bucket.Keys{ID: v.Key, Secret: v.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.(*bucket.S3).Close()
	dir := t.TempDir()
	s, err := lfs.NewStore(b, filepath.Join(dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("content\n", 100_000)
	o, err := begin(t, s, content).Keep(t.Context())
	if err != nil || o != objectOf(content) {
		t.Fatalf("kept %v, %v", o, err)
	}
	checkSpool(t, dir)
	if has, err := s.Has(t.Context(), o); !has || err != nil {
		t.Errorf("has it: %t, %v", has, err)
	}
	if read(t, s, o) != content {
		t.Error("another content came back")
	}
	r, err := s.Open(t.Context(), o.OID, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if rest, err := io.ReadAll(r); string(rest) != content[5:] || err != nil {
		t.Errorf("from 5: %d bytes, %v", len(rest), err)
	}

	hex := o.OID.String()
	kept := filepath.Join(v.Dir, "files", "lfs", hex[:2], hex[2:4], hex)
	damaged := []byte(content)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(kept, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := s.Open(t.Context(), o.OID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	n, err := io.Copy(io.Discard, in)
	if wrong := (*lfs.CorruptError)(nil); !errors.As(err, &wrong) || n >= o.Size {
		t.Errorf("%d bytes, %v", n, err)
	}

	// A stump is no object, and one that comes takes its place.
	if err := os.WriteFile(kept, damaged[:9], 0o644); err != nil {
		t.Fatal(err)
	}
	if has, err := s.Has(t.Context(), o); has || err != nil {
		t.Errorf("has the stump: %t, %v", has, err)
	}
	if _, err := begin(t, s, content).Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if read(t, s, o) != content {
		t.Error("another content came back")
	}
	if err := s.Remove(t.Context(), o.OID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), o.OID, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
}
