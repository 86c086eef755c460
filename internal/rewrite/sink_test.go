package rewrite

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// small is a file on a disk with so much room.
type small struct{ room int }

func (s *small) Write(b []byte) (int, error) {
	if s.room -= len(b); s.room < 0 {
		return 0, syscall.ENOSPC
	}
	return len(b), nil
}

func (s *small) WriteAt(b []byte, _ int64) (int, error) { return s.Write(b) }
func (s *small) ReadAt(b []byte, _ int64) (int, error)  { return len(b), nil }

// TestSinkLarge holds few objects at a time that are large, and writes them all.
func TestSinkLarge(t *testing.T) {
	scratch := func(size int64) ([]byte, func(), error) { return make([]byte, size), func() {}, nil }
	w, err := pack.NewWriter(&small{1 << 30}, pack.WriterOptions{Format: object.SHA1, Objects: 100, Scratch: scratch})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := newSink(t.Context(), w, 8)
	hasher, data := object.NewHasher(object.SHA1), make([]byte, 2*largeBatch)
	for i := range 30 {
		data[0] = byte(i)
		id, err := hasher.Sum(object.Commit, data)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.add(object.Commit, id, data); err != nil {
			t.Fatal(err)
		}
		if waiting := len(s.ordered); waiting > largeBatches {
			t.Fatalf("%d wait to be written", waiting)
		}
	}
	if err := s.close(true); err != nil || w.Len() != 30 {
		t.Errorf("it wrote %d objects, %v", w.Len(), err)
	}
}

// TestSinkEnds lets nobody wait when the disk is full, or the caller goes: close returns, and why.
func TestSinkEnds(t *testing.T) {
	noise := make([]byte, 16<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	gone := errors.New("gone")
	for _, c := range []struct {
		name  string
		room  int
		limit int64 // objects of the writer
		end   bool  // the caller goes, in the middle
		flush bool
		want  error
	}{
		{"disk full", 1 << 20, 1000, false, true, syscall.ENOSPC},
		{"disk full at once", 0, 1000, false, false, syscall.ENOSPC},
		{"caller gone", 1 << 30, 1000, true, true, gone},
		{"given up", 1 << 30, 1000, false, false, context.Canceled},
		{"more than said", 1 << 30, 10, false, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			scratch := func(size int64) ([]byte, func(), error) { return make([]byte, size), func() {}, nil }
			w, err := pack.NewWriter(&small{c.room}, pack.WriterOptions{Format: object.SHA1, Objects: c.limit, Scratch: scratch})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			s := newSink(ctx, w, 2)
			hasher := object.NewHasher(object.SHA1)
			for i := range 300 {
				if i == 150 && c.end {
					end(gone)
				}
				id, err := hasher.Sum(object.Commit, noise[i:])
				if err != nil {
					t.Fatal(err)
				}
				if err := s.add(object.Commit, id, bytes.Clone(noise[i:])); err != nil {
					break
				}
			}
			if err := s.close(c.flush); err == nil || c.want != nil && !errors.Is(err, c.want) && (c.flush || !errors.Is(err, context.Canceled)) {
				t.Errorf("it ends with %v, want %v", err, c.want)
			}
		})
	}
}
