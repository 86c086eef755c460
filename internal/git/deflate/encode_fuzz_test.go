package deflate

import (
	"bytes"
	"testing"
)

// FuzzAppend encodes any bytes with codes trained on any others, the second time after something else.
func FuzzAppend(f *testing.F) {
	for _, src := range sources() {
		if len(src) < 5000 {
			f.Add(src, []byte("some words to train on"), uint8(3))
			f.Add(src, src, uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, src, sample []byte, times uint8) {
		samples := [][]byte{sample}
		for range times % 8 {
			samples = append(samples, bytes.Repeat(sample, 1+int(times)/8))
		}
		e := NewEncoder(Train(samples))
		stream := e.Append(nil, src)
		check(t, stream, src)
		check(t, e.Append(nil, sample), sample)
		if !bytes.Equal(e.Append(nil, src), stream) {
			t.Fatal("the same source makes other bytes later")
		}
	})
}
