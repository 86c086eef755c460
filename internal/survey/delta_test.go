package survey

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// randomEntry makes an entry with a name of few letters, so that twins and neighbours are common.
func randomEntry(rng *rand.Rand) []byte {
	name := string("ab"[rng.IntN(2)])
	for range rng.IntN(4) {
		name += string("-.0ab"[rng.IntN(5)])
	}
	mode := "100644"
	switch rng.IntN(24) {
	case 0:
		mode = "0100644"
	case 1:
		mode = "100600"
	case 2:
		mode = "160000"
	case 3:
		name = ".git"
	case 4, 5, 6, 7, 8, 9:
		mode = "40000"
	}
	return treeEntry(mode, name, fakeID(rng.IntN(200)))
}

// sortedTree makes a tree out of entries, in order and without twins next to each other.
func sortedTree(entries [][]byte) []byte {
	parse := func(b []byte) object.TreeEntry {
		e, _, _ := object.ReadEntry(object.SHA1, b)
		return e
	}
	order := func(a, b []byte) int {
		x, y := parse(a), parse(b)
		return object.CompareEntries(&x, &y)
	}
	entries = slices.CompactFunc(slices.SortedStableFunc(slices.Values(entries), order), func(a, b []byte) bool { return order(a, b) == 0 })
	return bytes.Join(entries, nil)
}

func randomTree(rng *rand.Rand) []byte {
	var entries [][]byte
	for range rng.IntN(30) {
		entries = append(entries, randomEntry(rng))
	}
	return sortedTree(entries)
}

// edited returns a tree with some entries put in, taken out or replaced.
func edited(rng *rand.Rand, tree []byte) []byte {
	var entries [][]byte
	at := starts(tree)
	for i := range at[:len(at)-1] {
		switch rng.IntN(12) {
		case 0:
		case 1:
			entries = append(entries, randomEntry(rng))
		default:
			entries = append(entries, tree[at[i]:at[i+1]])
		}
	}
	if rng.IntN(3) == 0 {
		entries = append(entries, randomEntry(rng))
	}
	return sortedTree(entries)
}

// wild makes a delta of copies and inserts at any place, most of them between entries.
func wild(rng *rand.Rand, base []byte) (result, delta []byte) {
	d := deltaOf{base: base}
	at := starts(base)
	place := func() int {
		if rng.IntN(4) == 0 {
			return rng.IntN(len(base) + 1)
		}
		return at[rng.IntN(len(at))]
	}
	for range 1 + rng.IntN(4) {
		switch rng.IntN(5) {
		case 0:
			d.insert(randomEntry(rng))
		case 1:
			e := randomEntry(rng)
			d.insert(e[:rng.IntN(len(e))])
		default:
			from, to := place(), place()
			d.copy(min(from, to), max(from, to)-min(from, to))
		}
	}
	return d.result, d.bytes()
}

// split cuts the copies of a delta in two, so that entries lie across.
func split(rng *rand.Rand, base, result []byte) []byte {
	d := deltaOf{base: base}
	for at := 0; at < len(result); {
		n := min(1+rng.IntN(60), len(result)-at)
		if from := bytes.Index(base, result[at:at+n]); from >= 0 {
			d.copy(from, n)
		} else {
			n = min(n, 1+rng.IntN(20))
			d.insert(result[at : at+n])
		}
		at += n
	}
	return d.bytes()
}

// both shows a tree made by a delta to one survey and the same tree whole to another, and asserts that they find
// the same. It returns the object as the quick one left it, nil when it was refused.
func both(t *testing.T, quick, whole *driver, data []byte, base *pack.Object, delta []byte) *pack.Object {
	t.Helper()
	o, quickErr := quick.judge(data, base, delta)
	w, wholeErr := whole.judge(data, nil, nil)
	faults, _ := object.TreeFaults(object.SHA1, data)
	if (quickErr != nil) != (faults.Dangerous() != object.NoFault) || fmt.Sprint(wholeErr) != fmt.Sprint(quickErr) {
		t.Fatalf("tree %q\nby delta: %v\nwhole: %v\nfaults %x", data, quickErr, wholeErr, faults)
	}
	if quickErr != nil {
		return nil
	}
	if !slices.Equal(o.Marks, w.Marks) {
		t.Fatalf("tree %q\nmarks %v\nwhole %v", data, o.Marks, w.Marks)
	}
	if got, want := fmt.Sprint(quick.s.warnings()), fmt.Sprint(whole.s.warnings()); got != want {
		t.Fatalf("tree %q\nwarnings %s\nwhole    %s", data, got, want)
	}
	return o
}

// judge shows a tree and returns an error for one that is refused, at once or at the end.
func (d *driver) judge(data []byte, base *pack.Object, delta []byte) (*pack.Object, error) {
	d.s.refused = refused{}
	o, err := d.show(object.Tree, data, base, delta)
	if err == nil && d.s.refused.count > 0 {
		first := d.s.refused.trees[0]
		err = fmt.Errorf("%s at %q", first.fault, first.entry)
	}
	return o, err
}

// TestDeltaFindsTheSame follows chains of deltas, ordinary and wild ones.
func TestDeltaFindsTheSame(t *testing.T) {
	refused, passed := 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 9))
		quick, whole := drive(t, Options{}), drive(t, Options{})
		var base *pack.Object
		for range 40 {
			if base == nil {
				base = both(t, quick, whole, randomTree(rng), nil, nil)
				continue
			}
			data := edited(rng, base.Data)
			delta := diff(base.Data, data)
			switch rng.IntN(4) {
			case 0:
				data, delta = wild(rng, base.Data)
			case 1:
				delta = split(rng, base.Data, data)
			}
			if o := both(t, quick, whole, data, base, delta); o != nil {
				passed++
				base = o
			} else {
				refused++
			}
			if rng.IntN(10) == 0 {
				base = nil
			}
		}
		if !maps.Equal(quick.named(), whole.named()) {
			t.Fatalf("seed %d: named by deltas %d, whole %d", seed, len(quick.named()), len(whole.named()))
		}
	}
	if refused < 1000 || passed < 5000 {
		t.Errorf("%d refused, %d passed: the cases lost their edge", refused, passed)
	}
}

// TestTwins: a file and a folder of the same name that are no neighbours, either of them new.
func TestTwins(t *testing.T) {
	file := func(n string) []byte { return treeEntry("100644", n, fakeID(1)) }
	folder := func(n string) []byte { return treeEntry("40000", n, fakeID(2)) }
	for _, base := range [][][]byte{
		{file("a-"), file("a.b"), folder("a")}, // without the file
		{file("a"), file("a-"), file("a.b")},   // without the folder
		{file("a-")},
	} {
		d := drive(t, Options{})
		b, err := d.show(object.Tree, bytes.Join(base, nil), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		twins := bytes.Join([][]byte{file("a"), file("a-"), file("a.b"), folder("a")}, nil)
		if _, err := d.judge(twins, b, diff(b.Data, twins)); err == nil {
			t.Errorf("made from %q, twins pass", b.Data)
		}
	}
}

// FuzzDelta makes a tree out of a base by any delta; what fits is looked at both ways.
func FuzzDelta(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		base := randomTree(rng)
		result := edited(rng, base)
		f.Add(base, diff(base, result)[2:])
		_, delta := wild(rng, base)
		f.Add(base, delta[min(len(delta), 2):])
	}
	f.Fuzz(func(t *testing.T, base, instructions []byte) {
		quick, whole := drive(t, Options{}), drive(t, Options{})
		b := both(t, quick, whole, base, nil, nil)
		d := deltaOf{base: base}
		for p := (ops{delta: instructions, size: 1 << 20}); b != nil; {
			rest := p.delta
			if !p.next() {
				break
			}
			if !p.copies {
				d.insert(rest[1 : len(rest)-len(p.delta)])
			} else if p.from <= len(base) && p.end-p.start <= len(base)-p.from {
				d.copy(p.from, p.end-p.start)
			}
		}
		if b == nil || len(d.result) == 0 {
			return
		}
		both(t, quick, whole, d.result, b, d.bytes())
		if !maps.Equal(quick.named(), whole.named()) {
			t.Fatalf("base %q, result %q: named %d, whole %d", base, d.result, len(quick.named()), len(whole.named()))
		}
	})
}
