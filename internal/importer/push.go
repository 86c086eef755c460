package importer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// push publishes the final refs, reads them back and, when every one is there, completes.
// The destination is read first: after a crash it may hold what we were about to write.
// Nobody else of ours pushes to the repository meanwhile: the lease keeps others from this import,
// the turn keeps off an import that was deleted and one that came after it.
func (w *worker) push(ctx context.Context) error {
	started := w.Clock()
	to, err := w.end(ctx)
	if err != nil {
		return err
	}
	done, err := w.finished(ctx)
	if err != nil || done == nil {
		return err
	}
	known, err := w.facts(ctx)
	if err != nil {
		return err
	}
	give, err := w.pushes.take(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	defer give()
	p := proof{facts: known, largeProof: largeProof{lfs: done.lfs, made: done.made}, generation: w.row.Rewritten, started: started}
	p.named = renameDefault(done.refs, known.Head, w.row.Options.DefaultBranch)
	err = w.arrive(ctx, to, done, &p)
	if errors.Is(err, errOtherEnd) {
		return nil // the next try goes there
	}
	if err != nil || w.row.State.Status != rehome.Pushing {
		return err
	}
	fewer, err := w.fewerBefore(ctx)
	if err != nil {
		return err
	}
	if err := p.countCarried(ctx, done.raw, len(done.refs), fewer); err != nil {
		return err
	}
	p.choice = w.row.LFS // of the plan that was rewritten
	if err := w.prove(ctx, to, &p); err != nil {
		return err
	}
	return w.complete(ctx, to, p)
}

// maxPushes is how often a push begins again that met somebody else's.
const maxPushes = 3

// arrive publishes and reads back. Where a ref moved meanwhile that may have been a worker of ours, one that stood still past its lease
// or whose request was on its way for long: what it was about to write is in the rows, and another push goes on from there. Refs
// that somebody else moved are found out then, and left to them.
func (w *worker) arrive(ctx context.Context, to end, done *finished, p *proof) error {
	asked := *p
	for n := 1; ; n++ {
		*p = asked
		err := w.publishRefs(ctx, to, done, p)
		if err == nil && w.row.State.Status == rehome.Pushing {
			w.fault("published")
			err = w.confirm(ctx, to, p)
		}
		if n == maxPushes || rehome.CodeOf(err) != rehome.DestinationMoved || errors.As(err, &theirsError{}) {
			return err
		}
		w.logOf(ctx, w.row.ID).InfoContext(ctx, "a ref moved during a push: look again", "err", err)
	}
}

// theirsError is that a ref is somebody else's, by all that the rows know.
type theirsError struct{ error }

// Unwrap returns what is told of it.
func (e theirsError) Unwrap() error { return e.error }

// confirm has the destination take the default branch, and reads it back.
func (w *worker) confirm(ctx context.Context, to end, p *proof) error {
	settled, err := to.settled(ctx, p.head())
	if err != nil {
		return err
	}
	p.pushed = append(p.pushed, settled...)
	p.back, err = w.readBack(ctx, to, p)
	return err
}

// prove compares what was read back with what else was to come.
func (w *worker) prove(ctx context.Context, to end, p *proof) (err error) {
	if err := to.hasLFS(ctx, p.lfs); err != nil {
		return err
	}
	if err := w.proveDeeper(ctx, to, p); err != nil {
		return err
	}
	warned, err := w.pushWarnings(ctx, p.made, p.pushed)
	if err != nil {
		return err
	}
	p.pushed = warned
	p.others = w.othersNeedOld(ctx, p.pushed)
	return nil
}

// othersNeedOld reports whether somebody's refs need content that is superseded, and so may point
// to objects that only it points to. In doubt they do.
func (w *worker) othersNeedOld(ctx context.Context, warned []rehome.Warning) bool {
	if slices.ContainsFunc(warned, func(about rehome.Warning) bool { return about.Kind == warnKept }) {
		return true
	}
	if w.Host == nil {
		return false
	}
	refs, err := w.Host.KeptFor(ctx, w.row.RepositoryID)
	return err != nil || len(refs) > 0
}

// situation is what is at a destination before a push, and what of it we wrote.
type situation struct {
	have  []repo.Ref
	wrote map[string]store.WrittenRef
}

// ours reports whether anything that is there was written by an import.
func (s *situation) ours() bool {
	return slices.ContainsFunc(s.have, func(r repo.Ref) bool { return isOurs(r, s.wrote[r.Name]) })
}

func (w *worker) situation(ctx context.Context, to end) (at situation, err error) {
	if at.wrote, err = w.DB.WrittenRefs(ctx, w.row.RepositoryID); err != nil {
		return at, err
	}
	at.have, _, err = to.refs(ctx)
	if to.about().url != "" && len(at.have) == 0 {
		at.wrote = mayArrive(at.wrote) // it was made anew: nobody deleted ref by ref what we wrote
	}
	return at, err
}

// mayArrive is what rows say of pushes that may still arrive.
func mayArrive(wrote map[string]store.WrittenRef) map[string]store.WrittenRef {
	left := map[string]store.WrittenRef{}
	for name, w := range wrote {
		if earlier := w.Unproven(); earlier != "" {
			left[name] = store.WrittenRef{Name: name, Earlier: earlier}
		}
	}
	return left
}

// leave takes out of what is to be published the refs that stay what they are there.
func (w *worker) leave(ctx context.Context, done *finished, at situation, p *proof) error {
	p.final = done.refs
	if !w.row.CompletedAt.IsZero() {
		if err := w.findFormer(ctx, done, at, p); err != nil {
			return err
		}
		rest, deleted := withoutDeleted(done.refs, at.have, at.wrote)
		follow, forced, err := withoutForced(ctx, done.raw, rest, at.wrote)
		if err != nil {
			return err
		}
		if w.row.Options.Prune {
			if err := w.prune(done, at, p, forced); err != nil {
				return err
			}
			follow, forced = rest, nil
		}
		p.final = follow
		p.stays = slices.Concat(p.stays, deleted, skipForced(forced))
		if !w.row.Options.Prune {
			p.stays = append(p.stays, stillThere(done, at, p)...)
		}
	}
	p.final, p.removed = apart(p.final)
	p.stays = append(p.stays, skipRemoved(p.removed)...)
	return nil
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

// publishRefs moves the destination's refs to where they belong and takes out of the proof those that are left
// to somebody else. What it is about to write is stored before, so that a successor knows it for ours, and the
// repository has the Git LFS objects that come with it. A rewrite that is out of date by then is not pushed: the
// import goes back to that step.
func (w *worker) publishRefs(ctx context.Context, to end, done *finished, p *proof) error {
	at, err := w.situation(ctx, to)
	if err != nil {
		return err
	}
	if err := w.leave(ctx, done, at, p); err != nil {
		return err
	}
	onward, closeIt := onwardIn(ctx, done.repo)
	defer closeIt()
	c := comparison{final: slices.Concat(p.final, p.removed), at: at, divergence: to.about().divergence, onward: onward, fresh: to.about().url != "" && len(at.wrote) == 0}
	updates, err := c.updates()
	if err != nil {
		return theirsError{orDiverge(to, err)}
	}
	if err := p.pruned.keepAll(done.repo, at.have, c.theirs); err != nil {
		return err
	}
	p.pushed = append(aheadWarning(c.ahead), w.formerWarning(at, p)...)
	updates = append(updates, p.pruned.updates...)
	noted := writing(updates, at.wrote)
	p.wrote = maps.Clone(at.wrote)
	for _, n := range noted {
		p.wrote[n.Name] = n
	}
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		if w.toOther(ctx, t) {
			return errOtherEnd
		}
		if i.Wanted.Plan > i.Rewritten {
			become(i, rehome.Mapping)
			return nil
		}
		i.State.Note = withoutWorking(i.State.Note) // of a try that ended with its process
		return errors.Join(
			t.AddConvertedLFS(ctx, i.RepositoryID, done.made.Objects),
			t.SetWritten(ctx, i.RepositoryID, noted))
	})
	if err != nil || w.row.State.Status != rehome.Pushing {
		return err
	}
	w.fault("before publishing")
	refused, err := to.publish(ctx, done, publication{updates: updates, wrote: at.wrote, head: p.head(), first: !at.ours(), partly: len(c.skipped) > 0})
	p.final = without(p.final, c.left)
	p.stays = append(p.stays, c.skipped...)
	if err == nil {
		err = orDiverge(to, refusedError(refused, at.wrote))
	}
	return err
}

// writing notes what the updates are about to do. An id of ours that a ref has now stays noted as ours until the push is
// proven, and so does what other pushes may write yet. One of somebody else's is not noted: should the push take another try, it is
// still theirs, and kept.
func writing(updates []repo.Update, wrote map[string]store.WrittenRef) []store.WrittenRef {
	all := make([]store.WrittenRef, 0, len(updates))
	for _, u := range updates {
		last := wrote[u.Name]
		if is := u.Old.String(); !u.Old.IsZero() && last.MayBe(is) {
			last.Wrote = is
		}
		to := u.New.String()
		all = append(all, store.WrittenRef{
			Name: u.Name, Wrote: last.Wrote, Source: last.Source, Writing: to, Earlier: last.Unproven(last.Wrote, to),
		})
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

// unrelated says of a ref that it does not lead to what it is to be, where nothing is known of who put it there.
func unrelated(name string) error {
	return &rehome.Error{
		Code:    rehome.DestinationMoved,
		Message: fmt.Sprintf("The ref %q of the destination has another history than what is to be pushed there.", rehome.Clean(name, 200)),
		Hint:    "If an earlier import put it there, go on from that one, with {prune} where the source was forced: here nothing is known of what it pushed. Or rename or remove the ref there, and start the import again.",
	}
}

// orDiverge adds to the error for a moved ref what can be chosen where the destination is elsewhere.
func orDiverge(to end, err error) error {
	var known *rehome.Error
	if to.about().url == "" || !errors.As(err, &known) || known.Code != rehome.DestinationMoved {
		return err
	}
	e := *known
	e.Hint += " Or choose {on_divergence: skip}, and such refs stay as they are there, or {on_divergence: overwrite}, and they become what they are here."
	return &e
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
	stays      []rehome.SkippedRef // left as they are there, or not published
	pruned     pruned
	back       map[string]object.ID // as read from the destination
	wrote      map[string]store.WrittenRef
	pushed     []rehome.Warning // what the push brought up
	depth      rehome.Depth     // that was proven
	named      string           // the default branch as it is published, a full name; "" for none
	carried    int64            // commits that final leads to
	former     string           // what it was called before, where that is no ref of the source's any more; "" for none
	generation int64            // of the plan
	started    time.Time
	largeProof
}

// largeProof is what became of large files and Git LFS objects.
type largeProof struct {
	made   madeLarge
	lfs    []store.LFSObject // that final points to
	others bool              // may need objects that final does not point to any more
	choice rehome.LFSChoice
}

// head is the ref that HEAD is to name, "" when it stays as it is.
func (p *proof) head() string {
	if len(p.final) == 0 && len(p.stays) > 0 {
		return ""
	}
	return headToPublish(p.final, p.named)
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
func (w *worker) complete(ctx context.Context, to end, p proof) error {
	repository, err := w.DB.RepositoryByID(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	if err := w.measure(ctx); err != nil {
		return err
	}
	before, err := w.receiptBefore(ctx)
	if err != nil {
		return err
	}
	now := w.Clock().UTC().Truncate(time.Second)
	var receipt rehome.Receipt
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		refs := append(written(p.final, p.wrote), unwritten(p.removed, p.wrote)...)
		if i.CompletedAt.IsZero() {
			refs = append(refs, ofOthers(slices.Concat(p.final, p.removed), p.back, p.wrote)...)
		}
		i.Timing.Push, i.Progress.PushPercent = w.took(p.started), 100
		i.Done.Plan, i.CompletedAt = p.generation, now
		become(i, rehome.Complete)
		if i.Wanted.Plan > p.generation {
			i.State.Status = rehome.Mapping
		}
		if err := w.rest(ctx, t, i, now); err != nil {
			return err
		}
		receipt = w.receipt(i, cmp.Or(to.about().url, w.CloneURL(repository)), repository, p)
		text, err := EncodeReceipt(receipt)
		if err != nil {
			return err
		}
		return errors.Join(
			t.SetWritten(ctx, i.RepositoryID, refs),
			t.Pushed(ctx, i.RepositoryID, now, strings.TrimPrefix(p.head(), "refs/heads/")),
			t.DropWritten(ctx, i.RepositoryID, append(p.pruned.names, p.former)),
			t.SetReceipt(ctx, i.ID, text),
			noteNews(ctx, t, i.ID, p.facts, before, &receipt),
			p.dropConverted(ctx, t, i.RepositoryID))
	})
	if err == nil {
		w.publish(w.row.ID, rehome.Event{Kind: rehome.EventDone, Status: w.row.State.Status, Receipt: &receipt.Head})
	}
	return err
}

// written is what is kept of refs that were proven. One that a push before was to move from where it is now, and that did not
// move, may be moved by that push yet.
func written(final []finalRef, wrote map[string]store.WrittenRef) []store.WrittenRef {
	all := make([]store.WrittenRef, 0, len(final))
	for _, f := range final {
		is := store.WrittenRef{Name: f.name, Wrote: f.final.String(), Source: f.source.String()}
		if last := wrote[f.name]; last.Wrote == is.Wrote {
			is.Earlier = last.Unproven(is.Wrote)
		}
		all = append(all, is)
	}
	return all
}
