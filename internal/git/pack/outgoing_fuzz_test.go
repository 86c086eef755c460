package pack

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// FuzzOutgoing sends arbitrary bytes as a pack with its index, parts of it and all of it beside a part of another. It has
// to say how long the pack is that it writes.
func FuzzOutgoing(f *testing.F) {
	dir := f.TempDir()
	testenv.Empty(f, filepath.Join(dir, "git"), "sha1")
	b := &builder{}
	at := b.add(header{typ: object.Blob}, []byte("base"))
	b.add(header{typ: refDelta, base: blobID(f, "base")}, insertDelta(4, 2, []byte("back")))
	b.add(header{typ: ofsDelta, distance: at}, insertDelta(4, 2, []byte("ball")))
	name := filepath.Join(dir, "a.pack")
	if err := os.WriteFile(name, b.bytes(), 0o600); err != nil {
		f.Fatal(err)
	}
	testenv.Git(f, filepath.Join(dir, "git"), "index-pack", name)
	index, err := os.ReadFile(filepath.Join(dir, "a.idx"))
	if err != nil {
		f.Fatal(err)
	}
	whole, err := Open(b.bytes(), index, object.SHA1)
	if err != nil {
		f.Fatal(err)
	}
	for mask := range byte(8) {
		f.Add(b.bytes(), index, mask)
	}
	limits := Limits{ObjectBytes: 1 << 20, HeldBytes: 1 << 20, TreeBytes: 1 << 20, CommitBytes: 1 << 20}.orDefault()
	f.Fuzz(func(t *testing.T, packed, index []byte, mask byte) {
		p, err := Open(packed, index, object.SHA1)
		if err != nil {
			return
		}
		for _, parts := range [][]Part{{{p, Chosen{uint64(mask)}}}, {{Pack: p}, {whole, Chosen{uint64(mask)}}}, {{whole, Chosen{uint64(mask)}}, {p, Chosen{uint64(mask) >> 1}}}} {
			o, err := newOutgoing(context.Background(), parts, OutgoingOptions{
				Format: object.SHA1, Scratch: heapScratch, Has: func(id object.ID) bool { return id.Bytes()[0]&1 == mask>>7 },
			}, limits)
			if err != nil {
				expected(t, err)
				continue
			}
			var out bytes.Buffer
			if err := o.Write(context.Background(), &out, nil); err != nil || int64(out.Len()) != o.Bytes() {
				t.Fatalf("%d bytes of %d: %v", out.Len(), o.Bytes(), err)
			}
			o.Close()
		}
	})
}

func blobID(t testing.TB, text string) object.ID {
	t.Helper()
	id, err := object.NewHasher(object.SHA1).Sum(object.Blob, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}
