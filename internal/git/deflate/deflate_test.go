package deflate

import (
	"bytes"
	"compress/flate"
	stdzlib "compress/zlib"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/inflate"
)

// check inflates stream with three decoders and wants src, and nothing left over.
func check(t *testing.T, stream, src []byte) {
	t.Helper()
	std, err := stdzlib.NewReader(bytes.NewReader(stream))
	checkReader(t, "compress/zlib", std, err, src)
	kp, err := zlib.NewReader(bytes.NewReader(stream))
	checkReader(t, "klauspost", kp, err, src)
	got := make([]byte, len(src))
	if n, err := inflate.Inflate(got, stream); err != nil || n != len(stream) || !bytes.Equal(got, src) {
		t.Fatalf("inflate: took %d of %d, equal %v: %v", n, len(stream), bytes.Equal(got, src), err)
	}
}

func checkReader(t *testing.T, name string, r io.Reader, err error, src []byte) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, src) {
		t.Fatalf("%s: %d bytes for %d, equal %v: %v", name, len(got), len(src), bytes.Equal(got, src), err)
	}
}

func TestRoundTrip(t *testing.T) {
	all := sources()
	for name, table := range tables() {
		e := NewEncoder(table)
		for source, src := range all {
			t.Run(name+"/"+source, func(t *testing.T) {
				stream := e.Append(nil, src)
				check(t, stream, src)
				if len(stream) > Bound(len(src)) {
					t.Errorf("%d bytes make %d, above the bound of %d", len(src), len(stream), Bound(len(src)))
				}
				if again := NewEncoder(table).Append(nil, src); !bytes.Equal(again, stream) {
					t.Error("a new encoder makes other bytes")
				}
			})
		}
	}
}

// TestRandom puts sources together out of pieces, and trains on some of them.
func TestRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var table *Table
	e := NewEncoder(nil)
	for range 1500 {
		src := randomSource(rng)
		if rng.IntN(30) == 0 {
			table = Train([][]byte{src, sampleCommit(rng)})
			e = NewEncoder(table)
		}
		before := sampleNoise(rng, rng.IntN(20))
		dst := e.Append(bytes.Clone(before), src)
		if !bytes.HasPrefix(dst, before) {
			t.Fatal("what dst held is gone")
		}
		check(t, dst[len(before):], src)
	}
}

func randomSource(rng *rand.Rand) []byte {
	var src []byte
	for range rng.IntN(12) {
		switch n := 1 << rng.IntN(13); rng.IntN(4) {
		case 0:
			src = append(src, sampleNoise(rng, rng.IntN(n))...)
		case 1:
			src = append(src, sampleText(rng, rng.IntN(n))...)
		case 2:
			src = append(src, bytes.Repeat(sampleNoise(rng, 1+rng.IntN(9)), rng.IntN(n)/8)...)
		case 3:
			from := rng.IntN(len(src) + 1)
			src = append(src, src[from:from+rng.IntN(len(src)-from+1)]...)
		}
	}
	return src
}

// TestRoom gives Append as much room as it asks for and not a byte more.
func TestRoom(t *testing.T) {
	e := NewEncoder(Train(nil))
	for name, src := range sources() {
		whole := bytes.Repeat([]byte{0xa5}, Bound(len(src))+10)
		dst := whole[: 3 : len(whole)-7]
		got := e.Append(dst, src)
		if &got[0] != &whole[0] {
			t.Errorf("%s: it did not stay in dst", name)
		}
		if string(whole[:3]) != "\xa5\xa5\xa5" || string(whole[len(whole)-7:]) != "\xa5\xa5\xa5\xa5\xa5\xa5\xa5" {
			t.Errorf("%s: it wrote around its room", name)
		}
	}
}

func TestAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for name, table := range tables() {
		e := NewEncoder(table)
		all := append(many(rng, 20, sampleCommit), sampleTree(rng, 50), sampleNoise(rng, 100_000))
		dst := make([]byte, 0, 1<<20)
		n := testing.AllocsPerRun(5, func() {
			for _, src := range all {
				e.Append(dst, src)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestStateIsForgotten encodes a source after others, and when places are counted from near the end of 32 bits.
func TestStateIsForgotten(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	table := Train(nil)
	for _, base := range []uint32{1, 1<<32 - 1, 1<<32 - 5000, 1<<32 - 100_000} {
		e := NewEncoder(table)
		e.base = base
		for range 100 {
			src := sampleCommit(rng)
			if !bytes.Equal(e.Append(nil, src), NewEncoder(table).Append(nil, src)) {
				t.Fatalf("from %d on: what was encoded before shows", base)
			}
		}
	}
}

// TestSize holds streams against those of compress/flate, which makes codes for each.
func TestSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, k := range []struct {
		name    string
		one     func(*rand.Rand) []byte
		percent int // of the bytes that level 1 makes
	}{
		{"commits", sampleCommit, 105},
		{"trees", someTree, 102},
	} {
		t.Run(k.name, func(t *testing.T) {
			e := NewEncoder(Train(many(rng, 300, k.one)))
			var ours, theirs int
			for _, src := range many(rng, 500, k.one) {
				ours += len(e.Append(nil, src))
				var b bytes.Buffer
				w, _ := stdzlib.NewWriterLevel(&b, flate.BestSpeed)
				w.Write(src)
				w.Close()
				theirs += b.Len()
			}
			if ours*100 > theirs*k.percent {
				t.Errorf("%d bytes, level 1 makes %d", ours, theirs)
			}
			t.Logf("%d bytes, level 1 makes %d", ours, theirs)
		})
	}
}

func TestStoredIsTheWorst(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for name, table := range tables() {
		e := NewEncoder(table)
		for _, n := range []int{0, 1, 10, 100, 1000, blockSize, 3 * blockSize} {
			most := n + 5*max(1, (n+blockSize-1)/blockSize) + 6
			if got := len(e.Append(nil, sampleNoise(rng, n))); got > most {
				t.Errorf("%s: %d bytes of noise make %d", name, n, got)
			}
		}
	}
}

func TestAdler32(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for n := range 700 {
		p := sampleNoise(rng, n)
		if sum, _ := checksum(p); sum != adler32.Checksum(p) {
			t.Fatalf("%d bytes: %x", n, sum)
		}
	}
	for _, n := range []int{1 << 20, adlerRun - 1, adlerRun + 9, 3 * adlerRun} {
		p := bytes.Repeat([]byte{0xff}, n)
		if sum, ascii := checksum(p); sum != adler32.Checksum(p) || ascii {
			t.Fatalf("%d bytes: %x, ASCII %v", n, sum, ascii)
		}
	}
	for i := range 200 {
		p := bytes.Repeat([]byte{0x7f}, 200)
		if _, ascii := checksum(p); !ascii {
			t.Fatal("0x7f is ASCII")
		}
		p[i] = 0x80
		if _, ascii := checksum(p); ascii {
			t.Fatalf("0x80 at %d is not ASCII", i)
		}
	}
}
