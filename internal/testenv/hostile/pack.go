package hostile

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// The types of entries of a pack (gitformat-pack).
const (
	typeCommit = 1
	typeTree   = 2
	typeBlob   = 3
	typeTag    = 4
	typeOffset = 6 // a delta, its base by the distance back
	typeRef    = 7 // a delta, its base by id
)

var typeNames = map[int]string{typeCommit: "commit", typeTree: "tree", typeBlob: "blob", typeTag: "tag"}

// idOf returns the SHA-1 id of an object in hex.
func idOf(typ int, data string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", typeNames[typ], len(data), data))
	return hex.EncodeToString(sum[:])
}

// rawID is the bytes of an id in hex.
func rawID(id string) string {
	b, err := hex.DecodeString(id)
	if err != nil {
		panic(err) // ids are made here
	}
	return string(b)
}

// packer writes a pack, right or wrong, entry by entry. The zero value is an empty pack.
type packer struct {
	body  bytes.Buffer
	count uint32
}

// add appends an entry and returns where it starts. base is what stands between the header and the content.
func (p *packer) add(typ int, base, content string) int {
	return p.raw(typ, uint64(len(content)), base, deflated(content))
}

// raw is add for an entry that says its size itself, and a stream of any bytes.
func (p *packer) raw(typ int, size uint64, base string, stream []byte) int {
	at := 12 + p.body.Len()
	p.body.Write(entryHeader(typ, size))
	p.body.WriteString(base)
	p.body.Write(stream)
	p.count++
	return at
}

// next is where the next entry will start.
func (p *packer) next() int { return 12 + p.body.Len() }

// bytes is the pack, whole and right but for what the entries are.
func (p *packer) bytes() []byte { return p.headed(2, p.count) }

// headed is bytes with a version and a count of objects in the header.
func (p *packer) headed(version, count uint32) []byte {
	out := []byte("PACK")
	out = binary.BigEndian.AppendUint32(out, version)
	out = binary.BigEndian.AppendUint32(out, count)
	return signed(append(out, p.body.Bytes()...))
}

// signed appends the checksum a pack ends in.
func signed(b []byte) []byte {
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// deflaters are kept, as each takes a megabyte.
var deflaters = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

func deflated(content string) []byte {
	var b bytes.Buffer
	z := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(z)
	z.Reset(&b)
	io.WriteString(z, content)
	z.Close()
	return b.Bytes()
}

func entryHeader(typ int, size uint64) []byte {
	c := byte(typ)<<4 | byte(size&15)
	var out []byte
	for size >>= 4; size > 0; size >>= 7 {
		out = append(out, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(out, c)
}

// back is the distance of an offset delta from its base.
func back(distance int) string {
	out := []byte{byte(distance & 0x7f)}
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		out = append([]byte{byte(distance&0x7f) | 0x80}, out...)
	}
	return string(out)
}

// delta makes a result of so many bytes of a base of so many, by the instructions.
func delta(base, result uint64, instructions ...string) string {
	out := binary.AppendUvarint(binary.AppendUvarint(nil, base), result)
	for _, i := range instructions {
		out = append(out, i...)
	}
	return string(out)
}

// copied is the instruction that copies so many bytes, under 16 MiB, from the start of the base.
func copied(size int) string {
	return string([]byte{0x80 | 0x70, byte(size), byte(size >> 8), byte(size >> 16)})
}

// inserted is the instruction that brings under 128 bytes of its own.
func inserted(text string) string { return string(rune(len(text))) + text }
