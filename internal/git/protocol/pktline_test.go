package protocol

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestNext(t *testing.T) {
	long := strings.Repeat("x", MaxData)
	for _, c := range []struct {
		in   string
		kind Kind
		data string
		err  error
	}{
		{"0000", Flush, "", nil},
		{"0001", Delim, "", nil},
		{"0002", ResponseEnd, "", nil},
		{"0004", Data, "", nil},
		{"0009done\n", Data, "done\n", nil},
		{"000Aabcdef", Data, "abcdef", nil},
		{"fff0" + long, Data, long, nil},
		{"", 0, "", io.EOF},
		{"00", 0, "", io.ErrUnexpectedEOF},
		{"0005", 0, "", io.ErrUnexpectedEOF},
		{"0009don", 0, "", io.ErrUnexpectedEOF},
		{"0003", 0, "", ErrMalformed},
		{"fff1" + long + "x", 0, "", ErrMalformed},
		{"ffff", 0, "", ErrMalformed},
		{"<htm", 0, "", ErrMalformed},
		{"-001", 0, "", ErrMalformed},
		{"0x05a", 0, "", ErrMalformed},
		{" 005a", 0, "", ErrMalformed},
	} {
		kind, data, err := NewReader(iotest.OneByteReader(strings.NewReader(c.in))).Next()
		if !errors.Is(err, c.err) || (err == nil && (kind != c.kind || string(data) != c.data)) {
			t.Errorf("%.20q: got %s, %.20q, %v; want %s, %.20q, %v", c.in, kind, data, err, c.kind, c.data, c.err)
		}
	}
}

func TestLineTellsRemoteErrors(t *testing.T) {
	_, _, err := NewReader(strings.NewReader("000fERR go away")).Line()
	var said *RemoteError
	if !errors.As(err, &said) || said.Text != "go away" {
		t.Errorf("%v", err)
	}
}

func TestWriterRoundTrip(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	w.Line("want %d", 7)
	w.Delim()
	w.Data(bytes.Repeat([]byte{1}, MaxData))
	w.ResponseEnd()
	w.Flush()
	if w.Err() != nil {
		t.Fatal(w.Err())
	}
	r := NewReader(&b)
	for i, want := range []struct {
		kind Kind
		size int
	}{{Data, 7}, {Delim, 0}, {Data, MaxData}, {ResponseEnd, 0}, {Flush, 0}} {
		kind, data, err := r.Next()
		if kind != want.kind || len(data) != want.size || err != nil {
			t.Errorf("packet %d: %s, %d bytes, %v", i, kind, len(data), err)
		}
	}
	w.Data(make([]byte, MaxData+1))
	if w.Err() == nil {
		t.Error("a pkt-line too long was written")
	}
}

func FuzzPktLine(f *testing.F) {
	for _, s := range []string{"0000", "0009done\n0001", "0003", "fff0", "000cERR bad!0000", "0006\x02x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		var out bytes.Buffer
		w := NewWriter(&out)
		for {
			kind, data, err := r.Next()
			if err != nil {
				break
			}
			switch kind {
			case Data:
				w.Data(data)
			case Flush:
				w.Flush()
			case Delim:
				w.Delim()
			case ResponseEnd:
				w.ResponseEnd()
			}
		}
		if got := out.Bytes(); w.Err() != nil || !bytes.EqualFold(got, in[:len(got)]) {
			t.Errorf("%q became %q, %v", in, got, w.Err())
		}
	})
}
