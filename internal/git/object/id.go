// Package object is Git's objects as bytes: ids, types, and the commits, tags and trees inside.
package object

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// Format is a repository's object format (gitformat "hash function transition").
type Format uint8

// The object formats.
const (
	SHA1   Format = iota // 20-byte ids
	SHA256               // 32-byte ids
)

// ParseFormat returns the format Git calls name ("sha1", "sha256").
func ParseFormat(name string) (Format, error) {
	switch name {
	case "sha1":
		return SHA1, nil
	case "sha256":
		return SHA256, nil
	}
	return 0, fmt.Errorf("unknown object format %q", name)
}

func (f Format) String() string {
	if f == SHA256 {
		return "sha256"
	}
	return "sha1"
}

// Size returns the length of an id, in bytes.
func (f Format) Size() int {
	if f == SHA256 {
		return 32
	}
	return 20
}

// Zero returns the all-zero id that stands for "no object".
func (f Format) Zero() ID { return ID{format: f} }

// ID is an object id of either format. It is comparable; the zero value is SHA-1's zero id.
type ID struct {
	sum    [32]byte // the rest is zero for SHA-1
	format Format
}

// FromBytes returns the id whose Size bytes are at the start of b, which must be long enough.
func FromBytes(f Format, b []byte) ID {
	id := ID{format: f}
	copy(id.sum[:], b[:f.Size()])
	return id
}

// ParseID reads 40 or 64 hex digits, in either case.
func ParseID(s string) (ID, error) {
	id := ID{}
	switch len(s) {
	case 40:
	case 64:
		id.format = SHA256
	default:
		return ID{}, fmt.Errorf("object id has %d digits", len(s))
	}
	if _, err := hex.Decode(id.sum[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("object id %q: %w", s, err)
	}
	return id, nil
}

// Format returns the id's object format.
func (id ID) Format() Format { return id.format }

// Bytes returns the id's 20 or 32 bytes, a copy.
func (id ID) Bytes() []byte { return append([]byte(nil), id.sum[:id.format.Size()]...) }

// AppendTo appends the id's 20 or 32 bytes to b.
func (id *ID) AppendTo(b []byte) []byte { return append(b, id.sum[:id.format.Size()]...) }

// IsZero reports whether id is the all-zero id.
func (id ID) IsZero() bool { return id.sum == [32]byte{} }

// Compare orders ids by their bytes.
func (id ID) Compare(other ID) int { return bytes.Compare(id.sum[:], other.sum[:]) }

// String returns lower-case hex.
func (id ID) String() string { return hex.EncodeToString(id.sum[:id.format.Size()]) }

// Type is what an object is, with the numbers packs use (gitformat-pack).
type Type uint8

// The types.
const (
	Commit Type = 1
	Tree   Type = 2
	Blob   Type = 3
	Tag    Type = 4
)

// Valid reports whether t is one of the four.
func (t Type) Valid() bool { return t >= Commit && t <= Tag }

func (t Type) String() string {
	switch t {
	case Commit:
		return "commit"
	case Tree:
		return "tree"
	case Blob:
		return "blob"
	case Tag:
		return "tag"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// ParseType returns the type called name.
func ParseType(name string) (Type, error) {
	for t := Commit; t <= Tag; t++ {
		if t.String() == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown object type %q", name)
}
