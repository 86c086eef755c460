package importer

import (
	"context"
	"errors"
	"sync"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/store"
)

// shareEvery is how often it is stored how far a rewrite is, for those who watch it from another process.
const shareEvery = time.Second

// rewriteMeter tells the watchers how far a rewrite is, now and then, and the row with it. It is safe for
// concurrent use.
type rewriteMeter struct {
	w     *worker
	meter meter

	mu   sync.Mutex
	told time.Time // guarded by mu, as all below
	best int       // a percentage never falls within a run
	done [2]int64  // commits, bytes that became Git LFS objects
	of   [2]int64  // so many of each; 0 while not known

	shared store.Rewriting // that the row has; of who shares
}

func (w *worker) newRewriteMeter() *rewriteMeter {
	now := w.Clock()
	return &rewriteMeter{w: w, meter: meter{clock: w.Clock, start: now}, told: now}
}

func (r *rewriteMeter) commits(done, total int64) { r.read(0, done, total) }

func (r *rewriteMeter) bytes(done, total int64) { r.read(1, done, total) }

func (r *rewriteMeter) read(kind int, done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[kind], r.of[kind] = done, total
	now := r.w.Clock()
	if total > 0 {
		r.best = max(r.best, r.percent())
	}
	if total <= 0 || now.Sub(r.told) < recordEvery/2 {
		return
	}
	r.told = now
	e := r.meter.event(rehome.Progress{Percent: r.best, Commits: r.done[0], Bytes: r.done[1]}, r.w.row.Found.Authors)
	e.Step, e.Status = rehome.StepRewrite, rehome.Mapping
	if r.of[1] > 0 {
		total := r.of[1]
		e.BytesTotal = &total
	}
	r.w.publish(r.w.row.ID, e)
}

// percent counts what is converted, where anything is, as most of the work.
func (r *rewriteMeter) percent() int {
	part := func(kind, percent int) int {
		if r.of[kind] <= 0 {
			return 0
		}
		return int(float64(min(r.done[kind], r.of[kind])) / float64(r.of[kind]) * float64(percent))
	}
	if r.of[1] > 0 {
		return part(1, streaming) + part(0, 99-streaming)
	}
	return part(0, 99)
}

// keepSharing stores how far the rewrite is, until end is called. The rewrite does not wait for that.
func (r *rewriteMeter) keepSharing(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	lease, id := r.w.lease, r.w.row.ID
	go func() {
		defer close(ended)
		for egress.Sleep(ctx, shareEvery) == nil {
			err := r.share(ctx, lease)
			if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrLeaseLost) { // the rewrite itself finds out about that
				r.w.logOf(ctx, id).WarnContext(ctx, "store progress", "err", err)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// share stores how far the rewrite is, where that is further than the row says.
func (r *rewriteMeter) share(ctx context.Context, lease store.Lease) error {
	r.mu.Lock()
	now := store.Rewriting{Percent: r.best, Commits: r.done[0], Bytes: r.done[1]}
	r.mu.Unlock()
	if now == r.shared {
		return nil
	}
	_, err := r.w.DB.Advance(ctx, lease, func(_ *store.Tx, i *store.Import) error {
		i.Rewriting = now
		return nil
	})
	if err == nil {
		r.shared = now
	}
	return err
}
