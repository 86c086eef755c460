package importer

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"rehome"
	"rehome/internal/store"
)

// worker holds the lease of one import and works on it. It belongs to one goroutine.
type worker struct {
	*Importer
	lease store.Lease
	row   store.Import      // as last read or written
	used  signIn            // what the step at hand signs in with at the source
	to    store.Destination // where the push at hand goes, as it is stored; zero where it is not
	kept  map[kind]string   // keys on the shelf that are not in the row yet
	waits bool              // the row is not due before its time
	rests bool              // the next sync's time has not come
	stays bool              // what is kept does not expire in this turn
	bytes int64             // that the import takes, where that is not in the row yet; 0 for unknown
	left  bool              // the import was left to others
	log   *slog.Logger      // of the turn; nil before its first step
}

// next is the step the row wants now, nil for none.
func (w *worker) next() func(context.Context) error {
	if w.waits {
		return nil // WakeAt or a sweep comes back to it
	}
	switch w.row.State.Status {
	case rehome.Detecting:
		return w.detect
	case rehome.Importing:
		return w.fetch
	case rehome.Mapping:
		return w.rewrite
	case rehome.Pushing:
		return w.push
	case rehome.Complete, rehome.Failed:
		if w.mayBeDue() {
			return w.sync
		}
	}
	if !w.row.State.Status.Running() && w.mayExpire() {
		return w.expire
	}
	return nil
}

// advance records what was done, if the lease still holds, and tells the watchers.
func (w *worker) advance(ctx context.Context, change func(*store.Tx, *store.Import) error) error {
	w.fault("before a change")
	var now time.Time
	told, stored := func() {}, false
	row, err := w.patiently(ctx, func(t *store.Tx, i *store.Import) (err error) {
		now = t.Now
		was := i.State.Status
		w.record(i)
		if err := change(t, i); err != nil {
			return err
		}
		w.keepOn(t, i)
		stored = true
		if end, ok := endOf(was, i); ok {
			told, err = w.Ended(ctx, t, end)
		}
		return err
	})
	if err != nil {
		return err
	}
	told()
	w.fault("after a change")
	w.row, w.waits = row, row.DueAt.After(now)
	if stored {
		w.kept, w.bytes = nil, 0
	}
	if w.waits {
		w.WakeAt(row.ID, row.DueAt.Sub(now))
	}
	w.watched.saw(&row)
	return nil
}

// endOf is what webhooks are told when an import was at a status and is what it is now; false for nothing. Where a
// clock syncs an import nobody looks on, so that one which waits for other credentials counts as failed.
func endOf(was rehome.Status, i *store.Import) (rehome.ImportEnd, bool) {
	end := rehome.ImportEnd{ImportID: i.ID, RepositoryID: i.RepositoryID, By: i.StartedBy, Outcome: rehome.Failure}
	ended := true
	switch i.State.Status {
	case rehome.Complete:
		end.Outcome = rehome.Success
	case rehome.Failed:
	case rehome.AuthFailed:
		ended = i.Options.SyncEvery > 0 && !i.CompletedAt.IsZero()
	default:
		ended = false
	}
	return end, ended && was != i.State.Status
}

// guarded runs a step and makes a panic an error: a bad repository costs one job, not the service.
func guarded(ctx context.Context, step func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return step(ctx)
}

// become moves the import on to its next status.
func become(i *store.Import, s rehome.Status) {
	i.State = rehome.State{Status: s, Note: withoutPassing(i.State.Note)}
	i.Attempts, i.LeftBy = 0, nil
}

// fail records why a step ended early: as another try, later, or as the status the
// failure table names.
func (w *worker) fail(ctx context.Context, cause error) error {
	cause = orAway(cause)
	e, log := wasExpired(rehome.AsError(cause), &w.row), w.logOf(ctx, w.row.ID)
	if e.Code == rehome.Internal {
		log.ErrorContext(ctx, "import step", "status", w.row.State.Status, "err", forLog(cause))
	} else {
		log.InfoContext(ctx, "import step", "status", w.row.State.Status, "code", e.Code, "err", e.Message)
	}
	at := w.row.State.Status
	step := failedStep(at, cause)
	delete(w.kept, kindRaw) // the row tells of what was there before; this goes with the next sweep
	delete(w.kept, kindFinal)
	if (at == rehome.Mapping || at == rehome.Pushing) && blamesRaw(e.Code) && !isCutOff(cause) {
		if err := w.doubt(ctx); err != nil {
			return err
		}
	}
	err := w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		switch {
		case i.State.Status != at:
			return store.ErrUnchanged // somebody changed what is wanted meanwhile
		case i.Wanted.Plan > w.row.Wanted.Plan && (at == rehome.Mapping || at == rehome.Pushing):
			i.State.Status, i.Attempts = rehome.Mapping, 0 // the newer plan may be the remedy
			return nil
		case isAboutCredentials(e.Code) && !w.used.equal(signIn{i.Credentials, i.Key}):
			return nil // there are others now: try them
		case step == rehome.StepPush && w.toOther(ctx, t):
			return nil // another destination, or other credentials there: try them
		case e.Code == rehome.LFSMissing && at == rehome.Importing && i.Options.AllowMissingLFS:
			return nil // that was allowed meanwhile
		case canPass(cause, i.Attempts, len(w.Waits.Backoff)):
			tryLater(i, e, t.Now, w.Waits.Backoff)
			return nil
		}
		if left, err := w.leaveToOthers(ctx, t, i, e, cause); left || err != nil {
			return err
		}
		i.State = rehome.State{Status: outcome(at, e.Code), Err: withTries(e, i.Attempts)}
		if i.Finishing { // only whoever starts it again closes it, and knows of it
			i.NextSyncAt = time.Time{}
			i.State.Err = withHint(i.State.Err, "It was to be finished, and closes once it completes.")
		}
		if i.State.Status == rehome.Failed {
			i.State.FailedStep = step
		}
		i.Attempts, i.LeftBy = 0, nil
		return nil
	})
	if err == nil && w.left {
		w.leaves(ctx, e.Code)
	}
	return err
}

// forLog is all that is known of an error. The text of a *rehome.Error is for outside, and leaves out what is underneath.
func forLog(err error) string {
	text, under := err.Error(), rehome.AsError(err).Err
	if under == nil || strings.Contains(text, under.Error()) {
		return text
	}
	return text + ": " + under.Error()
}

// blamesRaw reports whether a failure of a later step may lie in the raw repository or what came with it.
func blamesRaw(c rehome.Code) bool {
	return c == rehome.Internal || c == rehome.CorruptObject || c == rehome.LFSMissing
}

// withHint adds a sentence to what is to be done about an error.
func withHint(e *rehome.Error, more string) *rehome.Error {
	added := *e
	added.Hint = strings.TrimSpace(e.Hint + " " + more)
	return &added
}

// took is the time since start by the importer's clock.
func (m *Importer) took(start time.Time) time.Duration { return m.Clock().Sub(start) }
