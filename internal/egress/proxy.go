package egress

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// The faults of proxies.
var (
	errProxy   = errors.New("the proxy of this server does not lead there")
	errNoProxy = errors.New("the proxy is not one: want http://HOST:PORT, with USER:PASSWORD@ where it asks for them")
)

// ParseProxy reads the URL of a proxy. The error does not repeat it: there may be a password in it.
func ParseProxy(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || !isProxy(u) {
		return nil, errNoProxy
	}
	return u, nil
}

func isProxy(u *url.URL) bool {
	return u.Scheme == "http" && u.Hostname() != "" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// connect opens a tunnel to address, which was checked, through proxy, which is the
// operator's and is not. The target is named by address, so that the proxy does not
// resolve it once more to something else.
func connect(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port(proxy)))
	if err != nil {
		return nil, fmt.Errorf("%w: connect to it: %w", errProxy, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	through, err := tunnel(conn, proxy, address)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return through, nil
}

// tunnel asks for the way through and returns the connection to its end.
func tunnel(conn net.Conn, proxy *url.URL, address string) (net.Conn, error) {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		r.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := r.Write(conn); err != nil {
		return nil, fmt.Errorf("%w: ask it: %w", errProxy, err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, r)
	if err != nil {
		return nil, fmt.Errorf("%w: read its answer: %w", errProxy, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%w: it answers %d", errProxy, resp.StatusCode)
	}
	return &tunnelled{conn, in}, nil
}

// tunnelled is a connection of which the beginning may have come with the proxy's answer: an SSH server speaks first.
type tunnelled struct {
	net.Conn
	in *bufio.Reader
}

func (t *tunnelled) Read(p []byte) (int, error) { return t.in.Read(p) }
