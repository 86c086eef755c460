package transport

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// call asks a git daemon (git help daemon), which knows nobody's name.
func (t *Transport) call(ctx context.Context, l remote.Location, q Question) (*line, error) {
	path, err := pathOf(l)
	if err != nil {
		return nil, err
	}
	conn, err := t.connect(ctx, l, "9418", q)
	if err != nil {
		return nil, err
	}
	l.Username, l.Password = "", ""
	c := newLine(l, conn, conn, func() { conn.Close() })
	unwatch := context.AfterFunc(ctx, c.drop)
	c.end = func() error {
		unwatch()
		c.drop()
		return nil
	}
	c.raw.expect(q.Silence)
	if err = c.greet(path, q.Service); err == nil {
		err = c.read(ctx, q, t.o.Patience)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// greet says what is wanted.
func (c *line) greet(path string, s protocol.Service) error {
	text := fmt.Sprintf("%s %s\x00host=%s\x00", s, path, c.at.URL.Host)
	if s == protocol.UploadPack {
		text += "\x00version=2\x00"
	}
	out := protocol.NewWriter(c.out)
	out.Data([]byte(text))
	if out.Err() != nil {
		return c.raw.explain(io.ErrUnexpectedEOF)
	}
	return nil
}

// connect opens a connection to where l is, in the time that the server has to begin to speak.
func (t *Transport) connect(ctx context.Context, l remote.Location, port string, q Question) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Silence)
	defer cancel()
	if err := t.o.Client.CheckURL(l.URL); err != nil {
		return nil, err
	}
	return t.o.Client.Dial(ctx, l.URL.Hostname(), portOf(l, port))
}

// pathOf is the path that a program at the other end is given: in a user's home where l says so or the path begins
// with "/~", as git reads it.
func pathOf(l remote.Location) (string, error) {
	path := l.URL.Path
	if l.Home || strings.HasPrefix(path, "/~") {
		path = strings.TrimPrefix(path, "/")
	}
	if path == "" || path[0] == '-' || hasControl(path) {
		return "", NotARepository("its path is not one that a server can be asked for")
	}
	return path, nil
}
