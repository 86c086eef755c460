package pack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

var allTypes = []object.Type{object.Commit, object.Tag, object.Tree, object.Blob}

// indexed lets git index a pack and opens it.
func indexed(t testing.TB, b []byte, f object.Format) *Pack {
	t.Helper()
	dir := t.TempDir()
	testenv.Empty(t, filepath.Join(dir, "git"), f.String())
	name := filepath.Join(dir, "a.pack")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, filepath.Join(dir, "git"), "index-pack", name)
	x, err := os.ReadFile(filepath.Join(dir, "a.idx"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(b, x, f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func forestOf(t testing.TB, p *Pack) *Forest {
	t.Helper()
	f, err := p.Forest(context.Background(), heapScratch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// walked returns what Walk shows of the given types, as git cat-file --batch-check would
// print it, and the objects' bytes by their numbers.
func walked(t testing.TB, f *Forest, format object.Format, types ...object.Type) (lines []string, data map[uint32][]byte) {
	t.Helper()
	data = map[uint32][]byte{}
	var mu sync.Mutex
	err := f.Walk(context.Background(), WalkOptions{Types: types, Workers: 3}, func(o *Object) error {
		id, err := object.NewHasher(format).Sum(o.Type, o.Data)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || id != o.ID || f.pack.Index.ID(int(o.Pos)) != id || f.Type(int(o.Pos)) != o.Type {
			t.Errorf("number %d is %s %s, but its bytes hash to %s, %v", o.Pos, o.Type, o.ID, id, err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %d", o.ID, o.Type, o.Size))
		data[o.Pos] = bytes.Clone(o.Data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines, data
}

// TestWalk walks packs and writes each anew: git finds the same objects in both.
func TestWalk(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		dir := filepath.Join(t.TempDir(), "source.git")
		testenv.Synthetic(t, dir, format.String(), testenv.Size{Commits: 200, Files: 30})
		want := batchCheck(t, dir)
		for _, naming := range []string{"--delta-base-offset", "--no-delta-base-offset"} {
			t.Run(format.String()+naming, func(t *testing.T) {
				p := indexed(t, packOf(t, dir, naming), format)
				f := forestOf(t, p)
				got, data := walked(t, f, format, allTypes...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("objects (-git +walk):\n%s", diff)
				}
				again := forestOf(t, indexed(t, rewritten(t, f, format, data), format))
				if got, _ := walked(t, again, format, allTypes...); !slices.Equal(got, want) {
					t.Errorf("the pack written anew has other objects (-git +ours):\n%s", cmp.Diff(want, got))
				}
				history, _ := walked(t, f, format, object.Commit, object.Tag)
				if want := slices.DeleteFunc(slices.Clone(want), isContent); !slices.Equal(history, want) {
					t.Errorf("history (-git +walk):\n%s", cmp.Diff(want, history))
				}
			})
		}
	}
}

func isContent(line string) bool {
	return bytes.Contains([]byte(line), []byte(" blob ")) || bytes.Contains([]byte(line), []byte(" tree "))
}

// rewritten writes the objects of a forest as a pack: deltas as they are where their base was
// written before, everything else whole.
func rewritten(t *testing.T, f *Forest, format object.Format, data map[uint32][]byte) []byte {
	t.Helper()
	file, index := &memory{}, &memory{}
	w, err := NewWriter(file, WriterOptions{Format: format, Objects: int64(len(data)), Scratch: heapScratch})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	numbers, deltas := map[int]uint32{}, 0
	for _, i := range f.rank {
		id := f.pack.Index.ID(int(i))
		e, err := f.Entry(int(i))
		if err != nil {
			t.Fatal(err)
		}
		base, written := numbers[e.Base]
		switch {
		case e.Base >= 0 && written:
			deltas++
			numbers[int(i)], err = w.AddDelta(f.Type(int(i)), id, base, e.Stored, e.Stream)
		case i%2 == 0 && e.Base < 0:
			numbers[int(i)], err = w.Add(f.Type(int(i)), id, e.Stored, e.Stream)
		default:
			numbers[int(i)], err = w.Add(f.Type(int(i)), id, int64(len(data[i])), deflated(data[i]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if deltas == 0 {
		t.Error("no delta was copied")
	}
	if _, err := w.Add(object.Blob, object.ID{}, 0, nil); err == nil {
		t.Error("Add took more objects than the pack was begun for")
	}
	sum, err := w.Finish(context.Background(), index)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Entries != int64(len(data)) || sum.Bytes != int64(len(file.b)) {
		t.Errorf("wrote %d entries in %d bytes, said %+v", len(data), len(file.b), sum)
	}
	if p, err := Open(file.b, index.b, format); err != nil || !bytes.Equal(p.Index.ids, indexed(t, file.b, format).Index.ids) {
		t.Errorf("git makes another index of the pack, %v", err)
	}
	return file.b
}

// indexBytes returns the index of p as writeIndex would write it.
func indexBytes(t testing.TB, p *Pack) []byte {
	t.Helper()
	var b bytes.Buffer
	f := forestOf(t, p)
	for pos, i := range f.rank {
		f.table.setID(uint32(pos), p.Index.ID(int(i)))
	}
	if err := writeIndex(context.Background(), &b, f.table, make([]byte, p.Index.format.Size())); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

func TestWalkStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 50})
	f := forestOf(t, indexed(t, packOf(t, dir, "--delta-base-offset"), object.SHA1))
	enough := fmt.Errorf("enough")
	if err := f.Walk(context.Background(), WalkOptions{Types: allTypes, Workers: 2}, func(*Object) error { return enough }); err == nil || !bytes.Contains([]byte(err.Error()), []byte("enough")) {
		t.Errorf("Walk with a visitor that fails: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(enough)
	if err := f.Walk(ctx, WalkOptions{Types: allTypes, Workers: 2}, func(*Object) error { return nil }); err == nil {
		t.Error("Walk goes on after its context ended")
	}
}

// FuzzWalk damages a pack and its index.
func FuzzWalk(f *testing.F) {
	var b builder
	base := aCommit(1)
	at := b.add(header{typ: object.Commit}, base)
	b.add(header{typ: ofsDelta, distance: at}, insertDelta(len(base), 5, aCommit(2)))
	b.add(header{typ: refDelta, base: idOf(f, object.Commit, base)}, insertDelta(len(base), 5, aCommit(3)))
	p := indexed(f, b.bytes(), object.SHA1)
	f.Add(b.bytes(), indexBytes(f, p))
	f.Fuzz(func(t *testing.T, in, index []byte) {
		p, err := Open(in, index, object.SHA1)
		if err != nil || p.Index.Len() > 1000 {
			return
		}
		limits := Limits{HeldBytes: 1 << 20, CommitBytes: 1 << 20, TreeBytes: 1 << 20, ObjectBytes: 1 << 20}
		forest, err := p.forest(context.Background(), heapScratch, limits)
		if err != nil {
			expected(t, err)
			return
		}
		defer forest.Close()
		o := WalkOptions{Types: allTypes, Workers: 2}
		if err := forest.Walk(context.Background(), o, func(*Object) error { return nil }); err != nil {
			expected(t, err)
		}
	})
}
