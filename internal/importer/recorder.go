package importer

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/survey"
)

const (
	// recordEvery is how often a running step is written down and told, at most. All
	// writers share one connection, and API calls wait in the same line.
	recordEvery = 500 * time.Millisecond
	// maxBatch bounds the identities of one transaction, for the same reason.
	maxBatch = 2000
)

// recorder stores what a raw step tells of itself while it runs. Telling never waits:
// what comes while a write is under way goes into the next one.
type recorder struct {
	w    *worker
	stop context.CancelCauseFunc // ends the step when a write fails
	wg   sync.WaitGroup
	wake chan struct{} // holds at most one
	done chan struct{} // closed by close
	end  sync.Once
	err  error // of the write that failed; read after wg.Wait

	meter  meter
	bytes  growth    // that came; of the goroutine that tells of progress
	stored time.Time // when something was written last; of the writing goroutine, as the next two
	whole  *wholeMap // the author map for identities still to come; nil for none
	known  int64     // its version

	mu      sync.Mutex
	seen    []survey.Identity // not stored yet; guarded by mu
	current rehome.Progress   // guarded by mu
}

// startRecorder begins to record for a step that runs under ctx.
func startRecorder(ctx context.Context, w *worker, stop context.CancelCauseFunc) *recorder {
	r := &recorder{
		w: w, stop: stop, wake: make(chan struct{}, 1), done: make(chan struct{}),
		meter: meter{clock: w.Clock, start: w.Clock()}, current: noProgress,
	}
	r.wg.Go(func() { r.run(ctx) })
	return r
}

// identities takes identities seen for the first time, in that order.
func (r *recorder) identities(batch []survey.Identity) {
	r.mu.Lock()
	r.seen = append(r.seen, batch...)
	r.mu.Unlock()
	r.nudge()
}

func (r *recorder) progress(p source.Progress) { r.came(r.meter.read(p)) }

// lfs takes how far Git LFS objects have come.
func (r *recorder) lfs(done, total, bytes int64) { r.came(r.meter.lfs(done, total, bytes)) }

func (r *recorder) came(now rehome.Progress) {
	r.w.Measure.Received(r.bytes.to(now.Bytes))
	r.mu.Lock()
	r.current = now
	r.mu.Unlock()
	r.nudge()
}

func (r *recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close stores what is left and returns the first error there was, also when called
// again. What is told after it is not stored.
func (r *recorder) close() error {
	r.end.Do(func() { close(r.done) })
	r.wg.Wait()
	return r.err
}

func (r *recorder) run(ctx context.Context) {
	for r.told() {
		if r.w.took(r.stored) < recordEvery {
			continue // more is told before the step ends, or close writes it
		}
		if _, r.err = r.write(ctx); r.err != nil {
			r.stop(r.err)
			return
		}
	}
	for more := true; more && r.err == nil; {
		more, r.err = r.write(ctx)
	}
}

// later puts back what could not be written because the database was away: the step goes on, and the next write has it.
func (r *recorder) later(ctx context.Context, seen []survey.Identity, err error) (bool, error) {
	if !store.Unavailable(err) || egress.Sleep(ctx, recordEvery) != nil {
		return false, err
	}
	r.mu.Lock()
	r.seen = slices.Concat(seen, r.seen)
	r.mu.Unlock()
	r.nudge()
	return true, nil
}

// told waits until there is something to write; false when nothing more will come.
func (r *recorder) told() bool {
	select {
	case <-r.wake:
		return true
	case <-r.done:
		return false
	}
}

// write stores what is new; more says that it was too much for one transaction.
func (r *recorder) write(ctx context.Context) (more bool, err error) {
	r.mu.Lock()
	n := min(len(r.seen), maxBatch)
	seen, current := r.seen[:n], r.current
	r.seen = r.seen[n:]
	more = len(r.seen) > 0
	r.mu.Unlock()
	var added []rehome.Author
	err = r.w.advance(ctx, func(t *store.Tx, i *store.Import) (err error) {
		i.Progress = current
		if current.Bytes > 0 && strings.Contains(i.State.Note, againNote) {
			i.State.Note = ""
		}
		authors := authorsOf(seen)
		if err := r.mapNew(ctx, t, i.ID, authors); err != nil {
			return err
		}
		added, err = t.AddAuthors(ctx, i, authors)
		return err
	})
	if err != nil {
		return r.later(ctx, seen, err)
	}
	r.stored = r.w.Clock()
	for _, a := range added {
		r.w.publish(r.w.row.ID, authorEvent(a))
	}
	if current != noProgress { // else the source has not answered
		r.w.publish(r.w.row.ID, r.meter.event(current, r.w.row.Found.Authors))
	}
	return more, nil
}

// mapNew maps identities as the whole map says that was given before they were seen.
func (r *recorder) mapNew(ctx context.Context, t *store.Tx, importID int64, authors []rehome.Author) error {
	if len(authors) == 0 {
		return nil
	}
	kept, ok, err := t.AuthorMap(ctx, importID, r.known)
	if err != nil {
		return err
	}
	if ok {
		if r.whole, err = readMap(kept); err != nil {
			return err
		}
		r.known = kept.Version
	}
	if r.whole != nil {
		remap(authors, r.whole)
	}
	return nil
}

// authorsOf gives identities the mapping they start with: themselves, made valid UTF-8.
func authorsOf(seen []survey.Identity) []rehome.Author {
	all := make([]rehome.Author, 0, len(seen))
	for _, id := range seen {
		all = append(all, rehome.Author{RemoteName: id.Name, RemoteMail: id.Mail, Name: text(id.Name), Email: text(id.Mail)})
	}
	return all
}
