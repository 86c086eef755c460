package transfer

import (
	"context"
	"errors"
	"sync"
	"time"

	"rehome"
	"rehome/internal/lfs"
)

// peer is a server that is asked for one operation.
type peer struct {
	Options
	side      side
	operation string
	bounds    bounds
	now       func() time.Time
}

// side says whose server it is, and which codes its errors have.
type side struct {
	noun, whose string
	none, wrong string // what to do about credentials that are not there, or not enough
	quotes      bool   // messages have the server's words

	unreachable, cutOff, wanted, refused rehome.Code
}

// source is where objects come from.
var source = side{
	noun: "source", whose: "source's",
	none:        "Give those of somebody who may read it.",
	wrong:       "Check them; they may be good for reading history only.",
	unreachable: rehome.Unreachable, cutOff: rehome.SourceCutOff,
	wanted: rehome.CredentialsWanted, refused: rehome.CredentialsRefused,
}

// destination is where objects go to.
var destination = side{
	noun: "destination", whose: "destination's", quotes: true,
	none:        "Give those of somebody who may push there.",
	wrong:       "Check them, and that they may push there; a token needs the right to write to the repository.",
	unreachable: rehome.DestinationCutOff, cutOff: rehome.DestinationCutOff,
	wanted: rehome.DestinationRefused, refused: rehome.DestinationRefused,
}

// bounds are the times that a server may take. Tests have shorter ones.
type bounds struct {
	batch time.Duration // for the answer to a batch
	step  time.Duration // for the next stepBytes of an object, the beginning of the answer included
}

// stepBytes in bounds.step is the slowest that an object may move: about 1 KiB a second.
const stepBytes = 256 << 10

func newPeer(o Options, s side, operation string) *peer {
	if o.Workers <= 0 {
		o.Workers = defaultWorkers
	}
	if o.Done == nil {
		o.Done = func(lfs.Object) {}
	}
	if o.Bytes == nil {
		o.Bytes = func(int64) {}
	}
	return &peer{Options: o, side: s, operation: operation, now: time.Now, bounds: bounds{batch: 5 * time.Minute, step: 4 * time.Minute}}
}

// name is what messages call the server.
func (p *peer) name() string {
	name := p.side.whose + " Git LFS server " + rehome.Clean(p.Endpoint.Host, maxText)
	if p.Configured {
		name += " (named by its .lfsconfig)"
	}
	return name
}

// work is what one run does with the objects it is for.
type work struct {
	settle func(context.Context, answer) error // deals with what the server says of an object; called by several goroutines

	// without deals with objects that the server gives no answer for, and why; nil lets others go on.
	without func(ctx context.Context, why error, objects ...lfs.Object) error
}

// run asks for the objects, and has up to n answers settled at a time. The first error ends it.
func (p *peer) run(ctx context.Context, objects []lfs.Object, n int, w work) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	answers := make(chan answer, batchSize)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(answers)
		if err := p.batches(ctx, objects, answers, w); err != nil {
			stop(err)
		}
	})
	for range min(n, len(objects)) {
		wg.Go(func() {
			for a := range answers {
				err := ctx.Err()
				if err == nil {
					err = w.settle(ctx, a)
				}
				if err != nil {
					stop(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// maxRefused is how many single objects a server that took none may refuse until it is asked for no more.
const maxRefused = 16

// batches asks for the objects and hands on the answers.
func (p *peer) batches(ctx context.Context, objects []lfs.Object, to chan<- answer, w work) error {
	most, size, taken, refused := batchSize, batchSize, false, 0
	for len(objects) > 0 {
		n := min(size, len(objects))
		answers, err := p.batch(ctx, objects[:n])
		var refusal *refusedError
		switch {
		case errors.As(err, &refusal) && n > 1: // for their number, or for one of them
			if size = n / 2; refusal.tooMany {
				most = size
			}
			continue
		case errors.As(err, &refusal) && (taken || refused < maxRefused):
			refused++
			if err := w.without(ctx, err, objects[0]); err != nil {
				return err
			}
		case err != nil:
			return w.without(ctx, err, objects...)
		default:
			taken, size = true, min(2*size, most)
		}
		for _, a := range answers {
			select {
			case to <- a:
			case <-ctx.Done():
				return nil
			}
		}
		objects = objects[n:]
	}
	return nil
}

// margin is how long before its end a link is not begun with, as git-lfs has it.
const margin = 5 * time.Second

// ranOut reports whether a link that was waiting is of no use any more.
func (p *peer) ranOut(l *link) bool {
	return l != nil && !l.until.IsZero() && !p.now().Add(margin).Before(l.until)
}

// pursue takes steps with what the server says of an object until one does not fail for what may pass. Before
// each further one it asks anew, as it does at once for links that have run out. onward, if not nil, says how
// many tries count so far, or an error that ends them.
func (p *peer) pursue(ctx context.Context, a answer, step func(answer) error, onward func(try int, why *laterError) (int, error)) error {
	stale := p.ranOut(a.link) || p.ranOut(a.verify)
	for try := 0; ; try++ {
		if stale {
			answers, err := p.batch(ctx, []lfs.Object{a.object})
			if err != nil {
				return err
			}
			a = answers[0]
		}
		err := step(a)
		var later *laterError
		if !errors.As(err, &later) {
			return err
		}
		if onward != nil {
			if try, err = onward(try, later); err != nil {
				return err
			}
		}
		if err := p.again(ctx, try, later); err != nil {
			return err
		}
		stale = true
	}
}

// errSlow ends what makes too little of its time.
var errSlow = errors.New("it is too slow")

// paced runs what moves an object, and ends it when too little moves; the error then says that the server did slow.
// on is to be called for each stepBytes.
func (p *peer) paced(ctx context.Context, slow string, move func(ctx context.Context, on func()) error) error {
	timed, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(p.bounds.step, func() { stop(errSlow) })
	defer timer.Stop()
	err := move(timed, func() { timer.Reset(p.bounds.step) })
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(timed), errSlow) {
		return &laterError{err: p.cutOff(slow, errSlow)}
	}
	return err
}
