package inflate

import (
	"bytes"
	stdzlib "compress/zlib"
	"fmt"
	stdadler "hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
)

const words = "the of to in a and fix add tests for with when is it not this from that as on be use by git remove update docs release change error " +
	"static const char struct return commit object tree file path name size length buffer int void if else while goto free strbuf argv options"

func sampleText(rng *rand.Rand, n int) string {
	list := strings.Fields(words)
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(list[int(rng.ExpFloat64()*9)%len(list)])
		b.WriteByte(" \n   ,"[rng.IntN(6)])
	}
	return b.String()
}

func sampleHex(rng *rand.Rand) string {
	return fmt.Sprintf("%016x%016x%08x", rng.Uint64(), rng.Uint64(), rng.Uint32())
}

func sampleCommit(rng *rand.Rand) []byte {
	who := fmt.Sprintf("Some %c. Body <body%d@example.com> 1%09d +0200", 'A'+rng.IntN(26), rng.IntN(3000), rng.IntN(1e9))
	return fmt.Appendf(nil, "tree %s\nparent %s\nauthor %s\ncommitter %s\n\n%s\n\nSigned-off-by: %s\n",
		sampleHex(rng), sampleHex(rng), who, who, sampleText(rng, 50+rng.IntN(500)), who[:30])
}

func sampleTree(rng *rand.Rand, entries int) []byte {
	var b []byte
	for i := range entries {
		b = fmt.Appendf(b, "100644 %c%02d-%s.c\x00", 'a'+i*26/entries, i, strings.Fields(words)[rng.IntN(30)])
		for range 20 {
			b = append(b, byte(rng.Uint32()))
		}
	}
	return b
}

func sampleDelta(rng *rand.Rand) []byte {
	b := []byte{0x80, 0x40, 0x85, 0x40}
	for range 1 + rng.IntN(4) {
		b = append(b, 0xb3, byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), 20)
		for range 20 {
			b = append(b, byte(rng.Uint32()))
		}
	}
	return b
}

// streams makes 200 streams of one kind with the size of each.
func streams(b *testing.B, make func(*rand.Rand) []byte) (src [][]byte, sizes []int, total int) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		data := make(rng)
		src = append(src, append(deflate(b, 6, data), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
		sizes = append(sizes, len(data))
		total += len(data)
	}
	return src, sizes, total
}

var kinds = []struct {
	name string
	make func(*rand.Rand) []byte
}{
	{"commit", sampleCommit},
	{"tree", func(rng *rand.Rand) []byte { return sampleTree(rng, 5+rng.IntN(100)) }},
	{"delta", sampleDelta},
	{"textdelta", func(rng *rand.Rand) []byte { return append(sampleDelta(rng), sampleText(rng, 20+rng.IntN(300))...) }},
	{"blob8K", func(rng *rand.Rand) []byte { return []byte(sampleText(rng, 8<<10)) }},
	{"blob1M", func(rng *rand.Rand) []byte { return []byte(sampleText(rng, 1<<20)) }},
}

func BenchmarkInflate(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			src, sizes, total := streams(b, k.make)
			var d Decoder
			dst := make([]byte, 2<<20)
			b.SetBytes(int64(total))
			b.ReportAllocs()
			for b.Loop() {
				for i := range src {
					if _, err := d.Inflate(dst[:sizes[i]], src[i]); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(src)), "ns/stream")
		})
	}
}

// BenchmarkKlauspost is the same with the decoder to beat, reset for each stream.
func BenchmarkKlauspost(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			benchReader(b, k.make, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) })
		})
	}
}

// BenchmarkStdlib is the same with compress/zlib.
func BenchmarkStdlib(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			benchReader(b, k.make, func(r io.Reader) (io.Reader, error) { return stdzlib.NewReader(r) })
		})
	}
}

func benchReader(b *testing.B, kind func(*rand.Rand) []byte, open func(io.Reader) (io.Reader, error)) {
	src, sizes, total := streams(b, kind)
	in := bytes.NewReader(src[0])
	z, err := open(in)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 2<<20)
	b.SetBytes(int64(total))
	for b.Loop() {
		for i := range src {
			in.Reset(src[i])
			if err := z.(stdzlib.Resetter).Reset(in, nil); err != nil {
				b.Fatal(err)
			}
			if n, err := io.ReadFull(z, dst[:sizes[i]+1]); n != sizes[i] || err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(src)), "ns/stream")
}

func BenchmarkAdler32(b *testing.B) {
	data := bytes.Repeat([]byte("some bytes to sum up"), 40)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			adler32(data)
		}
	})
	b.Run("stdlib", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			stdadler.Checksum(data)
		}
	})
}
