// Package pgline makes connections to Postgres that end when the other side falls silent.
//
// A server that goes away tells nobody when its packets get lost: with a machine that loses power, a firewall that forgets,
// a proxy that hangs. Two things notice. The kernel does where nobody acknowledges what was sent, or answers its probes.
// A timer does where somebody acknowledges and nothing more comes: what is read or written has to go on within a time.
package pgline

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrSilent ends connections on which nothing came for too long. It comes in a *net.OpError that is no timeout: those are a caller's own.
var ErrSilent = errors.New("the database fell silent")

// How long the kernel goes on without a sign of life: what it has sent is acknowledged within unacknowledged, and a
// connection on which nothing moves is probed after idle and then every few seconds, until probes were lost.
const (
	unacknowledged = 20 * time.Second
	idle           = 10 * time.Second
	between        = 5 * time.Second
	probes         = 3
)

// Lines are the connections of one pool. They are safe for concurrent use.
type Lines struct {
	silence time.Duration
	mu      sync.Mutex
	open    map[*line]struct{} // guarded by mu; nil once they are cut
}

// New returns lines on which a read or a write takes silence at most; 0 leaves it to the kernel to end them. It has to be
// longer than the server's own statement_timeout: a server that lives says before that something is late.
func New(silence time.Duration) *Lines {
	return &Lines{silence: silence, open: map[*line]struct{}{}}
}

// Dial connects; it is what pgx calls a DialFunc.
func (l *Lines) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: idle, Interval: between, Count: probes},
		Control:         control,
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &line{Conn: conn, of: l}
	if l.silence > 0 {
		made.reads, made.writes = newWatch(conn, l.silence), newWatch(conn, l.silence)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		conn.Close() //nolint:errcheck // nothing was said on it
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.ErrClosed}
	}
	l.open[made] = struct{}{}
	return made, nil
}

// Cut ends all connections at once, whatever they wait for, and makes no more.
func (l *Lines) Cut() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for c := range open {
		c.Close() //nolint:errcheck // that it ends is all that is wanted
	}
}

func (l *Lines) forget(c *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// control sets what net.Dialer has no field for.
func control(network, _ string, raw syscall.RawConn) error {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil
	}
	var err error
	if failed := raw.Control(func(fd uintptr) { err = setUserTimeout(int(fd), unacknowledged) }); failed != nil {
		return failed
	}
	return os.NewSyscallError("setsockopt", err)
}

// line is one connection.
type line struct {
	net.Conn
	of            *Lines
	reads, writes watch
}

// Read is net.Conn's.
func (c *line) Read(into []byte) (n int, err error) {
	c.reads.begin()
	n, err = c.Conn.Read(into)
	return n, c.reads.end("read", c, err)
}

// Write is net.Conn's.
func (c *line) Write(from []byte) (n int, err error) {
	c.writes.begin()
	n, err = c.Conn.Write(from)
	return n, c.writes.end("write", c, err)
}

// Close is net.Conn's.
func (c *line) Close() error {
	c.of.forget(c)
	return c.Conn.Close()
}

// watch closes a connection that is at the same read, or write, for too long. One at a time begins. The zero watch never does.
type watch struct {
	timer   *time.Timer
	silence time.Duration
	late    *atomic.Bool // it has closed it
}

func newWatch(conn net.Conn, silence time.Duration) watch {
	late := new(atomic.Bool)
	timer := time.AfterFunc(time.Hour, func() {
		late.Store(true)
		conn.Close() //nolint:errcheck // who waits is told by end
	})
	timer.Stop()
	return watch{timer, silence, late}
}

func (w watch) begin() {
	if w.timer != nil {
		w.timer.Reset(w.silence)
	}
}

// end says what a read or a write came to.
func (w watch) end(op string, c *line, err error) error {
	if w.timer == nil {
		return err
	}
	w.timer.Stop()
	if err != nil && w.late.Load() {
		return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: ErrSilent}
	}
	return err
}
