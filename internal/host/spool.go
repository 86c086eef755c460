package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"rehome/internal/disk"
)

// spoolMemory is how much of a spool stays in memory, bytes.
const spoolMemory = 1 << 20

// errTooLarge is what a full spool returns.
var errTooLarge = errors.New("too large")

// spool holds bytes until they can be read: in memory, and in a file without a name
// once they are many. The zero value with a limit is empty. It is for one goroutine.
type spool struct {
	dir   string // of the file
	limit int64  // most bytes, in total
	size  int64
	mem   bytes.Buffer
	file  *disk.File
}

func (s *spool) Write(p []byte) (int, error) {
	if s.size+int64(len(p)) > s.limit {
		return 0, fmt.Errorf("more than %d bytes: %w", s.limit, errTooLarge)
	}
	if s.file == nil && s.size+int64(len(p)) > spoolMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(p))
	if s.file != nil {
		return s.file.Write(p)
	}
	return s.mem.Write(p)
}

func (s *spool) spill() error {
	f, err := disk.CreateTemp(s.dir, ".spool-")
	if err != nil {
		return err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = s.mem.WriteTo(f)
	return err
}

// reader returns what was written; nothing may be written any more.
func (s *spool) reader() (io.Reader, error) {
	if s.file == nil {
		return &s.mem, nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// held keeps what is written to it until it may go on to where it belongs.
// It is safe for concurrent use.
type held struct {
	mu   sync.Mutex // guards the fields below
	kept spool
	to   io.Writer
}

func (h *held) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.to != nil {
		return h.to.Write(p)
	}
	return h.kept.Write(p)
}

// release lets everything go to w, from now on at once.
func (h *held) release(w io.Writer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.to = w
	kept, err := h.kept.reader()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, kept)
	return err
}
