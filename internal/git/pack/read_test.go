package pack

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// TestForestReads holds sizes, types and bytes against git's own for every object, shown alone, in
// some and in all; large whole blobs are streamed.
func TestForestReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 120})
	big := bytes.Repeat([]byte("0123456789abcde\n"), 40_000)
	testenv.GitIn(t, dir, bytes.NewReader(big), "hash-object", "-w", "--stdin")
	testenv.GitIn(t, dir, strings.NewReader(testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")), "pack-objects", "--window=50", "-q", filepath.Join(dir, "objects/pack/pack"))
	packs, err := filepath.Glob(dir + "/objects/pack/pack-*.pack")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range packs {
		if b, err := os.ReadFile(name); err == nil && len(b) > len(all) {
			all = b
		}
	}
	p := indexed(t, all, object.SHA1)
	f := forestOf(t, p)
	var d inflate.Decoder
	for line := range strings.Lines(testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check") + "\n") {
		word := strings.Fields(line)
		id, _ := object.ParseID(word[0])
		i, ok := p.Index.Find(id)
		size, err := f.Size(&d, i)
		if !ok || err != nil || strconv.FormatInt(size, 10) != word[2] || f.Type(i).String() != word[1] {
			t.Fatalf("%s: %v, %d bytes, %v", line, f.Type(i), size, err)
		}
	}
	for _, every := range []int{1, 7, f.Len()} {
		var mu sync.Mutex
		seen := map[object.ID]bool{}
		o := WalkOptions{Types: []object.Type{object.Tree, object.Blob}, Workers: 2, Held: 100, Want: func(i int) bool { return i%every == 0 }}
		err := f.Walk(t.Context(), o, func(o *Object) error {
			data := bytes.NewBuffer(bytes.Clone(o.Data))
			if o.Data == nil && o.Size > 0 {
				if o.Type != object.Blob {
					t.Errorf("%s %s of %d bytes comes without them", o.Type, o.ID, o.Size)
				}
				if err := f.Stream(t.Context(), int(o.Pos), data); err != nil {
					return err
				}
			}
			id, err := object.NewHasher(object.SHA1).Sum(o.Type, data.Bytes())
			mu.Lock()
			defer mu.Unlock()
			if seen[o.ID] || id != o.ID || int(o.Pos)%every != 0 {
				t.Errorf("%s comes as %s, number %d", o.ID, id, o.Pos)
			}
			seen[o.ID] = true
			return err
		})
		want := 0
		for i := 0; i < f.Len(); i += every {
			if k := f.Type(i); k == object.Tree || k == object.Blob {
				want++
			}
		}
		if err != nil || len(seen) != want {
			t.Errorf("every %d: %d of %d, %v", every, len(seen), want, err)
		}
	}
}

// TestForestLate tells of deltas that lie before what they are made from.
func TestForestLate(t *testing.T) {
	b := &builder{format: object.SHA1}
	texts := []string{"base", "base 1", "base 1 2"}
	ids := make([]object.ID, len(texts))
	for i, text := range texts {
		id, err := object.NewHasher(object.SHA1).Sum(object.Blob, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	for i := len(texts) - 1; i > 0; i-- {
		b.add(header{typ: refDelta, base: ids[i-1]}, insertDelta(len(texts[i-1]), 4, []byte(texts[i])))
	}
	b.add(header{typ: object.Blob}, []byte(texts[0]))
	p := indexed(t, b.bytes(), object.SHA1)
	f := forestOf(t, p)
	for i, id := range ids {
		n, ok := p.Index.Find(id)
		var late []object.ID
		for child := range f.Late(n) {
			late = append(late, p.Index.ID(child))
		}
		if want := ids[i+1 : min(i+2, len(ids))]; !ok || !slices.Equal(late, want) {
			t.Errorf("late of %q: %v, want %v", texts[i], late, want)
		}
	}
}
