package lfs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"rehome/internal/lfs"
)

// TestOpenFindsDamage has each byte of an object flipped, one after the other, and some cut off and added.
func TestOpenFindsDamage(t *testing.T) {
	s, dir := open(t)
	content := strings.Repeat("content ", 3)
	o, err := begin(t, s, content).Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	damages := []string{"", content[1:], content[:len(content)-1], content + "x"}
	for i := range content {
		flipped := []byte(content)
		flipped[i] ^= 1
		damages = append(damages, string(flipped))
	}
	hex := o.OID.String()
	path := filepath.Join(dir, "objects", hex[:2], hex[2:4], hex)
	for _, damaged := range damages {
		if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(damaged), 0o444)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), o.OID, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		want := &lfs.CorruptError{Want: o.OID, Got: objectOf(damaged).OID}
		if wrong := (*lfs.CorruptError)(nil); !errors.As(err, &wrong) || *wrong != *want {
			t.Errorf("%q: error %v", damaged, err)
		}
		if len(got) >= len(damaged) && damaged != "" {
			t.Errorf("%q was given whole", damaged)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		// Whoever wants no more than the size says gets no whole either.
		if r, err = s.Open(t.Context(), o.OID, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, int64(len(content))); err == nil && len(damaged) <= len(content) {
			t.Errorf("%q: all of it was copied", damaged)
		}
		r.Close()
	}
}

// TestOpenReadsInPieces wants the same bytes however they are asked for.
func TestOpenReadsInPieces(t *testing.T) {
	s, _ := open(t)
	for _, content := range []string{"", "a", "ab", strings.Repeat("0123456789", 20_000)} {
		o, err := begin(t, s, content).Keep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), o.OID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(struct{ io.Reader }{r}, []byte(content)); err != nil {
			t.Error(err)
		}
		r.Close()
		if r, err = s.Open(t.Context(), o.OID, 0); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(r))
		if !bytes.Equal(got, []byte(content)) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		r.Close()
	}
}
