package pack

import (
	"encoding/binary"
	"math"

	"rehome/internal/git/object"
)

// The two types of entry that are not types of object (gitformat-pack).
const (
	ofsDelta object.Type = 6 // base named by its distance back in the pack
	refDelta object.Type = 7 // base named by its id
)

// maxHeader is the longest entry header: ten bytes of type and size, and ten of a
// distance or 32 of an id.
const maxHeader = 10 + 32

// header is the start of a pack entry, before its zlib stream.
//
//	1 bit more | 3 bits type | 4 bits size, low | (1 bit more | 7 bits size)*
//	ofs-delta: (1 bit more | 7 bits distance)+, high first, each byte but the last counting one more
//	ref-delta: the base's id
type header struct {
	typ      object.Type
	size     int64 // inflated, of what the zlib stream holds
	distance int64 // ofs-delta
	base     object.ID
	length   int // bytes of the header itself
}

// decodeHeader reads an entry header at the start of b; ok is false when b ends early.
func decodeHeader(b []byte, f object.Format) (h header, ok bool, err error) {
	if len(b) == 0 {
		return h, false, nil
	}
	c := b[0]
	h.typ, h.length = object.Type(c>>4&7), 1
	size, shift := uint64(c&15), uint(4)
	for c&0x80 != 0 {
		if h.length == len(b) {
			return h, false, nil
		}
		c = b[h.length]
		h.length++
		if shift > 57 {
			return h, false, corrupt("entry size does not fit 64 bits")
		}
		size |= uint64(c&0x7f) << shift
		shift += 7
	}
	if size > math.MaxInt64 {
		return h, false, corrupt("entry size does not fit 64 bits")
	}
	h.size = int64(size)
	switch h.typ {
	case ofsDelta:
		return decodeDistance(b, h)
	case refDelta:
		if len(b)-h.length < f.Size() {
			return h, false, nil
		}
		h.base = object.FromBytes(f, b[h.length:])
		h.length += f.Size()
		return h, true, nil
	}
	if !h.typ.Valid() {
		return h, false, corrupt("entry of unknown type %d", h.typ)
	}
	return h, true, nil
}

// splitEntry takes a raw entry apart: its header and its zlib stream.
func splitEntry(raw []byte, f object.Format) (h header, body []byte, err error) {
	h, ok, err := decodeHeader(raw, f)
	if err != nil {
		return h, nil, err
	}
	if !ok {
		return h, nil, corrupt("entry header is cut off")
	}
	return h, raw[h.length:], nil
}

// decodeDistance reads the distance that follows the size of an ofs-delta.
func decodeDistance(b []byte, h header) (header, bool, error) {
	var d int64
	for i := 0; ; i++ {
		if h.length == len(b) {
			return h, false, nil
		}
		c := b[h.length]
		h.length++
		d = d<<7 | int64(c&0x7f)
		if c&0x80 == 0 {
			break
		}
		d++
		if d > math.MaxInt64>>8 {
			return h, false, corrupt("delta base distance does not fit 64 bits")
		}
	}
	h.distance = d
	if d == 0 {
		return h, false, corrupt("delta entry is its own base")
	}
	return h, true, nil
}

// appendHeader appends the header of an entry: decodeHeader's other half.
func appendHeader(b []byte, h header) []byte {
	size := uint64(h.size)
	c := byte(h.typ)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	b = append(b, c)
	switch h.typ {
	case ofsDelta:
		return appendDistance(b, h.distance)
	case refDelta:
		return h.base.AppendTo(b)
	}
	return b
}

func appendDistance(b []byte, d int64) []byte {
	var tmp [10]byte
	i := len(tmp) - 1
	tmp[i] = byte(d & 0x7f)
	for d >>= 7; d > 0; d >>= 7 {
		d--
		i--
		tmp[i] = 0x80 | byte(d&0x7f)
	}
	return append(b, tmp[i:]...)
}

// packHeader is the start of every pack: signature, version 2, number of entries.
const packHeader = 12

func appendPackHeader(b []byte, entries uint32) []byte {
	b = append(b, "PACK\x00\x00\x00\x02"...)
	return binary.BigEndian.AppendUint32(b, entries)
}

// decodePackHeader returns the number of entries a pack announces. b has packHeader bytes.
func decodePackHeader(b []byte) (uint32, error) {
	if string(b[:4]) != "PACK" {
		return 0, corrupt("it starts with %q, not PACK", b[:4])
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != 2 && v != 3 {
		return 0, corrupt("version %d", v)
	}
	return binary.BigEndian.Uint32(b[8:]), nil
}
