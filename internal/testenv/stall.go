package testenv

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Stall is a way to a server on loopback on which nothing more comes through once it is stopped: connections stay open, new
// ones are taken, and nobody answers. It ends with the test.
type Stall struct {
	listener net.Listener
	to       string

	mu      sync.Mutex
	stopped bool // guarded by mu, as all below
	ended   bool
	open    []net.Conn // both ends of each
	copies  sync.WaitGroup
}

// NewStall opens a way to a server by its URL, which it returns with the way's own address in it.
func NewStall(t testing.TB, server string) (s *Stall, through string) {
	t.Helper()
	u, err := url.Parse(server)
	must(t, err)
	s = &Stall{to: u.Host}
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	u.Host = s.listener.Addr().String()
	s.copies.Go(s.accept)
	t.Cleanup(s.close)
	return s, u.String()
}

// Stop lets nothing more through.
func (s *Stall) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *Stall) accept() {
	for {
		in, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.passes(in) {
			s.connect(in)
		}
	}
}

// passes reports whether something may go on, and keeps the connections until the end.
func (s *Stall) passes(conns ...net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, conns...)
	if s.ended {
		s.closeAll()
	}
	return !s.stopped
}

func (s *Stall) connect(in net.Conn) {
	out, err := net.Dial("tcp", s.to)
	if err != nil {
		in.Close()
		return
	}
	s.passes(out)
	s.copies.Go(func() { s.carry(in, out) })
	s.copies.Go(func() { s.carry(out, in) })
}

// carry copies until an end closes, or for ever when it is stopped: then it reads on and drops what it reads.
func (s *Stall) carry(from, to net.Conn) {
	defer to.Close()
	some := make([]byte, 32<<10)
	for {
		n, err := from.Read(some)
		if !s.passes() {
			io.Copy(io.Discard, from) //nolint:errcheck // it ends with the test
			return
		}
		if err != nil {
			return
		}
		if _, err := to.Write(some[:n]); err != nil {
			return
		}
	}
}

func (s *Stall) close() {
	s.listener.Close()
	s.mu.Lock()
	s.stopped, s.ended = true, true
	s.closeAll()
	s.mu.Unlock()
	s.copies.Wait()
}

// closeAll wants mu.
func (s *Stall) closeAll() {
	for _, c := range s.open {
		c.Close()
	}
	s.open = nil
}
