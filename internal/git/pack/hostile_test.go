package pack

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"rehome/internal/git/object"
)

// aCommit is a commit with n bytes of message.
func aCommit(n int) []byte {
	return append([]byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n"), make([]byte, n)...)
}

// flip is a delta that changes the first byte of a base of size bytes to c and copies the rest.
func flip(size int, c byte) []byte {
	d := append(appendUvarint(appendUvarint(nil, size), size), 1, c)
	for at := 1; at < size; {
		n := min(size-at, 0xffffff)
		d = append(d, 0xff, byte(at), byte(at>>8), byte(at>>16), byte(at>>24), byte(n), byte(n>>8), byte(n>>16))
		at += n
	}
	return d
}

func idOf(t testing.TB, typ object.Type, data []byte) object.ID {
	t.Helper()
	id, err := object.NewHasher(object.SHA1).Sum(typ, data)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestDepth has as many deltas on one another as are allowed, and one more.
func TestDepth(t *testing.T) {
	for _, typ := range []object.Type{object.Blob, object.Commit} {
		b := &builder{}
		data := []byte("some content\n")
		if typ == object.Commit {
			data = aCommit(0)
		}
		at := b.add(header{typ: typ}, data)
		for i := range maxDepth {
			at = b.add(header{typ: ofsDelta, distance: at}, flip(len(data), byte(i)))
		}
		if _, s, _, err := receive(t, b.bytes(), Options{}); err != nil || len(s.lines) != maxDepth+1 {
			t.Errorf("%s: %d visited, %v", typ, len(s.lines), err)
		}
		b.add(header{typ: ofsDelta, distance: at}, flip(len(data), 1))
		var limit *LimitError
		if _, _, _, err := receive(t, b.bytes(), Options{}); !errors.As(err, &limit) || limit.What != "deltas on one another" {
			t.Errorf("%s: %v, want the limit of deltas on one another", typ, err)
		}
	}
}

// TestMade has few bytes of delta make many of result, straight away and again and again.
func TestMade(t *testing.T) {
	const size = 1 << 18
	fan := func(typ object.Type, content []byte) []byte {
		b := &builder{}
		at := b.add(header{typ: typ}, content)
		for i := range 100 {
			b.add(header{typ: ofsDelta, distance: at}, flip(len(content), byte(i)))
		}
		return b.bytes()
	}
	late := func() []byte {
		b := &builder{}
		base := make([]byte, size)
		for i := range 100 {
			b.add(header{typ: refDelta, base: idOf(t, object.Blob, base)}, flip(size, byte(i)))
		}
		b.add(header{typ: object.Blob}, base)
		return b.bytes()
	}
	// Each is too large to be kept, so it is made from the first again for the next.
	again := func() []byte {
		b := &builder{}
		at := b.add(header{typ: object.Commit}, aCommit(keepable))
		for i := range 40 {
			at = b.add(header{typ: ofsDelta, distance: at}, flip(len(aCommit(keepable)), byte(i)))
		}
		return b.bytes()
	}
	for name, test := range map[string]struct {
		in   []byte
		room int64
	}{
		"blobs":           {fan(object.Blob, make([]byte, size)), 20 << 20},
		"trees":           {fan(object.Tree, make([]byte, size)), 20 << 20},
		"commits":         {fan(object.Commit, aCommit(size)), 20 << 20},
		"base comes late": {late(), 20 << 20},
		"made again":      {again(), 60 << 20},
	} {
		in, room := test.in, test.room-int64(len(test.in))*madeRatio
		var limit *LimitError
		if _, _, _, err := receive(t, in, Options{madeFloor: room}); !errors.As(err, &limit) || limit.What != "bytes made by deltas" {
			t.Errorf("%s: %v, want the limit of bytes made by deltas", name, err)
		}
		if _, _, _, err := receive(t, in, Options{}); err != nil {
			t.Errorf("%s, with room: %v", name, err)
		}
	}
}

// TestRemade walks a path longer than is kept, whose every object has another child to come back for.
func TestRemade(t *testing.T) {
	b := &builder{}
	data := make([]byte, 10_000)
	rand.NewChaCha8([32]byte{}).Read(data)
	at := b.add(header{typ: object.Tree}, data)
	var leaves []int64
	for i := range 50 {
		leaves = append(leaves, at)
		at = b.add(header{typ: ofsDelta, distance: at}, flip(len(data), byte(i)))
	}
	for i, at := range leaves {
		b.add(header{typ: ofsDelta, distance: at}, flip(len(data), byte(100+i)))
	}
	for _, path := range []int64{1, 50_000, 0} {
		_, s, _, err := receive(t, b.bytes(), Options{heldPath: path})
		if err != nil || len(s.lines) != 101 || len(s.broken) > 0 || (s.unmarked > 0) != (path > 0) {
			t.Errorf("path of %d bytes: %d visited, %d without marks, broken %v, %v", path, len(s.lines), s.unmarked, s.broken, err)
		}
	}
}

// TestDuplicates has one object come several times in several ways: git keeps each entry.
func TestDuplicates(t *testing.T) {
	b := &builder{}
	one, two := []byte("the first of two\n"), []byte("The first of two\n")
	first := b.add(header{typ: object.Blob}, one)
	b.add(header{typ: ofsDelta, distance: first}, flip(len(one), 'T'))
	b.add(header{typ: object.Blob}, two)
	again := b.add(header{typ: object.Blob}, one)
	b.add(header{typ: refDelta, base: idOf(t, object.Blob, two)}, flip(len(one), 't'))
	b.add(header{typ: ofsDelta, distance: again}, flip(len(one), 'T'))
	c := b.add(header{typ: object.Commit}, aCommit(1))
	b.add(header{typ: object.Commit}, aCommit(1))
	b.add(header{typ: ofsDelta, distance: c}, flip(len(aCommit(1)), 't'))
	b.add(header{typ: object.Tree}, nil)
	b.add(header{typ: object.Tree}, nil)
	f, s, sum, err := receive(t, b.bytes(), Options{})
	if err != nil || len(s.lines) != 11 || len(s.broken) > 0 || sum.Blobs != 6 || sum.Commits != 3 || sum.Trees != 2 {
		t.Fatalf("visited %v, broken %v, summary %+v, %v", s.lines, s.broken, sum, err)
	}
	judge(t, f, object.SHA1, sum)
}

// TestDamagedDuplicate has an object whole and, again, as a delta that does not make it.
func TestDamagedDuplicate(t *testing.T) {
	text := []byte("some text")
	for name, delta := range map[string][]byte{
		"copies past the base":   append(appendUvarint(appendUvarint(nil, len(text)), 20), 0x80|0x10, 20),
		"inserts past the delta": append(appendUvarint(appendUvarint(nil, len(text)), 20), 20, 'x'),
		"makes too little":       append(appendUvarint(appendUvarint(nil, len(text)), 20), 1, 'x'),
		"another base":           insertDelta(len(text)+1, 0, text),
		"reserved instruction":   append(appendUvarint(appendUvarint(nil, len(text)), 1), 0, 1, 'x'),
		"no sizes":               {0x80},
		"size over 63 bits":      append(appendUvarint(nil, len(text)), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
	} {
		for _, typ := range []object.Type{object.Blob, object.Commit} {
			b := &builder{}
			at := b.add(header{typ: typ}, text)
			b.add(header{typ: typ}, text)
			b.add(header{typ: ofsDelta, distance: at}, delta)
			if _, _, _, err := receive(t, b.bytes(), Options{}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, %s: %v, want ErrCorrupt", name, typ, err)
			}
		}
	}
}

// TestLateBases has deltas of every kind wait for bases of every kind, many for one, in
// chains, by id and by distance, small and large.
func TestLateBases(t *testing.T) {
	b := &builder{}
	large := bytes.Repeat([]byte("0123456789"), mappedBytes/5)
	blob, tree, commit := []byte("blob, last\n"), []byte("40000 a\x00aaaaaaaaaaaaaaaaaaaa"), aCommit(3)
	changed := func(data []byte, c byte) []byte { data = bytes.Clone(data); data[0] = c; return data }
	want := 0
	for _, base := range []struct {
		typ  object.Type
		data []byte
	}{{object.Blob, blob}, {object.Tree, tree}, {object.Commit, commit}, {object.Blob, large}} {
		n := len(base.data)
		for i := range 20 {
			at := b.add(header{typ: refDelta, base: idOf(t, base.typ, base.data)}, flip(n, byte(i)))
			at = b.add(header{typ: ofsDelta, distance: at}, flip(n, byte(100+i)))
			b.add(header{typ: ofsDelta, distance: at}, flip(n, byte(200+i)))
			want += 3
			if n > keepable && i == 2 {
				break
			}
		}
		b.add(header{typ: refDelta, base: idOf(t, base.typ, changed(base.data, 1))}, flip(n, 'X'))
		b.add(header{typ: refDelta, base: idOf(t, base.typ, changed(base.data, 'X'))}, flip(n, 'Y'))
		want += 2
	}
	cut := b.bytes()
	for range 2 { // the bases come twice: what waits is placed once
		b.add(header{typ: object.Blob}, blob)
		b.add(header{typ: object.Tree}, tree)
		b.add(header{typ: object.Commit}, commit)
		b.add(header{typ: object.Blob}, large)
		want += 4
	}
	f, s, sum, err := receive(t, b.bytes(), Options{})
	if err != nil || len(s.lines) != want || len(s.broken) > 0 {
		t.Fatalf("%d visited of %d, broken %v, %v", len(s.lines), want, s.broken, err)
	}
	judge(t, f, object.SHA1, sum)
	if f.most.Load() < int64(len(large)) {
		t.Errorf("an object of %d bytes was made in the heap", len(large))
	}
	first := idOf(t, object.Blob, blob).String()
	if _, _, _, err := receive(t, cut, Options{}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), first) {
		t.Errorf("without the bases: %v, want ErrCorrupt naming %s", err, first)
	}
}

// TestEmptyPack has no objects at all: no pack is made of it.
func TestEmptyPack(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		_, s, sum, err := receive(t, (&builder{format: format}).bytes(), Options{Format: format})
		if err != nil || len(s.lines) > 0 || sum.History.Entries+sum.Content.Entries > 0 {
			t.Errorf("%s: %+v, %v", format, sum, err)
		}
	}
}

// endless is a pack of one blob that never ends, in stored blocks; after far bytes it calls far.
type endless struct {
	head []byte
	read int
	far  func()
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	block := make([]byte, 5+0xffff)
	copy(block, "\x00\xff\xff\x00\x00")
	for i := range p {
		p[i] = block[(e.read+i)%len(block)]
	}
	if e.read += len(p); e.read > 4<<20 {
		e.far()
	}
	return len(p), nil
}

// TestStopsInObject cancels in the middle of one long object.
func TestStopsInObject(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	head := appendHeader(appendPackHeader(nil, 1), header{typ: object.Blob, size: 15 << 30})
	in := &endless{head: append(head, 0x78, 0x01), far: cancel}
	_, err := Receive(ctx, in, Options{Storage: newFolder(t).storage()})
	if !errors.Is(err, context.Canceled) || in.read > 8<<20 {
		t.Errorf("read %d bytes, %v", in.read, err)
	}
}

// TestStopsInFinish cancels when everything was visited.
func TestStopsInFinish(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	left := 4
	_, err := Receive(ctx, bytes.NewReader(small(t)), Options{Storage: inMemory(), Visit: func(*Object) error {
		if left--; left == 0 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestLargeOffsets writes an index for a pack of more than 2 GiB and reads it back.
func TestLargeOffsets(t *testing.T) {
	table, err := newTable(object.SHA1, 4, heapScratch)
	if err != nil {
		t.Fatal(err)
	}
	offsets := []int64{12, 1<<31 - 1, 1 << 31, 1 << 40}
	ids := make([]object.ID, len(offsets))
	for i, at := range offsets {
		ids[i] = idOf(t, object.Blob, []byte{byte(i)})
		table.setID(table.add(object.Blob, at, 1, none), ids[i])
	}
	var out bytes.Buffer
	if err := writeIndex(t.Context(), &out, table, make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	x, err := OpenIndex(out.Bytes(), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if at, ok := x.Find(id); !ok || x.Offset(at) != offsets[i] {
			t.Errorf("%s is at %d, %v; want %d", id, x.Offset(at), ok, offsets[i])
		}
	}
}

// TestBuffersAreBounded gives back more than is worth keeping.
func TestBuffersAreBounded(t *testing.T) {
	b := buffers{scratch: heapScratch}
	var all [][]byte
	for i := range 300 {
		buf, err := b.get(int64(i) * 10_000)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, buf)
	}
	for _, buf := range all {
		b.put(buf)
		b.putMarks(make([]uint32, len(buf)))
	}
	if b.bytes > idleBytes || b.marked > idleMarks || b.bytes == 0 || b.marked == 0 {
		t.Errorf("%d bytes and %d marks wait", b.bytes, b.marked)
	}
}

// TestKeptIsBounded keeps more objects than there is room for, many of them without bytes.
func TestKeptIsBounded(t *testing.T) {
	c, nothing := &chains{}, make([]byte, 3)
	for i := range uint32(400_000) {
		c.keep(nil, i, nothing[:i%3])
	}
	if c.bytes > keptBytes || len(c.kept) > keptBytes/keptExtra || len(c.kept) == 0 {
		t.Errorf("%d objects of %d bytes are kept", len(c.kept), c.bytes)
	}
}

// TestStreamed has entries of every type that the window has no room for, whole and as deltas.
func TestStreamed(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		b := &builder{format: format}
		for _, typ := range []object.Type{object.Commit, object.Tag, object.Tree, object.Blob} {
			one, two := make([]byte, 3*heldEntry/2), make([]byte, 3*heldEntry/2)
			rand.NewChaCha8([32]byte{byte(typ)}).Read(one)
			rand.NewChaCha8([32]byte{byte(typ), 1}).Read(two)
			at := b.add(header{typ: typ}, one)
			at = b.add(header{typ: ofsDelta, distance: at}, insertDelta(len(one), 0, two))
			b.add(header{typ: ofsDelta, distance: at}, flip(len(two), 'x'))
			id, err := object.NewHasher(format).Sum(typ, two)
			if err != nil {
				t.Fatal(err)
			}
			b.add(header{typ: refDelta, base: id}, insertDelta(len(two), 0, one))
		}
		f, s, sum, err := receive(t, b.bytes(), Options{Format: format})
		if err != nil || len(s.lines) != 16 || len(s.broken) > 0 || sum.Commits != 4 || sum.Tags != 4 || sum.Trees != 4 || sum.Blobs != 4 {
			t.Fatalf("%s: visited %v, broken %v, summary %+v, %v", format, s.lines, s.broken, sum, err)
		}
		judge(t, f, format, sum)
	}
}
