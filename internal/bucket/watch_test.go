package bucket

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// server answers a request.
type server func(r *http.Request) (*http.Response, error)

func (s server) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

// slowly gives a byte each time that every has passed, and when none is left waits for the end of ctx.
type slowly struct {
	ctx   context.Context
	every time.Duration
	left  int
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.left == 0 {
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	s.left--
	select {
	case <-time.After(s.every):
		return copy(p, "x"), nil
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

const testIdle = 30 * time.Second

func request(t *testing.T, method string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), method, "http://server/key", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func answer(body io.Reader) *http.Response {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}
}

// TestWatchAnswer has servers that say nothing: a POST may take longer.
func TestWatchAnswer(t *testing.T) {
	for method, want := range map[string]time.Duration{"GET": testIdle, "PUT": testIdle, "POST": slower * testIdle} {
		synctest.Test(t, func(t *testing.T) {
			w := &watch{idle: testIdle, next: server(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}
			begin := time.Now()
			resp, err := w.RoundTrip(request(t, method, nil))
			if err == nil {
				resp.Body.Close()
			}
			if !errors.Is(err, ErrStalled) || time.Since(begin) != want {
				t.Errorf("%s: %v after %v, want %v", method, err, time.Since(begin), want)
			}
		})
	}
}

// TestWatchUpload has a server that reads slowly, for an hour, and then no more.
func TestWatchUpload(t *testing.T) {
	for _, stands := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := &watch{idle: testIdle, next: server(func(r *http.Request) (*http.Response, error) {
				for range 200 {
					if _, err := io.ReadFull(r.Body, make([]byte, 1)); err != nil {
						return nil, err
					}
					time.Sleep(testIdle - 1)
				}
				if stands {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return answer(http.NoBody), nil
			})}
			resp, err := w.RoundTrip(request(t, "PUT", strings.NewReader(strings.Repeat("x", 300))))
			if stands != errors.Is(err, ErrStalled) || !stands && err != nil {
				t.Errorf("stands %t: %v", stands, err)
			}
			if err == nil {
				resp.Body.Close()
			}
		})
	}
}

// TestWatchDownload has a server that sends slowly, for an hour, and then no more; and a reader that takes its time.
func TestWatchDownload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{idle: testIdle, next: server(func(r *http.Request) (*http.Response, error) {
			return answer(&slowly{r.Context(), testIdle - 1, 200}), nil
		})}
		resp, err := w.RoundTrip(request(t, "GET", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(time.Hour)
		if n, err := io.ReadFull(resp.Body, make([]byte, 200)); err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		begin := time.Now()
		if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, ErrStalled) || time.Since(begin) != testIdle {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// TestWatchEarlyAnswer has a server that refuses what it has not read: its words come, and nothing more is read.
func TestWatchEarlyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var body io.Reader
		w := &watch{idle: testIdle, next: server(func(r *http.Request) (*http.Response, error) {
			body = r.Body
			resp := answer(strings.NewReader("too fast"))
			resp.StatusCode = 503
			return resp, nil
		})}
		in := strings.NewReader("content")
		resp, err := w.RoundTrip(request(t, "PUT", in))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if words, err := io.ReadAll(resp.Body); string(words) != "too fast" || err != nil {
			t.Errorf("read %q, %v", words, err)
		}
		if _, err := body.Read(make([]byte, 1)); !errors.Is(err, errAnswered) || in.Len() != len("content") {
			t.Errorf("read on: %v, %d bytes left", err, in.Len())
		}
	})
}
