package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// sent puts a pack together and writes it twice, checks what it says of itself, and returns it.
func sent(t testing.TB, o *Outgoing) []byte {
	t.Helper()
	var out, again bytes.Buffer
	var told int64
	err := o.Write(t.Context(), &out, func(n int64) {
		if n < told {
			t.Errorf("progress went from %d back to %d", told, n)
		}
		told = n
	})
	if err != nil || int64(out.Len()) != o.Bytes() || told != o.Bytes() {
		t.Fatalf("%d bytes, told %d, announced %d: %v", out.Len(), told, o.Bytes(), err)
	}
	if err := o.Write(t.Context(), &again, nil); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Fatalf("written again it differs: %v", err)
	}
	return out.Bytes()
}

// outgoing is NewOutgoing for parts that fit.
func outgoing(t testing.TB, parts []Part, f object.Format, has func(object.ID) bool) *Outgoing {
	t.Helper()
	o, err := NewOutgoing(t.Context(), parts, OutgoingOptions{Format: f, Has: has, Scratch: heapScratch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// takes has git complete and index a pack in the repository at dir, and returns the ids that it lists.
func takes(t testing.TB, dir string, b []byte, options ...string) map[string]bool {
	t.Helper()
	said := testenv.GitIn(t, dir, bytes.NewReader(b), append([]string{"index-pack", "--stdin"}, options...)...)
	index := filepath.Join(dir, "objects/pack/pack-"+strings.TrimSpace(strings.TrimPrefix(said, "pack"))+".idx")
	x, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(testenv.GitIn(t, dir, bytes.NewReader(x), "show-index", "--object-format="+testenv.Git(t, dir, "rev-parse", "--show-object-format"))) {
		ids[strings.Fields(line)[1]] = true
	}
	return ids
}

// packsOf has git pack lists of objects, each for itself, with other deltas every time.
func packsOf(t testing.TB, dir string, f object.Format, lists ...[]string) (packs []*Pack) {
	t.Helper()
	for i, list := range lists {
		b := testenv.GitBytes(t, dir, strings.NewReader(strings.Join(list, "\n")), "pack-objects", "--stdout", "-q", "--no-reuse-delta", "--delta-base-offset",
			fmt.Sprintf("--window=%d", 5+20*i), "--depth=20")
		packs = append(packs, indexed(t, b, f))
	}
	return packs
}

// kinds counts how the entries of parts go out.
func (o *Outgoing) kinds() (counts [6]int) {
	for _, s := range o.sections {
		if s.part != nil {
			for _, h := range s.part.how {
				counts[h]++
			}
		}
	}
	return counts
}

// TestOutgoingProperty sends what chance has chosen from packs that overlap, to a receiver that has what chance gave it.
func TestOutgoingProperty(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(format.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "r.git")
			testenv.Synthetic(t, dir, format.String(), testenv.Size{Commits: 80, Files: 30})
			all := testenv.Objects(t, dir)
			var counts [6]int
			for seed := range uint64(12) {
				for k, n := range tryOutgoing(t, dir, format, all, rand.New(rand.NewPCG(seed, 7))) {
					counts[k] += n
				}
			}
			for _, h := range []how{asIs, nearer, far, named, remade} {
				if counts[h] == 0 {
					t.Errorf("no entry went out as %d: %v", h, counts)
				}
			}
		})
	}
}

// chance chooses parts of packs, and returns what they have.
func chance(t *testing.T, packs []*Pack, r *rand.Rand) (parts []Part, want map[string]bool) {
	t.Helper()
	want = map[string]bool{}
	for _, p := range packs {
		part := Part{Pack: p}
		if r.IntN(4) > 0 {
			part.Only = NewChosen(p.Index.Len())
		}
		share := r.Float64()
		for i := range p.Index.Len() {
			if part.Only == nil || r.Float64() < share {
				want[p.Index.ID(i).String()] = true
				if part.Only != nil {
					part.Only.Add(i)
				}
			}
		}
		if r.IntN(4) > 0 {
			parts = append(parts, part)
			continue
		}
		parts = append(parts, part, part) // the same once more
	}
	return parts, want
}

func tryOutgoing(t *testing.T, dir string, format object.Format, all []string, r *rand.Rand) [6]int {
	some := func(of []string, share float64) (list []string) {
		for _, id := range of {
			if r.Float64() < share {
				list = append(list, id)
			}
		}
		return list
	}
	parts, want := chance(t, packsOf(t, dir, format, some(all, 0.7), some(all, 0.4), all), r)
	to := filepath.Join(t.TempDir(), "to.git")
	testenv.Empty(t, to, format.String())
	have := map[string]bool{}
	if given := some(all, r.Float64()*0.5); len(given) > 0 {
		have = takes(t, to, testenv.GitBytes(t, dir, strings.NewReader(strings.Join(given, "\n")), "pack-objects", "--stdout", "-q"))
	}
	o := outgoing(t, parts, format, func(id object.ID) bool { return have[id.String()] })
	if o.Objects() != int64(len(want)) {
		t.Errorf("%d objects, not %d", o.Objects(), len(want))
	}
	got := takes(t, to, sent(t, o), "--fix-thin")
	for id := range want {
		if !got[id] {
			t.Errorf("%s did not arrive", id)
		}
	}
	for id := range got {
		if !want[id] && !have[id] {
			t.Errorf("%s was not chosen", id)
		}
	}
	return o.kinds()
}

// TestOutgoingWhole sends packs as they stand.
func TestOutgoingWhole(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		dir := filepath.Join(t.TempDir(), "r.git")
		testenv.Synthetic(t, dir, format.String(), testenv.Size{Commits: 60})
		b := packOf(t, dir)
		one := indexed(t, b, format)
		if got := sent(t, outgoing(t, []Part{{Pack: one}}, format, nil)); !bytes.Equal(got, b) {
			t.Errorf("%s: one whole pack is not sent as it stands", format)
		}
		f, _, _, err := receive(t, b, Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		var parts []Part
		for _, half := range []string{"history", "content"} {
			packed, _ := os.ReadFile(filepath.Join(f.dir, half+".pack"))
			index, _ := os.ReadFile(filepath.Join(f.dir, half+".idx"))
			p, err := Open(packed, index, format)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, Part{Pack: p})
		}
		o := outgoing(t, parts, format, nil)
		to := filepath.Join(t.TempDir(), "to.git")
		testenv.Empty(t, to, format.String())
		got := slices.Sorted(maps.Keys(takes(t, to, sent(t, o), "--strict")))
		if want := testenv.Objects(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s: %d objects arrive of %d", format, len(got), len(want))
		}
		if want := int64(len(parts[0].Pack.bytes)+len(parts[1].Pack.bytes)) - packHeader + int64(format.Size()); o.Bytes() != want {
			t.Errorf("%s: %d bytes are sent, not %d", format, o.Bytes(), want)
		}
		for _, more := range []Part{{Pack: one}, {Pack: parts[0].Pack, Only: parts[0].Pack.all()}} { // all of it is there already
			o := outgoing(t, append([]Part{more}, parts...), format, nil)
			if got := takes(t, to, sent(t, o), "--strict"); o.Objects() != int64(len(got)) || len(got) != len(testenv.Objects(t, dir)) {
				t.Errorf("%s: %d objects arrive as %d", format, o.Objects(), len(got))
			}
		}
	}
}

// TestOutgoingEmpty sends a pack without entries, which receivers take.
func TestOutgoingEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 3})
	p := indexed(t, packOf(t, dir), object.SHA1)
	for _, parts := range [][]Part{nil, {{Pack: p, Only: Chosen{}}}} {
		o := outgoing(t, parts, object.SHA1, nil)
		if got := sent(t, o); len(got) != packHeader+20 || o.Objects() != 0 {
			t.Errorf("%d objects in %d bytes", o.Objects(), len(got))
		}
	}
}

// TestOutgoingRepeats sends a pack that has an object more than once.
func TestOutgoingRepeats(t *testing.T) {
	b := &builder{format: object.SHA1}
	base := b.add(header{typ: object.Blob}, []byte("base"))
	b.add(header{typ: object.Blob}, []byte("bale"))
	again := b.add(header{typ: ofsDelta, distance: base}, insertDelta(4, 2, []byte("bale")))
	b.add(header{typ: object.Blob}, []byte("base"))
	b.add(header{typ: ofsDelta, distance: again}, insertDelta(4, 3, []byte("ball")))
	p := indexed(t, b.bytes(), object.SHA1)
	o := outgoing(t, []Part{{Pack: p}}, object.SHA1, nil)
	to := filepath.Join(t.TempDir(), "to.git")
	testenv.Empty(t, to, "sha1")
	if got := takes(t, to, sent(t, o), "--strict"); len(got) != 3 || o.Objects() != 3 {
		t.Errorf("%d objects arrive as %d", o.Objects(), len(got))
	}
	if counts := o.kinds(); counts[nearer] != 1 || counts[remade] != 0 {
		t.Errorf("the delta of what is there twice goes out as %v", counts)
	}
}

// TestOutgoingCircle takes from each of two packs the delta that is made from what the other has as a delta.
func TestOutgoingCircle(t *testing.T) {
	var packs []*Pack
	texts := [2]string{"one text of some length", "one text of some more length"}
	for k := range 2 {
		b := &builder{format: object.SHA1}
		at := b.add(header{typ: object.Blob}, []byte(texts[k]))
		b.add(header{typ: ofsDelta, distance: at}, insertDelta(len(texts[k]), 17, []byte(texts[1-k])))
		packs = append(packs, indexed(t, b.bytes(), object.SHA1))
	}
	for _, has := range []func(object.ID) bool{nil, func(object.ID) bool { return true }} {
		var parts []Part
		for k, p := range packs {
			i, ok := p.Index.Find(blobID(t, texts[1-k]))
			if !ok {
				t.Fatal("git's index lacks an object")
			}
			parts = append(parts, Part{Pack: p, Only: NewChosen(2)})
			parts[k].Only.Add(i)
		}
		o := outgoing(t, parts, object.SHA1, has)
		to := filepath.Join(t.TempDir(), "to.git")
		testenv.Empty(t, to, "sha1")
		testenv.GitIn(t, to, strings.NewReader(texts[0]), "hash-object", "-w", "--stdin")
		if got := takes(t, to, sent(t, o), "--fix-thin"); !got[packs[0].Index.ID(0).String()] || !got[packs[0].Index.ID(1).String()] {
			t.Errorf("%v arrive", got)
		}
	}
}

// failing is a writer that ends in an error.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestOutgoingEnds ends with its context and with who reads it, and gives memory back.
func TestOutgoingEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 300})
	p := indexed(t, packOf(t, dir), object.SHA1)
	only := NewChosen(p.Index.Len())
	for i := range p.Index.Len() {
		if i%3 > 0 {
			only.Add(i)
		}
	}
	f := newFolder(t)
	options := OutgoingOptions{Format: object.SHA1, Scratch: f.storage().Scratch}
	o, err := NewOutgoing(t.Context(), []Part{{p, only}}, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 100, int(o.Bytes()) - 1} {
		if err := o.Write(t.Context(), &failing{room}, nil); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if err := o.Write(ctx, &bytes.Buffer{}, nil); !errors.Is(err, why) {
		t.Errorf("ended: %v", err)
	}
	o.Close()
	if _, err := NewOutgoing(ctx, []Part{{p, only}}, options); !errors.Is(err, why) {
		t.Errorf("ended: %v", err)
	}
	options.Format = object.SHA256
	if _, err := NewOutgoing(t.Context(), []Part{{p, only}}, options); err == nil {
		t.Error("a SHA-1 pack goes out as SHA-256")
	}
	if n := f.taken.Load(); n != 0 {
		t.Errorf("%d pieces of memory were not given back", n)
	}
}

// TestArena keeps strings of all sizes apart.
func TestArena(t *testing.T) {
	a := arena{scratch: scratch{from: heapScratch}}
	sizes := []int{0, 1, arenaChunk, 17, arenaChunk - 100, 300, 2 * arenaChunk, 5}
	var refs []uint64
	for i, n := range sizes {
		ref, err := a.add(bytes.Repeat([]byte{byte(i + 1)}, n))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	for i, n := range sizes {
		if got := a.get(refs[i]); !bytes.Equal(got, bytes.Repeat([]byte{byte(i + 1)}, n)) {
			t.Errorf("string %d has %d bytes, not %d", i, len(got), n)
		}
	}
}

// BenchmarkOutgoing writes whole packs, and all but every hundredth object of one.
func BenchmarkOutgoing(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "r.git")
	testenv.Synthetic(b, dir, "sha1", testenv.Size{Commits: 5000, Files: 2000})
	p := indexed(b, packOf(b, dir), object.SHA1)
	most := p.all()
	for i := 0; i < p.Index.Len(); i += 100 {
		most.Remove(i)
	}
	for name, part := range map[string]Part{"whole": {Pack: p}, "part": {p, most}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p.bytes)))
			b.ReportAllocs()
			for b.Loop() {
				o, err := NewOutgoing(b.Context(), []Part{part}, OutgoingOptions{Format: object.SHA1, Scratch: heapScratch})
				if err == nil {
					err = o.Write(b.Context(), &failing{1 << 62}, nil)
				}
				if err != nil {
					b.Fatal(err)
				}
				o.Close()
			}
		})
	}
}
