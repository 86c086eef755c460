package egress_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/testenv/hostile"
)

// forbidden are addresses of every range that is not public, as hosts of URLs.
const forbidden = `127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.254 192.168.1.1 100.64.0.1 100.127.255.254 169.254.1.1 192.0.0.8 192.0.2.1 198.51.100.1
	203.0.113.1 192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1 198.18.0.1 198.19.255.254 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 [::] [::1] [::127.0.0.1] [::ffff:127.0.0.1]
	[::ffff:10.0.0.1] [::ffff:0:10.0.0.1] [64:ff9b::a00:1] [64:ff9b:1::a00:1] [100::1] [2001::1] [2001:2::1] [2001:10::1] [2001:20::1] [2001:db8::1] [2002:a00:1::1] [3fff::1] [5f00::1] [fc00::1]
	[fd12:3456::1] [fe80::1] [fec0::1] [ff02::1]`

// metadata are those that hand out credentials, and those that a gateway makes into one.
const metadata = `169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192 169.254.42.42 169.254.0.23 [fd00:ec2::254] [fd00:ec2::23] [fd20:ce::254] [fd00:42::42]
	[fe80::a9fe:a9fe] [::ffff:169.254.169.254] [::169.254.169.254] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a9fe:a9fe] [64:ff9b:1:a9fe:a9:fe00::] [2002:a9fe:a9fe::1] [2001:0:a9fe:a9fe::1]
	[2001:0:1:1:1:1:5601:5601] 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.16689662`

// TestEveryAddressIsThisMachine runs where each address there is leads to a canary, so that nothing but the policy stands before it.
func TestEveryAddressIsThisMachine(t *testing.T) {
	if !hostile.Alone(t) {
		return
	}
	canaries := hostile.Watch(t)
	rule := func(text string) egress.Rule {
		r, err := egress.ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	everything := egress.Policy{AllowPrivate: true, Allow: []egress.Rule{rule("0.0.0.0/0"), rule("::/0"), rule("name.example")}}
	for _, c := range []struct {
		name   string
		policy egress.Policy
		hosts  string
	}{
		{"by default", egress.Policy{}, forbidden + " " + metadata},
		{"private networks allowed", egress.Policy{AllowPrivate: true}, metadata},
		{"everything allowed", everything, metadata},
	} {
		for _, host := range strings.Fields(c.hosts) {
			tryAll(t, c.policy, host)
		}
		if hits := canaries.Hits(); hits != nil {
			t.Errorf("%s: %q were reached", c.name, hits)
		}
	}
	wantSung(t, canaries, everything, "10.0.0.1", "240.0.0.1", "[fd12:3456::1]")
	wantSung(t, canaries, egress.Policy{}, "140.82.121.3", "[2606:50c0:8000::153]")
}

// tryAll asks for a host in each way, by address and by a name for it, and wants one answer.
func tryAll(t *testing.T, p egress.Policy, host string) {
	t.Helper()
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	p.Lookup = func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{a}, nil }
	c := open(t, p)
	defer c.Close()
	hosts := []string{host}
	if err == nil {
		hosts = append(hosts, "name.example")
	}
	for _, host := range hosts {
		for _, url := range []string{"http://" + host + "/", "https://" + host + "/", "http://" + host + ":9418/"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Do(r)
			wantBlocked(t, url+" "+a.String(), err)
		}
		_, err := c.Dial(t.Context(), strings.Trim(host, "[]"), "22")
		wantBlocked(t, "dial "+host+" "+a.String(), err)
	}
}

func wantBlocked(t *testing.T, what string, err error) {
	t.Helper()
	if rehome.CodeOf(err) != rehome.BlockedByPolicy || err.Error() != "This server may not connect to that address." {
		t.Errorf("%s: %v", what, err)
	}
}

// wantSung checks that a canary sings where it is reached: without, silence would show nothing.
func wantSung(t *testing.T, canaries *hostile.Canaries, p egress.Policy, hosts ...string) {
	t.Helper()
	if !hostile.IsAlone() {
		return
	}
	c := open(t, p)
	defer c.Close()
	for _, host := range hosts {
		conn, err := c.Dial(t.Context(), strings.Trim(host, "[]"), "80")
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		conn.Read(make([]byte, 1)) //nolint:errcheck // it closes once it has sung
		conn.Close()
		if hits := canaries.Hits(); len(hits) != 1 || hits[0] != net.JoinHostPort(strings.Trim(host, "[]"), "80") {
			t.Errorf("%s was reached, and %q were hit", host, hits)
		}
	}
}

func open(t *testing.T, p egress.Policy) *egress.Client {
	t.Helper()
	c, err := egress.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
