// Package git reads Git repositories over HTTP, SSH, git:// and, for the command line, from a local path.
//
// A fetch goes: advertisement, refs, which of them to carry, one request for one pack,
// the pack into an empty repository, the refs, HEAD. No object of the source is taken
// on trust: every one is hashed as it comes.
package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// defaultPatience is how long a server may take to tell its refs, each time it is asked: one that sends
// a byte now and then is never idle.
const defaultPatience = 20 * time.Minute

// How long a server may take to begin to tell its refs, each time it is asked. What it answers a fetch with may
// take it longer: it counts objects before.
var defaultSilence = Silence{Detect: 30 * time.Second, Fetch: time.Minute}

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
	SSH     transport.SSH
	Peer    string // what errors call the other side: transport.Source or transport.Destination; "" = Source

	Patience time.Duration // how long a source may take to tell its refs, each time it is asked; 0 = 20 minutes
	Words    time.Duration // see transport.Options
}

// Git is the source.Source for Git. Safe for concurrent use.
type Git struct {
	client    *egress.Client
	transport *transport.Transport
	peer      string
	sleep     func(ctx context.Context, d time.Duration) error
	silence   Silence
	patience  time.Duration
}

// New returns a reader of Git repositories.
func New(o Options) *Git {
	if o.Sleep == nil {
		o.Sleep = transport.Sleep
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Peer == "" {
		o.Peer = transport.Source
	}
	g := &Git{client: o.Client, peer: o.Peer, sleep: o.Sleep, silence: o.Silence, patience: o.Patience}
	g.transport = transport.New(transport.Options{
		Client: o.Client, Program: o.Program, Version: o.Version, Sleep: o.Sleep, SSH: o.SSH,
		Patience: o.Patience, Words: o.Words,
	})
	if g.silence.Detect == 0 {
		g.silence.Detect = defaultSilence.Detect
	}
	if g.silence.Fetch == 0 {
		g.silence.Fetch = defaultSilence.Fetch
	}
	return g
}

// Detect implements source.Source. It asks for no more than what HEAD is.
func (g *Git) Detect(ctx context.Context, l remote.Location) (source.Found, error) {
	c, _, err := g.contact(ctx, l, question{source.DefaultLimits.Refs, []string{"HEAD"}, g.silence.Detect})
	if err != nil {
		return source.Found{}, err
	}
	c.Close()
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
	err = g.explain(ctx, r.Location, err, false)
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
		if said := c.Close(); err != nil && said != nil {
			err = fmt.Errorf("%w (%w)", err, said)
		}
	}()
	p, err := choose(ctx, refs, r.Choose, c.Advertisement())
	if err != nil {
		return res, err
	}
	if len(p.carried) == 0 && len(r.Choose.Include) > 0 && len(p.skipped) > 0 {
		return res, nothingChosen(r.Choose.Include, p.skipped)
	}
	if res.Repo, err = repo.Init(r.Dir, c.Advertisement().Format); err != nil {
		return res, err
	}
	h, err := p.take(res.Repo, r)
	if err != nil {
		return res, fmt.Errorf("take up what was fetched before: %w", err)
	}
	if r.Refs != nil {
		r.Refs(p.carried)
	}
	if wants := p.wants(h); len(wants) > 0 {
		if res.Received, err = g.receive(ctx, c, r, res.Repo, wants, h); err != nil {
			return res, err
		}
	}
	if res.Refs = p.carried; !r.HistoryOnly {
		res.Refs, err = p.settle(res.Repo, g.peer)
	}
	res.Head, res.HeadLeft, res.Skipped, res.Added = p.head, p.headLeft, p.skipped, h.lacks != nil
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
func (g *Git) contact(ctx context.Context, l remote.Location, q question) (c transport.Conversation, refs []protocol.Ref, err error) {
	err = g.transport.Retry(ctx, l, g.peer, func() (err error) {
		if c, refs, err = g.tryContact(ctx, l, q); err != nil {
			err = g.explain(ctx, l, err, true)
		}
		return err
	})
	return c, refs, err
}

func (g *Git) tryContact(ctx context.Context, l remote.Location, q question) (transport.Conversation, []protocol.Ref, error) {
	c, err := g.transport.Open(ctx, l, transport.Question{Limits: q.limits(), Silence: q.silence, Peer: g.peer})
	if err != nil {
		return nil, nil, err
	}
	refs, err := g.listRefs(ctx, c, q)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, refs, nil
}

// listRefs returns the server's refs, which versions 0 and 1 have told already.
func (g *Git) listRefs(ctx context.Context, c transport.Conversation, q question) ([]protocol.Ref, error) {
	ad := c.Advertisement()
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
		Agent: g.transport.Agent(), Format: ad.Format, Prefixes: q.prefixes,
		Unborn: ad.Capabilities.Feature("ls-refs", "unborn"),
	}
	ctx, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	in, err := c.Ask(ctx, transport.Request{Write: request.Encode, Silence: q.silence})
	if err != nil {
		return nil, err
	}
	refs, err := protocol.ReadLsRefs(in, ad.Format, q.limits())
	if err == nil {
		c.Finish()
	}
	return refs, err
}

// workers returns how many goroutines resolve deltas.
func workers(asked int) int {
	if asked > 0 {
		return asked
	}
	return compute.Processors()
}
