package transfer

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// lackError says that the server does not have what was asked for, nor will have it at another try.
type lackError struct{ why error }

func (e *lackError) Error() string {
	if e.why == nil {
		return "the server does not have it"
	}
	return e.why.Error()
}

// refusedError says that a batch is refused for what it asks, or for how much.
type refusedError struct {
	lackError
	tooMany bool
}

// laterError is what may be gone at another try; err is what it is when that does not help.
type laterError struct {
	err    error
	after  time.Duration // the server's wish; 0 = none
	atOnce bool          // a new link may be enough, and is tried only once
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// waits is how long to wait before each further try. A server that gives a part of an object begins again.
var waits = [...]time.Duration{1, 2, 4, 8, 16, 30, 30}

// maxWait bounds what a server may ask for with Retry-After.
const maxWait = 5 * time.Minute

// again waits for the try after the given one; its error is err's cause when there is none.
func (p *peer) again(ctx context.Context, try int, err *laterError) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err.atOnce && try == 0:
		return nil
	case err.atOnce || try >= len(waits):
		return err.err
	}
	return p.Sleep(ctx, max(waits[try]*time.Second, min(err.after, maxWait)))
}

// retryAfter reads the header of that name: seconds, or a date, which is compared with the server's own clock.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now := dateOf(h)
	if now.IsZero() {
		return 0
	}
	return max(0, until.Sub(now))
}

// dateOf is a server's own time; zero when it does not say.
func dateOf(h http.Header) time.Time {
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return now
}
