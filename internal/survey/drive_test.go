package survey

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// driver shows objects to a survey as a pack would, without a pack.
type driver struct {
	t      testing.TB
	s      *Survey
	hasher *object.Hasher
	pos    uint32
}

func drive(t testing.TB, o Options) *driver {
	return &driver{t: t, s: New(o), hasher: object.NewHasher(o.Format)}
}

// show visits one object, made from base by delta where they are given, and returns it.
func (d *driver) show(typ object.Type, data []byte, base *pack.Object, delta []byte) (*pack.Object, error) {
	d.t.Helper()
	id, err := d.hasher.Sum(typ, data)
	if err != nil {
		d.t.Fatal(err)
	}
	o := &pack.Object{Type: typ, ID: id, Size: int64(len(data)), Data: data, Base: base, Delta: delta, Pos: d.pos}
	d.pos++
	err = d.s.Visit(o)
	return o, err
}

// must is show for a whole object that is not refused.
func (d *driver) must(typ object.Type, data string) object.ID {
	d.t.Helper()
	o, err := d.show(typ, []byte(data), nil, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return o.ID
}

// named returns all that was named, and as what.
func (d *driver) named() map[string]byte {
	all := map[string]byte{}
	d.s.table.all(func(k known) bool {
		if want := k.state &^ (stateType | hasRef); want != 0 {
			all[string(k.id)] = want
		}
		return true
	})
	return all
}

// fakeID is some id, the same for the same n.
func fakeID(n int) []byte {
	sum := sha256.Sum256(binary.AppendVarint(nil, int64(n)))
	return sum[:20]
}

func treeEntry(mode, name string, id []byte) []byte {
	return append(fmt.Appendf(nil, "%s %s\x00", mode, name), id...)
}

// deltaOf builds deltas, and what they make.
type deltaOf struct {
	base, result, ops []byte
}

func (d *deltaOf) copy(from, size int) {
	for size > 0 {
		n := min(size, 0xffff)
		d.ops = append(d.ops, 0xff, byte(from), byte(from>>8), byte(from>>16), byte(from>>24), byte(n), byte(n>>8), 0)
		d.result = append(d.result, d.base[from:from+n]...)
		from, size = from+n, size-n
	}
}

func (d *deltaOf) insert(b []byte) {
	for len(b) > 0 {
		n := min(len(b), 127)
		d.ops = append(append(d.ops, byte(n)), b[:n]...)
		d.result = append(d.result, b[:n]...)
		b = b[n:]
	}
}

func (d *deltaOf) bytes() []byte {
	head := binary.AppendUvarint(nil, uint64(len(d.base)))
	return append(binary.AppendUvarint(head, uint64(len(d.result))), d.ops...)
}

// starts returns where the entries of a well-formed tree start, and its length.
func starts(data []byte) []int {
	list := []int{0}
	for at := 0; at < len(data); {
		_, n, err := object.ReadEntry(object.SHA1, data[at:])
		if err != nil {
			break
		}
		at += n
		list = append(list, at)
	}
	return list
}

// diff makes a delta from base to result out of what they have in common at both ends.
func diff(base, result []byte) []byte {
	d := deltaOf{base: base}
	head := 0
	for head < min(len(base), len(result)) && base[head] == result[head] {
		head++
	}
	tail := 0
	for tail < min(len(base), len(result))-head && base[len(base)-1-tail] == result[len(result)-1-tail] {
		tail++
	}
	d.copy(0, head)
	d.insert(result[head : len(result)-tail])
	d.copy(len(base)-tail, tail)
	if !bytes.Equal(d.result, result) {
		panic("diff is wrong")
	}
	return d.bytes()
}
