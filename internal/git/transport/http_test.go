package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
)

// taker serves what a receive-pack tells, and answers pushes with a handler.
func taker(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	var head strings.Builder
	out := protocol.NewWriter(&head)
	out.Line("# service=git-receive-pack")
	out.Flush()
	out.Line("%s refs/heads/a\x00report-status side-band-64k atomic ofs-delta", strings.Repeat("a", 40))
	out.Flush()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			h(w, r)
			return
		}
		if r.Header.Get("Git-Protocol") != "" || r.URL.RawQuery != "service=git-receive-pack" {
			t.Errorf("asked %s in %q", r.URL, r.Header.Get("Git-Protocol"))
		}
		w.Header().Set("Content-Type", "application/x-git-receive-pack-advertisement")
		io.WriteString(w, head.String()) //nolint:errcheck // a test's server
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// pour pushes without end, or until something stops it.
func pour(t *testing.T, url string) (protocol.Report, error) {
	t.Helper()
	tr := speaker(t, egress.Policy{}, Options{})
	l := location(t, url+"/r")
	l.Username, l.Password = "mona", "canary"
	c, err := tr.Open(t.Context(), l, Question{Service: protocol.ReceivePack, Limits: wide, Peer: Destination})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ad := c.Advertisement()
	p := protocol.Push{Capabilities: ad.Capabilities, Commands: []protocol.Command{{Name: "refs/heads/b", New: ad.Refs[0].ID}}}
	in, err := c.Ask(t.Context(), Request{Stream: true, Size: -1, Write: func(w io.Writer) error {
		if err := p.Encode(w); err != nil {
			return err
		}
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
	}})
	if err != nil {
		return protocol.Report{}, err
	}
	return p.ReadReport(in, nil)
}

// What a server says before it has read everything is heard, however it ends the connection.
func TestEarlyAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		code   rehome.Code
		says   string
		wraps  error
	}{
		{401, rehome.CredentialsRefused, "The destination refuses the user name and password (status 401): \"sorry\".", nil},
		{403, rehome.CredentialsRefused, "The destination refuses the user name and password (status 403): \"sorry\".", nil},
		{404, rehome.NotARepository, "There is no Git repository at this address: the server answers with status 404.", nil},
		{413, rehome.SourceCutOff, "The destination does not take so much at once (status 413): \"sorry\".", ErrTooLarge},
		{500, rehome.Unreachable, "The destination answers with status 500: \"sorry\".", nil},
		{503, rehome.Unreachable, "The destination answers with status 503: \"sorry\".", nil},
		{307, rehome.NotARepository, "There is no Git repository at this address: it redirects what may not be redirected (status 307).", nil},
	} {
		_, err := pour(t, taker(t, func(w http.ResponseWriter, r *http.Request) {
			r.Body.Read(make([]byte, 100)) //nolint:errcheck // a test's server
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			io.WriteString(w, "sorry") //nolint:errcheck
		}))
		if e := rehome.AsError(err); e.Code != c.code || e.Message != c.says || c.wraps != nil && !errors.Is(err, c.wraps) {
			t.Errorf("%d: %v", c.status, err)
		}
	}
}

func TestEarlyReport(t *testing.T) {
	var b strings.Builder
	protocol.WriteReport(&b, protocol.Report{Unpack: "disk quota", Refs: []protocol.RefReport{{Name: "refs/heads/b", Reason: "unpacker error"}}}) //nolint:errcheck // memory
	got, err := pour(t, taker(t, func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 100)) //nolint:errcheck // a test's server
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		out := protocol.NewWriter(w)
		out.Data([]byte("\x01" + b.String()))
		out.Flush()
	}))
	if err != nil || got.Unpack != "disk quota" || len(got.Refs) != 1 || got.Refs[0].Reason != "unpacker error" {
		t.Errorf("%+v, %v", got, err)
	}
}

// What goes wrong here while a request is written is no fault of the server.
func TestFaultOfOurOwn(t *testing.T) {
	own := errors.New("a disk that cannot be read")
	for name, h := range map[string]http.HandlerFunc{
		"before an answer": func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }, //nolint:errcheck // a test's server
		"during an answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
			http.NewResponseController(w).EnableFullDuplex() //nolint:errcheck
			w.(http.Flusher).Flush()
			io.Copy(io.Discard, r.Body) //nolint:errcheck
			panic(http.ErrAbortHandler)
		},
	} {
		tr := speaker(t, egress.Policy{}, Options{})
		c, err := tr.Open(t.Context(), location(t, taker(t, h)+"/r"), Question{Service: protocol.ReceivePack, Limits: wide})
		if err != nil {
			t.Fatal(err)
		}
		in, err := c.Ask(t.Context(), Request{Stream: true, Size: -1, Write: func(w io.Writer) error {
			w.Write(make([]byte, 100<<10)) //nolint:errcheck // there is worse
			time.Sleep(50 * time.Millisecond)
			return own
		}})
		if err == nil {
			_, err = io.ReadAll(in.Rest())
		}
		if !errors.Is(err, own) {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

// A stream of known size says so; another comes in chunks.
func TestSizeOfAStream(t *testing.T) {
	seen := make(chan string, 1)
	url := taker(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		seen <- fmt.Sprint(r.ContentLength, r.TransferEncoding, len(data), err, r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"))
	})
	for size, want := range map[int64]string{5000: "5000 [] 5000 <nil>application/x-git-receive-pack-request", -1: "-1 [chunked] 5000 <nil>application/x-git-receive-pack-request"} {
		c, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, url+"/r"), Question{Service: protocol.ReceivePack, Limits: wide})
		if err != nil {
			t.Fatal(err)
		}
		c.Ask(t.Context(), Request{Stream: true, Size: size, Write: func(w io.Writer) error { //nolint:errcheck // seen by the server
			_, err := w.Write(make([]byte, 5000))
			return err
		}})
		if got := <-seen; got != want {
			t.Errorf("%d: %s", size, got)
		}
		c.Close()
	}
}

func TestDestinationsRefuseInTheirName(t *testing.T) {
	for _, c := range []struct {
		status     int
		says, hint string
	}{
		{401, "The destination wants a user name and password; many forges also do where there is no repository.", "access token"},
		{403, "The destination refuses this (status 403).", "access token"},
		{429, "The destination answers with status 429.", "later"},
		{404, "There is no Git repository at this address: the server answers with status 404.", ""},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) }))
		_, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, s.URL+"/r"), Question{Service: protocol.ReceivePack, Limits: wide, Peer: Destination})
		s.Close()
		if e := rehome.AsError(err); e.Message != c.says || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%d: %v, %q", c.status, err, e.Hint)
		}
	}
}

// A server that sends to another one is told from that one, which wants what the first may not.
func TestRefusedWhereARedirectLeads(t *testing.T) {
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer second.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, second.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	defer first.Close()
	_, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, first.URL+"/r"), Question{Service: protocol.ReceivePack, Limits: wide, Peer: Destination})
	if e := rehome.AsError(err); e.Code != rehome.CredentialsWanted || !strings.Contains(e.Message, "leads to another address, "+second.URL+"/r, ") || !strings.Contains(e.Message, "401") {
		t.Errorf("%v", err)
	}
}

// Where the wrong service answers, it is no repository to push to.
func TestAnotherService(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-receive-pack-advertisement")
		io.WriteString(w, "001e# service=git-upload-pack\n0000000eversion 2\n0000") //nolint:errcheck // a test's server
	}))
	defer s.Close()
	_, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, s.URL+"/r"), Question{Service: protocol.ReceivePack, Limits: wide})
	if rehome.CodeOf(err) != rehome.NotARepository {
		t.Error(err)
	}
}

// A server that hangs up in the middle of a push, without a word, is cut off.
func TestDropWhileSending(t *testing.T) {
	url := taker(t, func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, bufio.NewReader(r.Body), 100<<10) //nolint:errcheck // a test's server
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck
			conn.Close()
		}
	})
	_, err := pour(t, url)
	if rehome.CodeOf(err) != rehome.Unreachable {
		t.Errorf("%v", err)
	}
}
