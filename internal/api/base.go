package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rehome/internal/wire"
)

// bases finds out what base a request came in on.
type bases struct {
	public  string // used when a request names no host
	trusted []netip.Prefix
}

// of returns the urls for r. Forwarded headers count only when a trusted proxy sent them.
func (b bases) of(r *http.Request, apiPrefix string) wire.URLs {
	scheme, host, prefix := "http", r.Host, ""
	if r.TLS != nil {
		scheme = "https"
	}
	if _, proxies := b.trace(r); proxies > 0 {
		if v := strings.ToLower(forwarded(r, "X-Forwarded-Proto", proxies)); v == "http" || v == "https" {
			scheme = v
		}
		if v := forwarded(r, "X-Forwarded-Host", proxies); isHost(v) {
			host = v
		}
		if v := strings.TrimRight(forwarded(r, "X-Forwarded-Prefix", proxies), "/"); len(v) <= maxPrefix && prefixPattern.MatchString(v) {
			prefix = v
		}
	}
	root := scheme + "://" + host + prefix
	if !isHost(host) {
		root = b.public
	}
	return wire.URLs{Root: root, API: root + apiPrefix}
}

// The longest host with its port, and the longest prefix, in bytes. A list repeats them with each object: what is
// as long as headers may be would make gigabytes of an answer.
const (
	maxHost   = 255 + len(":65535")
	maxPrefix = 255
)

var (
	hostPattern   = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?$`)
	prefixPattern = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)
)

// isHost reports whether text may stand in a URL as host and port. A port is kept as the client named it.
func isHost(text string) bool {
	if len(text) > maxHost {
		return false
	}
	found := hostPattern.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	if found[1][0] == '[' {
		addr, err := netip.ParseAddr(strings.Trim(found[1], "[]"))
		if err != nil || !addr.Is6() {
			return false
		}
	}
	_, err := strconv.ParseUint(found[2], 10, 16)
	return found[2] == "" || err == nil
}

// forwarded returns what the outermost of so many proxies wrote into a header that they append to, or the
// first value where some of them replace it instead. What stands before that a client can have sent.
func forwarded(r *http.Request, name string, proxies int) string {
	values := list(r, name)
	return values[max(len(values)-proxies, 0)]
}

// list returns the values of a header that may come as a list and more than once; one empty value for none.
func list(r *http.Request, name string) []string {
	values := strings.Split(strings.Join(r.Header.Values(name), ","), ",")
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return values
}

func (b bases) trustsAddr(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(b.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// client returns the address of who asked.
func (b bases) client(r *http.Request) string {
	addr, _ := b.trace(r)
	return addr
}

// trace goes from the peer back through X-Forwarded-For. It returns the first address on the way that is no
// trusted proxy, or the last that is, and how many trusted proxies it met.
func (b bases) trace(r *http.Request) (client string, proxies int) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr, 0
	}
	addr, hops := peer.Addr(), list(r, "X-Forwarded-For")
	for b.trustsAddr(addr) {
		proxies++
		if len(hops) == 0 {
			break
		}
		next, err := hop(hops[len(hops)-1])
		if err != nil {
			break
		}
		addr, hops = next.WithZone(""), hops[:len(hops)-1] // a zone may be any text
	}
	return addr.Unmap().String(), proxies
}

// hop reads an address of X-Forwarded-For. Some proxies add the port.
func hop(text string) (netip.Addr, error) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr(), nil
	}
	return netip.ParseAddr(text)
}

// withQuery returns base with the query's values.
func withQuery(base string, query url.Values) string { return base + "?" + query.Encode() }
