package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

// TestBadCredentialsAreRefusedForTheirNumber, over the API, Git and Git LFS together, behind a proxy and not.
func TestBadCredentialsAreRefusedForTheirNumber(t *testing.T) {
	s := start(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	token, other := s.token(t, auth.Grant{User: "octocat"}), s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from := func(client string) []string { return []string{"X-Forwarded-For", client} }
	const batch = "/octocat/socm.git/info/lfs/objects/batch"
	for i := range 20 {
		guess := fmt.Sprintf("guess%d", i)
		s.want(t, 401, request{method: "GET", path: "/user", token: guess, headers: from("203.0.113.9")})
		s.want(t, 401, request{method: "GET", path: "/octocat/socm.git/info/refs?service=git-upload-pack", token: guess, headers: from("203.0.113.9")})
		s.want(t, 401, request{method: "POST", path: batch, token: guess, body: "{}", headers: from("203.0.113.9")})
	}
	for _, q := range []request{
		{method: "GET", path: "/user"},
		{method: "GET", path: "/api/v3/nowhere"},
		{method: "GET", path: "/octocat/socm.git/info/refs?service=git-upload-pack"},
		{method: "POST", path: "/octocat/socm.git/git-receive-pack"},
		{method: "POST", path: batch, body: "{}"},
	} {
		q.token, q.headers = "guess", from("203.0.113.9")
		r := s.want(t, 403, q)
		if after, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || after < 1 || after > 300 || !strings.Contains(string(r.body), manyFailures) {
			t.Errorf("%s: Retry-After %q, %s", q.path, r.Header.Get("Retry-After"), r.body)
		}
		q.headers = from("203.0.113.10")
		if r := s.do(t, q); r.StatusCode != 401 {
			t.Errorf("%s from a neighbour: %d", q.path, r.StatusCode)
		}
		for _, good := range []string{token, other} {
			q.token, q.headers = good, from("203.0.113.9")
			if r := s.do(t, q); r.StatusCode == 401 || r.StatusCode == 403 {
				t.Errorf("%s with a good token: %d %s", q.path, r.StatusCode, r.body)
			}
		}
	}
	if log := s.log.String(); strings.Contains(log, "guess") || !strings.Contains(log, "client=203.0.113.9 ") {
		t.Error("the log does not say who guesses, or what")
	}
}

func TestNetwork(t *testing.T) {
	for client, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "pipe": "pipe",
	} {
		if got := network(client); got != want {
			t.Errorf("%q counts as %q, want %q", client, got, want)
		}
	}
}

// watch opens an event stream and returns when it has begun.
func (s *testServer) watch(t *testing.T, token string) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/repos/octocat/socm/import/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token "+token)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %q, %v", resp.StatusCode, line, err)
	}
	return func() {
		cancel()
		resp.Body.Close()
	}
}

func TestStreamsOfATokenAreLimited(t *testing.T) {
	s := start(t, nil)
	token, other := s.token(t, auth.Grant{User: "octocat"}), s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	s.want(t, 201, request{method: "PUT", path: "/repos/octocat/socm/import", token: token, body: `{"vcs": "git", "vcs_url": "http://127.0.0.1:1/old.git"}`})
	var ends []func()
	for range maxStreams {
		ends = append(ends, s.watch(t, token))
	}
	events := request{method: "GET", path: "/repos/octocat/socm/import/events", token: token}
	r := s.want(t, 429, events)
	if r.Header.Get("Retry-After") == "" || !strings.Contains(string(r.body), "Too many event streams") {
		t.Errorf("headers %v, %s", r.Header, r.body)
	}
	s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm/import", token: token})
	ends = append(ends, s.watch(t, other))
	for _, end := range ends {
		end()
	}
	for s.api.watched.Keys() > 0 { // the server notices in its own time
		time.Sleep(time.Millisecond)
	}
	s.watch(t, token)()
}

// TestRequestsFromAnAddressAreLimited, those of others are not, and behind a trusted proxy each client counts for itself.
func TestRequestsFromAnAddressAreLimited(t *testing.T) {
	s := start(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	var leave func()
	for range maxRequests {
		var ok bool
		if leave, ok = s.api.open.Enter("2001:db8::/64"); !ok {
			t.Fatal("too few")
		}
	}
	for path, elsewhere := range map[string]int{"/user": 401, "/nowhere": 404, "/octocat/socm.git/info/refs": 401, "/octocat/socm.git/info/lfs/locks": 401} {
		r := s.want(t, 429, request{method: "GET", path: path, headers: []string{"X-Forwarded-For", "2001:db8::17"}})
		if r.Header.Get("Retry-After") == "" || !strings.Contains(string(r.body), "Too many requests") {
			t.Errorf("%s: headers %v, %s", path, r.Header, r.body)
		}
		s.want(t, elsewhere, request{method: "GET", path: path, headers: []string{"X-Forwarded-For", "2001:db8:1::17"}})
	}
	leave()
	s.want(t, 200, request{method: "GET", path: "/healthz", headers: []string{"X-Forwarded-For", "2001:db8::17"}})
}

func TestManyHeaders(t *testing.T) {
	s := start(t, nil)
	many := strings.Builder{}
	for i := range maxFields + 1 {
		fmt.Fprintf(&many, "X%d: y\r\n", i)
	}
	same := strings.Repeat("X: y\r\n", maxFields+1)
	for _, path := range []string{"/user", "/octocat/socm.git/info/refs"} {
		for _, fields := range []string{many.String(), same} {
			if status, rest := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+fields+"\r\n"); !strings.Contains(status, " 431 ") || strings.Contains(rest, "Retry-After: ") {
				t.Errorf("%s: %s%.200s", path, status, rest)
			}
		}
	}
}

// hasty is a server of the same API for clients that have a moment, and says when a connection is closed.
func (s *testServer) hasty(t *testing.T, p pace) (address string, closed <-chan struct{}) {
	t.Helper()
	api, ends := *s.api, make(chan struct{}, 10)
	api.pace = p
	web := httptest.NewUnstartedServer(&api)
	web.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			ends <- struct{}{}
		}
	}
	web.Start()
	t.Cleanup(web.Close)
	return web.Listener.Addr().String(), ends
}

// TestSlowBodiesEnd: who sends a body byte by byte, or nothing of it, is told so and cut off, whether somebody reads it or not.
func TestSlowBodiesEnd(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	address, closed := s.hasty(t, pace{body: time.Millisecond, write: time.Minute})
	for _, c := range []struct{ head, status, says string }{
		{"PUT /repos/octocat/socm/import", "400", errLateBody.message},
		{"PUT /repos/octocat/socm/import/authors", "400", errLateBody.message},
		{"GET /user", "200", "octocat"},
		{"POST /nowhere", "404", "Not Found"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: h\r\nAuthorization: token %s\r\nContent-Length: 1000\r\n\r\n{", c.head, token)
		text, err := io.ReadAll(conn) // ends when the server ends it
		if first, _, _ := strings.Cut(string(text), "\n"); err != nil || !strings.Contains(first, " "+c.status+" ") || !strings.Contains(string(text), c.says) {
			t.Errorf("%s: %v, %s", c.head, err, text)
		}
		<-closed
		conn.Close()
	}
}

// TestUnreadAnswersEnd: who asks and asks and reads nothing is cut off.
func TestUnreadAnswersEnd(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits = auth.NewLimiter(1<<30, time.Now) })
	address, closed := s.hasty(t, pace{body: time.Minute, write: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // ends with the connection
		for {
			if _, err := io.WriteString(conn, "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
				return
			}
		}
	}()
	<-closed
}
