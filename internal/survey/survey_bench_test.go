package survey

import (
	"bytes"
	"fmt"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// chain is a tree of 300 entries and 49 more, each made from the last with one entry changed.
func chain() []*pack.Object {
	var entries [][]byte
	for n := range 300 {
		entries = append(entries, treeEntry("100644", fmt.Sprintf("some-file-%04d.c", n), fakeID(n)))
	}
	hasher := object.NewHasher(object.SHA1)
	var list []*pack.Object
	var base *pack.Object
	for n := range 50 {
		entries[n*7%300] = treeEntry("100644", fmt.Sprintf("some-file-%04d.c", n*7%300), fakeID(1000+n))
		o := &pack.Object{Type: object.Tree, Data: bytes.Join(entries, nil), Base: base, Pos: uint32(n)}
		if base != nil {
			o.Delta = diff(base.Data, o.Data)
		}
		o.Size = int64(len(o.Data))
		o.ID, _ = hasher.Sum(object.Tree, o.Data)
		list = append(list, o)
		base = o
	}
	return list
}

func benchTrees(b *testing.B, whole bool) {
	list := chain()
	var size int64
	for _, o := range list {
		size += o.Size
		if whole {
			o.Base, o.Delta = nil, nil
		}
	}
	s := New(Options{})
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, o := range list {
			if err := s.Visit(o); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)*300), "ns/entry")
}

func BenchmarkTreesByDelta(b *testing.B) { benchTrees(b, false) }

func BenchmarkTreesWhole(b *testing.B) { benchTrees(b, true) }

func BenchmarkTable(b *testing.B) {
	var ids [][]byte
	for n := range 100_000 {
		ids = append(ids, fakeID(n))
	}
	t := newTable(object.SHA1, nil)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		t.want(ids[n%len(ids)], wantBlob, 1)
		n += 7919
	}
}

// BenchmarkBlobs looks at small blobs, a tenth of them Git LFS pointers.
func BenchmarkBlobs(b *testing.B) {
	hasher := object.NewHasher(object.SHA1)
	var list []*pack.Object
	for n := range uint32(10_000) {
		text, _ := pointerTo(n, int64(n))
		if n%10 != 0 {
			text = fmt.Sprintf("package a%d // %s", n, text)
		}
		o := &pack.Object{Type: object.Blob, Data: []byte(text), Size: int64(len(text)), Pos: n}
		o.ID, _ = hasher.Sum(object.Blob, o.Data)
		list = append(list, o)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := New(Options{})
		for _, o := range list {
			if err := s.Visit(o); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/blob")
}
