package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// treeLike is a tree of n entries, about 37 bytes each.
func treeLike(n int) []byte {
	rng := rand.NewChaCha8([32]byte{})
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "100644 file%04d\x00", i)
		var id [20]byte
		_, _ = rng.Read(id[:])
		b = append(b, id[:]...)
	}
	return b
}

// noise is n bytes that do not repeat.
func noise(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// join joins its parts in a slice of their own.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// checkDelta fails when the delta does not make target of base, and gives it.
func checkDelta(t *testing.T, d *Differ, base, target []byte) []byte {
	t.Helper()
	delta := d.Append([]byte("before"), base, target)
	if !bytes.HasPrefix(delta, []byte("before")) {
		t.Fatal("what stood in dst is gone")
	}
	delta = delta[len("before"):]
	got := make([]byte, len(target))
	if err := applyDelta(got, base, delta); err != nil {
		t.Fatalf("apply: %v", err)
	}
	if !bytes.Equal(got, target) {
		t.Fatalf("delta of %d bytes makes something else", len(delta))
	}
	return delta
}

func TestDiffer(t *testing.T) {
	tree, a, b := treeLike(360), noise(70_000, 1), noise(200_000, 2)
	changed := bytes.Clone(tree)
	copy(changed[5000:], noise(20, 3))
	twice := bytes.Clone(changed)
	copy(twice[300:], noise(20, 4))
	for _, c := range []struct {
		name         string
		base, target []byte
		most         int // bytes of the delta
	}{
		{"both empty", nil, nil, 2},
		{"empty base", nil, []byte("new"), 6},
		{"empty target", []byte("old"), nil, 2},
		{"equal", a, a, 20},
		{"equal, a multiple of the longest copy", b[:3*maxCopy], b[:3*maxCopy], 30},
		{"one entry changed", tree, changed, 60},
		{"two entries changed", tree, twice, 90},
		{"one entry more", tree, join(tree[:7000], tree[20:57], tree[7000:]), 60},
		{"one entry less", tree, join(tree[:7000], tree[7037:]), 30},
		{"an entry moved", tree, join(tree[:700], tree[1400:1480], tree[700:1400], tree[1480:]), 60},
		{"halves swapped", b, join(b[100_000:], b[:100_000]), 60},
		{"appended twice", a, join(a, a), 60},
		{"nothing alike", a, b, len(b) + len(b)/100 + 50},
		{"zeros", make([]byte, 1<<20), make([]byte, 1<<20+5), 120},
		{"zeros shorter", make([]byte, 1<<20), make([]byte, 1<<19), 60},
		{"short and alike", []byte("abcdefgh1"), []byte("abcdefgh2"), 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n := len(checkDelta(t, new(Differ), c.base, c.target)); n > c.most {
				t.Errorf("%d bytes, want at most %d", n, c.most)
			}
		})
	}
}

// One Differ makes many deltas, larger and smaller in turn.
func TestDifferIsUsedAgain(t *testing.T) {
	var d Differ
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		base := noise(rng.IntN(5000), byte(rng.Uint32()))
		target := bytes.Clone(base)
		for range rng.IntN(6) {
			at := rng.IntN(len(target) + 1)
			until := at + rng.IntN(len(target)-at+1)
			switch rng.IntN(3) {
			case 0:
				target = join(target[:at], noise(rng.IntN(99), byte(rng.Uint32())), target[at:])
			case 1:
				target = join(target[:at], target[until:])
			default:
				target = join(target[:at], target[at:until], target[at:until], target[until:])
			}
		}
		checkDelta(t, &d, base, target)
	}
}

// A base so large that only some of its blocks are kept.
func TestDifferStride(t *testing.T) {
	base := noise(40<<20, 5)
	target := join(noise(100, 6), base[20<<20:], noise(100, 7), base[:20<<20], noise(100, 8))
	if n := len(checkDelta(t, new(Differ), base, target)); n > 10_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestDifferDoesNotAllocate(t *testing.T) {
	base := treeLike(360)
	target := bytes.Clone(base)
	for i := 100; i < len(target); i += 1000 {
		target[i] ^= 0xff
	}
	var d Differ
	dst := d.Append(nil, base, target)
	if n := testing.AllocsPerRun(20, func() { dst = d.Append(dst[:0], base, target) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDiffer(f *testing.F) {
	tree := treeLike(40)
	f.Add(tree, join(tree[:300], tree[337:]))
	f.Add(make([]byte, 300), make([]byte, 700))
	f.Add([]byte("a"), []byte("b"))
	f.Fuzz(func(t *testing.T, base, target []byte) {
		var d Differ
		checkDelta(t, &d, base, target)
		checkDelta(t, &d, base, join(target, base, target))
	})
}

func BenchmarkDiffer(b *testing.B) {
	tree := treeLike(360)
	one := bytes.Clone(tree)
	copy(one[5000:], noise(20, 3))
	ten := bytes.Clone(tree)
	for i := range 10 {
		copy(ten[i*1300+100:], noise(20, byte(i)))
	}
	for _, c := range []struct {
		name         string
		base, target []byte
	}{
		{"tree one entry", tree, one},
		{"tree ten entries", tree, ten},
		{"nothing alike", noise(13_000, 1), noise(13_000, 2)},
		{"zeros", make([]byte, 13_000), make([]byte, 14_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var d Differ
			var dst []byte
			b.SetBytes(int64(len(c.target)))
			b.ReportAllocs()
			for b.Loop() {
				dst = d.Append(dst[:0], c.base, c.target)
			}
			b.ReportMetric(float64(len(dst)), "delta-bytes")
		})
	}
}
