package host

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// How long a client may take.
const (
	idle     = 5 * time.Minute  // to send the next step bytes, some 200 a second, or to take what was written
	patience = 10 * time.Minute // to send a whole upload-pack request, which anybody may
	leaving  = 5 * time.Second  // to send what is left of a request that has been answered
)

const step = 64 << 10

// answer is a response that begins with the first byte of its body, and is sent on with every write.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	idle    time.Duration         // for the client to take what was written
	before  func(io.Writer) error // written ahead of the first byte; may be nil
	begun   bool
}

func newAnswer(w http.ResponseWriter, idle time.Duration) *answer {
	return &answer{ResponseWriter: w, control: http.NewResponseController(w), idle: idle}
}

func (a *answer) Write(p []byte) (int, error) {
	// Not every writer in tests has deadlines or can flush: then there are none.
	a.control.SetWriteDeadline(time.Now().Add(a.idle))
	if !a.begun {
		a.begun = true
		if a.before != nil {
			if err := a.before(a.ResponseWriter); err != nil {
				return 0, err
			}
		}
	}
	n, err := a.ResponseWriter.Write(p)
	if err == nil {
		a.control.Flush()
	}
	return n, err
}

// end leaves deadlines for what net/http still does: it reads a request to its end and sends the
// last bytes. It takes them away before the next request.
func (a *answer) end() {
	now := time.Now()
	a.control.SetReadDeadline(now.Add(leaving))
	a.control.SetWriteDeadline(now.Add(a.idle))
}

// body is a request's body that ends with ctx and does not wait for ever.
type body struct {
	r       io.Reader
	ctx     context.Context
	control *http.ResponseController
	idle    time.Duration // for the client to send the next step bytes
	until   time.Time     // when all of it has to be there; zero for whenever
	sent    int64         // bytes that were read of it
	waited  time.Duration // for those of this step; what git does with them takes the time it takes
	left    int           // of this step
}

// inflated is a deflated body. What git sends so is lists of ids, which shrink to a half; packs do not shrink.
type inflated struct {
	r    io.Reader
	sent *int64 // bytes of the body that were read
	size int64  // bytes that came of it
}

// maxGrowth is how many bytes may come of each that was sent, in the long run: a pack that shrinks to a thousandth by being
// deflated again fills the disk with little effort.
const maxGrowth = 16

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.size += int64(n)
	if i.size > maxRequest+maxGrowth**i.sent {
		return 0, fmt.Errorf("%d bytes inflated from %d: %w", i.size, *i.sent, errTooLarge)
	}
	return n, err
}

// requestBody returns the bytes the client sent, inflated where it says that they are deflated.
func requestBody(ctx context.Context, a *answer, r *http.Request, until time.Time) (io.Reader, error) {
	b := &body{r: r.Body, ctx: ctx, control: a.control, idle: a.idle, until: until}
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "", "identity":
		return b, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, notGzip(err)
		}
		return &inflated{r: z, sent: &b.sent}, nil
	default:
		return nil, &refusal{http.StatusUnsupportedMediaType, "The request comes in a content coding that is not known."}
	}
}

// notGzip tells a request that did not come from one that is not what it says.
func notGzip(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &refusal{http.StatusBadRequest, "The request is not gzip, though it says so."}
	}
	return err
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.left, b.waited = step, 0
	}
	began := time.Now()
	deadline := began.Add(b.idle - b.waited)
	if !b.until.IsZero() && b.until.Before(deadline) {
		deadline = b.until
	}
	b.control.SetReadDeadline(deadline)
	// A deadline that has passed wakes the read when ctx ends; set after the line above, it stays.
	stop := context.AfterFunc(b.ctx, func() { b.control.SetReadDeadline(time.Unix(1, 0)) })
	n, err := b.r.Read(p)
	b.sent += int64(n)
	b.left -= n
	b.waited += time.Since(began)
	if stop() && err == io.EOF {
		// net/http goes on reading, to see when the client leaves: that may take longer.
		b.control.SetReadDeadline(time.Time{})
	}
	// net/http ends the request's context when a read fails, so a deadline of ours comes with both.
	late := errors.Is(err, os.ErrDeadlineExceeded) && time.Now().After(deadline)
	if ctxErr := b.ctx.Err(); ctxErr != nil && err != nil && err != io.EOF && !late {
		err = fmt.Errorf("read request: %w", ctxErr)
	}
	return n, err
}
