package protocol

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// bands writes parts, each of which begins with its band, and a flush packet.
func bands(parts ...string) string {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, p := range parts {
		w.Data([]byte(p))
	}
	w.Flush()
	return b.String()
}

func TestSideband(t *testing.T) {
	long := strings.Repeat("p", MaxData-1)
	whole := bands("\x02Counting\r", "\x01PACK", "\x01", "\x02done\n", "\x01"+long)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "late errors": iotest.DataErrReader,
	} {
		said := ""
		got, err := io.ReadAll(NewSideband(NewReader(wrap(strings.NewReader(whole))), func(b []byte) { said += string(b) }))
		if err != nil || string(got) != "PACK"+long || said != "Counting\rdone\n" {
			t.Errorf("%s: %d bytes, %q, %v", name, len(got), said, err)
		}
	}
}

func TestSidebandFaults(t *testing.T) {
	for _, c := range []struct {
		name, in string
		data     string
		err      error
	}{
		{"empty", "", "", io.ErrUnexpectedEOF},
		{"no flush", "0009\x01PACK", "PACK", io.ErrUnexpectedEOF},
		{"cut in data", "0009\x01PA", "PA", io.ErrUnexpectedEOF},
		{"cut in head", "0009\x01PACK00", "PACK", io.ErrUnexpectedEOF},
		{"cut before band", "0009", "", io.ErrUnexpectedEOF},
		{"delimiter", "0009\x01PACK0001", "PACK", ErrMalformed},
		{"response end", "0002", "", ErrMalformed},
		{"no band", "0004", "", ErrMalformed},
		{"band 4", "0006\x04x", "", ErrMalformed},
		{"HTML", "<html>", "", ErrMalformed},
		{"too much progress", strings.Repeat(strings.TrimSuffix(bands("\x02"+strings.Repeat("x", MaxData-1)), "0000"), MaxProgress/MaxData+2), "", ErrMalformed},
	} {
		got, err := io.ReadAll(NewSideband(NewReader(strings.NewReader(c.in)), nil))
		if string(got) != c.data || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, got, err, c.data, c.err)
		}
	}
	_, err := io.ReadAll(NewSideband(NewReader(strings.NewReader(bands("\x01PACK", "\x03disk quota\n"))), nil))
	var said *RemoteError
	if !errors.As(err, &said) || said.Text != "disk quota\n" {
		t.Errorf("error band: %v", err)
	}
}

func FuzzSideband(f *testing.F) {
	f.Add([]byte(bands("\x01PACK", "\x02x\r", "\x03no")), 7)
	f.Add([]byte("0005\x010004"), 1)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		s := NewSideband(NewReader(bytes.NewReader(in)), nil)
		buf := make([]byte, 1+uint(size)%100)
		total := 0
		for {
			n, err := s.Read(buf)
			total += n
			if err != nil {
				break
			}
			if n == 0 {
				t.Fatal("nothing read without an error")
			}
		}
		if total > len(in) {
			t.Errorf("%d bytes out of %d", total, len(in))
		}
	})
}

func TestSidebandDoesNotAllocate(t *testing.T) {
	in := []byte(bands("\x01" + strings.Repeat("x", 1000)))
	in = bytes.Repeat(in[:len(in)-4], 1000)
	s := NewSideband(NewReader(bytes.NewReader(in)), nil)
	buf := make([]byte, 4096)
	if n := testing.AllocsPerRun(500, func() { s.Read(buf) }); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
}

func BenchmarkSideband(b *testing.B) {
	payload := make([]byte, MaxData-1)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte(rng.Uint32())
	}
	var parts []string
	for range 64 {
		parts = append(parts, "\x01"+string(payload))
	}
	in := []byte(bands(parts...))
	buf := make([]byte, 1<<20)
	source := bytes.NewReader(in)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(in)
		s := NewSideband(NewReader(source), nil)
		for {
			if _, err := s.Read(buf); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
