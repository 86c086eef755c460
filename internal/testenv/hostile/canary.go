package hostile

import (
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Canaries listen where nobody may come: on one port of every forbidden address that this machine can bind, and in a
// network of its own (Alone) on the usual ports of every address there is. A connection is a hit, whatever comes over it.
// Safe for concurrent use.
type Canaries struct {
	Port string // of those at Forbidden

	mu   sync.Mutex
	hits []string // local addresses; guarded by mu
}

// Forbidden are addresses of this machine that an import may not reach, though something listens there.
var Forbidden = []string{"127.0.0.2", "127.1.2.3", "127.255.255.254", "::1"}

// usualPorts are those of http, https, ssh and git.
var usualPorts = []string{"80", "443", "22", "9418"}

// Watch listens until the test ends.
func Watch(t testing.TB) *Canaries {
	t.Helper()
	c := &Canaries{Port: "0"}
	if IsAlone() {
		for _, port := range usualPorts {
			c.listen(t, net.JoinHostPort("", port))
		}
	}
	for _, host := range Forbidden {
		if host != "::1" || hasIPv6() {
			_, c.Port, _ = net.SplitHostPort(c.listen(t, net.JoinHostPort(host, c.Port)))
		}
	}
	return c
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func (c *Canaries) listen(t testing.TB, address string) (at string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, l, func(conn net.Conn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.hits = append(c.hits, conn.LocalAddr().String())
	})
	return l.Addr().String()
}

// serveAll has each connection to l talked to, then closes it, until the test ends.
func serveAll(t testing.TB, l net.Listener, talk func(net.Conn)) {
	var talking sync.WaitGroup
	talking.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talking.Go(func() {
				defer conn.Close()
				stop := time.AfterFunc(time.Minute, func() { conn.Close() }) // whoever hangs, hangs no longer
				defer stop.Stop()
				talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		talking.Wait()
	})
}

// Hits returns the addresses that somebody connected to since it was asked last.
func (c *Canaries) Hits() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	hits := c.hits
	c.hits = nil
	return hits
}

// aloneIn is set for a process in a network of its own.
const aloneIn = "REHOME_TEST_ALONE"

// IsAlone reports whether this process is in a network of its own, where canaries listen at every address.
func IsAlone() bool { return os.Getenv(aloneIn) != "" }

// Alone runs the calling test once more in a network of its own, in which every address there is is this machine, and
// returns true in there; outside it returns false when that is done. Where the system has no such networks the test runs
// where it is.
func Alone(t *testing.T) bool {
	t.Helper()
	if IsAlone() {
		return true
	}
	if out, err := inOwnNetwork(exec.Command("true")).CombinedOutput(); err != nil {
		t.Logf("only what can be bound here is watched: no network of its own: %v: %s", err, out)
		return true
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.count=1", "-test.timeout=5m"}
	if testing.Verbose() {
		args = append(args, "-test.v")
	}
	cmd := inOwnNetwork(exec.Command(os.Args[0], args...))
	cmd.Env = append(os.Environ(), aloneIn+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("in a network of its own:\n%s", out)
	}
	return false
}
