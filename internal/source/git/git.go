// Package git reads Git repositories over HTTP and, for the command line, from a local path.
//
// A fetch goes: advertisement, refs, which of them to carry, one request for one pack,
// the pack into an empty repository, the refs, HEAD. No object of the source is taken
// on trust: every one is hashed as it comes.
package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// patience is how long a server may take to tell its refs, each time it is asked: one that sends
// a byte now and then is never idle.
const patience = 20 * time.Minute

// How long a server may take to begin to tell its refs, each time it is asked. What it answers a fetch with may
// take it longer: it counts objects before.
var defaultSilence = Silence{Detect: 30 * time.Second, Fetch: time.Minute}

// wordsWait is how long the words of a server that refuses are waited for.
const wordsWait = 10 * time.Second

// Silence is how long a source may say nothing when it is asked for its refs; 0 is 30 s, 60 s.
type Silence struct{ Detect, Fetch time.Duration }

// maxRefBytes bounds a list of refs on the wire.
const maxRefBytes = 256 << 20

// Options say how Git sources are read.
type Options struct {
	Client  *egress.Client                                   // for URLs
	Program string                                           // path of git, for local paths; "" = found in PATH
	Version string                                           // Rehome's, told to servers
	Sleep   func(ctx context.Context, d time.Duration) error // between attempts; nil = by the clock
	Silence Silence
}

// Git is the source.Source for Git. Safe for concurrent use.
type Git struct {
	client  *egress.Client
	program string
	agent   string
	sleep   func(ctx context.Context, d time.Duration) error

	silence  Silence
	patience time.Duration // see the constants of these names
	words    time.Duration
}

// New returns a reader of Git repositories.
func New(o Options) *Git {
	g := &Git{
		client: o.Client, program: o.Program, agent: "git/rehome", sleep: o.Sleep,
		silence: o.Silence, patience: patience, words: wordsWait,
	}
	if g.silence.Detect == 0 {
		g.silence.Detect = defaultSilence.Detect
	}
	if g.silence.Fetch == 0 {
		g.silence.Fetch = defaultSilence.Fetch
	}
	if o.Version != "" {
		g.agent = "git/rehome-" + o.Version
	}
	if g.sleep == nil {
		g.sleep = sleep
	}
	return g
}

// Detect implements source.Source. It asks for no more than what HEAD is.
func (g *Git) Detect(ctx context.Context, l remote.Location) (source.Found, error) {
	c, _, err := g.contact(ctx, l, question{source.DefaultLimits.Refs, []string{"HEAD"}, g.silence.Detect})
	if err != nil {
		return source.Found{}, err
	}
	c.close()
	return source.Found{VCS: rehome.Git}, nil
}

// Fetch implements source.Source.
func (g *Git) Fetch(ctx context.Context, r source.Request) (source.Result, error) {
	if err := checkFree(r.Dir); err != nil {
		return source.Result{}, err
	}
	res, err := g.fetch(ctx, r)
	if err == nil {
		return res, nil
	}
	err = explain(ctx, err, false)
	if left := os.RemoveAll(r.Dir); left != nil {
		err = errors.Join(err, fmt.Errorf("remove what was fetched: %w", left))
	}
	return source.Result{}, err
}

func (g *Git) fetch(ctx context.Context, r source.Request) (res source.Result, err error) {
	if r.Limits.Refs == 0 {
		r.Limits.Refs = source.DefaultLimits.Refs
	}
	c, refs, err := g.contact(ctx, r.Location, question{r.Limits.Refs, []string{"HEAD", "refs/"}, g.silence.Fetch})
	if err != nil {
		return res, err
	}
	defer func() {
		if said := c.close(); err != nil && said != nil {
			err = fmt.Errorf("%w (%w)", err, said)
		}
	}()
	p, err := choose(refs, c.advertisement())
	if err != nil {
		return res, err
	}
	if res.Repo, err = repo.Init(r.Dir, c.advertisement().Format); err != nil {
		return res, err
	}
	if r.Refs != nil {
		r.Refs(p.carried)
	}
	if len(p.carried) > 0 {
		if res.Received, err = g.receive(ctx, c, r, res.Repo, p.wants()); err != nil {
			return res, err
		}
	}
	if res.Refs = p.carried; !r.HistoryOnly {
		res.Refs, err = p.settle(res.Repo)
	}
	res.Head, res.Skipped = p.head, p.skipped
	return res, err
}

// checkFree reports whether dir is missing or empty, before anything is undone in it.
func checkFree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at the folder for the raw repository: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("folder for the raw repository %q: %w", dir, os.ErrExist)
	}
	return nil
}

// attempts is how long to wait after each first contact that failed for a reason that may pass.
var attempts = [...]time.Duration{500 * time.Millisecond, 2 * time.Second, 0}

// question is what a server is asked first: for its refs that have these prefixes.
type question struct {
	maxRefs  int
	prefixes []string
	silence  time.Duration // at most, before each answer
}

func (q question) limits() protocol.Limits {
	return protocol.Limits{Refs: q.maxRefs, Bytes: maxRefBytes}
}

// contact opens a conversation with l and returns it with the server's refs. A server that was waited for in
// vain is not asked again at once.
func (g *Git) contact(ctx context.Context, l remote.Location, q question) (conversation, []protocol.Ref, error) {
	var last error
	for _, wait := range attempts {
		c, refs, err := g.tryContact(ctx, l, q)
		if err == nil {
			return c, refs, nil
		}
		last = explain(ctx, err, true)
		again := rehome.CodeOf(last) == rehome.Unreachable && !errors.Is(last, egress.ErrLate) && !egress.Lasting(last)
		if !again || l.URL == nil || wait == 0 {
			break
		}
		if err := g.sleep(ctx, wait); err != nil {
			return nil, nil, explain(ctx, err, true)
		}
	}
	return nil, nil, last
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Git) tryContact(ctx context.Context, l remote.Location, q question) (conversation, []protocol.Ref, error) {
	var c conversation
	var err error
	if l.URL != nil {
		c, err = g.discover(ctx, l, q)
	} else {
		c, err = g.spawn(ctx, l.Path, q.limits())
	}
	if err != nil {
		return nil, nil, err
	}
	refs, err := g.listRefs(ctx, c, q)
	if err != nil {
		c.close()
		return nil, nil, err
	}
	return c, refs, nil
}

// listRefs returns the server's refs, which versions 0 and 1 have told already.
func (g *Git) listRefs(ctx context.Context, c conversation, q question) ([]protocol.Ref, error) {
	ad := c.advertisement()
	if ad.Shallow {
		return nil, protocol.ErrShallow
	}
	if ad.Version < 2 {
		return ad.Refs, nil
	}
	for _, command := range []string{"ls-refs", "fetch"} {
		if !ad.Capabilities.Has(command) {
			return nil, fmt.Errorf("%w: the server offers no %s", protocol.ErrMalformed, command)
		}
	}
	request := protocol.LsRefs{
		Agent: g.agent, Format: ad.Format, Prefixes: q.prefixes,
		Unborn: ad.Capabilities.Feature("ls-refs", "unborn"),
	}
	ctx, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	in, err := c.ask(ctx, request.Encode, q.silence)
	if err != nil {
		return nil, err
	}
	refs, err := protocol.ReadLsRefs(in, ad.Format, q.limits())
	if err == nil {
		c.finish()
	}
	return refs, err
}

// conversation is a server that has said what it can do. An HTTP server and a child
// process fill it.
type conversation interface {
	advertisement() protocol.Advertisement
	// ask sends one request. Its answer is read before the next one is sent, and begins within silence; 0 leaves
	// it to the connection.
	ask(ctx context.Context, request func(io.Writer) error, silence time.Duration) (*protocol.Reader, error)
	// finish ends the answer at hand, which was read to its end.
	finish()
	// close ends it and returns what the other side had to complain about, if anything.
	close() error
}

// workers returns how many goroutines resolve deltas.
func workers(asked int) int {
	if asked > 0 {
		return asked
	}
	return compute.Processors()
}
