package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"rehome"
)

// relay is an honest CONNECT proxy, which notes what it was asked for.
type relay struct {
	at *url.URL

	mu    sync.Mutex
	asked []string
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	r := &relay{}
	s := serve(t, r.serve)
	r.at, _ = url.Parse(s.URL)
	return r
}

func (p *relay) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.RequestURI)
	p.mu.Unlock()
	out, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n") //nolint:errcheck // a test's proxy
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(out, in) //nolint:errcheck
		out.Close()
	})
	io.Copy(in, out) //nolint:errcheck
	in.Close()
	back.Wait()
}

// said returns what was asked since it was called last.
func (p *relay) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// TestPolicyHoldsThroughAProxy: names are resolved and judged here, and the proxy is given the address that passed, so
// that it cannot find another one.
func TestPolicyHoldsThroughAProxy(t *testing.T) {
	s, hits := canary(t)
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	proxy := newRelay(t)
	names := map[string]string{
		"inside.example": "127.0.0.1", "two.example": "140.82.121.3 127.0.0.1", "cloud.example": "169.254.169.254", "mapped.example": "::ffff:127.0.0.1",
		"nat64.example": "64:ff9b::a9fe:a9fe", "none.example": "",
	}
	rebound := 0
	c := newClient(t, Policy{Proxy: proxy.at, Allow: []Rule{mustRule(t, "127.0.0.2")}, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "rebind.example" {
			if rebound++; rebound == 1 {
				return addrs("127.0.0.2"), nil
			}
			return addrs("127.0.0.1"), nil
		}
		return addrs(strings.Fields(names[host])...), nil
	}})
	for host := range names {
		want := rehome.BlockedByPolicy
		if host == "none.example" {
			want = rehome.Unreachable
		}
		if _, _, err := get(t, c, "http://"+host+":"+port); rehome.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", host, err, want)
		}
		if _, err := c.Dial(t.Context(), host, port); rehome.CodeOf(err) != want {
			t.Errorf("dial %s: %v, want %s", host, err, want)
		}
	}
	if asked := proxy.said(); asked != nil || hits.Load() != 0 {
		t.Errorf("the proxy was asked %q, %d hits", asked, hits.Load())
	}
	get(t, c, "http://rebind.example:"+port) // nobody listens there
	if asked := proxy.said(); len(asked) != 1 || asked[0] != "CONNECT 127.0.0.2:"+port {
		t.Errorf("the proxy was asked %q", asked)
	}
	if _, _, err := get(t, c, "http://rebind.example:"+port); rehome.CodeOf(err) != rehome.BlockedByPolicy || proxy.said() != nil || hits.Load() != 0 {
		t.Errorf("rebound: %v, %d hits", err, hits.Load())
	}
}

// TestTLSThroughAProxy: the proxy gets the address, the server the name.
func TestTLSThroughAProxy(t *testing.T) {
	names := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the certificate that nobody trusts
	s.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	proxy := newRelay(t)
	c := newClient(t, Policy{Proxy: proxy.at, AllowPrivate: true, Lookup: func(context.Context, string) ([]netip.Addr, error) { return addrs("127.0.0.1"), nil }})
	_, _, err := get(t, c, "https://git.example:"+port)
	if asked, name := proxy.said(), <-names; len(asked) != 1 || asked[0] != "CONNECT 127.0.0.1:"+port || name != "git.example" || Reason(err) == errProxy.Error() {
		t.Errorf("the proxy was asked %q, the server for %q: %v", asked, name, err)
	}
}

// TestProxyThatLeadsNowhere is named as what it is, and its password is not.
func TestProxyThatLeadsNowhere(t *testing.T) {
	refuses := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn)) //nolint:errcheck // a test's proxy
			io.WriteString(conn, "no HTTP\r\n\r\n") //nolint:errcheck
			conn.Close()
		}
	}()
	for _, at := range []string{"127.0.0.1:1", strings.TrimPrefix(refuses.URL, "http://"), l.Addr().String()} {
		u, err := ParseProxy("http://ada:canary@" + at)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = get(t, newClient(t, Policy{Proxy: u, AllowPrivate: true}), "http://127.0.0.3:9/")
		e := rehome.AsError(err)
		const want = "Cannot connect to 127.0.0.3:9: the proxy of this server does not lead there."
		if e.Code != rehome.Unreachable || e.Message != want || !strings.Contains(e.Hint, "--proxy") || strings.Contains(err.Error()+e.Error()+e.Err.Error(), "canary") {
			t.Errorf("%s: %+v", at, e)
		}
	}
}

func TestParseProxy(t *testing.T) {
	for raw, good := range map[string]bool{
		"http://proxy.example:3128": true, "http://ada:canary@10.0.0.1/": true, "http://[::1]:8080": true,
		"https://proxy.example": false, "socks5://proxy.example": false, "proxy.example:3128": false, "http://": false, "": false, "http://canary\x00": false,
		"http://canary.example/path": false, "http://canary.example?q": false, "http://u:canary@h:port": false,
	} {
		u, err := ParseProxy(raw)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, %v", raw, u, err)
		}
	}
	if _, err := New(Policy{Proxy: &url.URL{Scheme: "socks5", Host: "h", User: url.UserPassword("u", "canary")}}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a client with a proxy that is none: %v", err)
	}
}
