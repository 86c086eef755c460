package api

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
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
		{"v6 with a default port", "192.0.2.1:1", "[2001:db8::1]:443", nil, true, "https://[2001:db8::1]:443"},
		{"v6 without a port", "192.0.2.1:1", "[2001:DB8::1]", nil, false, "http://[2001:DB8::1]"},
		{"v4 in v6", "192.0.2.1:1", "[::ffff:127.0.0.1]:80", nil, false, "http://[::ffff:127.0.0.1]:80"},
		{"v6 that is none", "192.0.2.1:1", "[1:2]:80", nil, false, "https://public.example"},
		{"v6 with a zone", "192.0.2.1:1", "[fe80::1%25eth0]", nil, false, "https://public.example"},
		{"v6 without brackets", "192.0.2.1:1", "::1", nil, false, "https://public.example"},
		{"default port as named", "192.0.2.1:1", "h:80", nil, false, "http://h:80"},
		{"default port not named", "192.0.2.1:1", "h", nil, true, "https://h"},
		{"port that is none", "192.0.2.1:1", "h:65536", nil, false, "https://public.example"},
		{"host with userinfo", "192.0.2.1:1", "u:p@h", nil, false, "https://public.example"},
		{"host with a path", "192.0.2.1:1", "h/evil", nil, false, "https://public.example"},
		{"two hops that append", "10.1.2.3:1", "inner:8080", map[string]string{"X-Forwarded-For": "192.0.2.9, 10.9.9.9", "X-Forwarded-Host": "evil.example, new.example, outer:81", "X-Forwarded-Proto": "gopher, https, http"}, false, "https://new.example"},
		{"two hops that replace", "10.1.2.3:1", "inner", map[string]string{"X-Forwarded-For": "192.0.2.9, 10.9.9.9", "X-Forwarded-Host": "new.example", "X-Forwarded-Proto": "HTTPS"}, false, "https://new.example"},
		{"a client that claims hops", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-For": "10.9.9.9, 192.0.2.9", "X-Forwarded-Host": "evil.example, new.example"}, false, "http://new.example"},
		{"garbage for an address", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-For": "10.9.9.9, ?, ", "X-Forwarded-Host": "evil.example, new.example"}, false, "http://new.example"},
		{"lists of nothing", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-For": ",,", "X-Forwarded-Host": ", ,", "X-Forwarded-Proto": ",", "X-Forwarded-Prefix": ","}, false, "http://h"},
		{"a line break", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Host": "new.example\r\nSet-Cookie: a=b", "X-Forwarded-Prefix": "/a\r\nb"}, false, "http://h"},
		{"two schemes as one", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Proto": "https://evil.example/"}, false, "http://h"},
		{"prefix with a query", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Prefix": "/a?b"}, false, "http://h"},
		{"v6 behind a proxy", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Host": "[2001:db8::1]:8443", "X-Forwarded-Prefix": "/git"}, false, "http://[2001:db8::1]:8443/git"},
		{"a long host", "192.0.2.1:1", strings.Repeat("h", 255) + ":65535", nil, false, "http://" + strings.Repeat("h", 255) + ":65535"},
		{"a host as long as headers may be", "192.0.2.1:1", strings.Repeat("h", 256) + ":65535", nil, false, "https://public.example"},
		{"a prefix as long as headers may be", "10.1.2.3:1", "h", map[string]string{"X-Forwarded-Prefix": "/" + strings.Repeat("p", 255)}, false, "http://h"},
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
		{"10.0.0.1:5", "203.0.113.9, 198.51.100.1:4711, 10.0.0.2:99", "198.51.100.1"},
		{"10.0.0.1:5", "[2001:db8::7]:4711", "2001:db8::7"},
		{"10.0.0.1:5", "nonsense", "10.0.0.1"},
		{"10.0.0.1:5", "fe80::1%a\" user=admin", "fe80::1"},
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
