package rewrite

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"rehome/internal/git/object"
)

// WriteMap writes the commit map: a header line, then `OLD NEW` for every commit, by OLD.
func (r *Result) WriteMap(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	before, err := r.mapBefore()
	if err != nil {
		return fmt.Errorf("write commit map: %w", err)
	}
	defer before.close()
	out.WriteString(MapHeader(r.graph.Format()))
	var line []byte
	for n := range uint32(r.graph.Len()) {
		if !r.looked.Has(n) || r.graph.Type(n) != object.Commit {
			continue
		}
		old := r.graph.ID(n)
		if err := before.copyUpTo(out, old); err != nil {
			return fmt.Errorf("write commit map: %w", err)
		}
		id, ok := r.New(old)
		if !ok {
			return fmt.Errorf("write commit map: %s is not known yet", old)
		}
		line = AppendMapLine(line[:0], old, id)
		out.Write(line)
	}
	if err := errors.Join(before.copyRest(out), out.Flush()); err != nil {
		return fmt.Errorf("write commit map: %w", err)
	}
	return nil
}

// MapHeader returns the first line of a commit map, as git-filter-repo writes it.
func MapHeader(f object.Format) string { return fmt.Sprintf("%-*s new\n", 2*f.Size(), "old") }

// AppendMapLine appends the line of a commit map for one commit.
func AppendMapLine(b []byte, old, now object.ID) []byte {
	return append(appendHex(append(appendHex(b, old), ' '), now), '\n')
}

// lineSize is the length of a line but the first.
func lineSize(f object.Format) int { return 2 * (2*f.Size() + 1) }

// mapSize is the size of a commit map of so many commits.
func mapSize(f object.Format, commits int64) int64 {
	return int64(len(MapHeader(f))) + commits*int64(lineSize(f))
}

// mapBefore is the lines of an earlier commit map. It is nil for none.
type mapBefore struct {
	file  *os.File
	in    *bufio.Reader
	size  int // of a line
	until []byte
}

// mapBefore opens the map of the rewrite before, where only what is new was rewritten.
func (r *Result) mapBefore() (*mapBefore, error) {
	if r.known == nil {
		return nil, nil
	}
	file, err := os.Open(r.known.commits)
	if err != nil {
		return nil, err
	}
	m := &mapBefore{file: file, in: bufio.NewReaderSize(file, 64<<10), size: lineSize(r.graph.Format())}
	if _, err := m.in.Discard(len(MapHeader(r.graph.Format()))); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return m, nil
}

func (m *mapBefore) close() {
	if m != nil {
		m.file.Close()
	}
}

// copyUpTo copies the lines of commits before that one.
func (m *mapBefore) copyUpTo(out *bufio.Writer, next object.ID) error {
	if m == nil {
		return nil
	}
	m.until = appendHex(m.until[:0], next)
	for {
		line, err := m.in.Peek(m.size)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the one before: %w", err)
		}
		if string(line[:len(m.until)]) >= string(m.until) {
			return nil
		}
		out.Write(line)
		m.in.Discard(m.size)
	}
}

func (m *mapBefore) copyRest(out *bufio.Writer) error {
	if m == nil {
		return nil
	}
	_, err := io.Copy(out, m.in)
	return err
}
