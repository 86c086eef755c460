package object

import (
	"crypto/sha256"
	"errors"
	"hash"
	"strconv"

	"github.com/pjbgf/sha1cd"
)

// ErrCollision reports bytes made to collide under SHA-1.
var ErrCollision = errors.New("object carries a SHA-1 collision attack")

// Hasher computes ids of objects, one after the other, with collision detection
// under SHA-1. It is for one goroutine. The zero value is not usable: NewHasher.
type Hasher struct {
	format Format
	h      hash.Hash
	cd     sha1cd.CollisionResistantHash // h, for SHA-1
	header [32]byte
	sum    [32]byte
}

// NewHasher returns a hasher for ids of format f.
func NewHasher(f Format) *Hasher {
	if f == SHA256 {
		return &Hasher{format: f, h: sha256.New()}
	}
	cd := sha1cd.New().(sha1cd.CollisionResistantHash)
	return &Hasher{format: f, h: cd, cd: cd}
}

// Sum returns the id of an object held whole.
func (s *Hasher) Sum(t Type, data []byte) (ID, error) {
	s.Begin(t, int64(len(data)))
	s.h.Write(data)
	return s.End()
}

// Begin starts an object of size bytes that comes through Write; End gives its id.
func (s *Hasher) Begin(t Type, size int64) {
	s.h.Reset()
	b := append(s.header[:0], t.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, size, 10)
	s.h.Write(append(b, 0))
}

// Write adds bytes of the object. It never fails.
func (s *Hasher) Write(p []byte) (int, error) { return s.h.Write(p) }

// End returns the id of what was written since Begin, or ErrCollision.
func (s *Hasher) End() (ID, error) {
	if s.cd == nil {
		return FromBytes(s.format, s.h.Sum(s.sum[:0])), nil
	}
	sum, collided := s.cd.CollisionResistantSum(s.sum[:0])
	if collided {
		return ID{}, ErrCollision
	}
	return FromBytes(s.format, sum), nil
}
