package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// SSH says how servers are reached over SSH. The zero value knows no host.
type SSH struct {
	KnownHosts []string               // files in OpenSSH's format; those that are missing hold nothing
	Pins       string                 // file where the keys of hosts met first are noted, in the same format; "" refuses unknown hosts
	Agent      string                 // socket of an agent whose keys are tried where none is given; "" for none
	User       string                 // who signs in where the URL names nobody; "" is git
	Met        func(host, key string) // told of a host whose key was noted, which is its kind and SHA-256; may be nil
	Shared     bool                   // others than this machine's user see the errors: files are named without their folders
}

// signIn signs in at l and starts the program of q there.
func (t *Transport) signIn(ctx context.Context, l remote.Location, q Question) (*line, error) {
	path, err := pathOf(l)
	if err != nil {
		return nil, err
	}
	version := "version=2"
	if q.Service == protocol.ReceivePack {
		version = ""
	}
	c, err := t.run(ctx, l, q, string(q.Service)+" "+quote(path), version)
	if err != nil {
		return nil, err
	}
	if err := c.read(ctx, q, t.o.Patience); err != nil {
		said := c.Close()
		if said != nil && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, refusedBy(said.Error(), q)
		}
		return nil, err
	}
	return c, nil
}

// quote makes one word of text for the shell at the other end, as git does.
func quote(text string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(text) + "'"
}

// refusedBy is the error of a program at the other end that ended with words. There is no code to go by.
func refusedBy(words string, q Question) error {
	lower := strings.ToLower(words)
	for _, denial := range []string{
		"permission denied", "access denied", "denied to", "not allowed", "authorized", "forbidden", "read-only", "read only",
		"write access", "push access", "insufficient",
	} {
		if !strings.Contains(lower, denial) {
			continue
		}
		right := "read"
		if q.Service == protocol.ReceivePack {
			right = "write"
		}
		return &rehome.Error{
			Code: rehome.CredentialsRefused, Message: fmt.Sprintf("%s refuses this: %q.", begin(the(q.Peer)), words),
			Hint: fmt.Sprintf("Give an SSH key of somebody who may %s there, with {ssh_key}.", right),
		}
	}
	return NotARepository(fmt.Sprintf("the server says %q", words))
}

// run signs in and starts a command with GIT_PROTOCOL at version, "" for none. The conversation has no advertisement yet.
func (t *Transport) run(ctx context.Context, l remote.Location, q Question, command, version string) (*line, error) {
	client, err := t.dial(ctx, l, q)
	if err != nil {
		return nil, err
	}
	c, err := t.start(ctx, client, l, q, command, version)
	if err != nil {
		client.Close()
		client.Wait()
		return nil, err
	}
	c.raw.expect(q.Silence)
	return c, nil
}

// start starts a command. Its standard output is the line's first direction, its input the second.
func (t *Transport) start(ctx context.Context, client *ssh.Client, l remote.Location, q Question, command, version string) (*line, error) {
	drop := func() { client.Close() }
	stop := context.AfterFunc(ctx, drop)
	timer := time.AfterFunc(q.Silence, drop)
	said := &heard{drop: drop}
	session, in, out, err := startSession(client, said, command, version)
	if !timer.Stop() && err != nil {
		err = late(l.URL.Host, err)
	}
	if err != nil {
		stop()
		return nil, err
	}
	c := newLine(l, in, out, drop)
	c.still.limit = t.o.Idle
	c.end = func() error {
		defer stop()
		if c.raw.ended || c.quiet { // it may have something to say, or to do
			out.Close()
		} else {
			c.drop()
		}
		drop := time.AfterFunc(t.o.Words, c.drop)
		session.Wait()
		drop.Stop()
		c.drop()
		client.Wait()
		return said.words(l)
	}
	return c, nil
}

// startSession starts a command that writes to standard error what goes to said.
func startSession(client *ssh.Client, said *heard, command, version string) (s *ssh.Session, in io.Reader, out io.WriteCloser, err error) {
	if s, err = client.NewSession(); err != nil {
		return nil, nil, nil, notStarted(err)
	}
	if version != "" { // a server may not want it: then it speaks an older one
		s.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{"GIT_PROTOCOL", version}))
	}
	s.Stderr = said
	if in, err = s.StdoutPipe(); err != nil {
		return nil, nil, nil, fmt.Errorf("start git over SSH: %w", err)
	}
	if out, err = s.StdinPipe(); err != nil {
		return nil, nil, nil, fmt.Errorf("start git over SSH: %w", err)
	}
	if err = s.Start(command); err != nil {
		return nil, nil, nil, notStarted(err)
	}
	return s, in, out, nil
}

// notStarted tells a server that will not run a command from one that hung up.
func notStarted(err error) error {
	var no *ssh.OpenChannelError
	if !errors.As(err, &no) && !strings.HasPrefix(err.Error(), "ssh: command ") { // x/crypto gives it no type
		return &CutError{err}
	}
	e := NotARepository("the server lets nobody run git there")
	e.Err = err
	return e
}

// heard takes what the program at the other end writes to standard error. Safe for concurrent use.
type heard struct {
	drop func()

	mu   sync.Mutex
	kept []byte // guarded by mu, as below
	all  int
}

// maxHeard bounds what is kept of it, in bytes.
const maxHeard = 4 << 10

// Write implements io.Writer. Who never ends is not listened to.
func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, p[:min(len(p), maxHeard-len(h.kept))]...)
	if h.all += len(p); h.all > protocol.MaxProgress {
		h.drop()
	}
	return len(p), nil
}

// words are fit to show; nil for none, for such that never ended and such that repeat a secret.
func (h *heard) words(l remote.Location) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(h.kept)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "remote:")
		if line = strings.Trim(line, " =-*"); line != "" { // forges draw frames
			lines = append(lines, line)
		}
	}
	text := rehome.Clean(strings.Join(lines, " "), maxText)
	if text == "" || h.all > protocol.MaxProgress || remote.RepeatsSecret(l, string(h.kept)) {
		return nil
	}
	return errors.New(text)
}

// dial connects to l and signs in.
func (t *Transport) dial(ctx context.Context, l remote.Location, q Question) (*ssh.Client, error) {
	who, err := t.identify(l)
	if err != nil {
		return nil, err
	}
	defer who.close()
	conn, err := t.connect(ctx, l, "22", q)
	if err != nil {
		return nil, err
	}
	host := strings.TrimSuffix(strings.ToLower(l.URL.Hostname()), ".")
	address := net.JoinHostPort(host, portOf(l, "22"))
	keys, err := t.o.SSH.lookUp(address, q.Peer)
	if err != nil {
		conn.Close()
		return nil, err
	}
	met := false
	config := &ssh.ClientConfig{
		User: who.user, Auth: who.methods, ClientVersion: "SSH-2.0-rehome",
		HostKeyAlgorithms: keys.algorithms(),
		HostKeyCallback: func(address string, at net.Addr, key ssh.PublicKey) error {
			err := keys.check(address, at, key)
			met = err == nil
			return err
		},
	}
	within, cancel := context.WithTimeout(ctx, q.Silence)
	defer cancel()
	stop := context.AfterFunc(within, func() {
		conn.Close()
		who.close()
	})
	sshConn, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if !stop() && err == nil { // too late by a hair
		sshConn.Close()
		err = within.Err()
	}
	if err == nil {
		return ssh.NewClient(sshConn, channels, requests), nil
	}
	return nil, who.explain(within, err, met, l, q)
}

func portOf(l remote.Location, otherwise string) string {
	if p := l.URL.Port(); p != "" {
		return p
	}
	return otherwise
}
