package transport

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/testenv"
)

// A server that never comes to the point is given up, whatever it does meanwhile.
func TestEndlessSSH(t *testing.T) {
	for name, c := range map[string]struct {
		force   string
		silence time.Duration
		code    rehome.Code
	}{
		"silence":           {"exec cat", 2 * time.Second, rehome.Unreachable},
		"words without end": {"exec yes words >&2", 0, rehome.Unreachable},
		"refs without end":  {"printf '003e" + strings.Repeat("a", 40) + " refs/heads/a\\000abcd'; while :; do printf '003f" + strings.Repeat("a", 40) + " refs/heads/abcdefg'; done", 0, rehome.LimitPassed},
	} {
		s, l := served(t, testenv.SSHOptions{Force: c.force})
		tr := speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{s.KnownHosts}}})
		_, err := tr.Open(t.Context(), l, Question{Limits: wide, Silence: c.silence})
		if rehome.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// speaks serves what say does with each connection.
func speaks(t *testing.T, say func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			all.Go(func() { say(conn); conn.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

// wait waits until the other side hangs up.
func wait(conn net.Conn) {
	for buf := make([]byte, 4096); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

func TestWhatIsNoSSHServer(t *testing.T) {
	for name, c := range map[string]struct {
		say     func(net.Conn)
		code    rehome.Code
		silence time.Duration // 0: it does not matter
	}{
		"silence": {wait, rehome.Unreachable, time.Second},
		"banner without end": {func(conn net.Conn) {
			for {
				if _, err := conn.Write([]byte(strings.Repeat("x", 100) + "\r\n")); err != nil {
					return
				}
			}
		}, rehome.NotARepository, 0},
		"line without end": {func(conn net.Conn) {
			for {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}, rehome.NotARepository, 0},
		"trickle": {func(conn net.Conn) {
			for {
				if _, err := conn.Write([]byte("\n")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, rehome.Unreachable, time.Second},
		"hangs up":     {func(net.Conn) {}, rehome.Unreachable, 0},
		"HTTP":         {func(conn net.Conn) { conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, rehome.Unreachable, 0},
		"only a name":  {func(conn net.Conn) { conn.Write([]byte("SSH-2.0-x\r\n")); wait(conn) }, rehome.Unreachable, time.Second},
		"then nothing": {func(conn net.Conn) { conn.Write([]byte("SSH-2.0-x\r\n")) }, rehome.Unreachable, 0},
		"then noise":   {func(conn net.Conn) { conn.Write([]byte("SSH-2.0-x\r\n" + strings.Repeat("noise", 1000))); wait(conn) }, rehome.NotARepository, 0},
	} {
		l := location(t, "ssh://git@"+speaks(t, c.say)+"/r")
		tr := speaker(t, egress.Policy{}, Options{SSH: SSH{Pins: filepath.Join(t.TempDir(), "pins")}})
		_, err := tr.Open(t.Context(), l, Question{Limits: wide, Silence: c.silence})
		if rehome.CodeOf(err) != c.code {
			t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
		}
	}
}

// sshd is a server that lets everybody in and does with each command what run says.
func sshd(t *testing.T, run func(ssh.Channel, ssh.Conn)) string {
	t.Helper()
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(hostKeyOf(t))
	return speaks(t, func(conn net.Conn) {
		c, channels, requests, err := ssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		defer c.Close()
		go ssh.DiscardRequests(requests)
		for channel := range channels {
			ch, requests, err := channel.Accept()
			if err != nil {
				return
			}
			for r := range requests {
				r.Reply(true, nil)
				if r.Type == "exec" {
					break
				}
			}
			go ssh.DiscardRequests(requests)
			run(ch, c)
		}
	})
}

func hostKeyOf(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, _ := ed25519.GenerateKey(nil)
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// alive gives signs of life for as long as somebody is there.
func alive(c ssh.Conn) {
	for {
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Signs of life of an SSH server do not keep a conversation open in which nothing moves, in either direction.
func TestStillSSH(t *testing.T) {
	refs := "003f" + strings.Repeat("a", 40) + " refs/heads/abcdefg0000"
	open := func(idle time.Duration) Conversation {
		at := sshd(t, func(ch ssh.Channel, c ssh.Conn) {
			ch.Write([]byte(refs)) //nolint:errcheck // a test's server
			alive(c)
		})
		tr := speaker(t, egress.Policy{Idle: 30 * time.Second}, Options{SSH: SSH{Pins: filepath.Join(t.TempDir(), "pins")}, Idle: idle})
		c, err := tr.Open(t.Context(), location(t, "ssh://"+at+"/r"), Question{Service: protocol.ReceivePack, Limits: wide})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	few := func(w io.Writer) error { _, err := w.Write([]byte("0000")); return err }
	many := func(w io.Writer) error { _, err := w.Write(make([]byte, 8<<20)); return err }
	for name, r := range map[string]Request{
		"no answer":      {Write: few},
		"nothing taken":  {Write: many, Stream: true, Size: -1},
		"nothing, whole": {Write: many},
	} {
		in, err := open(200*time.Millisecond).Ask(t.Context(), r)
		if err == nil {
			_, _, err = in.Next()
		}
		if !errors.Is(err, egress.ErrIdle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in, err := open(100*time.Millisecond).Ask(t.Context(), Request{Write: few, Stream: true, Size: 4, Silence: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.Next(); !errors.Is(err, egress.ErrLate) {
		t.Errorf("work on what was streamed: %v", err)
	}
}

// A server that signs us in and then says nothing is waited for no longer than others; one that hangs up has not said no.
func TestSSHServerThatStartsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		hangs, late bool
	}{
		"silence":  {false, true},
		"hangs up": {true, false},
	} {
		config := &ssh.ServerConfig{NoClientAuth: true}
		config.AddHostKey(hostKeyOf(t))
		at := speaks(t, func(conn net.Conn) {
			server, channels, requests, err := ssh.NewServerConn(conn, config)
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			channel := <-channels
			ch, asked, err := channel.Accept()
			if err != nil {
				return
			}
			<-asked // GIT_PROTOCOL
			<-asked // exec, which it does not answer
			if !c.hangs {
				ch.Read(make([]byte, 1)) //nolint:errcheck // until they hang up
			}
			server.Close()
		})
		tr := speaker(t, egress.Policy{}, Options{SSH: SSH{Pins: filepath.Join(t.TempDir(), "pins")}})
		_, err := tr.Open(t.Context(), location(t, "ssh://"+at+"/r"), Question{Limits: wide, Silence: time.Second})
		if rehome.CodeOf(err) != rehome.Unreachable || errors.Is(err, egress.ErrLate) != c.late {
			t.Errorf("%s: %v (%v)", name, err, errors.Unwrap(err))
		}
	}
}

// A host whose name would be a pattern in the file of pins is none: its key would be noted for others.
func TestHostThatIsAPattern(t *testing.T) {
	pins := filepath.Join(t.TempDir(), "pins")
	for _, host := range []string{"github.com,h.example", "*", "*.example", "h.example ssh-ed25519", "!h", "#h", "@revoked", "|1|a|b"} {
		if _, err := (SSH{Pins: pins}).lookUp(net.JoinHostPort(host, "22"), Source); rehome.CodeOf(err) != rehome.NotARepository {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// By default neither SSH nor git:// reaches this machine, its network or a cloud's metadata.
func TestForbiddenAddresses(t *testing.T) {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	met := false
	at := speaks(t, func(net.Conn) { met = true })
	_, port, _ := net.SplitHostPort(at)
	tr := New(Options{Client: client, SSH: SSH{Pins: filepath.Join(t.TempDir(), "pins")}})
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "[fd00:ec2::254]"} {
		for _, scheme := range []string{"ssh://git@", "git://"} {
			l := location(t, scheme+host+":"+port+"/r")
			if _, err := tr.Open(t.Context(), l, Question{Limits: wide}); rehome.CodeOf(err) != rehome.BlockedByPolicy {
				t.Errorf("%s: %v", l, err)
			}
			if _, err := tr.LFSGrant(t.Context(), l, Download); rehome.CodeOf(err) != rehome.BlockedByPolicy {
				t.Errorf("grant of %s: %v", l, err)
			}
		}
	}
	if met {
		t.Error("somebody was there")
	}
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	for _, scheme := range []string{"ssh://git@", "git://"} {
		_, err := speaker(t, egress.Policy{}, Options{}).Open(t.Context(), location(t, scheme+at+"/r"), Question{Limits: wide})
		if e := rehome.AsError(err); e.Code != rehome.Unreachable || e.Message != "Cannot connect to "+at+": the connection is refused." {
			t.Errorf("%v", err)
		}
	}
}

// Who is cancelled is told what was: a fetch, or a push.
func TestCancelled(t *testing.T) {
	at := speaks(t, wait)
	for peer, want := range map[string]string{Source: "The fetch was cancelled.", "": "The fetch was cancelled.", Destination: "The push was cancelled."} {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(100*time.Millisecond, cancel)
		_, err := speaker(t, egress.Policy{}, Options{SSH: SSH{Pins: filepath.Join(t.TempDir(), "pins")}}).Open(ctx, location(t, "ssh://"+at+"/r"), Question{Limits: wide, Peer: peer})
		timer.Stop()
		if e := rehome.AsError(err); e.Code != rehome.Cancelled || e.Message != want {
			t.Errorf("%q: %v", peer, err)
		}
	}
}
