package lfs

import (
	"fmt"
	"hash"
	"io"
)

// CorruptError reports that what the store has under an object's id is not that object.
type CorruptError struct{ Want, Got OID }

func (e *CorruptError) Error() string {
	return fmt.Sprintf("LFS object %s is damaged in the store: its bytes hash to %s", e.Want, e.Got)
}

// checked reads an object and hashes it on its way. One byte stays behind until all have been hashed.
type checked struct {
	io.ReadCloser
	oid    OID
	hash   hash.Hash
	behind byte
	holds  bool  // behind is one
	end    error // nil before it
}

// Read fills io.Reader.
func (c *checked) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for n == 0 && c.end == nil {
		n, err = c.ReadCloser.Read(p)
		c.hash.Write(p[:n])
		n = c.delay(p[:n])
		if err != nil {
			c.end = c.judge(err)
		}
	}
	switch {
	case n > 0:
		return n, nil // the end comes next
	case c.end == io.EOF && c.holds:
		p[0], c.holds = c.behind, false
		return 1, nil
	}
	return 0, c.end
}

// delay puts the byte that stayed behind before those in p, whose last stays behind. It returns how many there are now.
func (c *checked) delay(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	last, n := p[len(p)-1], len(p)-1
	if c.holds {
		n = copy(p[1:], p) + 1
		p[0] = c.behind
	}
	c.behind, c.holds = last, true
	return n
}

// judge is the end that err makes.
func (c *checked) judge(err error) error {
	if err != io.EOF {
		return fmt.Errorf("read LFS object %s: %w", c.oid, err)
	}
	var got OID
	c.hash.Sum(got[:0])
	if got != c.oid {
		return &CorruptError{Want: c.oid, Got: got}
	}
	return io.EOF
}
