package bucket_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"rehome/internal/testenv"
)

// proxy stands between an S3 and its server. A request for which fault says so never gets through.
type proxy struct {
	*httptest.Server
	mu    sync.Mutex
	fault func(w http.ResponseWriter, r *http.Request) bool // guarded by mu; nil: all goes through
}

func newProxy(t *testing.T, v *testenv.Versity) *proxy {
	t.Helper()
	to, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	through := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		fault := p.fault
		p.mu.Unlock()
		if fault == nil || !fault(w, r) {
			through.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
		transport.CloseIdleConnections()
	})
	return p
}

func (p *proxy) set(fault func(w http.ResponseWriter, r *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// cut lets so many bytes of each answer through.
func cut(after int, v *testenv.Versity, times int64) func(http.ResponseWriter, *http.Request) bool {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "GET" || r.URL.Query().Has("list-type") || n.Add(1) > times {
			return false
		}
		again, _ := http.NewRequest("GET", v.URL+r.URL.RequestURI(), nil) //nolint:errcheck // its parts came from one
		again.Header, again.Host = r.Header, r.Host
		defer http.DefaultClient.CloseIdleConnections()
		resp, err := http.DefaultClient.Do(again)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		io.CopyN(w, resp.Body, int64(after)) //nolint:errcheck // it is cut
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

type flipped struct {
	r    io.Reader
	done bool
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n > 0 && !f.done {
		p[0] ^= 1
		f.done = true
	}
	return n, err
}
