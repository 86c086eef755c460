package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Rule names addresses (a CIDR or one address) or one host. The zero value matches nothing.
type Rule struct {
	prefix netip.Prefix
	host   string // lower case, without a final dot
}

// ParseRule reads "10.0.0.0/8", "192.0.2.7", "fd00::/8" or "git.example.com". A host
// matches exactly, without case, and not the hosts below it.
func ParseRule(s string) (Rule, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return Rule{prefix: unmapPrefix(p.Masked())}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return Rule{prefix: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	host := hostKey(s)
	if isNoName(host) || strings.Contains(host, "*") {
		return Rule{}, fmt.Errorf("%q is neither a network as 10.0.0.0/8 nor a host", s)
	}
	return Rule{host: host}, nil
}

// String is the opposite of ParseRule.
func (r Rule) String() string {
	if r.host != "" {
		return r.host
	}
	return r.prefix.String()
}

func (r Rule) matchesHost(host string) bool { return r.host != "" && r.host == host }

func (r Rule) matchesAddr(a netip.Addr) bool { return r.prefix.IsValid() && r.prefix.Contains(a) }

func anyHost(rules []Rule, host string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.matchesHost(host) })
}

func anyAddr(rules []Rule, a netip.Addr) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.matchesAddr(a) })
}

// hostKey returns the form hosts are compared in.
func hostKey(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// isNoName reports whether host, as hostKey returns it, is neither an address nor a name that a resolver is asked for,
// but may become one on the way there.
func isNoName(host string) bool {
	return host == "" || host[0] == '.' || host[len(host)-1] == '.' || strings.Contains(host, "..") || endsInNumber(host) || strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("/:@?#[]%\\,;'\"`", r)
	})
}

// unmapPrefix turns ::ffff:10.0.0.0/104 into 10.0.0.0/8.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// endsInNumber reports whether the last label of host is a number, which some resolvers
// take for an IPv4 address in another spelling (0x7f.1, 2130706433, 127.1).
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
