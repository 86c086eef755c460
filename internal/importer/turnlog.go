package importer

import (
	"context"
	"errors"
	"time"

	"rehome"
	"rehome/internal/store"
)

// stepBegins logs that a step begins, and before the first of a turn that the import was taken up.
func (w *worker) stepBegins(ctx context.Context, at rehome.Status) {
	if at.Step() == "" {
		return
	}
	if w.log == nil {
		w.log = w.logOf(ctx, w.row.ID).With("worker", w.Folder.Called())
		w.log.InfoContext(ctx, "import taken up", "status", at)
	}
	w.log.InfoContext(ctx, "step begun", "step", at.Step())
}

// stepEnded logs that a step came to its end. Why others did not is logged by fail.
func (w *worker) stepEnded(ctx context.Context, at rehome.Status, took time.Duration, cause error) {
	if now := w.row.State.Status; cause == nil && at.Step() != "" && now != at {
		w.fits()
		w.log.InfoContext(ctx, "step ended", "step", at.Step(), "took", took.Round(time.Millisecond), "status", now)
	}
}

// givenBack logs that an import that was taken up is free for others again. That a lease was lost is logged elsewhere.
func (w *worker) givenBack(ctx context.Context) {
	if w.log == nil || errors.Is(context.Cause(ctx), store.ErrLeaseLost) {
		return
	}
	w.log.InfoContext(ctx, "import given back", "status", w.row.State.Status, "interrupted", ctx.Err() != nil)
}
