package inflate

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	stdadler "hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// deflate returns data as a zlib stream at a level of compress/flate.
func deflate(t testing.TB, level int, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// payloads are contents of many shapes: empty, text, repeats of every short period, noise, long runs.
func payloads() map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	skewed := func(n int) []byte { // code lengths from 1 to 15 bits
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(min(rng.ExpFloat64()*6, 255))
		}
		return b
	}
	p := map[string][]byte{
		"empty": {}, "one": {'x'}, "text": sampleCommit(rng), "tree": sampleTree(rng, 60), "delta": sampleDelta(rng),
		"noise": noise(3000), "large noise": noise(200_000), "skewed": skewed(40_000), "large skewed": skewed(300_000),
		"zeros": make([]byte, 100_000), "text again and again": bytes.Repeat(sampleCommit(rng), 300),
	}
	for period := 1; period <= 20; period++ {
		p[fmt.Sprintf("period %d", period)] = bytes.Repeat(noise(period), 700/period)
	}
	return p
}

func TestInflate(t *testing.T) {
	var d Decoder
	for name, want := range payloads() {
		for level := -2; level <= 9; level++ {
			src := deflate(t, level, want)
			for _, rest := range []int{0, 1, 7, 40} {
				got := make([]byte, len(want))
				n, err := d.Inflate(got, append(src[:len(src):len(src)], make([]byte, rest)...))
				if err != nil || n != len(src) || !bytes.Equal(got, want) {
					t.Fatalf("%s, level %d, %d more bytes: took %d of %d, equal %v: %v", name, level, rest, n, len(src), bytes.Equal(got, want), err)
				}
			}
		}
	}
}

// TestInflateWrongSize gives room for one byte more and one less than the stream holds.
func TestInflateWrongSize(t *testing.T) {
	for name, data := range payloads() {
		src := deflate(t, 6, data)
		for _, size := range []int{len(data) - 1, len(data) + 1} {
			if size < 0 {
				continue
			}
			if _, err := Inflate(make([]byte, size), src); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s into %d bytes instead of %d: %v", name, size, len(data), err)
			}
		}
	}
}

// TestInflateShort cuts valid streams at every byte, or at some of a long one: each wants more.
func TestInflateShort(t *testing.T) {
	for name, data := range payloads() {
		for _, level := range []int{-2, 0, 6} {
			src := deflate(t, level, data)
			dst := make([]byte, len(data))
			for cut := 0; cut < len(src); cut += 1 + len(src)/300 {
				if _, err := Inflate(dst, src[:cut:cut]); !errors.Is(err, ErrShort) {
					t.Fatalf("%s, level %d, first %d of %d bytes: %v", name, level, cut, len(src), err)
				}
			}
		}
	}
}

// bitWriter writes deflate's bits: numbers lowest bit first, codes highest bit first.
type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) bits(v, n int) *bitWriter {
	for i := range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
	return w
}

func (w *bitWriter) code(digits string) *bitWriter {
	for _, c := range strings.ReplaceAll(digits, " ", "") {
		w.bits(int(c-'0'), 1)
	}
	return w
}

// zlib wraps the bits as a stream whose result is data.
func (w *bitWriter) zlib(data string) []byte {
	sum := stdadler.Checksum([]byte(data))
	b := append([]byte{0x78, 0x9c}, w.b...)
	return append(b, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

// dynamic starts a last, dynamic block whose lengths are written in a code with the given lengths.
func dynamic(nlit, ndist int, lens map[int]int) *bitWriter {
	w := new(bitWriter).bits(1, 1).bits(2, 2).bits(nlit-257, 5).bits(ndist-1, 5).bits(15, 4)
	for _, sym := range preOrder {
		w.bits(lens[int(sym)], 3)
	}
	return w
}

func TestInflateOdd(t *testing.T) {
	fixedA := func() *bitWriter { return new(bitWriter).bits(1, 1).bits(1, 2).code("10010001") } // literal 'a'
	one := map[int]int{18: 1, 1: 2, 0: 2}                                                        // 0 → run of zeros, 10 → length 0, 11 → length 1
	cases := []struct {
		name string
		src  []byte
		want string
		err  error
	}{
		{"fixed", fixedA().code("0000000").zlib("a"), "a", nil},
		{"match of length 258 by extra bits", fixedA().code("11000100").bits(31, 5).code("00000").code("0000000").zlib(strings.Repeat("a", 259)), strings.Repeat("a", 259), nil},
		{"distance before the start", fixedA().code("0000001").code("00001").code("0000000").zlib("aaaa"), "aaaa", ErrCorrupt},
		{"literal symbol 286", fixedA().code("11000110").code("0000000").zlib("a"), "a", ErrCorrupt},
		{"distance symbol 30", fixedA().code("0000001").code("11110").code("0000000").zlib("aaaa"), "aaaa", ErrCorrupt},
		{"block type 3", new(bitWriter).bits(7, 3).bits(0, 32).zlib(""), "", ErrCorrupt},
		{"stored length not complemented", new(bitWriter).bits(1, 8).bits(1, 16).bits(1, 16).bits('a', 8).zlib("a"), "a", ErrCorrupt},
		{"stored", new(bitWriter).bits(1, 8).bits(1, 16).bits(0xfffe, 16).bits('a', 8).zlib("a"), "a", nil},
		{"checksum", append(fixedA().code("0000000").zlib("a")[:6], 0, 0, 0, 0), "a", ErrCorrupt},
		{"only the end has a code, no distances", dynamic(257, 1, one).code("0").bits(127, 7).code("0").bits(118-11, 7).code("11 10").code("0").zlib(""), "", nil},
		{"the other bit of a single code", dynamic(257, 1, one).code("0").bits(127, 7).code("0").bits(118-11, 7).code("11 10").code("1").bits(0, 32).zlib(""), "", ErrCorrupt},
		{"literal and end, a match without a distance code", dynamic(258, 1, one).code("0").bits(127, 7).code("0").bits(118-11, 7).code("11 11 10").code("1 0 0 0").bits(0, 32).zlib(""), "", ErrCorrupt},
		{"no literal codes", dynamic(257, 1, one).code("0").bits(127, 7).code("0").bits(119-11, 7).code("10").bits(0, 32).zlib(""), "", ErrCorrupt},
		{"over-subscribed", dynamic(257, 1, one).code("11 11 11").code("0").bits(127, 7).code("0").bits(116-11, 7).code("10").bits(0, 32).zlib(""), "", ErrCorrupt},
		{"over-subscribed lengths", dynamic(257, 1, map[int]int{0: 1, 1: 1, 2: 1}).bits(0, 400).zlib(""), "", ErrCorrupt},
		{"incomplete lengths", dynamic(257, 1, map[int]int{0: 2, 1: 2}).bits(0, 4000).zlib(""), "", ErrCorrupt},
		{"no lengths", dynamic(257, 1, nil).bits(0, 4000).zlib(""), "", ErrCorrupt},
		{"repeat before anything", dynamic(257, 1, map[int]int{16: 1, 1: 1}).bits(255, 400).zlib(""), "", ErrCorrupt},
		{"run past the last length", dynamic(257, 1, one).code("0").bits(127, 7).code("0").bits(127, 7).bits(0, 32).zlib(""), "", ErrCorrupt},
		{"287 literal codes", dynamic(287, 1, one).bits(0, 400).zlib(""), "", ErrCorrupt},
		{"31 distance codes", dynamic(257, 31, one).bits(0, 400).zlib(""), "", ErrCorrupt},
		{"preset dictionary", []byte{0x78, 0xbb, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1}, "", ErrCorrupt},
		{"method 7", []byte{0x77, 0x85, 3, 0, 0, 0, 0, 1}, "", ErrCorrupt},
		{"window of 64 KiB", []byte{0x88, 0x1c, 3, 0, 0, 0, 0, 1}, "", ErrCorrupt},
		{"check bits", []byte{0x78, 0x9d, 3, 0, 0, 0, 0, 1}, "", ErrCorrupt},
		{"smallest window", []byte{0x08, 0x1d, 3, 0, 0, 0, 0, 1}, "", nil},
	}
	for _, c := range cases {
		dst := make([]byte, len(c.want))
		n, err := Inflate(dst, append(c.src, 0xff, 0xff))
		if !errors.Is(err, c.err) || err == nil && (n != len(c.src) || string(dst) != c.want) {
			t.Errorf("%s: %q, took %d of %d, %v, want %v", c.name, dst, n, len(c.src), err, c.err)
		}
		compareWithZlib(t, append(c.src, 0xff, 0xff), len(c.want))
	}
}

// compareWithZlib asserts that src is accepted exactly when compress/zlib accepts it with a result
// of size bytes, with the same bytes and the same length taken.
func compareWithZlib(t *testing.T, src []byte, size int) {
	t.Helper()
	got := make([]byte, size)
	n, err := Inflate(got, src)
	if err != nil && !errors.Is(err, ErrShort) && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("another error: %v", err)
	}
	r := bytes.NewReader(src)
	want, wantErr := readZlib(r, size)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%x into %d bytes: %v, compress/zlib says %v", src, size, err, wantErr)
	}
	if err == nil && (n != len(src)-r.Len() || !bytes.Equal(got, want)) {
		t.Fatalf("%x: took %d, compress/zlib took %d; %x, want %x", src, n, len(src)-r.Len(), got, want)
	}
}

// readZlib inflates the stream in r, which must hold size bytes.
func readZlib(r *bytes.Reader, size int) ([]byte, error) {
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err == nil && len(b) != size {
		err = fmt.Errorf("%d bytes instead of %d", len(b), size)
	}
	return b, err
}

// TestInflateMutated flips, cuts and doubles bytes of valid streams, by a fixed seed.
func TestInflateMutated(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, data := range payloads() {
		if len(data) > 50_000 {
			continue
		}
		for level := -2; level <= 9; level++ {
			src := deflate(t, level, data)
			for range 40 {
				b := bytes.Clone(src)
				for range 1 + rng.IntN(3) {
					b[rng.IntN(min(len(b), 2+rng.IntN(len(b))))] ^= 1 << rng.IntN(8)
				}
				compareWithZlib(t, b, len(data))
			}
		}
	}
}

func TestInflateAllocatesNothing(t *testing.T) {
	data := payloads()["text"]
	src, dst := deflate(t, 6, data), make([]byte, len(data))
	var d Decoder
	if n := testing.AllocsPerRun(100, func() { d.Inflate(dst, src) }); n != 0 {
		t.Errorf("%v allocations a stream", n)
	}
}

func TestAdler32(t *testing.T) {
	big := bytes.Repeat([]byte{0xff}, adlerRun+3*5552+5)
	for n := range 100 {
		if got, want := adler32(big[:n]), stdadler.Checksum(big[:n]); got != want {
			t.Errorf("%d bytes: %08x, want %08x", n, got, want)
		}
	}
	if got, want := adler32(big), stdadler.Checksum(big); got != want {
		t.Errorf("%d bytes: %08x, want %08x", len(big), got, want)
	}
}
