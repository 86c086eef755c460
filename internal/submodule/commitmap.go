package submodule

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"rehome/internal/git/object"
)

// commitMap is what became of the commits of a repository.
type commitMap struct {
	format object.Format
	pairs  []byte // old id, new id, sorted by the old ones
}

func readMap(name string) (c commitMap, err error) {
	file, err := os.Open(name)
	if err != nil {
		return c, err
	}
	defer file.Close()
	if c, err = decodeMap(file); err != nil {
		return c, fmt.Errorf("%q: %w", name, err)
	}
	return c, nil
}

// decodeMap reads a commit map: a line `old new`, padded, then a line of two ids for each commit, sorted.
func decodeMap(r io.Reader) (c commitMap, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return c, err
	}
	if c.format, err = formatOf(string(head)); err != nil {
		return c, err
	}
	for n := 2; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return c, nil
		}
		if err != nil || !c.add(line) {
			return c, errors.Join(fmt.Errorf("line %d is no line of a commit map, or out of order", n), err)
		}
	}
}

func formatOf(head string) (object.Format, error) {
	for _, f := range []object.Format{object.SHA1, object.SHA256} {
		if head == "old"+strings.Repeat(" ", 2*f.Size()-len("old"))+" new\n" {
			return f, nil
		}
	}
	return 0, errors.New("it is no commit map")
}

// add takes a line; false for one that is none, or does not come behind those before.
func (c *commitMap) add(line []byte) bool {
	size := c.format.Size()
	if len(line) != 4*size+2 || line[2*size] != ' ' || line[4*size+1] != '\n' {
		return false
	}
	var ids [64]byte
	for i, part := range [][]byte{line[:2*size], line[2*size+1 : 4*size+1]} {
		if _, err := hex.Decode(ids[i*size:], part); err != nil {
			return false
		}
	}
	if last := len(c.pairs) - 2*size; last >= 0 && bytes.Compare(c.pairs[last:last+size], ids[:size]) >= 0 {
		return false
	}
	c.pairs = append(c.pairs, ids[:2*size]...)
	return true
}

func (c *commitMap) find(old object.ID) (now object.ID, ok bool) {
	if old.Format() != c.format {
		return now, false
	}
	size, id := c.format.Size(), old.Bytes()
	at := func(i int) []byte { return c.pairs[2*size*i : 2*size*(i+1)] }
	n := len(c.pairs) / (2 * size)
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i)[:size], id) >= 0 })
	if i == n || !bytes.Equal(at(i)[:size], id) {
		return now, false
	}
	return object.FromBytes(c.format, at(i)[size:]), true
}
