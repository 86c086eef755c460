package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// bounded serves at an Inlet on loopback. A request for /wait is answered once release is closed.
type bounded struct {
	*Inlet
	web     *http.Server
	release chan struct{}
	waiting chan struct{} // gets one for each request that waits
	closed  chan struct{} // gets one for each connection that is closed at once
}

func serveBounded(t *testing.T, most int, trusted ...string) *bounded {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var proxies []netip.Prefix
	for _, one := range trusted {
		proxies = append(proxies, netip.MustParsePrefix(one))
	}
	b := &bounded{Inlet: NewInlet(listener, most, proxies), release: make(chan struct{}), waiting: make(chan struct{}, 100), closed: make(chan struct{}, 100)}
	b.refused = func() { b.closed <- struct{}{} }
	b.web = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			b.waiting <- struct{}{}
			<-b.release
		}
		fmt.Fprint(w, "here")
	})}
	b.Bound(b.web)
	served := make(chan error, 1)
	go func() { served <- b.web.Serve(b) }()
	t.Cleanup(func() {
		b.web.Close()
		<-served
	})
	return b
}

// dial connects from an address of loopback's.
func (b *bounded) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func ask(t *testing.T, c net.Conn, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
}

func answered(t *testing.T, c net.Conn) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "here" {
		t.Fatalf("%q, %v", body, err)
	}
}

func ended(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1)) // nothing is sent to who asks nothing: it waits for the end
	return err != nil
}

// TestIdleConnectionsGiveWay: many more than may be are opened, on which nothing is ever asked, and others are answered all the same.
func TestIdleConnectionsGiveWay(t *testing.T) {
	b := serveBounded(t, 8)
	busy := b.dial(t, "127.0.0.2")
	ask(t, busy, "/wait")
	<-b.waiting
	var idle []net.Conn
	for n := range 40 {
		idle = append(idle, b.dial(t, fmt.Sprintf("127.0.0.%d", 10+n)))
	}
	for _, c := range idle[:32] { // the oldest went, not the one that is busy
		if !ended(c) {
			t.Fatal("an idle connection says something")
		}
	}
	late := b.dial(t, "127.0.0.3")
	ask(t, late, "/")
	answered(t, late)
	close(b.release)
	answered(t, busy)
	ask(t, busy, "/")
	answered(t, busy)
}

// TestBusyConnectionsStay: where something is asked on all, a new one is closed.
func TestBusyConnectionsStay(t *testing.T) {
	b := serveBounded(t, 8)
	var busy []net.Conn
	for n := range 8 {
		c := b.dial(t, fmt.Sprintf("127.0.0.%d", 10+n))
		ask(t, c, "/wait")
		<-b.waiting
		busy = append(busy, c)
	}
	if !ended(b.dial(t, "127.0.0.2")) {
		t.Error("a connection too many stays")
	}
	<-b.closed
	close(b.release)
	for _, c := range busy {
		answered(t, c)
	}
	again := b.dial(t, "127.0.0.2") // one of the others is idle now
	ask(t, again, "/")
	answered(t, again)
}

// TestConnectionsOfAnAddress: each address has its share, and a trusted proxy what there is.
func TestConnectionsOfAnAddress(t *testing.T) {
	b := serveBounded(t, 8, "127.0.0.9/32")
	var busy []net.Conn
	for _, from := range []string{"127.0.0.2", "127.0.0.2", "127.0.0.9", "127.0.0.9", "127.0.0.9", "127.0.0.9"} {
		c := b.dial(t, from)
		ask(t, c, "/wait")
		<-b.waiting
		busy = append(busy, c)
	}
	if !ended(b.dial(t, "127.0.0.2")) {
		t.Error("more connections than the share of an address stay")
	}
	<-b.closed
	other := b.dial(t, "127.0.0.3")
	ask(t, other, "/")
	answered(t, other)
	close(b.release)
	for _, c := range busy {
		answered(t, c)
		c.Close()
	}
}

// TestInletForgets: connections that end leave nothing behind, whoever ends them.
func TestInletForgets(t *testing.T) {
	b := serveBounded(t, 8)
	for n := range 20 {
		c := b.dial(t, "127.0.0.2")
		ask(t, c, "/")
		answered(t, c)
		if n%2 == 0 {
			c.Close()
		}
	}
	b.web.Close()
	for { // the server notices in its own time
		b.mu.Lock()
		open, from := len(b.open), len(b.from)
		b.mu.Unlock()
		if open == 0 && from == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
