package api

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"
)

func TestBases(t *testing.T) {
	b := bases{public: "https://public.example", trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, c := range []struct {
		name, peer, host string
		headers          map[string]string
		tls              bool
		want             string
	}{
		{"plain", "192.0.2.1:1", "127.0.0.1:8080", nil, false, "http://127.0.0.1:8080"},
		{"tls", "192.0.2.1:1", "new.example", nil, true, "https://new.example"},
		{"v6", "192.0.2.1:1", "[::1]:8080", nil, false, "http://[::1]:8080"},
		{"no host", "192.0.2.1:1", "", nil, false, "https://public.example"},
		{"host with markup", "192.0.2.1:1", `a"b`, nil, false, "https://public.example"},
		{"stranger's headers", "192.0.2.1:1", "h", map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}, false, "http://h"},
		{"proxy", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "new.example:8443", "X-Forwarded-Prefix": "/git/"}, false, "https://new.example:8443/git"},
		{"proxy over v6", "[fd00::1]:1", "h", map[string]string{"X-Forwarded-Host": "new.example"}, false, "http://new.example"},
		{"proxy as v4 in v6", "[::ffff:10.0.0.1]:1", "h", map[string]string{"X-Forwarded-Host": "new.example"}, false, "http://new.example"},
		{"appended to", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Host": "evil.example, new.example"}, false, "http://new.example"},
		{"proxy's nonsense", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "a/b", "X-Forwarded-Prefix": "//evil.example"}, false, "http://h"},
		{"prefix that climbs", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Prefix": "/a/../b"}, false, "http://h"},
	} {
		r := &http.Request{Host: c.host, RemoteAddr: c.peer, Header: http.Header{}}
		for name, value := range c.headers {
			r.Header.Set(name, value)
		}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		u := b.of(r, "/api/v3")
		if u.Root != c.want || u.API != c.want+"/api/v3" {
			t.Errorf("%s: got %+v, want %s", c.name, u, c.want)
		}
	}
}

func TestClientAddress(t *testing.T) {
	b := bases{trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range []struct{ peer, header, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "198.51.100.1", "192.0.2.1"},
		{"10.0.0.1:5", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:5", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"10.0.0.1:5", "nonsense", "10.0.0.1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"@", "", "@"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.header != "" {
			r.Header.Set("X-Forwarded-For", c.header)
		}
		if got := b.client(r); got != c.want {
			t.Errorf("%s behind %q: got %s, want %s", c.peer, c.header, got, c.want)
		}
	}
}
