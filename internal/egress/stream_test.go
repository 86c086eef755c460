package egress

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rehome"
)

func loopback(t *testing.T, p Policy) *Client {
	t.Helper()
	p.AllowPrivate = true
	c, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A server that refuses early and hangs up is heard, however much is still to be sent.
func TestEarlyAnswerWins(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn))                                                                     //nolint:errcheck // a test's server
			io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nno\n") //nolint:errcheck
			conn.Close()
		}
	}()
	c := loopback(t, Policy{})
	for range 20 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+"/r", io.NopCloser(endless{}))
		resp, err := c.DoStream(r, 0)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || string(said) != "no\n" {
			t.Errorf("%s, %q, %v", resp.Status, said, err)
		}
	}
}

// A server that takes no more and says nothing is given up.
func TestStreamToADeafServer(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	c := loopback(t, Policy{Idle: 100 * time.Millisecond})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, io.NopCloser(endless{}))
	if resp, err := c.DoStream(r, time.Hour); rehome.CodeOf(err) != rehome.Unreachable {
		t.Errorf("%v, %v", resp, err)
	}
}

// The answer to a stream may take longer than a connection may be idle.
func TestStreamWaitsForItsAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(300 * time.Millisecond)
	}))
	defer s.Close()
	c := loopback(t, Policy{Idle: 50 * time.Millisecond})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, io.NopCloser(strings.NewReader("x")))
	resp, err := c.DoStream(r, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// greet serves words to whoever connects, and closes.
func greet(t *testing.T, words string) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, words) //nolint:errcheck // a test's server
			conn.Close()
		}
	}()
	host, port, _ = net.SplitHostPort(l.Addr().String())
	return host, port
}

func TestDial(t *testing.T) {
	host, port := greet(t, "SSH-2.0-x\r\n")
	conn, err := loopback(t, Policy{}).Dial(t.Context(), host, port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if said, err := io.ReadAll(conn); string(said) != "SSH-2.0-x\r\n" {
		t.Errorf("%q, %v", said, err)
	}
}

func TestDialIsGuarded(t *testing.T) {
	_, port := greet(t, "canary")
	c, err := New(Policy{Block: []Rule{{host: "blocked.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, host := range []string{"127.0.0.1", "::1", "localhost", "LOCALHOST.", "127.1", "0x7f.1", "2130706433", "169.254.169.254", "fd00:ec2::254", "10.0.0.1", "blocked.example", ""} {
		conn, err := c.Dial(t.Context(), host, port)
		if rehome.CodeOf(err) != rehome.BlockedByPolicy {
			t.Errorf("%q: %v, %v", host, conn, err)
		}
		for _, scheme := range []string{"ssh", "git"} {
			if err := c.CheckURL(&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: "/r"}); rehome.CodeOf(err) != rehome.BlockedByPolicy {
				t.Errorf("%s to %q: %v", scheme, host, err)
			}
		}
	}
	if err := c.CheckURL(&url.URL{Scheme: "ssh", User: url.User("git"), Host: "git.example.com", Path: "/r"}); err != nil {
		t.Error(err)
	}
}

func TestDialErrors(t *testing.T) {
	c := loopback(t, Policy{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	_, err = c.Dial(t.Context(), host, port)
	if e := rehome.AsError(err); e.Code != rehome.Unreachable || e.Message != "Cannot connect to "+net.JoinHostPort(host, port)+": the connection is refused." {
		t.Errorf("%v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err = c.Dial(ctx, host, port); rehome.CodeOf(err) != rehome.Cancelled {
		t.Errorf("%v", err)
	}
}

func TestDialBreaksWhenIdle(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := loopback(t, Policy{Idle: 20 * time.Millisecond}).Dial(t.Context(), host, port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrIdle) {
		t.Error(err)
	}
}

// What the target says first may come together with the proxy's answer.
func TestDialThroughProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r, _ := http.ReadRequest(bufio.NewReader(conn))
		asked <- r.Method + " " + r.RequestURI
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n") //nolint:errcheck // a test's server
	}()
	c := loopback(t, Policy{Proxy: &url.URL{Scheme: "http", Host: l.Addr().String()}})
	conn, err := c.Dial(t.Context(), "127.0.0.1", "22")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	said, err := io.ReadAll(conn)
	if got := <-asked; string(said) != "SSH-2.0-x\r\n" || got != "CONNECT 127.0.0.1:22" {
		t.Errorf("%q, %q, %v", got, said, err)
	}
}
