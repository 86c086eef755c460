package testenv

import (
	"bytes"
	"net"
	"os/exec"
	"sync"
	"testing"
)

// inetd starts a program for each connection, which is its standard input and output, as inetd did: so a server that
// cannot choose a free port by itself needs none.
type inetd struct {
	Addr *net.TCPAddr

	listener *net.TCPListener
	command  func() *exec.Cmd
	all      sync.WaitGroup

	mu      sync.Mutex
	running []*exec.Cmd  // guarded by mu, as below
	said    bytes.Buffer // by the programs, on standard error
	met     int
	closed  bool
}

// serveInetd serves on loopback until the test ends.
func serveInetd(t testing.TB, command func() *exec.Cmd) *inetd {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &inetd{Addr: l.Addr().(*net.TCPAddr), listener: l, command: command}
	s.all.Go(s.serve)
	t.Cleanup(s.close)
	return s
}

func (s *inetd) serve() {
	for {
		conn, err := s.listener.AcceptTCP()
		if err != nil {
			return
		}
		s.start(conn)
		conn.Close() // the program has its own
	}
}

func (s *inetd) start(conn *net.TCPConn) {
	file, err := conn.File()
	if err != nil {
		return
	}
	defer file.Close()
	cmd := s.command()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, writerFunc(s.hear)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met++
	if s.closed || cmd.Start() != nil {
		return
	}
	s.running = append(s.running, cmd)
	s.all.Go(func() { cmd.Wait() })
}

func (s *inetd) hear(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(p)
}

// Said returns what the programs wrote to standard error so far.
func (s *inetd) Said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// Met returns how many connections there were.
func (s *inetd) Met() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met
}

func (s *inetd) close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for _, cmd := range s.running {
		cmd.Process.Kill()
	}
	s.mu.Unlock()
	s.all.Wait()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
