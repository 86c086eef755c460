package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// ErrStalled is wrapped by the error of a request that moved no byte for too long.
var ErrStalled = errors.New("the server has been silent for too long")

// watch breaks off requests that stand still, however long they take in all.
type watch struct {
	next http.RoundTripper
	idle time.Duration
}

// slower is how much longer an answer to a POST may take: S3 puts the parts of a file together meanwhile.
const slower = 10

// RoundTrip fills http.RoundTripper.
func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, stop := context.WithCancelCause(r.Context())
	patience := w.idle
	if r.Method == http.MethodPost {
		patience *= slower
	}
	out := &sent{ReadCloser: r.Body, timer: time.AfterFunc(patience, func() { stop(ErrStalled) }), patience: patience}
	r = r.Clone(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = out
	}
	resp, err := w.next.RoundTrip(r)
	if err == nil && r.Body == out && resp.StatusCode >= http.StatusMultipleChoices {
		err = hold(resp) // what follows may break the connection
	}
	out.answered()
	if err != nil {
		err = stalled(ctx, err)
		stop(nil)
		return nil, err
	}
	resp.Body = &received{ReadCloser: resp.Body, ctx: ctx, stop: stop, idle: w.idle}
	return resp, nil
}

// stalled is err, or ErrStalled where that is its cause.
func stalled(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrStalled) {
		return ErrStalled
	}
	return err
}

// maxRefusal is how much of a refusal is read, bytes.
const maxRefusal = 1 << 20

// hold takes the words of a refusal into memory.
func hold(resp *http.Response) error {
	words, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	resp.Body.Close() //nolint:errcheck // it has been read
	resp.Body = io.NopCloser(bytes.NewReader(words))
	return err
}

// sent is a body on its way out: it moves when the next of it is wanted. A server may answer before it has all, and
// net/http goes on reading then; but the next try begins to read the same file.
type sent struct {
	io.ReadCloser
	patience time.Duration

	mu    sync.Mutex
	timer *time.Timer // guarded by mu
	over  bool        // guarded by mu: the answer has come
}

var errAnswered = errors.New("the request has been answered")

func (s *sent) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, errAnswered
	}
	n, err := s.ReadCloser.Read(p)
	s.timer.Reset(s.patience)
	return n, err
}

// answered ends the time that the request has, and the reading of its body.
func (s *sent) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}

// received is a body that comes in. Its time runs only while somebody waits for it.
type received struct {
	io.ReadCloser
	ctx  context.Context // of the request
	stop context.CancelCauseFunc
	idle time.Duration
}

func (r *received) Read(p []byte) (int, error) {
	timer := time.AfterFunc(r.idle, func() { r.stop(ErrStalled) })
	defer timer.Stop()
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = stalled(r.ctx, err)
	}
	return n, err
}

func (r *received) Close() error {
	defer r.stop(nil)
	return r.ReadCloser.Close()
}
