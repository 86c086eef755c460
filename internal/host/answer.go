package host

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// idle is how long a client may neither send nor take anything.
const idle = 5 * time.Minute

// answer is a response that begins with the first byte of its body, and is sent on with every write.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	before  func(io.Writer) error // written ahead of the first byte; may be nil
	begun   bool
}

func newAnswer(w http.ResponseWriter) *answer {
	return &answer{ResponseWriter: w, control: http.NewResponseController(w)}
}

func (a *answer) Write(p []byte) (int, error) {
	// Not every writer in tests has deadlines or can flush: then there are none.
	a.control.SetWriteDeadline(time.Now().Add(idle))
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

// end takes the deadlines away: the connection goes on to other requests.
func (a *answer) end() {
	a.control.SetReadDeadline(time.Time{})
	a.control.SetWriteDeadline(time.Time{})
}

// body is a request's body that ends with ctx and does not wait for ever.
type body struct {
	r       io.Reader
	ctx     context.Context
	control *http.ResponseController
}

// requestBody returns the bytes the client sent, inflated where it says that they are deflated.
func requestBody(ctx context.Context, a *answer, r *http.Request) (io.Reader, error) {
	b := &body{r: r.Body, ctx: ctx, control: a.control}
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "", "identity":
		return b, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, &refusal{http.StatusBadRequest, "The request is not gzip, though it says so."}
		}
		return z, nil
	default:
		return nil, &refusal{http.StatusUnsupportedMediaType, "The request comes in a content coding that is not known."}
	}
}

func (b *body) Read(p []byte) (int, error) {
	b.control.SetReadDeadline(time.Now().Add(idle))
	// A deadline that has passed wakes the read when ctx ends; set after the line above, it stays.
	stop := context.AfterFunc(b.ctx, func() { b.control.SetReadDeadline(time.Unix(1, 0)) })
	n, err := b.r.Read(p)
	if stop() && err == io.EOF {
		// net/http goes on reading, to see when the client leaves: that may take longer.
		b.control.SetReadDeadline(time.Time{})
	}
	if ctxErr := b.ctx.Err(); ctxErr != nil && err != nil && err != io.EOF {
		err = fmt.Errorf("read request: %w", ctxErr)
	}
	return n, err
}
