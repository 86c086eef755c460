package egress

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrLate is wrapped by the error of a request whose answer did not come in time.
var ErrLate = errors.New("no answer in time")

// DoWithin is Do for what is answered at once or not at all: the body of the answer, redirects and all, has to
// begin within wait. When it does not, the error, of this call or of reading the body, is Unreachable and wraps ErrLate.
func (c *Client) DoWithin(r *http.Request, wait time.Duration) (*http.Response, error) {
	ctx, stop := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(wait, func() { stop(ErrLate) })
	resp, err := c.Do(r.WithContext(ctx))
	if err != nil {
		timer.Stop()
		stop(nil)
		return nil, err
	}
	resp.Body = &promptBody{ReadCloser: resp.Body, ctx: ctx, stop: stop, timer: timer, host: resp.Request.URL.Host}
	return resp, nil
}

// promptBody is a body that has to begin before its timer ends.
type promptBody struct {
	io.ReadCloser
	ctx   context.Context // of its request
	stop  context.CancelCauseFunc
	timer *time.Timer
	host  string
}

func (b *promptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Stop()
	}
	if err != nil && err != io.EOF && isLate(b.ctx) {
		err = late(b.host, err)
	}
	return n, err
}

func (b *promptBody) Close() error {
	b.timer.Stop()
	defer b.stop(nil)
	return b.ReadCloser.Close()
}

// isLate reports whether DoWithin ended the request of ctx.
func isLate(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrLate) }
