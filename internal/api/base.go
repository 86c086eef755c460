package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
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
	if b.trusts(r) {
		if v := forwarded(r, "X-Forwarded-Proto"); v == "http" || v == "https" {
			scheme = v
		}
		if v := forwarded(r, "X-Forwarded-Host"); hostPattern.MatchString(v) {
			host = v
		}
		if v := strings.TrimRight(forwarded(r, "X-Forwarded-Prefix"), "/"); prefixPattern.MatchString(v) {
			prefix = v
		}
	}
	root := scheme + "://" + host + prefix
	if !hostPattern.MatchString(host) {
		root = b.public
	}
	return wire.URLs{Root: root, API: root + apiPrefix}
}

var (
	hostPattern   = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)
	prefixPattern = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)
)

// forwarded returns the last value of a header that proxies append to: the one our own proxy wrote.
func forwarded(r *http.Request, name string) string {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

func (b bases) trusts(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && b.trustsAddr(peer.Addr())
}

func (b bases) trustsAddr(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(b.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// client returns the address of who asked: the last one in X-Forwarded-For that is no trusted proxy.
func (b bases) client(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for b.trustsAddr(addr) && len(hops) > 0 {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			break
		}
		addr, hops = next, hops[:len(hops)-1]
	}
	return addr.Unmap().String()
}

// withQuery returns base with the query's values.
func withQuery(base string, query url.Values) string { return base + "?" + query.Encode() }
