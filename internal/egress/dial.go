package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// dial connects to address after every address behind it passed the policy.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	all, err := c.resolve(ctx, hostKey(host))
	if err != nil {
		return nil, err
	}
	var first error
	for i, a := range all {
		conn, err := c.dialOne(ctx, network, net.JoinHostPort(a.String(), port), len(all)-i)
		if err == nil {
			return &idleConn{Conn: conn, idle: c.policy.Idle}, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// dialOne connects to one checked address, in its share of the time left.
func (c *Client) dialOne(ctx context.Context, network, address string, sharers int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && sharers > 1 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, max(time.Until(deadline)/time.Duration(sharers), time.Second))
		defer stop()
	}
	if c.policy.Proxy != nil {
		return connect(ctx, c.policy.Proxy, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// resolve returns every address of host, or an error when one of them is not allowed.
func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	all, err := c.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	checked := make([]netip.Addr, len(all)) // all may be the resolver's own
	for i, a := range all {
		if !c.policy.allows(host, a) {
			return nil, blocked(fmt.Errorf("address %s of %q", a, host))
		}
		checked[i] = a.Unmap()
	}
	return checked, nil
}

func (c *Client) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	all, err := c.policy.Lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %q: %w", host, err)
	}
	if len(all) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return all, nil
}

// idleConn breaks when nothing moves in either direction for idle.
type idleConn struct {
	net.Conn
	idle time.Duration
}

// ErrIdle is wrapped by the error of a connection on which nothing moved for too long.
var ErrIdle = errors.New("the other side stopped sending")

func (c *idleConn) Read(p []byte) (int, error) {
	c.Conn.SetDeadline(time.Now().Add(c.idle))
	n, err := c.Conn.Read(p)
	return n, idle(err)
}

func (c *idleConn) Write(p []byte) (int, error) {
	c.Conn.SetDeadline(time.Now().Add(c.idle))
	n, err := c.Conn.Write(p)
	return n, idle(err)
}

// idle names the time-out it finds in err.
func idle(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: %w", ErrIdle, err)
	}
	return err
}
