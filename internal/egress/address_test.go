package egress

import (
	"net/netip"
	"testing"
)

func TestAllows(t *testing.T) {
	rules := func(list ...string) (out []Rule) {
		for _, s := range list {
			r, err := ParseRule(s)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r)
		}
		return out
	}
	open := Policy{}
	privately := Policy{AllowPrivate: true}
	ruled := Policy{Allow: rules("10.1.0.0/16", "64:ff9b::/96", "64:ff9b:1::/48", "2001:db8::/32", "169.254.0.0/16", "git.corp"), Block: rules("10.1.2.3", "8.8.8.0/24", "evil.example")}
	everything := Policy{AllowPrivate: true, Allow: rules("0.0.0.0/0", "::/0", "metadata.google.internal")}
	for _, c := range []struct {
		name   string
		policy Policy
		host   string
		addr   string
		want   bool
	}{
		{"public v4", open, "h", "140.82.121.3", true},
		{"public v6", open, "h", "2606:50c0:8000::153", true},
		{"loopback", open, "h", "127.0.0.1", false},
		{"loopback net", open, "h", "127.255.1.1", false},
		{"loopback v6", open, "h", "::1", false},
		{"unspecified", open, "h", "0.0.0.0", false},
		{"unspecified v6", open, "h", "::", false},
		{"this network", open, "h", "0.1.2.3", false},
		{"ten", open, "h", "10.0.0.1", false},
		{"172.16", open, "h", "172.31.255.255", false},
		{"192.168", open, "h", "192.168.1.1", false},
		{"carrier NAT", open, "h", "100.64.0.1", false},
		{"link-local", open, "h", "169.254.1.1", false},
		{"link-local v6", open, "h", "fe80::1", false},
		{"zone", open, "h", "fe80::1%eth0", false},
		{"unique local", open, "h", "fd12:3456::1", false},
		{"192.0.0.0/24", open, "h", "192.0.0.8", false},
		{"test net 1", open, "h", "192.0.2.1", false},
		{"test net 2", open, "h", "198.51.100.1", false},
		{"test net 3", open, "h", "203.0.113.1", false},
		{"benchmark", open, "h", "198.19.0.1", false},
		{"multicast", open, "h", "224.0.0.1", false},
		{"multicast v6", open, "h", "ff02::1", false},
		{"reserved", open, "h", "240.0.0.1", false},
		{"broadcast", open, "h", "255.255.255.255", false},
		{"documentation v6", open, "h", "2001:db8::1", false},
		{"Teredo", open, "h", "2001:0:1::1", false},
		{"6to4", open, "h", "2002:7f00:1::1", false},
		{"NAT64", open, "h", "64:ff9b::7f00:1", false},
		{"NAT64 local", open, "h", "64:ff9b:1::7f00:1", false},
		{"v4-mapped loopback", open, "h", "::ffff:127.0.0.1", false},
		{"v4-mapped public", open, "h", "::ffff:140.82.121.3", true},
		{"v4-compatible", open, "h", "::127.0.0.1", false},
		{"site-local", open, "h", "fec0::1", false},
		{"AS112", open, "h", "192.31.196.1", false},
		{"AMT", open, "h", "192.52.193.1", false},
		{"6to4 relay", open, "h", "192.88.99.1", false},
		{"AS112 direct", open, "h", "192.175.48.1", false},
		{"discard v6", open, "h", "100::1", false},
		{"SRv6", open, "h", "5f00::1", false},
		{"documentation v6, new", open, "h", "3fff::1", false},
		{"ORCHIDv2", open, "h", "2001:20::1", false},
		{"benchmark v6", open, "h", "2001:2::1", false},
		{"AS112 v6", open, "h", "2620:4f:8000::1", false},
		{"v4-translated", open, "h", "::ffff:0:8c52:7903", false},
		{"Azure wire server", open, "h", "168.63.129.16", false},

		{"private: loopback", privately, "h", "127.0.0.1", true},
		{"private: ten", privately, "h", "10.0.0.1", true},
		{"private: unique local", privately, "h", "fd12::1", true},
		{"private: carrier NAT", privately, "h", "100.64.0.1", true},
		{"private: public", privately, "h", "140.82.121.3", true},
		{"private: metadata", privately, "h", "169.254.169.254", false},
		{"private: metadata mapped", privately, "h", "::ffff:169.254.169.254", false},
		{"private: metadata v6", privately, "h", "fd00:ec2::254", false},
		{"private: metadata Alibaba", privately, "h", "100.100.100.200", false},
		{"private: metadata Azure", privately, "h", "168.63.129.16", false},
		{"private: metadata Scaleway", privately, "h", "fd00:42::42", false},
		{"private: metadata Linode", privately, "h", "fd00:a9fe:a9fe::1", false},
		{"private: metadata Oracle v6", privately, "h", "fd00:c1::a9fe:a9fe", false},
		{"private: link-local", privately, "h", "169.254.3.4", false},
		{"private: unspecified", privately, "h", "0.0.0.0", false},
		{"private: NAT64", privately, "h", "64:ff9b::a00:1", false},

		{"ruled: allowed", ruled, "h", "10.1.9.9", true},
		{"ruled: block wins", ruled, "h", "10.1.2.3", false},
		{"ruled: beside", ruled, "h", "10.2.0.1", false},
		{"ruled: blocked public", ruled, "h", "8.8.8.8", false},
		{"ruled: host", ruled, "git.corp", "192.168.7.7", true},
		{"ruled: host to metadata", ruled, "git.corp", "169.254.169.254", false},
		{"ruled: blocked host", ruled, "evil.example", "140.82.121.3", false},
		{"ruled: metadata by net", ruled, "h", "169.254.169.254", false},
		{"ruled: link-local by net", ruled, "h", "169.254.8.8", true},
		{"ruled: NAT64", ruled, "h", "64:ff9b::8c52:7903", true},
		{"ruled: NAT64 to metadata", ruled, "h", "64:ff9b::a9fe:a9fe", false},

		{"ruled: NAT64 to metadata, prefix of 32 bits", ruled, "h", "2001:db8:a9fe:a9fe::", false},
		{"ruled: NAT64 to metadata, prefix of 40 bits", ruled, "h", "2001:db8:12a9:fea9:fe::", false},
		{"ruled: NAT64 to metadata, prefix of 48 bits", ruled, "h", "64:ff9b:1:a9fe:a9:fe00::", false},
		{"ruled: NAT64 to metadata, prefix of 56 bits", ruled, "h", "2001:db8:1234:12a9:fe:a9fe::", false},
		{"ruled: NAT64 to metadata, prefix of 64 bits", ruled, "h", "2001:db8:1234:1234:a9:fea9:fe00:0", false},
		{"ruled: NAT64 elsewhere", ruled, "h", "64:ff9b:1:8c52:79:300::", true},
		{"everything: metadata", everything, "h", "169.254.169.254", false},
		{"everything: metadata v6", everything, "h", "fd00:ec2::254", false},
		{"everything: metadata by name", everything, "metadata.google.internal", "169.254.169.254", false},
		{"everything: metadata v4-compatible", everything, "h", "::a9fe:a9fe", false},
		{"everything: metadata 6to4", everything, "h", "2002:a9fe:a9fe::1", false},
		{"everything: metadata Teredo server", everything, "h", "2001:0:a9fe:a9fe::1", false},
		{"everything: metadata Teredo client", everything, "h", "2001:0:1:1:1:1:5601:5601", false},
		{"everything: metadata ISATAP", everything, "h", "fd12::5efe:a9fe:a9fe", false},
		{"everything: any other", everything, "h", "240.0.0.1", true},

		{"unrestricted", Policy{Unrestricted: true}, "h", "127.0.0.1", true},
	} {
		if got := c.policy.allows(c.host, netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s: %s allowed: got %v, want %v", c.name, c.addr, got, c.want)
		}
	}
}

// An address that is none would be looked up again by whoever dials it.
func TestNoAddressIsNotAllowed(t *testing.T) {
	for _, p := range []Policy{{}, {AllowPrivate: true}} {
		if p.allows("h", netip.Addr{}) {
			t.Errorf("%+v lets it through", p)
		}
	}
}

func TestParseRule(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"10.9.9.9/8", "10.0.0.0/8"},
		{"192.0.2.7", "192.0.2.7/32"},
		{"fd00::/8", "fd00::/8"},
		{"::1", "::1/128"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"::ffff:10.0.0.1", "10.0.0.1/32"},
		{"Git.Example.COM.", "git.example.com"},
		{"forge", "forge"},
		{"", ""},
		{"https://x", ""},
		{"a:80", ""},
		{"10.0.0.0/33", ""},
		{"fe80::1%eth0", ""},
		{"1.2.3", ""},
		{"*.x", ""},
		{"a b", ""},
	} {
		r, err := ParseRule(c.in)
		if (err == nil) != (c.want != "") || (err == nil && r.String() != c.want) {
			t.Errorf("ParseRule(%q) = %q, %v; want %q", c.in, r, err, c.want)
		}
	}
}
