package object

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
)

// ErrTree says that a tree's bytes are not entries, one after the other.
var ErrTree = errors.New("malformed tree")

// Mode is the mode of a tree entry, as written.
type Mode uint32

// The modes Git writes today.
const (
	ModeFile       Mode = 0o100644
	ModeExecutable Mode = 0o100755
	ModeSymlink    Mode = 0o120000
	ModeTree       Mode = 0o040000
	ModeSubmodule  Mode = 0o160000

	modeGroup Mode = 0o100664 // early Git wrote it; it is no fault
	modeType  Mode = 0o170000

	modeWrapped Mode = 1 << 31 // the number is larger than a Mode
)

// IsTree reports whether the entry is a folder.
func (m Mode) IsTree() bool { return m&modeType == ModeTree }

// IsSymlink reports whether the entry is a symbolic link.
func (m Mode) IsSymlink() bool { return m&modeType == ModeSymlink }

// IsSubmodule reports whether Git takes the entry for a commit of another repository, which need
// not be here. It does so for every type of file it does not know.
func (m Mode) IsSubmodule() bool {
	return !m.IsTree() && !m.IsSymlink() && m&modeType != ModeFile&modeType
}

// Type returns the type of the object the entry must name.
func (m Mode) Type() Type {
	switch {
	case m.IsTree():
		return Tree
	case m.IsSubmodule():
		return Commit
	}
	return Blob
}

func (m Mode) known() bool {
	switch m {
	case ModeFile, ModeExecutable, ModeSymlink, ModeTree, ModeSubmodule, modeGroup:
		return true
	}
	return false
}

// TreeEntry is one entry of a tree. Its slices are the tree's own bytes.
type TreeEntry struct {
	Mode   Mode
	Padded bool // the mode is written with leading zeros
	Name   []byte
	ID     []byte // 20 or 32 bytes
}

// "100644 " and its like as the low seven bytes of a word.
const (
	sevenBytes = 1<<56 - 1
	textFile   = 0x20_34_34_36_30_30_31
)

// ReadEntry reads the entry at the start of data and returns its length in bytes.
func ReadEntry(f Format, data []byte) (e TreeEntry, n int, err error) {
	at := 7
	if len(data) >= 8 && binary.LittleEndian.Uint64(data)&sevenBytes == textFile {
		e.Mode = ModeFile
	} else if e.Mode, at = readMode(data); at == 0 {
		return e, 0, fmt.Errorf("%w: no mode", ErrTree)
	}
	e.Padded = data[0] == '0'
	nul := bytes.IndexByte(data[at:], 0)
	if nul <= 0 {
		return e, 0, fmt.Errorf("%w: no name", ErrTree)
	}
	e.Name = data[at : at+nul : at+nul]
	at += nul + 1
	n = at + f.Size()
	if n > len(data) {
		return e, 0, fmt.Errorf("%w: cut short", ErrTree)
	}
	e.ID = data[at:n:n]
	return e, n, nil
}

// readMode reads an octal number and the space behind it; at is 0 when they are not there. Git lets a number that 32 bits do
// not hold wrap, so its low bits count here as well, but it is no known mode: others read another number.
func readMode(data []byte) (m Mode, at int) {
	var wrapped Mode
	for i, c := range data {
		if c == ' ' {
			if i == 0 {
				return 0, 0
			}
			return m | wrapped, i + 1
		}
		if c < '0' || c > '7' {
			return 0, 0
		}
		if m > math.MaxUint32>>3 {
			wrapped = modeWrapped
		}
		m = m<<3 | Mode(c-'0')
	}
	return 0, 0
}

// Entries returns the entries of a tree in order. A malformed tree yields an error last.
func Entries(f Format, data []byte) iter.Seq2[TreeEntry, error] {
	return func(yield func(TreeEntry, error) bool) {
		for len(data) > 0 {
			e, n, err := ReadEntry(f, data)
			if !yield(e, err) || err != nil {
				return
			}
			data = data[n:]
		}
	}
}

// Faults returns the faults an entry has on its own, whatever stands around it.
func (e *TreeEntry) Faults() (s Faults) {
	if e.Padded {
		s.Add(ZeroPaddedFilemode)
	}
	if !e.Mode.known() {
		s.Add(BadFilemode)
	}
	if e.ID[0]|e.ID[1] == 0 && len(bytes.Trim(e.ID, "\x00")) == 0 {
		s.Add(NullSHA1)
	}
	s |= nameFaults(e.Name)
	if e.Mode.IsSymlink() && isGitmodules(e.Name) {
		s.Add(GitmodulesSymlink)
	}
	return s
}

// CompareEntries orders two entries of a tree as Git does, folders as if their name ended in a slash.
// Equal names are 0 whatever the modes.
func CompareEntries(a, b *TreeEntry) int {
	n := min(len(a.Name), len(b.Name))
	if c := bytes.Compare(a.Name[:n], b.Name[:n]); c != 0 {
		return c
	}
	if len(a.Name) == len(b.Name) {
		return 0
	}
	return int(byteAfter(a, n)) - int(byteAfter(b, n))
}

// byteAfter returns what follows the first n bytes of the name.
func byteAfter(e *TreeEntry, n int) byte {
	switch {
	case n < len(e.Name):
		return e.Name[n]
	case e.Mode.IsTree():
		return '/'
	}
	return 0
}

// TreeFaults returns the faults of a whole tree and the name of the first entry with
// the worst of them.
func TreeFaults(f Format, data []byte) (found Faults, name []byte) {
	var files [][]byte // files that a folder of the same name may still follow
	var last TreeEntry
	for e, err := range Entries(f, data) {
		var here Faults
		if err != nil {
			here.Add(BadTree)
		} else {
			here = e.Faults()
			if last.Name != nil {
				here.Add(orderFault(&last, &e, &files))
			}
		}
		if (found|here).Dangerous() > found.Dangerous() || name == nil && here != 0 {
			name = e.Name
		}
		found |= here
		last = e
	}
	return found, name
}

// orderFault compares neighbours. Between a file and the folder of the same name, names may stand
// that go on with a byte below the slash: so files are kept while such names follow.
func orderFault(last, e *TreeEntry, files *[][]byte) Fault {
	switch c := CompareEntries(last, e); {
	case c == 0:
		return DuplicateEntries
	case c > 0:
		return TreeNotSorted
	}
	if !last.Mode.IsTree() && GoesOnBelowSlash(last.Name, e.Name) {
		*files = append(*files, last.Name)
	}
	for n := len(*files) - 1; n >= 0; n-- {
		file := (*files)[n]
		if GoesOnBelowSlash(file, e.Name) {
			break
		}
		if e.Mode.IsTree() && bytes.Equal(file, e.Name) {
			return DuplicateEntries
		}
		*files = (*files)[:n]
	}
	return NoFault
}

// GoesOnBelowSlash reports whether name is longer than prefix and goes on with a byte that sorts
// before the slash a folder's name ends in.
func GoesOnBelowSlash(prefix, name []byte) bool {
	return len(name) > len(prefix) && name[len(prefix)] < '/' && bytes.HasPrefix(name, prefix)
}
