package deflate

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zlib"
)

var kinds = []struct {
	name string
	one  func(*rand.Rand) []byte
}{
	{"commit", sampleCommit},
	{"tree", someTree},
	{"text64K", func(rng *rand.Rand) []byte { return []byte(sampleText(rng, 64<<10)) }},
	{"noise64K", func(rng *rand.Rand) []byte { return sampleNoise(rng, 64<<10) }},
}

// benchmark encodes 1000 objects of each kind in turn, so that branches are not learnt by heart.
func benchmark(b *testing.B, encode func(table *Table) func(src []byte) int) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(5, 6))
			one := encode(Train(many(rng, 200, k.one)))
			all := many(rng, 1000, k.one)
			var in, out int
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				src := all[i%len(all)]
				in += len(src)
				out += one(src)
			}
			b.SetBytes(int64(in / b.N))
			b.ReportMetric(float64(out)/float64(b.N), "B/stream")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	benchmark(b, func(table *Table) func(src []byte) int {
		e := NewEncoder(table)
		dst := make([]byte, 0, 1<<20)
		return func(src []byte) int { return len(e.Append(dst, src)) }
	})
}

// BenchmarkKlauspost is the same with the encoder to beat, reset for each stream.
func BenchmarkKlauspost(b *testing.B) {
	benchmark(b, func(*Table) func(src []byte) int {
		var out bytes.Buffer
		w, err := zlib.NewWriterLevel(&out, 1)
		if err != nil {
			b.Fatal(err)
		}
		return func(src []byte) int {
			out.Reset()
			w.Reset(&out)
			w.Write(src)
			w.Close()
			return out.Len()
		}
	})
}

func BenchmarkTrain(b *testing.B) {
	samples := many(rand.New(rand.NewPCG(5, 6)), 500, sampleCommit)
	for b.Loop() {
		Train(samples)
	}
}
