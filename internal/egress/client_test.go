package egress

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T, p Policy) *Client {
	t.Helper()
	c, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, c *Client, rawURL string, header ...string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// canary counts the requests a server gets that must not get any.
func canary(t *testing.T) (*httptest.Server, *atomic.Int64) {
	hits := new(atomic.Int64)
	return serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) }), hits
}

func TestLoopbackIsBlockedInEverySpelling(t *testing.T) {
	s, hits := canary(t)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := newClient(t, Policy{})
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1.", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1",
		"0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "[::1%25lo]", "127.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.１", "２１３０７０６４３３", "ｌocalhost", "localhost..", "localhost。",
		"good.example@127.0.0.1", "good.example:80@127.0.0.1", "[::ffff:0:127.0.0.1]", "[::0]", "0x0", "00", "127.0.0.1..", "127.0.0.0x1",
	} {
		_, _, err := get(t, c, "http://"+host+":"+port+"/")
		if code := rehome.CodeOf(err); code != rehome.BlockedByPolicy {
			t.Errorf("%s: %v (%s)", host, err, code)
		}
	}
	for _, raw := range []string{"file:///etc/passwd", "gopher://127.0.0.1:70/", "ftp://example.com/x", "http:///x", "unix:///run/x.sock", "//127.0.0.1/"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if code := rehome.CodeOf(c.CheckURL(u)); code != rehome.BlockedByPolicy {
			t.Errorf("%s: %s", raw, code)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the canary was hit %d times", hits.Load())
	}
}

func TestBlockedTargetsAllSoundTheSame(t *testing.T) {
	c := newClient(t, Policy{Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.5")}, nil
	}})
	texts := map[string]bool{}
	for _, u := range []string{"http://127.0.0.1/", "http://10.0.0.5:1/", "http://intern.example/", "https://169.254.169.254/latest"} {
		_, _, err := get(t, c, u)
		if rehome.CodeOf(err) != rehome.BlockedByPolicy {
			t.Errorf("%s: %v", u, err)
		}
		texts[err.Error()+" "+rehome.AsError(err).Hint] = true
	}
	if len(texts) != 1 {
		t.Errorf("the messages differ: %v", texts)
	}
	if want := "This server may not connect to that address. The server's operator can allow it with --allow-network."; !texts[want] {
		t.Errorf("got %v, want %q", texts, want)
	}
}

func TestEveryAddressOfANameIsChecked(t *testing.T) {
	s, hits := canary(t)
	addr := netip.MustParseAddrPort(s.Listener.Addr().String())
	c := newClient(t, Policy{Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("140.82.121.3"), addr.Addr()}, nil
	}})
	_, _, err := get(t, c, "http://two-faced.example:"+s.URL[strings.LastIndex(s.URL, ":")+1:])
	if rehome.CodeOf(err) != rehome.BlockedByPolicy || hits.Load() != 0 {
		t.Errorf("%v, %d hits", err, hits.Load())
	}
}

// A name with dots after it is the same name to a resolver, and is blocked as that.
func TestBlockedNamesInOtherSpellings(t *testing.T) {
	s, hits := canary(t)
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	c := newClient(t, Policy{AllowPrivate: true, Block: []Rule{mustRule(t, "evil.example")}, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return addrs("127.0.0.1"), nil
	}})
	for _, host := range []string{"evil.example", "EVIL.example", "evil.example.", "evil.example..", "evil..example", ".evil.example", "evil。example", "ｅvil.example", "evil.example.。"} {
		if _, _, err := get(t, c, "http://"+host+":"+port); rehome.CodeOf(err) != rehome.BlockedByPolicy {
			t.Errorf("%s: %v", host, err)
		}
		if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
			continue // only HTTP makes one name of those
		}
		if conn, err := c.Dial(t.Context(), host, port); rehome.CodeOf(err) != rehome.BlockedByPolicy {
			t.Errorf("%s: %v, %v", host, conn, err)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("%d hits", hits.Load())
	}
	if _, _, err := get(t, c, "http://notevil.example:"+port); err != nil || hits.Load() != 1 {
		t.Errorf("another name: %v, %d hits", err, hits.Load())
	}
}

// A name that answers well once and badly later reaches nothing: what is checked is what is dialled.
func TestRebinding(t *testing.T) {
	s, hits := canary(t)
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	var asked atomic.Int64
	c := newClient(t, Policy{Allow: []Rule{mustRule(t, "127.0.0.2")}, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		if asked.Add(1) == 1 {
			return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	_, _, first := get(t, c, "http://rebind.example:"+port)
	_, _, second := get(t, c, "http://rebind.example:"+port)
	if rehome.CodeOf(first) != rehome.Unreachable || rehome.CodeOf(second) != rehome.BlockedByPolicy || hits.Load() != 0 {
		t.Errorf("%v, then %v, %d hits", first, second, hits.Load())
	}
	if asked.Load() != 2 {
		t.Errorf("resolved %d times for two connections", asked.Load())
	}
}

func TestUnresolvedIsUnreachable(t *testing.T) {
	c := newClient(t, Policy{Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "empty.example" {
			return nil, nil
		}
		return nil, errors.New("resolver is down")
	}})
	for _, u := range []string{"http://empty.example/", "http://broken.example/"} {
		if _, _, err := get(t, c, u); rehome.CodeOf(err) != rehome.Unreachable {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func mustRule(t *testing.T, s string) Rule {
	r, err := ParseRule(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEnvironmentProxyIsIgnored(t *testing.T) {
	proxy, hits := canary(t)
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	c := newClient(t, Policy{Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no") }})
	get(t, c, "http://some.example/")
	if hits.Load() != 0 {
		t.Error("the environment's proxy was used")
	}
}

func TestProxyGetsTheCheckedAddress(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello "+r.Host) })
	var asked atomic.Value
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization"))
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		in, _, _ := http.NewResponseController(w).Hijack()
		defer in.Close()
		io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(out, in)
		io.Copy(in, out)
	})
	u, _ := url.Parse(strings.Replace(proxy.URL, "http://", "http://u:p@", 1))
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	c := newClient(t, Policy{Proxy: u, Allow: []Rule{mustRule(t, "git.example")}, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	_, body, err := get(t, c, "http://git.example:"+port)
	if body != "hello git.example:"+port {
		t.Errorf("%q, %v", body, err)
	}
	if got, want := asked.Load(), "CONNECT 127.0.0.1:"+port+" Basic dTpw"; got != want {
		t.Errorf("the proxy was asked %q, want %q", got, want)
	}
	if _, _, err := get(t, c, "http://127.0.0.3/"); rehome.CodeOf(err) != rehome.BlockedByPolicy {
		t.Errorf("through the proxy: %v", err)
	}
}

func TestIdleBodyEnds(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-release
	})
	defer close(release)
	c := newClient(t, Policy{AllowPrivate: true, Idle: 50 * time.Millisecond})
	_, body, err := get(t, c, s.URL)
	if !errors.Is(err, ErrIdle) || body != "half" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	c := newClient(t, Policy{AllowPrivate: true})
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if _, err := c.Do(r); rehome.CodeOf(err) != rehome.Cancelled {
		t.Errorf("%v", err)
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1/", "https://[::1]:80/x", "http://0x7f.1", "http://h.", "http://[fe80::1%25x]/"} {
		f.Add(s)
	}
	c, err := New(Policy{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil || c.CheckURL(u) != nil {
			return
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()) {
			t.Errorf("%q passed", raw)
		}
	})
}

// Of a certificate nobody trusts, the hint talks about certificates.
func TestUntrustedCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	toLoopback := func(context.Context, string) ([]netip.Addr, error) { return addrs("127.0.0.1"), nil }
	otherName := strings.Replace(s.URL, "127.0.0.1", "git.example", 1)
	for _, c := range []struct{ name, url, ca, hint string }{
		{"unknown authority", s.URL, "", "not signed by an authority this machine trusts; give --ca-file, or SSL_CERT_FILE"},
		{"other name", otherName, ca, "certificate is for another name"},
		{"trusted", s.URL, ca, ""},
	} {
		client := newClient(t, Policy{AllowPrivate: true, CAFile: c.ca, Lookup: toLoopback})
		_, _, err := get(t, client, c.url)
		if c.hint == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		e := rehome.AsError(err)
		if e.Code != rehome.Unreachable || !strings.Contains(e.Message, "its certificate is not trusted") || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %s, %q %q, want %q", c.name, e.Code, e.Message, e.Hint, c.hint)
		}
	}
	_, _, err := get(t, newClient(t, Policy{AllowPrivate: true}), "http://127.0.0.1:1/")
	if hint := rehome.AsError(err).Hint; hint != "Check the address, and that the server is up." {
		t.Errorf("refused connection: %q", hint)
	}
}

func TestProxyThatIsNone(t *testing.T) {
	for _, raw := range []string{"https://u:canary@proxy.example:8080", "socks5://u:canary@proxy.example", "http://u:canary@", "proxy.example:8080"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(Policy{Proxy: u}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestNoCookiesAndBodiesAsTheyCame(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "x"})
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, r.Header.Get("Cookie")+r.Header.Get("Accept-Encoding")+"as it came")
	})
	c := newClient(t, Policy{AllowPrivate: true})
	for range 2 {
		if _, body, err := get(t, c, s.URL); body != "as it came" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	}
}

// A name with a zone, and addresses of several kinds in one answer: one bad one spoils it.
func TestMixedAnswers(t *testing.T) {
	for _, bad := range []string{"127.0.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "169.254.169.254", "64:ff9b::a00:1", "0.0.0.0"} {
		for _, list := range [][]string{{bad, "140.82.121.3"}, {"140.82.121.3", "2606:50c0:8000::153", bad}} {
			c := newClient(t, Policy{Lookup: func(context.Context, string) ([]netip.Addr, error) { return addrs(list...), nil }})
			if _, _, err := get(t, c, "http://mixed.example:1/"); rehome.CodeOf(err) != rehome.BlockedByPolicy {
				t.Errorf("%q: %v", list, err)
			}
		}
	}
}
