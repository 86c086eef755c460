package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// Dial connects to a port of host, for what does not speak HTTP, as every connection is made: each address of the
// name is checked, and the connection breaks when nothing moves on it for too long. Errors are as Do's.
func (c *Client) Dial(ctx context.Context, host, port string) (net.Conn, error) {
	if err := c.checkHost(host); err != nil {
		return nil, err
	}
	address := net.JoinHostPort(host, port)
	conn, err := c.dial(ctx, "tcp", address)
	if err != nil {
		return nil, explain(ctx, &url.URL{Host: address}, err)
	}
	return conn, nil
}

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
	if isNoName(host) && !c.policy.Unrestricted { // net/http makes other names of some: 127.0.0.１
		return nil, blocked(fmt.Errorf("host %q", host))
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
	idle     time.Duration
	patience time.Duration // what the other side may take to say something, where that is longer
}

// ErrIdle is wrapped by the error of a connection on which nothing moved for too long.
var ErrIdle = errors.New("the other side stopped sending")

func (c *idleConn) Read(p []byte) (int, error) {
	c.extend()
	n, err := c.Conn.Read(p)
	return n, idle(err)
}

func (c *idleConn) Write(p []byte) (int, error) {
	c.extend()
	n, err := c.Conn.Write(p)
	return n, idle(err)
}

func (c *idleConn) extend() {
	now := time.Now()
	c.Conn.SetReadDeadline(now.Add(max(c.idle, c.patience)))
	c.Conn.SetWriteDeadline(now.Add(c.idle))
}

// idle names the time-out it finds in err.
func idle(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: %w", ErrIdle, err)
	}
	return err
}
