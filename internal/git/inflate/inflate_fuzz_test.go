package inflate

import (
	"bytes"
	"testing"
)

// FuzzInflate gives any bytes to both decoders.
func FuzzInflate(f *testing.F) {
	for _, data := range payloads() {
		if len(data) < 5000 {
			for level := -2; level <= 9; level += 2 {
				f.Add(deflate(f, level, data), uint16(len(data)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, size uint16) {
		compareWithZlib(t, src, int(size))
	})
}

// FuzzInflateBody puts a right header before the bytes and the right checksum and size behind them,
// so that most of what is tried gets to the tables.
func FuzzInflateBody(f *testing.F) {
	for _, data := range payloads() {
		if len(data) < 5000 {
			for level := -2; level <= 9; level += 2 {
				b := deflate(f, level, data)
				f.Add(b[2 : len(b)-4])
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		src := append([]byte{0x78, 0x9c}, body...)
		got, _ := readZlib(bytes.NewReader(src), 1<<20)
		size := min(len(got), 1<<20)
		compareWithZlib(t, (&bitWriter{b: body}).zlib(string(got[:size])), size)
	})
}

// FuzzRoundTrip deflates any bytes and wants them back.
func FuzzRoundTrip(f *testing.F) {
	for _, data := range payloads() {
		f.Add(data[:min(len(data), 5000)], int8(6))
	}
	f.Fuzz(func(t *testing.T, data []byte, level int8) {
		level = (level%12+12)%12 - 2
		src := deflate(t, int(level), data)
		got := make([]byte, len(data))
		if n, err := Inflate(got, src); err != nil || n != len(src) || !bytes.Equal(got, data) {
			t.Fatalf("level %d: took %d of %d: %v", level, n, len(src), err)
		}
	})
}
