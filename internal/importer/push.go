package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/host"
	"rehome/internal/store"
)

// push publishes the final refs, reads them back and, when every one is there, completes.
// The destination is read first: after a crash it may hold what we were about to write.
// Nobody else pushes to the repository meanwhile: the lease keeps others from this import,
// the turn keeps off an import that was deleted and one that came after it.
func (w *worker) push(ctx context.Context) error {
	started, generation := w.Clock(), w.row.Wanted.Plan
	from, err := w.openRaw(ctx)
	if err != nil || from == nil {
		return err
	}
	known, err := w.facts(ctx)
	if err != nil {
		return err
	}
	final, err := planned(from)
	if err != nil {
		return err
	}
	end, err := w.pushes.take(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	defer end()
	wrote, err := w.DB.WrittenRefs(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	var forced []rehome.SkippedRef
	if !w.row.CompletedAt.IsZero() {
		if final, forced, err = withoutForced(ctx, from, final, wrote); err != nil {
			return err
		}
	}
	if err := w.publishRefs(ctx, from, final, wrote, known.Head); err != nil {
		return err
	}
	w.fault("published")
	back, err := w.readBack(ctx, final, headToPublish(final, known.Head))
	if err != nil {
		return err
	}
	return w.complete(ctx, proof{facts: known, final: final, forced: forced, back: back, generation: generation, started: started})
}

func (w *worker) facts(ctx context.Context) (known facts, err error) {
	text, err := w.DB.Facts(ctx, w.row.ID)
	if err != nil {
		return known, err
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return known, fmt.Errorf("decode facts: %w", err)
	}
	return known, nil
}

// publishRefs moves the destination's refs to where they belong, as one transaction.
// What it is about to write is stored before, so that a successor knows it for ours.
func (w *worker) publishRefs(ctx context.Context, from *repo.Repo, final []finalRef, wrote map[string]store.WrittenRef, head string) error {
	have, _, err := w.Host.Refs(ctx, w.row.RepositoryID)
	if err != nil {
		return destinationError(fmt.Errorf("read destination: %w", err))
	}
	updates, err := updatesFor(final, have, wrote)
	if err != nil {
		return err
	}
	err = w.advance(ctx, func(t *store.Tx, _ *store.Import) error {
		return t.SetWritten(ctx, w.row.RepositoryID, writing(updates, wrote))
	})
	if err != nil {
		return err
	}
	w.fault("before publishing")
	err = w.Host.Publish(ctx, w.row.RepositoryID, host.Publication{From: from, Updates: updates, Head: headToPublish(final, head)})
	return destinationError(err)
}

// updatesFor compares what is to be with what is there. A ref may only move if it is
// what we wrote, or may have written, last; it is an error if somebody else made it so.
func updatesFor(final []finalRef, have []repo.Ref, wrote map[string]store.WrittenRef) ([]repo.Update, error) {
	there := make(map[string]object.ID, len(have))
	for _, r := range have {
		there[r.Name] = r.ID
	}
	var updates []repo.Update
	for _, f := range final {
		now, exists := there[f.name]
		if exists && now == f.final {
			continue
		}
		last := wrote[f.name]
		if exists && now.String() != last.Wrote && now.String() != last.Writing {
			return nil, moved(f.name, last.Wrote)
		}
		updates = append(updates, repo.Update{Name: f.name, Old: now, New: f.final})
	}
	return updates, nil
}

// writing notes what the updates are about to do. The id a ref has now stays noted as
// ours until the push is proven.
func writing(updates []repo.Update, wrote map[string]store.WrittenRef) []store.WrittenRef {
	all := make([]store.WrittenRef, 0, len(updates))
	for _, u := range updates {
		last := wrote[u.Name].Wrote
		if !u.Old.IsZero() {
			last = u.Old.String()
		}
		all = append(all, store.WrittenRef{Name: u.Name, Wrote: last, Writing: u.New.String()})
	}
	return all
}

// headToPublish is the default branch, "" when it is none of the refs that come along.
func headToPublish(final []finalRef, head string) string {
	for _, f := range final {
		if f.name == head {
			return head
		}
	}
	if len(final) == 0 {
		return head
	}
	return ""
}

// moved says that a ref is somebody else's. Where we wrote it before, at the id wrote,
// there is a way to keep both.
func moved(name, wrote string) error {
	hint := "Rename or remove it there, then start the import again."
	if wrote != "" {
		hint = fmt.Sprintf("Push what is new there to a branch of another name, force the ref back to %s, and start the import again.", wrote)
	}
	return &rehome.Error{
		Code:    rehome.DestinationMoved,
		Message: fmt.Sprintf("The ref %q of the destination was made or moved by somebody else.", rehome.Clean(name, 200)),
		Hint:    hint,
	}
}

func destinationError(err error) error {
	var taken *repo.MovedError
	var conflict *repo.ConflictError
	switch {
	case errors.As(err, &taken):
		return moved(taken.Name, "")
	case rehome.CodeOf(err) == rehome.NotFound:
		return &rehome.Error{Code: rehome.DestinationMissing, Message: "The repository is not there any more.", Err: err}
	case errors.As(err, &conflict):
		return &rehome.Error{
			Code: rehome.DestinationMoved, Err: err,
			Message: "A ref of the destination stands in the way: " + rehome.Clean(conflict.Error(), 300) + ".",
			Hint:    "Rename or remove it there, then start the import again.",
		}
	}
	return err
}

// proof is what shows that a push arrived.
type proof struct {
	facts
	final      []finalRef
	forced     []rehome.SkippedRef  // left where they are
	back       map[string]object.ID // as read from the destination
	generation int64                // of the plan
	started    time.Time
}

// complete records that the destination is as it should be, with the receipt that says so.
func (w *worker) complete(ctx context.Context, p proof) error {
	repository, err := w.DB.RepositoryByID(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	now := w.Clock().UTC().Truncate(time.Second)
	var receipt rehome.Receipt
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		i.Timing.Push, i.Progress.PushPercent = w.took(p.started), 100
		i.Done.Plan, i.CompletedAt = p.generation, now
		become(i, rehome.Complete)
		if i.Wanted.Plan > p.generation {
			i.State.Status = rehome.Mapping
		}
		receipt = w.receipt(i, repository, p)
		text, err := EncodeReceipt(receipt)
		if err != nil {
			return err
		}
		return errors.Join(
			t.SetWritten(ctx, i.RepositoryID, written(p.final)),
			t.Pushed(ctx, i.RepositoryID, now, strings.TrimPrefix(headToPublish(p.final, p.Head), "refs/heads/")),
			t.SetReceipt(ctx, i.ID, text))
	})
	if err == nil {
		w.publish(w.row.ID, rehome.Event{Kind: rehome.EventDone, Status: w.row.State.Status, Receipt: &receipt.Head})
	}
	return err
}

func written(final []finalRef) []store.WrittenRef {
	all := make([]store.WrittenRef, 0, len(final))
	for _, f := range final {
		all = append(all, store.WrittenRef{Name: f.name, Wrote: f.final.String()})
	}
	return all
}
