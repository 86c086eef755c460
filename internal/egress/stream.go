package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// DoStream is Do for a request whose body comes from somewhere as it is sent, and cannot be sent twice. It goes over
// a connection of its own, which ends with the answer's body, and whose answer may take wait to go on, 0 for as
// long as any. A server that refuses before it has read everything is heard: its answer wins over the error of
// sending to a closed connection.
func (c *Client) DoStream(r *http.Request, wait time.Duration) (*http.Response, error) {
	transport := c.newTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := c.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn.(*idleConn).patience = wait
		return &deafened{Conn: conn}, nil
	})
	transport.DisableKeepAlives = true
	return c.do(&http.Client{Transport: transport, CheckRedirect: c.checkRedirect}, r)
}

// deafened is a connection that goes on taking what the other side does not take any more, until reading has ended,
// too: net/http forgets an answer that was there when sending fails first.
type deafened struct {
	net.Conn
	ended atomic.Bool
}

func (d *deafened) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if err != nil {
		d.ended.Store(true)
	}
	return n, err
}

func (d *deafened) Close() error {
	d.ended.Store(true)
	return d.Conn.Close()
}

func (d *deafened) Write(p []byte) (int, error) {
	n, err := d.Conn.Write(p)
	if err != nil && !errors.Is(err, ErrIdle) && !d.ended.Load() {
		return len(p), nil
	}
	return n, err
}
