package importer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/store"
)

// pushMeter tells the watchers how far a push to a forge is, now and then, and the row with it. It is safe for
// concurrent use.
type pushMeter struct {
	w     *worker
	store func(percent int, working bool)
	meter meter

	mu   sync.Mutex
	told time.Time // guarded by mu, as all below
	best int       // a percentage never falls within a push
	last destination.Progress
	sent growth
	lfs  int64 // objects to send
}

// workingNote is shown while a destination, which has got everything, unpacks it and runs its hooks. That may take long.
const workingNote = "The destination is working on what it got..."

// withoutWorking is a row's note once the destination has answered.
func withoutWorking(note string) string {
	if note == workingNote || strings.Contains(note, againNote) {
		return ""
	}
	return note
}

func (w *worker) newPushMeter(ctx context.Context, lfs int64) *pushMeter {
	now := w.Clock()
	put := func(percent int, working bool) {
		_, err := w.DB.Advance(ctx, w.lease, func(_ *store.Tx, i *store.Import) error {
			i.Progress.PushPercent = percent
			if i.State.Note = withoutWorking(i.State.Note); working {
				i.State.Note = workingNote
			}
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrLeaseLost) { // the push itself finds out about that
			w.logOf(ctx, w.row.ID).WarnContext(ctx, "store progress", "err", err)
		}
	}
	return &pushMeter{w: w, store: put, meter: meter{clock: w.Clock, start: now}, told: now, lfs: lfs}
}

func (p *pushMeter) read(now destination.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last.LFS = max(p.last.LFS, now.LFS)
	p.w.Measure.Sent(p.sent.to(now.Bytes))
	p.last.Bytes, p.last.Total = max(p.last.Bytes, now.Bytes), max(p.last.Total, now.Total)
	at := p.w.Clock()
	turned := now.Sent != p.last.Sent
	p.last.Sent = now.Sent
	if at.Sub(p.told) < recordEvery && !turned {
		return
	}
	p.told = at
	if p.last.Total > 0 {
		p.best = max(p.best, int(float64(p.last.Bytes)/float64(p.last.Total)*99))
	}
	progress := rehome.Progress{Percent: p.best, Bytes: p.last.Bytes, LFS: p.last.LFS, LFSTotal: p.lfs}
	e := p.meter.event(progress, p.w.row.Found.Authors)
	e.Step, e.Status = rehome.StepPush, rehome.Pushing
	if total := p.last.Total; total > 0 {
		e.BytesTotal = &total
	}
	if now.Sent {
		e.Text = workingNote
	}
	p.store(p.best, now.Sent)
	p.w.publish(p.w.row.ID, e)
}
