package hostile

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"rehome"
)

// Servers are the cases whose repository is honest and whose server is not.
func Servers() []Case {
	return slices.Concat(redirects(), away(spellings()), away(names()), statuses(), streams(), advertisements(), fetches(), echoes(), largeFiles(), otherWays())
}

// away marks cases that name what is elsewhere.
func away(cases []Case) []Case {
	for i := range cases {
		cases[i].Away = true
	}
	return cases
}

// server answers as an honest one does, but for what is set.
type server struct {
	*repository
	first http.HandlerFunc // what is asked first: GET info/refs
	list  http.HandlerFunc // ls-refs
	fetch http.HandlerFunc
	batch http.HandlerFunc // of Git LFS
	other http.HandlerFunc // whatever else is asked for
}

// newServer has one commit with a file in it.
func newServer(t testing.TB, at Ground) *server {
	r := newRepository(t, at)
	r.trunk(r.commit(aTree))
	return &server{repository: r}
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	path, own := strings.CutPrefix(r.URL.Path, "/r.git/")
	h := s.other
	switch {
	case own && path == "info/refs":
		h = s.first
	case own && path == "git-upload-pack" && bytes.Contains(body, []byte("command=ls-refs")):
		h = s.list
	case own && path == "git-upload-pack":
		h = s.fetch
	case own && path == "info/lfs/objects/batch":
		h = s.batch
	case own && strings.HasPrefix(path, "lfs/"):
		h = nil
	}
	if h == nil {
		h = s.repository.ServeHTTP
	}
	h(w, r)
}

// served is a case with a server that a function makes hostile.
func served(name, why string, want Outcome, change func(s *server)) Case {
	return Case{Name: name, Why: why, Want: want, Open: func(t testing.TB, at Ground) Source {
		s := newServer(t, at)
		change(s)
		return Source{Handler: s}
	}}
}

// listened is a case with a server that is hardly one: it says what it likes to each connection.
func listened(name, why, scheme string, want Outcome, talk func(net.Conn)) Case {
	return Case{Name: name, Why: why, Want: want, Open: func(t testing.TB, _ Ground) Source {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serveAll(t, l, talk)
		return Source{URL: scheme + "://" + l.Addr().String() + "/r.git"}
	}}
}

// Outcomes of servers.
var (
	blocked     = Outcome{Code: rehome.BlockedByPolicy, Says: []string{"This server may not connect to that address."}}
	unreachable = Outcome{Code: rehome.Unreachable}
	nothing     = Outcome{Code: rehome.NotARepository}
	halfway     = Outcome{Code: rehome.SourceCutOff}
	malformed   = Outcome{Code: rehome.CorruptObject, Says: []string{"does not keep to Git's protocol"}}
	refused     = Outcome{Code: rehome.Invalid}
)

// Media types of Git over HTTP.
const (
	advertisement = "application/x-git-upload-pack-advertisement"
	result        = "application/x-git-upload-pack-result"
	lfsMedia      = "application/vnd.git-lfs+json"
)

const serviceLine = "001e# service=git-upload-pack\n0000"

// v2 is what an honest server of version 2 says first.
var v2 = serviceLine + lines("version 2", "ls-refs=unborn", "fetch") + "0000"

// says answers with a body of a media type.
func says(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		io.WriteString(w, body) //nolint:errcheck // whoever hangs up has heard enough
	}
}

// endlessly says something, then more of it until nobody listens.
func endlessly(kind, first, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		says(kind, first)(w, r)
		more := strings.Repeat(more, 1+64<<10/len(more))
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, more); err != nil {
				return
			}
		}
	}
}

// hangs says something, then nothing.
func hangs(kind, first string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if kind != "" {
			says(kind, first)(w, r)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

// leads answers with a redirect, to what is written there to the byte.
func leads(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{to}
		w.WriteHeader(status)
	}
}

// atMost fails the test when a server is asked more often.
func (s *server) atMost(n int64, h http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == n+1 {
			s.t.Errorf("it was asked more than %d times", n)
		}
		h(w, r)
	}
}

// open serves h by itself until the test ends, and returns the URL of the repository there under another name.
func open(t testing.TB, h http.Handler, host string) string {
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "http://" + net.JoinHostPort(host, port) + "/r.git"
}

// portOf returns the port in a URL.
func portOf(t testing.TB, raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// tail is what the first request adds to the URL of a repository.
const tail = "/info/refs?service=git-upload-pack"

// trap is the URL of a canary in a spelling of its host.
func (at Ground) trap(scheme, host string) string {
	return fmt.Sprintf("%s://%s:%s/r.git", scheme, host, at.Canaries.Port)
}

// password is what came with a request.
func password(r *http.Request) string {
	_, p, _ := r.BasicAuth()
	return p
}

// Honest is a server with nothing odd about it. It has the Git LFS object of the others.
func Honest(t testing.TB) http.Handler {
	s := newServer(t, Ground{})
	s.files[contentID] = content
	return s
}
