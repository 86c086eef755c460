package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// line is a server that listens and speaks for as long as the conversation lasts, as a program at the other end
// does. It fills Conversation.
type line struct {
	at    remote.Location
	ad    protocol.Advertisement
	host  string // for words
	in    *protocol.Reader
	raw   *prompt
	out   io.Writer
	still stillness
	drop  func()       // breaks both directions, from any goroutine, any number of times
	end   func() error // releases everything and returns what the other side had to complain about

	over   func() // of the request at hand: its context is watched no longer
	quiet  bool   // nothing is asked that is not answered
	closed bool
}

// newLine makes a line of the two directions.
func newLine(l remote.Location, in io.Reader, out io.Writer, drop func()) *line {
	c := &line{at: l, out: out, drop: sync.OnceFunc(drop), over: func() {}}
	if l.URL != nil {
		c.host = l.URL.Host
	}
	c.still.drop = c.drop
	c.raw = &prompt{r: in, drop: c.drop, host: c.host, still: &c.still}
	c.in = protocol.NewReader(c.raw)
	return c
}

// Advertisement implements Conversation.
func (c *line) Advertisement() protocol.Advertisement { return c.ad }

// At implements Conversation.
func (c *line) At() remote.Location { return c.at }

// read reads what the server says first. It has to begin within silence, and to end within patience.
func (c *line) read(ctx context.Context, q Question, patience time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stop := context.AfterFunc(ctx, c.drop)
	defer stop()
	if c.ad, err = protocol.ReadAdvertisement(c.in, q.Limits); err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(ctx.Err(), err)
	}
	c.quiet = err == nil
	return err
}

// Ask implements Conversation.
func (c *line) Ask(ctx context.Context, r Request) (*protocol.Reader, error) {
	c.over()
	stop := context.AfterFunc(ctx, c.drop)
	c.over, c.quiet = func() { stop() }, false
	if !r.Stream {
		c.raw.expect(r.Silence)
	} else if r.Silence == 0 && c.still.limit > 0 {
		r.Silence = workTime
	}
	to := &sender{w: c.out, still: &c.still}
	out := bufio.NewWriterSize(to, 64<<10)
	err := r.Write(out)
	if err == nil {
		err = out.Flush()
	}
	if r.Stream { // which may have taken long
		c.raw.expect(r.Silence)
	}
	switch {
	case err == nil, to.err != nil && r.Stream && ctx.Err() == nil: // its last words say more than that it hung up
		return c.in, nil
	case to.err != nil:
		return nil, &CutError{err}
	}
	return nil, err
}

// sender remembers that the other side took no more, as opposed to anything wrong with what was to be sent.
type sender struct {
	w     io.Writer
	still *stillness
	err   error
}

func (s *sender) Write(p []byte) (int, error) {
	stop := s.still.watch()
	n, err := s.w.Write(p)
	stop()
	if err != nil {
		err = s.still.explain(err)
		s.err = err
	}
	return n, err
}

// stillness ends a line on which nothing moves, where the connection below does not: an SSH server's signs of life
// say nothing of the program at the other end. Safe for concurrent use.
type stillness struct {
	limit  time.Duration // that one read or write may take; 0 leaves it to the connection
	drop   func()
	passed atomic.Bool
}

// watch begins to count; stop ends it.
func (s *stillness) watch() (stop func() bool) {
	if s.limit == 0 {
		return func() bool { return true }
	}
	return time.AfterFunc(s.limit, func() {
		s.passed.Store(true)
		s.drop()
	}).Stop
}

func (s *stillness) explain(err error) error {
	if s.passed.Load() {
		return fmt.Errorf("%w: %w", egress.ErrIdle, err)
	}
	return err
}

// Finish implements Conversation: the next answer comes the same way.
func (c *line) Finish() {
	c.over()
	c.over, c.quiet = func() {}, true
	c.raw.relax()
}

// Close implements Conversation.
func (c *line) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.over()
	c.raw.relax()
	return c.end()
}

// prompt reads from a server that has to say something in time when that is expected.
type prompt struct {
	r     io.Reader
	drop  func()
	host  string
	still *stillness

	ended bool // nothing more comes

	mu    sync.Mutex
	timer *time.Timer // guarded by mu, as all below; nil when nothing is expected
	late  bool
}

// expect wants the next byte within silence; 0 wants nothing.
func (p *prompt) expect(silence time.Duration) {
	p.relax()
	if silence == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(silence, func() {
		p.mu.Lock()
		gone := p.timer != timer
		p.late = p.late || !gone
		p.mu.Unlock()
		if !gone {
			p.drop()
		}
	})
	p.timer = timer
}

// relax expects nothing any more.
func (p *prompt) relax() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// expects reports whether the next byte is wanted within a time already.
func (p *prompt) expects() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timer != nil
}

func (p *prompt) Read(b []byte) (int, error) {
	stop := func() bool { return true }
	if !p.expects() {
		stop = p.still.watch()
	}
	n, err := p.r.Read(b)
	stop()
	if n > 0 {
		p.relax()
	}
	if err == io.EOF {
		p.ended = true
	}
	return n, p.explain(err)
}

// explain says of an error that time had run out, where it had.
func (p *prompt) explain(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case p.late:
		return late(p.host, err)
	}
	return p.still.explain(err)
}
