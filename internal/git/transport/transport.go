// Package transport holds conversations with Git servers: over HTTP, SSH, git:// and with a child process.
//
// A conversation goes: connect, read what the server says it has and can do, then requests and their answers, one
// after the other (gitprotocol-pack, gitprotocol-v2, gitprotocol-http):
//
//	http.go     smart HTTP: each request is a POST, and stands for itself
//	ssh.go      the program at the other end of an SSH session; who it is: hostkeys.go, who we are: key.go
//	daemon.go   git://, one connection
//	local.go    a child process, for the command line
//
// What goes wrong is said in words for people (explain.go), with the server's own (words.go) where it has some.
package transport

import (
	"context"
	"errors"
	"io"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// How long a server may take, where nothing else is said.
const (
	// defaultPatience is for telling its refs, each time it is asked: one that sends a byte now and then is never idle.
	defaultPatience = 20 * time.Minute
	// defaultSilence is for beginning to tell them.
	defaultSilence = time.Minute
	// defaultWords is for the words of one that refuses.
	defaultWords = 10 * time.Second
	// defaultIdle is as in egress.
	defaultIdle = 2 * time.Minute
)

// Options say how servers are spoken to. Client is required for all but paths.
type Options struct {
	Client  *egress.Client                                   // for URLs
	Program string                                           // path of git, for local paths; "" = found in PATH
	Version string                                           // Rehome's, told to servers
	Sleep   func(ctx context.Context, d time.Duration) error // between attempts; nil = by the clock
	SSH     SSH

	Patience time.Duration // how long a server may take to tell its refs; 0 = 20 minutes
	Words    time.Duration // how long the words of a server that refuses are waited for; 0 = 10 s
	Idle     time.Duration // how long nothing may move between us and a program over SSH, whatever its server does; 0 = 2 minutes
}

// Transport speaks to Git servers. Safe for concurrent use.
type Transport struct {
	o     Options
	agent string
}

// New returns a speaker to Git servers.
func New(o Options) *Transport {
	t := &Transport{o: o, agent: "git/rehome"}
	if o.Version != "" {
		t.agent += "-" + o.Version
	}
	if t.o.Sleep == nil {
		t.o.Sleep = Sleep
	}
	if t.o.Patience == 0 {
		t.o.Patience = defaultPatience
	}
	if t.o.Words == 0 {
		t.o.Words = defaultWords
	}
	if t.o.Idle == 0 {
		t.o.Idle = defaultIdle
	}
	return t
}

// Agent is what servers are told we are, as "git/rehome-1.0".
func (t *Transport) Agent() string { return t.agent }

// The peers of a Question.
const (
	Source      = "source"
	Destination = "destination"
)

// Question says what is asked of a server first.
type Question struct {
	Service protocol.Service // "" = protocol.UploadPack
	Limits  protocol.Limits  // of the refs it tells
	Silence time.Duration    // that it may keep before it tells anything; 0 = 1 minute
	Peer    string           // what errors call it: Source or Destination; "" = Source
}

func (q Question) filled() Question {
	if q.Service == "" {
		q.Service = protocol.UploadPack
	}
	if q.Silence == 0 {
		q.Silence = defaultSilence
	}
	return q
}

// Conversation is a server that has said what it can do. It is for one goroutine, and Close ends it.
type Conversation interface {
	Advertisement() protocol.Advertisement
	// At is where the server was found, redirects followed; credentials are in it only while they may go there.
	At() remote.Location
	// Ask sends one request. Its answer is read, and Finish called, before the next one is sent. Where the server
	// says what it has to say before all is sent, that is the answer.
	Ask(ctx context.Context, r Request) (*protocol.Reader, error)
	// Finish ends the answer at hand, which was read to its end.
	Finish()
	// Close ends the conversation and returns what the other side had to complain about, if anything.
	Close() error
}

// Request is what is sent to a server that has said what it can do.
type Request struct {
	Write   func(io.Writer) error // writes it; called once
	Silence time.Duration         // that the server may keep before it answers; 0 leaves it to the connection
	Stream  bool                  // it is not gathered first, but sent as it is written
	Size    int64                 // with Stream: its bytes, exactly; -1 for not known
}

// Open connects to l, once, and reads what the server says it has. The conversation lives no longer than ctx. Errors
// are *rehome.Error with the codes of a source.
func (t *Transport) Open(ctx context.Context, l remote.Location, q Question) (Conversation, error) {
	q = q.filled()
	c, err := t.open(ctx, l, q)
	if err != nil {
		return nil, Explain(ctx, err, q.Peer, true)
	}
	return c, nil
}

func (t *Transport) open(ctx context.Context, l remote.Location, q Question) (Conversation, error) {
	switch {
	case l.URL == nil:
		return t.spawn(ctx, l, q)
	case l.SSH():
		return t.signIn(ctx, l, q)
	case l.URL.Scheme == "git":
		return t.call(ctx, l, q)
	}
	return t.discover(ctx, l, q)
}

// attempts is how long to wait after each first contact that failed for a reason that may pass.
var attempts = [...]time.Duration{500 * time.Millisecond, 2 * time.Second, 0}

// Retry calls try, for a first contact with l, until it succeeds or fails for a reason that will not pass, or three
// times. A server that was waited for in vain is not asked again at once. Errors are explained for peer.
func (t *Transport) Retry(ctx context.Context, l remote.Location, peer string, try func() error) error {
	var last error
	for _, wait := range attempts {
		err := try()
		if err == nil {
			return nil
		}
		last = Explain(ctx, err, peer, true)
		again := rehome.CodeOf(last) == rehome.Unreachable && !errors.Is(last, egress.ErrLate) && !egress.Lasting(last)
		if !again || l.URL == nil || wait == 0 {
			break
		}
		if err := t.o.Sleep(ctx, wait); err != nil {
			return Explain(ctx, err, peer, true)
		}
	}
	return last
}

// Sleep is egress.Sleep, for those who speak to servers by this package only.
func Sleep(ctx context.Context, d time.Duration) error { return egress.Sleep(ctx, d) }
