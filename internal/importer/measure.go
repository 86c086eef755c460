package importer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Measure is told what imports do, so that somebody can count it. A nil function is told nothing. They are called from many
// goroutines, and often: they must not wait.
type Measure struct {
	Step      func(step rehome.Step, took time.Duration) // a step came to its end
	Failed    func(step rehome.Step, cause rehome.Code)  // an import stopped at a step, and does not go on by itself
	TakenOver func()                                     // its holder had not given it back
	LeaseLost func()                                     // this process may not go on
	Received  func(bytes int64)                          // from a source, since the last call
	Sent      func(bytes int64)                          // to a forge, since the last call
}

// filled has no nil function.
func (m Measure) filled() Measure {
	if m.Step == nil {
		m.Step = func(rehome.Step, time.Duration) {}
	}
	if m.Failed == nil {
		m.Failed = func(rehome.Step, rehome.Code) {}
	}
	if m.TakenOver == nil {
		m.TakenOver = func() {}
	}
	if m.LeaseLost == nil {
		m.LeaseLost = func() {}
	}
	if m.Received == nil {
		m.Received = func(int64) {}
	}
	if m.Sent == nil {
		m.Sent = func(int64) {}
	}
	return m
}

// measured tells what became of a step that began at a status, and of its error: one that is tried again, or that waits
// where it was, has not ended.
func (w *worker) measured(at rehome.Status, began time.Time, cause error) {
	now := w.row.State
	switch {
	case now.Status == at || at.Step() == "":
	case cause == nil:
		w.Measure.Step(at.Step(), w.took(began))
	case !now.Status.Running() && now.Err != nil:
		w.Measure.Failed(or(now.FailedStep, at.Step()), now.Err.Code)
	}
}

// measureLease tells of a lease that was lost while this process had it. why is what ended the work.
func (m *Importer) measureLease(ctx context.Context, lease store.Lease, row *store.Import, why error) {
	if row.LostBy(lease) || !row.Deleted && errors.Is(why, store.ErrLeaseLost) {
		m.Measure.LeaseLost()
		m.logOf(ctx, row.ID).WarnContext(ctx, "lease lost", "fence", lease.Fence)
	}
}

// growth is a number that grows, and now and then falls back to grow again. It belongs to one goroutine.
type growth int64

// to returns what it has grown by.
func (g *growth) to(n int64) int64 {
	before := int64(*g)
	*g = growth(n)
	return max(n-before, 0)
}

// naming is how long a line of the log waits to know of which repository it tells.
const naming = time.Second

// logOf is the log with the import's id and its repository's name, as far as they are known. It asks the database: call it
// where there is something to log.
func (m *Importer) logOf(ctx context.Context, importID int64) *slog.Logger {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), naming)
	defer stop()
	log := m.Log.With("import", importID)
	row, err := m.DB.ImportByID(ctx, importID)
	if err != nil {
		return log
	}
	r, err := m.DB.RepositoryByID(ctx, row.RepositoryID)
	if err != nil { // it may be deleted, and its import not yet
		return log.With("repository_id", row.RepositoryID)
	}
	return log.With("repository", r.FullName())
}
