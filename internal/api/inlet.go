package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Inlet bounds the connections of a server, all of them and those from one address (a /64 of IPv6). Where there are as many as may be,
// the one on which nothing is asked for the longest time gives way to a new one; where something is asked on all, the new one
// is closed. Trusted proxies count as everybody: the door counts their clients.
type Inlet struct {
	net.Listener
	most    int // connections
	each    int // of an address
	trusted bases

	mu      sync.Mutex
	open    map[*inletConn]bool
	from    map[string]int // connections by address; none is 0
	turns   int64          // counts what happens, to tell how long ago something was
	refused func()         // told of each connection that is closed at once; nil for nobody
}

// NewInlet returns an Inlet of what listener accepts. most is 8 or more.
func NewInlet(listener net.Listener, most int, trusted []netip.Prefix) *Inlet {
	return &Inlet{Listener: listener, most: most, each: most / 4, trusted: bases{trusted: trusted}, open: map[*inletConn]bool{}, from: map[string]int{}}
}

// Bound has web, which is to serve the Inlet, tell on which connections something is asked.
func (l *Inlet) Bound(web *http.Server) {
	next := web.Handler
	web.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if below, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
			c = below.NetConn()
		}
		return context.WithValue(ctx, inletKey{}, c)
	}
	web.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(inletKey{}).(*inletConn); ok {
			l.ask(c, 1)
			defer l.ask(c, -1)
		}
		next.ServeHTTP(w, r)
	})
}

type inletKey struct{}

// inletConn is a connection that was let in.
type inletConn struct {
	net.Conn
	inlet *Inlet
	from  string // "" for a proxy
	asked int    // requests under way; guarded by the inlet's mu, as is since
	since int64  // the turn at which there were none
}

// Close fills net.Conn.
func (c *inletConn) Close() error {
	c.inlet.leave(c)
	return c.Conn.Close()
}

// Accept fills net.Listener.
func (l *Inlet) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		in, gives := l.enter(c)
		if gives != nil {
			gives.Conn.Close() //nolint:errcheck // who serves it notices
		}
		if in != nil {
			return in, nil
		}
		c.Close() //nolint:errcheck // nobody has heard of it
		if l.refused != nil {
			l.refused()
		}
	}
}

// enter counts a connection, and the one that gives way to it no more. in is nil where there is no room.
func (l *Inlet) enter(c net.Conn) (in, gives *inletConn) {
	in = &inletConn{Conn: c, inlet: l}
	if at, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil && !l.trusted.trustsAddr(at.Addr()) {
		in.from = network(at.Addr().Unmap().String())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	full, crowded := len(l.open) >= l.most, in.from != "" && l.from[in.from] >= l.each
	if full || crowded {
		if gives = l.idlest(in.from, crowded); gives == nil {
			return nil, nil
		}
		l.forget(gives)
	}
	l.turns++
	in.since = l.turns
	l.open[in] = true
	l.from[in.from]++
	return in, gives
}

// idlest is the connection that has been without a request for the longest time, nil where all have one; of all of them, or only of those from there.
func (l *Inlet) idlest(from string, there bool) (found *inletConn) {
	for c := range l.open {
		if c.asked == 0 && (!there || c.from == from) && (found == nil || c.since < found.since) {
			found = c
		}
	}
	return found
}

func (l *Inlet) ask(c *inletConn, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns++
	c.since = l.turns
	c.asked += n
}

func (l *Inlet) leave(c *inletConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(c)
}

// forget is called with mu held.
func (l *Inlet) forget(c *inletConn) {
	if !l.open[c] {
		return
	}
	delete(l.open, c)
	if l.from[c.from]--; l.from[c.from] == 0 {
		delete(l.from, c.from)
	}
}
