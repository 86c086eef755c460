package pack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"rehome/internal/git/object"
)

// FuzzReceive feeds arbitrary bytes as a pack. What is accepted must be accepted again
// when its two halves are received in turn, with as many objects.
func FuzzReceive(f *testing.F) {
	f.Add(small(f))
	b := &builder{}
	at := b.add(header{typ: object.Blob}, []byte("base"))
	b.add(header{typ: refDelta}, insertDelta(4, 2, []byte("back")))
	b.add(header{typ: ofsDelta, distance: at}, insertDelta(4, 2, []byte("ball")))
	f.Add(b.bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		// The checksum would stop nearly every mutation before it gets anywhere.
		if len(in) > 20 {
			sum := newTrailer(object.SHA1)
			sum.Write(in[:len(in)-20])
			in = sum.Sum(bytes.Clone(in[:len(in)-20]))
		}
		limits := Limits{Objects: 1000, ObjectBytes: 1 << 20, HeldBytes: 1 << 20, TreeBytes: 1 << 20, CommitBytes: 1 << 20}
		store := inMemory()
		sum, err := Receive(context.Background(), bytes.NewReader(in), Options{Limits: limits, Workers: 2, Storage: store})
		if err != nil {
			expected(t, err)
			return
		}
		for _, half := range []struct {
			file File
			w    Written
		}{{store.History, sum.History}, {store.Content, sum.Content}} {
			if half.w.Entries == 0 {
				continue
			}
			again, err := Receive(context.Background(), io.NewSectionReader(half.file, 0, half.w.Bytes),
				Options{Limits: limits, Storage: inMemory()})
			if err != nil || again.History.Entries+again.Content.Entries != half.w.Entries {
				t.Fatalf("half of %d entries received again: %+v, %v", half.w.Entries, again, err)
			}
		}
	})
}

// expected fails on an error that does not say what is wrong with the bytes.
func expected(t *testing.T, err error) {
	var limit *LimitError
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &limit) && !errors.Is(err, object.ErrCollision) {
		t.Fatalf("unexpected kind of error: %v", err)
	}
}

// slowDelta applies a delta as its description reads, byte by byte.
func slowDelta(base, delta []byte, size int64) ([]byte, bool) {
	from, to, n, err := DeltaSizes(delta)
	if err != nil || from != int64(len(base)) || to != size {
		return nil, false
	}
	var out []byte
	for d := delta[n:]; len(d) > 0; {
		op := d[0]
		d = d[1:]
		if op&0x80 == 0 {
			if op == 0 || int(op) > len(d) {
				return nil, false
			}
			out, d = append(out, d[:op]...), d[op:]
			continue
		}
		offset, n, used := shortCopyOp(op, d)
		if used < 0 || offset+n > len(base) || len(out)+n > int(size) {
			return nil, false
		}
		out, d = append(out, base[offset:offset+n]...), d[used:]
	}
	return out, int64(len(out)) == size
}

func FuzzDelta(f *testing.F) {
	base := []byte("a base of forty bytes, more or less so..")
	f.Add(base, insertDelta(len(base), 10, []byte("a base of another kind")))
	f.Add(base, []byte{40, 5, 0x91, 35, 5})
	f.Add(base, append([]byte{40, 45, 0x90, 40, 0x91, 3, 5}, make([]byte, 9)...))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		_, size, _, err := DeltaSizes(delta)
		if err != nil || size > 1<<16 {
			return
		}
		got := make([]byte, size)
		err = applyDelta(got, base, delta)
		want, ok := slowDelta(base, delta, size)
		if ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Fatalf("applyDelta: %q, %v; byte by byte: %q, %v", got, err, want, ok)
		}
	})
}

func FuzzEntryHeader(f *testing.F) {
	f.Add([]byte{0x95, 0x0a}, false)
	f.Add(appendHeader(nil, header{typ: ofsDelta, size: 1 << 40, distance: 1 << 33}), false)
	f.Add(appendHeader(nil, header{typ: refDelta, size: 9, base: object.SHA256.Zero()}), true)
	f.Fuzz(func(t *testing.T, in []byte, sha256 bool) {
		format := object.SHA1
		if sha256 {
			format = object.SHA256
		}
		h, ok, err := decodeHeader(in, format)
		if err != nil || !ok {
			return
		}
		again, ok, err := decodeHeader(appendHeader(nil, h), format)
		again.length = h.length // a size may be written longer than it needs
		if !ok || err != nil || again != h {
			t.Fatalf("%+v comes back as %+v, %v, %v", h, again, ok, err)
		}
	})
}

func FuzzIndex(f *testing.F) {
	t := &table{ids: make([]byte, 40), offset: []uint64{12, 1 << 33, 0}, crc: make([]uint32, 2), n: 2, scratch: scratch{from: heapScratch}}
	t.ids[0], t.ids[20] = 7, 3
	var b bytes.Buffer
	if err := writeIndex(context.Background(), &b, t, make([]byte, 20)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		x, err := OpenIndex(in, object.SHA1)
		if err != nil {
			return
		}
		for i := range x.Len() {
			x.Find(x.ID(i))
			if x.Offset(i) < 0 {
				t.Fatalf("offset %d", x.Offset(i))
			}
		}
	})
}
