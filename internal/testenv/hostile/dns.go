package hostile

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Names is a DNS server on loopback whose answers change as they are told to. Safe for concurrent use.
type Names struct {
	resolver net.Resolver

	mu      sync.Mutex
	answers map[string][]string // by name, with a dot at the end; guarded by mu, as the next
	asked   map[dnsmessage.Question]int
}

// NewNames serves names until the test ends.
func NewNames(t testing.TB) *Names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Names{answers: map[string][]string{}, asked: map[dnsmessage.Question]int{}}
	n.resolver = net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	var serving sync.WaitGroup
	serving.Go(func() { n.serve(conn) })
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return n
}

// Set says what a name is: each answer is used for one look-up, the last one from then on. An answer is addresses with
// spaces between them, "" for none, SERVFAIL or NXDOMAIN, or another name that it is an alias of, then addresses.
func (n *Names) Set(name string, answers ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[strings.TrimSuffix(name, ".")+"."] = answers
}

// Lookup asks the server for every address of a name, as egress.Policy.Lookup does.
func (n *Names) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return n.resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(host, ".")+".")
}

func (n *Names) serve(conn net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		m = n.answer(m.ID, m.Questions[0])
		if packed, err := m.Pack(); err == nil {
			conn.WriteTo(packed, from) //nolint:errcheck // as datagrams are
		}
	}
}

func (n *Names) answer(id uint16, q dnsmessage.Question) dnsmessage.Message {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, RecursionAvailable: true}, Questions: []dnsmessage.Question{q}}
	n.mu.Lock()
	answers, known := n.answers[strings.ToLower(q.Name.String())]
	turn := n.asked[q]
	n.asked[q]++
	n.mu.Unlock()
	if !known {
		answers = []string{"NXDOMAIN"}
	}
	name := q.Name
	for _, word := range strings.Fields(answers[min(turn, len(answers)-1)]) {
		switch a, err := netip.ParseAddr(word); {
		case word == "SERVFAIL":
			m.RCode = dnsmessage.RCodeServerFailure
		case word == "NXDOMAIN":
			m.RCode = dnsmessage.RCodeNameError
		case err != nil:
			alias := dnsmessage.MustNewName(word)
			m.Answers = append(m.Answers, resource(name, dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: alias}))
			name = alias
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, resource(name, q.Type, &dnsmessage.AResource{A: a.As4()}))
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, resource(name, q.Type, &dnsmessage.AAAAResource{AAAA: a.As16()}))
		}
	}
	return m
}

func resource(name dnsmessage.Name, kind dnsmessage.Type, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Type: kind, Class: dnsmessage.ClassINET}, Body: body}
}
