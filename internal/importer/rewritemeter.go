package importer

import (
	"sync"
	"time"

	"rehome"
)

// rewriteMeter tells the watchers how far a rewrite is, now and then. It is safe for
// concurrent use.
type rewriteMeter struct {
	w     *worker
	meter meter

	mu   sync.Mutex
	told time.Time // guarded by mu, as all below
	best int       // a percentage never falls within a run
	done [2]int64  // commits, bytes that became Git LFS objects
	of   [2]int64  // so many of each; 0 while not known
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
	if total <= 0 || now.Sub(r.told) < recordEvery/2 {
		return
	}
	r.told = now
	r.best = max(r.best, r.percent())
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
