package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	started := w.Clock()
	done, err := w.finished(ctx)
	if err != nil || done == nil {
		return err
	}
	known, err := w.facts(ctx)
	if err != nil {
		return err
	}
	end, err := w.pushes.take(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	defer end()
	at, err := w.destination(ctx)
	if err != nil {
		return err
	}
	stays, err := w.leave(ctx, done, at)
	if err != nil {
		return err
	}
	p := proof{
		facts: known, final: done.refs, removed: done.removed, stays: append(stays, skipRemoved(done.removed)...), made: done.made, lfs: done.lfs,
		wrote: at.wrote, generation: w.row.Rewritten, started: started,
	}
	left, err := w.publishRefs(ctx, done, at, p.head())
	if err != nil || w.row.State.Status != rehome.Pushing {
		return err
	}
	p.choice = w.row.LFS // of the plan that was rewritten
	w.fault("published")
	if p.back, err = w.readBack(ctx, without(done.refs, left), p.head()); err != nil {
		return err
	}
	if err := w.checkLFS(ctx, done.lfs); err != nil {
		return err
	}
	if p.pushed, err = w.pushWarnings(ctx); err != nil {
		return err
	}
	p.others = w.othersNeedOld(ctx, p.pushed)
	return w.complete(ctx, p)
}

// othersNeedOld reports whether somebody's refs need content that is superseded, and so may point
// to objects that only it points to. In doubt they do.
func (w *worker) othersNeedOld(ctx context.Context, warned []rehome.Warning) bool {
	if slices.ContainsFunc(warned, func(about rehome.Warning) bool { return about.Kind == warnKept }) {
		return true
	}
	refs, err := w.Host.KeptFor(ctx, w.row.RepositoryID)
	return err != nil || len(refs) > 0
}

// destination is what is there before a push, and what of it we wrote.
type destination struct {
	have  []repo.Ref
	wrote map[string]store.WrittenRef
}

func (w *worker) destination(ctx context.Context) (at destination, err error) {
	if at.wrote, err = w.DB.WrittenRefs(ctx, w.row.RepositoryID); err != nil {
		return at, err
	}
	if at.have, _, err = w.Host.Refs(ctx, w.row.RepositoryID); err != nil {
		return at, destinationError(fmt.Errorf("read destination: %w", err))
	}
	return at, nil
}

// leave takes out of what is to be published the refs that stay what they are here.
func (w *worker) leave(ctx context.Context, done *finished, at destination) (stays []rehome.SkippedRef, err error) {
	if !w.row.CompletedAt.IsZero() {
		rest, deleted := withoutDeleted(done.refs, at.have, at.wrote)
		follow, forced, err := withoutForced(ctx, done.raw, rest, at.wrote)
		if err != nil {
			return nil, err
		}
		done.refs, stays = follow, append(deleted, forced...)
	}
	done.refs, done.removed = apart(done.refs)
	return stays, nil
}

// without returns the refs that are not left alone.
func without(final []finalRef, left map[string]bool) []finalRef {
	var rest []finalRef
	for _, f := range final {
		if !left[f.name] {
			rest = append(rest, f)
		}
	}
	return rest
}

func (w *worker) facts(ctx context.Context) (facts, error) { return w.knownFacts(ctx, w.row.ID) }

// knownFacts reads what the last raw step found; NotFound before the first one ended.
func (m *Importer) knownFacts(ctx context.Context, importID int64) (known facts, err error) {
	text, err := m.DB.Facts(ctx, importID)
	if err != nil {
		return known, err
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return known, fmt.Errorf("decode facts: %w", err)
	}
	return known, nil
}

// publishRefs moves the destination's refs to where they belong, as one transaction, and
// returns those that it leaves to somebody else. What it is about to write is stored
// before, so that a successor knows it for ours, and the repository has the Git LFS objects
// that come with it. A rewrite that is out of date by then is not pushed: the import goes
// back to that step.
func (w *worker) publishRefs(ctx context.Context, done *finished, at destination, head string) (left map[string]bool, err error) {
	updates, left, err := updatesFor(slices.Concat(done.refs, done.removed), at.have, at.wrote)
	if err != nil {
		return nil, err
	}
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		if i.Wanted.Plan > i.Rewritten {
			become(i, rehome.Mapping)
			return nil
		}
		return errors.Join(
			t.AddConvertedLFS(ctx, i.RepositoryID, done.made.Objects),
			t.SetWritten(ctx, i.RepositoryID, writing(updates, at.wrote)))
	})
	if err != nil || w.row.State.Status != rehome.Pushing {
		return nil, err
	}
	w.fault("before publishing")
	if err := w.checkLFS(ctx, done.lfs); err != nil {
		return nil, err
	}
	err = w.Host.Publish(ctx, w.row.RepositoryID, host.Publication{
		From: done.repo, Updates: updates, Head: head, History: done.history, Content: done.content, Replaces: done.replaces,
	})
	return left, destinationError(err)
}

// updatesFor compares what is to be with what is there. A ref may only move if it is what
// we wrote, or may have written, last; it is an error if somebody else made it so. One that
// somebody else moved on from where it still belongs is left alone, and so is one that is not
// to be published and was never ours.
func updatesFor(final []finalRef, have []repo.Ref, wrote map[string]store.WrittenRef) (updates []repo.Update, left map[string]bool, err error) {
	there := make(map[string]repo.Ref, len(have))
	for _, r := range have {
		there[r.Name] = r
	}
	left = map[string]bool{}
	for _, f := range final {
		now, exists := there[f.name]
		last := wrote[f.name]
		switch {
		case exists && now.ID == f.final:
		case f.removed && (!exists || last.Wrote == "" && last.Writing == ""):
		case !exists || isOurs(now, last):
			updates = append(updates, repo.Update{Name: f.name, Old: now.ID, New: f.final})
		case f.final.String() == last.Wrote:
			left[f.name] = true
		default:
			return nil, nil, moved(f.name, last.Wrote)
		}
	}
	return updates, left, nil
}

// writing notes what the updates are about to do. The id a ref has now stays noted as
// ours until the push is proven.
func writing(updates []repo.Update, wrote map[string]store.WrittenRef) []store.WrittenRef {
	all := make([]store.WrittenRef, 0, len(updates))
	for _, u := range updates {
		last := wrote[u.Name]
		if !u.Old.IsZero() {
			last.Wrote = u.Old.String()
		}
		all = append(all, store.WrittenRef{Name: u.Name, Wrote: last.Wrote, Source: last.Source, Writing: u.New.String()})
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
	removed    []finalRef
	stays      []rehome.SkippedRef // left as they are here, or not published
	made       madeLarge
	lfs        []store.LFSObject    // that final points to
	others     bool                 // may need objects that it does not point to any more
	choice     rehome.LFSChoice     // for large files
	back       map[string]object.ID // as read from the destination
	wrote      map[string]store.WrittenRef
	pushed     []rehome.Warning // what the push brought up
	generation int64            // of the plan
	started    time.Time
}

// head is the ref that HEAD is to name, "" when it stays as it is.
func (p *proof) head() string {
	if len(p.final) == 0 && len(p.stays) > 0 {
		return ""
	}
	return headToPublish(p.final, p.Head)
}

// dropConverted takes from the repository the objects that conversions before made and that
// nothing points to any more, so that what was removed cannot be fetched by its id.
func (p *proof) dropConverted(ctx context.Context, t *store.Tx, repositoryID int64) error {
	if p.others {
		return nil
	}
	return t.DropConvertedLFS(ctx, repositoryID, p.lfs)
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
		refs := append(written(p.final), unwritten(p.removed, p.wrote)...)
		if i.CompletedAt.IsZero() {
			refs = append(refs, ofOthers(slices.Concat(p.final, p.removed), p.back, p.wrote)...)
		}
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
			t.SetWritten(ctx, i.RepositoryID, refs),
			t.Pushed(ctx, i.RepositoryID, now, strings.TrimPrefix(p.head(), "refs/heads/")),
			t.SetReceipt(ctx, i.ID, text),
			p.dropConverted(ctx, t, i.RepositoryID))
	})
	if err == nil {
		w.publish(w.row.ID, rehome.Event{Kind: rehome.EventDone, Status: w.row.State.Status, Receipt: &receipt.Head})
	}
	return err
}

func written(final []finalRef) []store.WrittenRef {
	all := make([]store.WrittenRef, 0, len(final))
	for _, f := range final {
		all = append(all, store.WrittenRef{Name: f.name, Wrote: f.final.String(), Source: f.source.String()})
	}
	return all
}
