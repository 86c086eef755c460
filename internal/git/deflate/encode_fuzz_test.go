package deflate

import (
	"bytes"
	"maps"
	"slices"
	"testing"
)

// seed adds sources that are short enough to be tried often.
func seed(add func(src []byte)) {
	all := sources()
	for _, name := range []string{"empty", "high", "commit", "tree", "not ASCII", "noise", "period 3", "text of 9"} {
		add(all[name])
	}
}

// FuzzAppend encodes any bytes, again and again, with codes that fit them and with others.
func FuzzAppend(f *testing.F) {
	byName := tables()
	var encoders []*Encoder
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		encoders = append(encoders, NewEncoder(byName[name]))
	}
	seed(func(src []byte) { f.Add(src, uint8(len(src))) })
	f.Fuzz(func(t *testing.T, src []byte, table uint8) {
		e := encoders[int(table)%len(encoders)]
		stream := e.Append(nil, src)
		check(t, stream, src)
		if !bytes.Equal(e.Append(nil, src), stream) {
			t.Fatal("the same source makes other bytes later")
		}
	})
}

// FuzzTrain encodes any bytes with codes trained on any others.
func FuzzTrain(f *testing.F) {
	seed(func(src []byte) { f.Add(src, []byte("some words to train on"), uint8(3)) })
	f.Fuzz(func(t *testing.T, src, sample []byte, times uint8) {
		samples := [][]byte{sample}
		for range times % 8 {
			samples = append(samples, bytes.Repeat(sample, 1+int(times)/8))
		}
		e := NewEncoder(Train(samples))
		check(t, e.Append(nil, src), src)
		check(t, e.Append(nil, sample), sample)
	})
}
