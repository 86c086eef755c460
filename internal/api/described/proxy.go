package described

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// Proxy stands before the server at target and returns its own base: everything is passed on, and an answer that
// is not as the server's /openapi.json has it fails the test. So does a request for what is not described there.
// The server sees the proxy's host, so URLs in answers lead back through it. Git passes untouched; of streams
// the headers are checked. It stops with the test.
func Proxy(t testing.TB, target string) (base string) {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	direct := &http.Transport{DisableCompression: true}
	p := &proxy{t: t, description: fetch(t, direct, target)}
	p.pass = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		Transport:      direct,
		FlushInterval:  -1,
		ModifyResponse: p.look,
	}
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		s.Close()
		direct.CloseIdleConnections()
	})
	return s.URL
}

func fetch(t testing.TB, through http.RoundTripper, target string) *Description {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target+"/openapi.json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := through.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: status %d, %v", r.URL, resp.StatusCode, err)
	}
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type proxy struct {
	t           testing.TB
	description *Description
	pass        *httputil.ReverseProxy
}

// asked is a request as the client sent it, kept in its context.
type asked struct {
	request *http.Request
	body    []byte
}

type askedKey struct{}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if IsGit(r.URL.EscapedPath()) {
		p.pass.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Errorf("%s %s: read what the client sends: %v", r.Method, r.URL, err)
	}
	if _, found := p.description.find(r.Method, r.URL.EscapedPath()); !found && r.Method != http.MethodOptions {
		p.t.Errorf("%s %s is not described", r.Method, r.URL)
	}
	ctx := context.WithValue(r.Context(), askedKey{}, asked{r, body})
	passed := r.WithContext(ctx)
	if passed.Body = io.NopCloser(bytes.NewReader(body)); len(body) == 0 {
		passed.Body = http.NoBody
	}
	p.pass.ServeHTTP(w, passed)
}

// look checks an answer on its way back.
func (p *proxy) look(resp *http.Response) error {
	q, ok := resp.Request.Context().Value(askedKey{}).(asked)
	if !ok {
		return nil
	}
	x := Exchange{Request: q.request, Sent: q.body, Answer: resp, Stream: streams(resp)}
	if !x.Stream {
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		resp.Body, x.Body = io.NopCloser(bytes.NewReader(body)), body
	}
	if err := p.description.Check(x); err != nil {
		p.t.Errorf("not as described: %v", err)
	}
	return nil
}

// streams reports whether an answer is passed on as it comes: all but JSON is.
func streams(resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && kind != "application/json"
}
