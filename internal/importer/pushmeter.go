package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/egress"
	"rehome/internal/store"
)

// pushMeter tells the watchers how far a push to a forge is, now and then, and the row with it. It is safe for
// concurrent use.
type pushMeter struct {
	w     *worker
	store func(percent int, working string)
	meter meter

	id, authors int64 // of the import

	mu   sync.Mutex
	told time.Time // guarded by mu, as all below
	best int       // a percentage never falls within a push
	last destination.Progress
	sent time.Time // since when the destination works on what it got; zero while something goes out
	out  growth
	lfs  int64 // objects to send
}

// workingNote is how the note begins that is shown while a destination, which has got everything, unpacks it and runs its
// hooks. That may take long.
const workingNote = "The destination is working on what it got"

// workingEvery is how often that is said again.
const workingEvery = 20 * time.Second

// withoutWorking is a row's note once the destination has answered.
func withoutWorking(note string) string {
	if strings.HasPrefix(note, workingNote) || strings.Contains(note, againNote) {
		return ""
	}
	return note
}

func (w *worker) newPushMeter(ctx context.Context, lfs int64) *pushMeter {
	now, lease, id := w.Clock(), w.lease, w.row.ID
	put := func(percent int, working string) {
		_, err := w.DB.Advance(ctx, lease, func(_ *store.Tx, i *store.Import) error {
			i.Progress.PushPercent = percent
			if i.State.Note = withoutWorking(i.State.Note); working != "" {
				i.State.Note = working
			}
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrLeaseLost) { // the push itself finds out about that
			w.logOf(ctx, id).WarnContext(ctx, "store progress", "err", err)
		}
	}
	return &pushMeter{w: w, store: put, meter: meter{clock: w.Clock, start: now}, id: id, authors: w.row.Found.Authors, told: now, lfs: lfs}
}

func (p *pushMeter) read(now destination.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last.LFS = max(p.last.LFS, now.LFS)
	p.w.Measure.Sent(p.out.to(now.Bytes))
	p.last.Bytes, p.last.Total = max(p.last.Bytes, now.Bytes), max(p.last.Total, now.Total)
	at := p.w.Clock()
	turned := now.Sent != p.last.Sent
	if p.last.Sent = now.Sent; turned {
		p.sent = at
	}
	further := now.Refs != p.last.Refs
	p.last.Refs, p.last.AllRefs = now.Refs, now.AllRefs
	if at.Sub(p.told) < recordEvery && !turned && !further {
		return
	}
	p.tell(at)
}

// tell tells how far the push is. p.mu is held.
func (p *pushMeter) tell(at time.Time) {
	p.told = at
	if p.last.Total > 0 {
		p.best = max(p.best, int(float64(p.last.Bytes)/float64(p.last.Total)*99))
	}
	progress := rehome.Progress{Percent: p.best, Bytes: p.last.Bytes, LFS: p.last.LFS, LFSTotal: p.lfs}
	e := p.meter.event(progress, p.authors)
	e.Step, e.Status = rehome.StepPush, rehome.Pushing
	if total := p.last.Total; total > 0 {
		e.BytesTotal = &total
	}
	if p.last.Sent {
		e.Text = p.working(at)
	}
	p.store(p.best, e.Text)
	p.w.publish(p.id, e)
}

// working says that the destination works on what it got, for how long, and how many refs it is done with.
func (p *pushMeter) working(at time.Time) string {
	text := workingNote
	if took := at.Sub(p.sent).Truncate(time.Second); took >= workingEvery/2 {
		text += ", for " + took.String() + " now"
	}
	if p.last.AllRefs > 0 {
		text += fmt.Sprintf("; %d of %d refs are done", p.last.Refs, p.last.AllRefs)
	}
	return text + "..."
}

// keepTelling tells again and again of a destination that works on what it got. end stops that.
func (p *pushMeter) keepTelling(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for egress.Sleep(ctx, workingEvery) == nil {
			p.again()
		}
	}()
	return func() { cancel(); <-ended }
}

// again tells of a destination that works on what it got, if it does.
func (p *pushMeter) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.Sent {
		p.tell(p.w.Clock())
	}
}
