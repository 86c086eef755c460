package egress

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// metadata is where clouds hand out credentials: never reached, whatever is allowed.
var metadata = addrs(
	"169.254.169.254", // AWS, Google, Azure, OpenStack and most others
	"169.254.170.2",   // AWS ECS tasks
	"169.254.170.23",  // AWS EKS pod identity
	"169.254.169.253", // AWS resolver
	"169.254.0.23",    // Tencent
	"100.100.100.200", // Alibaba
	"168.63.129.16",   // Azure's wire server, in public space
	"192.0.0.192",     // Oracle
	"169.254.42.42",   // Scaleway
	"fd00:ec2::254",   // AWS
	"fd00:ec2::253",   // AWS resolver
	"fd00:ec2::23",    // AWS EKS pod identity
	"fd20:ce::254",    // Google
	"fd00:42::42",     // Scaleway
	"fe80::a9fe:a9fe", // OpenStack
)

// private is what AllowPrivate opens: networks people run forges in. Link-local v4 is
// not among them, nor are addresses that stand for others (NAT64, 6to4, Teredo).
var private = prefixes(
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
	"::1/128", "fc00::/7", "fe80::/10",
)

// public knows the special-purpose registries of IANA.
var public = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAnyNetwork())

// allows reports whether a connection to a may be opened for a URL whose host is host.
func (p *Policy) allows(host string, a netip.Addr) bool {
	if p.Unrestricted {
		return true
	}
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	switch {
	case isMetadata(a) || slices.ContainsFunc(embedded(a), isMetadata):
		return false
	case anyHost(p.Block, host) || anyAddr(p.Block, a):
		return false
	case anyHost(p.Allow, host) || anyAddr(p.Allow, a):
		return true
	case p.AllowPrivate && contains(private, a):
		return true
	}
	return public.SafeAddr(a) == nil
}

func isMetadata(a netip.Addr) bool { return slices.Contains(metadata, a) }

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// embedded returns the IPv4 addresses that a gateway may make out of a IPv6 one:
// v4-compatible, NAT64 (RFC 6052 with each length of prefix, RFC 8215), 6to4, Teredo's server and client, ISATAP.
func embedded(a netip.Addr) (all []netip.Addr) {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	for _, at := range [][4]int{{2, 3, 4, 5}, {4, 5, 6, 7}, {5, 6, 7, 9}, {6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}} {
		all = append(all, netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}))
	}
	return append(all, netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
