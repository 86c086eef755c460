package destination

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/lfs"
	"rehome/internal/remote"
)

// Push says what goes where. Location, From and Updates are required.
type Push struct {
	remote.Location
	From    *repo.Repo    // has everything that New of the updates reach
	Updates []repo.Update // zero Old: there must be no such ref; zero New: it goes
	Keep    []repo.Update // new refs for what the destination has: they go first, and no other moves unless all are taken
	Head    string        // the default branch, which goes first; "" for none
	Whole   bool          // all or nothing, where the destination can do that
	Limit   int64         // bytes of one pack that the destination takes; 0 is what its forge is known for

	// Known names packs, of any repository, whose objects the destination should have, and Has reports whether
	// it should have an object of that id. Either may be nil.
	Known []string
	Has   func(id []byte) bool

	// Before is asked before each request for refs goes out, with its updates where it is one of several, and otherwise nil; its
	// error ends the push and is returned as it is. May be nil.
	Before func(context.Context, []repo.Update) error

	Objects  []lfs.Object   // Git LFS objects that go before everything else, each id once
	Progress func(Progress) // told now and then, from one goroutine; may be nil
}

// Progress is how far a push has come.
type Progress struct {
	Bytes, Total  int64 // of the packs, as far as planned
	LFS           int64 // objects that are there
	Sent          bool  // nothing more goes out until the destination has answered
	Refs, AllRefs int64 // those that it has answered for, of so many; zeros where they go in one request
}

// Result is what a push did.
type Result struct {
	Refused []Refusal // refs that stayed what they were
	Objects int64     // sent in packs
	Bytes   int64     // of these packs
}

// Push makes the destination's refs what p says. A ref that is neither at its Old nor at its New is refused as moved, and
// so is each that the destination will not take; the others move all the same, unless p.Whole could be had. Doing it
// again after whatever ended it changes nothing that is done, and clears away what a push in several steps left there, even
// without updates. Errors are *rehome.Error with the destination_* codes,
// BlockedByPolicy, LFSMissing and Cancelled.
func (g *Git) Push(ctx context.Context, p Push) (Result, error) {
	if p.Progress == nil {
		p.Progress = func(Progress) {}
	}
	if err := g.sendLFS(ctx, p); err != nil {
		return Result{}, discreet(p.Location, explain(ctx, err))
	}
	if p.Limit == 0 {
		p.Limit = g.site(ctx, p.Location).limits.Push
	}
	objects, err := p.From.Objects()
	if err != nil {
		return Result{}, fmt.Errorf("open what is to be pushed: %w", err)
	}
	defer objects.Close()
	s := &session{Git: g, p: p, objects: objects}
	if len(p.Known) == 0 && p.Has == nil {
		s.goesBy = byRefs
	}
	err = pack.Guard(func() error {
		return g.trying(ctx, func() error { return explain(ctx, s.attempt(ctx)) })
	})
	for i := range s.result.Refused {
		s.result.Refused[i].discreet(p.Location)
	}
	return s.result, discreet(p.Location, err)
}

// session is one Push under way.
type session struct {
	*Git
	p       Push
	objects *repo.Objects
	goesBy  knowledge
	shares  bool                      // the destination has refs to what is here
	sent    atomic.Pointer[time.Time] // since when all of the request at hand is; nil before
	thick   bool                      // it takes no pack whose deltas are made from what it has
	refs    portion                   // of the attempt
	result  Result
}

// attempt brings the destination from what it is now to what it should be.
func (s *session) attempt(ctx context.Context) error {
	s.result.Refused = nil
	c, err := s.open(ctx, s.p.Location, protocol.ReceivePack)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.checkFormat(c.Advertisement()); err != nil {
		return err
	}
	s.thick = c.Advertisement().Capabilities.Has("no-thin")
	now := stateOf(c.Advertisement().Refs, c.Advertisement().Format)
	plan, err := s.todo(ctx, now)
	if err != nil {
		return err
	}
	s.refs = portion{all: refsOf(plan)}
	for i, step := range plan {
		if i > 0 { // each push is a conversation of its own
			c.Close()
			if c, err = s.open(ctx, s.p.Location, protocol.ReceivePack); err != nil {
				return err
			}
			defer c.Close()
		}
		if err := s.before(ctx, step, len(plan)); err != nil {
			return err
		}
		refused := len(s.result.Refused)
		if err := s.step(ctx, c, step, i == len(plan)-1); err != nil {
			return err
		}
		if len(s.result.Refused) > refused {
			return nil // what comes after builds on this
		}
		s.refs.done += int64(len(step.updates))
	}
	return nil
}

// before asks whether a step of so many may go out.
func (s *session) before(ctx context.Context, next step, steps int) error {
	if s.p.Before == nil {
		return nil
	}
	updates := next.updates
	if steps == 1 {
		updates = nil
	}
	if err := s.p.Before(ctx, updates); err != nil {
		return callersError{err}
	}
	return nil
}

// callersError is an error of Push.Before: it says nothing of the destination, and stays what it is.
type callersError struct{ error }

// Unwrap returns what Before did.
func (e callersError) Unwrap() error { return e.error }

// checkFormat refuses a destination of another object format. One that is empty and does not name its own may have any.
func (s *session) checkFormat(ad protocol.Advertisement) error {
	f := s.p.From.Format()
	if ad.Format == f || len(ad.Refs) == 0 && !ad.Capabilities.Has("object-format") {
		return nil
	}
	return &rehome.Error{
		Code:    rehome.DestinationRefused,
		Message: fmt.Sprintf("The destination is a %s repository, and what is to be pushed is %s.", ad.Format, f),
		Hint:    "Make a new repository there with that object format.",
	}
}

// todo returns the requests that are to be made.
func (s *session) todo(ctx context.Context, now State) ([]step, error) {
	keep, err := s.due(ctx, now, s.p.Keep)
	if err != nil || len(s.result.Refused) > 0 {
		return nil, err
	}
	updates, err := s.due(ctx, now, s.p.Updates)
	if err != nil {
		return nil, err
	}
	left, err := s.leftover(now)
	if err != nil {
		return nil, err
	}
	if updates = append(updates, left...); len(updates) == 0 && len(keep) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(updates, func(a, b repo.Update) int { return s.rank(a) - s.rank(b) })
	plan, err := s.plan(ctx, now, updates)
	if err == nil && len(keep) > 0 {
		plan = slices.Insert(plan, 0, step{updates: keep})
	}
	return plan, err
}

// due returns those of the updates that are still to be done, and notes refs that somebody moved.
func (s *session) due(ctx context.Context, now State, updates []repo.Update) (todo []repo.Update, err error) {
	for _, u := range updates {
		is := now.Has(u.Name)
		switch {
		case is == u.New || is.IsZero() && u.New.IsZero():
			continue
		case is == u.Old || is.IsZero() && u.Old.IsZero():
			todo = append(todo, u)
			continue
		}
		begun, err := s.begun(ctx, u, is)
		if err != nil {
			return nil, err
		}
		if begun {
			todo = append(todo, repo.Update{Name: u.Name, Old: is, New: u.New})
			continue
		}
		s.result.Refused = append(s.result.Refused, Refusal{Name: u.Name, Moved: true, Words: "it was made or moved by somebody else"})
	}
	return todo, nil
}

// rank orders updates: the default branch, then branches, then what else is made or moved, then what goes.
func (s *session) rank(u repo.Update) int {
	switch {
	case u.New.IsZero():
		return 3
	case u.Name == s.p.Head:
		return 0
	case strings.HasPrefix(u.Name, "refs/heads/"):
		return 1
	}
	return 2
}

// step sends one pack with the updates that it is for.
func (s *session) step(ctx context.Context, c transport.Conversation, step step, last bool) error {
	ad := c.Advertisement()
	push := protocol.Push{
		Agent: s.agent, Format: s.p.From.Format(), Capabilities: ad.Capabilities,
		Atomic: s.p.Whole && last && ad.Capabilities.Has("atomic"),
	}
	if ad.Capabilities.Has("push-options") {
		push.Options = s.site(ctx, s.p.Location).options
	}
	for _, u := range step.updates {
		push.Commands = append(push.Commands, protocol.Command{Name: u.Name, Old: u.Old, New: u.New})
	}
	bounded, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	said := &words{of: s.p.Location, stop: stop}
	report, err := s.send(bounded, c, push, step, said)
	if err != nil && errors.Is(context.Cause(bounded), errTalks) {
		err = errTalks
	}
	if err != nil && errors.Is(context.Cause(bounded), egress.ErrIdle) {
		err = &transport.CutError{Err: egress.ErrIdle}
	}
	if err != nil {
		return s.settle(ctx, step, err, c)
	}
	return s.judge(ctx, step, report, said)
}

// send writes the request and reads what the destination made of it.
func (s *session) send(ctx context.Context, c transport.Conversation, push protocol.Push, step step, said *words) (protocol.Report, error) {
	out, err := s.outgoing(ctx, push, step)
	if err != nil {
		return protocol.Report{}, err
	}
	if out != nil {
		defer out.Close()
	}
	s.sent.Store(nil)
	floor := egress.NewFloor(func() { said.stop(egress.ErrIdle) })
	defer floor.Stop()
	write, size, err := s.body(ctx, push, out, floor)
	if err != nil {
		return protocol.Report{}, err
	}
	in, err := c.Ask(ctx, transport.Request{Write: write, Stream: true, Size: size, Silence: s.work})
	if err != nil {
		return protocol.Report{}, err
	}
	return push.ReadReport(in, said.hear)
}

// body is the whole request, and how many bytes it has.
func (s *session) body(ctx context.Context, push protocol.Push, out *pack.Outgoing, floor *egress.Floor) (func(io.Writer) error, int64, error) {
	var head lengthWriter
	if err := push.Encode(&head); err != nil {
		return nil, 0, err
	}
	size := int64(head)
	if out != nil {
		size += out.Bytes()
	}
	return func(w io.Writer) error {
		if err := push.Encode(w); err != nil {
			return err
		}
		if out != nil {
			before := s.result.Bytes
			err := out.Write(ctx, floor.Writer(w), func(sent int64) { s.p.Progress(Progress{Bytes: before + sent, Total: before + out.Bytes()}) })
			if err != nil {
				return err
			}
			s.result.Bytes, s.result.Objects = before+out.Bytes(), s.result.Objects+out.Objects()
		}
		now := s.now()
		s.sent.Store(&now)
		s.p.Progress(Progress{Bytes: s.result.Bytes, Total: s.result.Bytes, Sent: true, Refs: s.refs.done, AllRefs: s.refs.all})
		return nil
	}, size, nil
}

// outgoing is the pack of a step, nil when it needs none.
func (s *session) outgoing(ctx context.Context, push protocol.Push, step step) (*pack.Outgoing, error) {
	if !push.NeedsPack() {
		return nil, nil
	}
	o := pack.OutgoingOptions{Format: s.p.From.Format(), Scratch: repo.Scratch(s.p.From.Dir()), Has: step.has}
	if !s.thick {
		o.Resemble = s.resemble(step.parts)
	}
	return pack.NewOutgoing(ctx, step.parts, o)
}

// has tells what a delta may be made from that does not go out itself.
func (s *session) has() func(object.ID) bool {
	if s.goesBy != byMemory || s.thick || s.p.Has == nil {
		return nil
	}
	var b [32]byte
	return func(id object.ID) bool { return s.p.Has(id.AppendTo(b[:0])) }
}

// lengthWriter counts what is written.
type lengthWriter int64

func (w *lengthWriter) Write(p []byte) (int, error) {
	*w += lengthWriter(len(p))
	return len(p), nil
}

// knowledge is what says which objects the destination has. Where it turns out to be wrong, the next one counts.
type knowledge int

const (
	byMemory knowledge = iota // what earlier pushes brought
	byRefs                    // what its refs reach
	byNothing
)

// errAgain says that the same attempt has to be made once more, at once.
var errAgain = errors.New("the destination lacks objects that it should have")
