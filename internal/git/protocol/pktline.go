// Package protocol is Git's wire protocol as bytes: pkt-lines, advertisements, requests and sidebands (gitprotocol-v2, gitprotocol-pack).
//
// A pkt-line is four hex digits, then data; the digits count themselves too:
//
//	0009done\n   five bytes of data       0000 flush   0001 delimiter   0002 response end
//
// Everything read comes from strangers: sizes are bounded, and nothing panics.
package protocol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxData is the most data one pkt-line holds, in bytes.
const MaxData = 65516

// readBuffer holds several of the largest pkt-lines, so that few reads reach the network.
const readBuffer = 256 << 10

// ErrMalformed is wrapped by every error that says the bytes are not Git's protocol.
var ErrMalformed = errors.New("malformed git protocol")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// RemoteError is what the other side said in an ERR line or on the error band before it
// gave up. Text is foreign and uncleaned.
type RemoteError struct{ Text string }

func (e *RemoteError) Error() string { return fmt.Sprintf("remote says %.300q", e.Text) }

// Kind tells pkt-lines apart.
type Kind uint8

// The kinds of pkt-line.
const (
	Data Kind = iota
	Flush
	Delim
	ResponseEnd
)

func (k Kind) String() string { return [...]string{"data", "flush", "delimiter", "response end"}[k] }

// Reader reads pkt-lines. It is for one goroutine.
type Reader struct {
	r    *bufio.Reader
	held int // bytes of r that the last Next gave out
}

// NewReader returns a reader of the pkt-lines in r. It reads ahead.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, readBuffer)} }

// Next returns the next pkt-line; data is valid until the next call. The error is io.EOF
// where the stream ends between lines, io.ErrUnexpectedEOF where it ends inside one.
func (r *Reader) Next() (kind Kind, data []byte, err error) {
	size, err := r.header()
	if err != nil {
		return 0, nil, err
	}
	if size < 4 {
		r.r.Discard(4)
		return Kind(size + 1), nil, nil
	}
	line, err := r.r.Peek(size)
	if err != nil {
		return 0, nil, cut(err)
	}
	r.held = size
	return Data, line[4:], nil
}

// header drops what the last call gave out and returns the length the next pkt-line
// declares: 0 to 2, or 4 and more. It consumes nothing of it.
func (r *Reader) header() (int, error) {
	r.r.Discard(r.held)
	r.held = 0
	head, err := r.r.Peek(4)
	if err != nil {
		if len(head) > 0 {
			err = cut(err)
		}
		return 0, err
	}
	size := 0
	for _, c := range head {
		d := hexDigit[c]
		if d > 15 {
			return 0, malformed("pkt-line begins with %.100q", head)
		}
		size = size<<4 | int(d)
	}
	if size == 3 || size > MaxData+4 {
		return 0, malformed("pkt-line of length %d", size)
	}
	return size, nil
}

// Line is Next for text: it returns the data without its final newline, and turns an
// ERR line into a *RemoteError.
func (r *Reader) Line() (Kind, []byte, error) {
	kind, data, err := r.Next()
	if err != nil || kind != Data {
		return kind, nil, err
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	if text, ok := bytes.CutPrefix(data, []byte("ERR ")); ok {
		return 0, nil, &RemoteError{Text: string(text)}
	}
	return Data, data, nil
}

var hexDigit = func() (table [256]uint8) {
	for c := range table {
		table[c] = uint8(strings.IndexByte("0123456789abcdef", byte(c)))
	}
	for c := 'A'; c <= 'F'; c++ {
		table[c] = uint8(c - 'A' + 10)
	}
	return table
}()

// cut turns the end of the stream in the middle of something into io.ErrUnexpectedEOF.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Writer writes pkt-lines. The first error stays and comes back from Err. It is for one goroutine.
type Writer struct {
	w   io.Writer
	err error
	buf []byte
}

// NewWriter returns a writer of pkt-lines to w. It does not buffer.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Data writes one pkt-line holding data, of at most MaxData bytes.
func (w *Writer) Data(data []byte) {
	if w.err == nil && len(data) > MaxData {
		w.err = fmt.Errorf("pkt-line of %d bytes", len(data))
	}
	w.buf = append(fmt.Appendf(w.buf[:0], "%04x", len(data)+4), data...)
	w.write(w.buf)
}

// Line writes one pkt-line of text, to which it adds a newline.
func (w *Writer) Line(format string, args ...any) {
	w.Data(fmt.Appendf(nil, format+"\n", args...))
}

// Flush writes a flush packet. (It has nothing to do with buffers.)
func (w *Writer) Flush() { w.write([]byte("0000")) }

// Delim writes a delimiter packet.
func (w *Writer) Delim() { w.write([]byte("0001")) }

// ResponseEnd writes a response-end packet.
func (w *Writer) ResponseEnd() { w.write([]byte("0002")) }

// Err returns the first error a write met.
func (w *Writer) Err() error { return w.err }

func (w *Writer) write(p []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(p)
	}
}
