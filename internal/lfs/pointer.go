package lfs

import (
	"bytes"
	"strconv"
)

// MaxPointer is the size of a blob that is too large for a pointer, bytes (git-lfs's lfs.BlobSizeCutoff): pointers are smaller.
const MaxPointer = 1024

// versions are the ones git-lfs takes: the pre-releases' and the only one since (git-lfs docs/spec.md, "The Pointer").
var versions = []string{"http://git-media.io/v/2", "https://hawser.github.com/spec/v1", latest}

const latest = "https://git-lfs.github.com/spec/v1"

// ParsePointer reads a whole blob as a pointer, as git-lfs 3 does (its lfs/pointer.go): version, oid and size
// in that order, with extensions between or before them, blank lines, carriage returns before line feeds and
// space around the whole ignored. It is false for everything else, and for the empty blob, which git-lfs
// takes for the pointer of an empty file: there is nothing to carry for that. It allocates nothing but for a size that is no number.
func ParsePointer(blob []byte) (Object, bool) {
	if len(blob) >= MaxPointer {
		return Object{}, false
	}
	text := bytes.TrimSpace(blob)
	if !bytes.HasPrefix(text, []byte("version ")) && !bytes.HasPrefix(text, []byte("ext-")) {
		return Object{}, false
	}
	var p pointer
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > 0 && !p.take(line) {
			return Object{}, false
		}
	}
	return p.object, p.lines == 3 && p.extensionsDiffer()
}

// pointer is what has been read of one.
type pointer struct {
	object     Object
	lines      int // of version, oid and size
	extensions [10]extension
}

// extension is the last line seen for a priority: a key that comes again takes the place of the first.
type extension struct {
	key      []byte // "ext-0-name"; nil: none
	bad      bool   // its value is no object id
	differed bool   // another key had the same priority
}

// take reads one line without its ending. It is false when the line makes the blob no pointer.
func (p *pointer) take(line []byte) bool {
	key, value, found := bytes.Cut(line, []byte(" "))
	if !found || p.lines == 3 {
		return false
	}
	if string(key) != [...]string{"version", "oid", "size"}[p.lines] {
		return p.extend(key, value)
	}
	p.lines++
	switch p.lines {
	case 1:
		return isVersion(value)
	case 2:
		oid, ok := parseValue(value)
		p.object.OID = oid
		return ok
	}
	size, ok := parseSize(value)
	p.object.Size = size
	return ok
}

// extend reads an extension, "ext-D-NAME" with one digit and a name that begins with a letter, digit or "_".
func (p *pointer) extend(key, value []byte) bool {
	rest, found := bytes.CutPrefix(key, []byte("ext-"))
	if !found || len(rest) < 3 || rest[0] < '0' || rest[0] > '9' || rest[1] != '-' || !isWord(rest[2]) {
		return false
	}
	e := &p.extensions[rest[0]-'0']
	e.differed = e.differed || e.key != nil && !bytes.Equal(e.key, key)
	_, ok := parseValue(value)
	e.key, e.bad = key, !ok
	return true
}

// extensionsDiffer reports whether each has a priority of its own and an object id.
func (p *pointer) extensionsDiffer() bool {
	for i := range p.extensions {
		if p.extensions[i].differed || p.extensions[i].bad {
			return false
		}
	}
	return true
}

func isVersion(value []byte) bool {
	for _, v := range versions {
		if string(value) == v {
			return true
		}
	}
	return false
}

// parseValue reads "sha256:" and 64 lower-case hex digits.
func parseValue(value []byte) (o OID, ok bool) {
	digits, found := bytes.CutPrefix(value, []byte("sha256:"))
	if !found || len(digits) != 2*len(o) {
		return o, false
	}
	for i, c := range digits {
		var d byte
		switch {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		default:
			return o, false
		}
		o[i/2] = o[i/2]<<4 | d
	}
	return o, true
}

// parseSize reads what strconv.ParseInt reads in base 10: a sign and leading zeros are all right.
func parseSize(value []byte) (int64, bool) {
	size, err := strconv.ParseInt(string(value), 10, 64)
	return size, err == nil && size >= 0
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// AppendPointer appends the canonical pointer of an object, as git-lfs writes it (git-lfs docs/spec.md).
// The pointer of an empty object is empty.
func AppendPointer(b []byte, o Object) []byte {
	if o.Size == 0 {
		return b
	}
	b = append(b, "version "+latest+"\noid sha256:"...)
	b = o.OID.appendHex(b)
	b = append(b, "\nsize "...)
	b = strconv.AppendInt(b, o.Size, 10)
	return append(b, '\n')
}
