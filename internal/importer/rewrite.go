package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite"
	"rehome/internal/store"
)

// finalRef is a ref as it is to be published.
type finalRef struct {
	name   string
	source object.ID
	final  object.ID // zero when it is removed, and while it is not known
	// removed says that the file which it names left history, so that it is not published.
	removed bool
}

// unchanged is what a plan that changes nothing makes of refs.
func unchanged(refs []repo.Ref) []finalRef {
	all := make([]finalRef, 0, len(refs))
	for _, r := range refs {
		all = append(all, finalRef{name: r.Name, source: r.ID, final: r.ID})
	}
	return all
}

// finalOf is what a rewrite made of refs.
func finalOf(r *rewrite.Result) []finalRef {
	all := make([]finalRef, 0, len(r.Refs))
	for _, ref := range r.Refs {
		all = append(all, finalRef{ref.Name, ref.Source, ref.Final, ref.Removed})
	}
	return all
}

func changesOf(r *rewrite.Result) rehome.Changes {
	c := rehome.Changes{Commits: r.CommitsChanged, Tags: r.TagsChanged, Signatures: r.SignaturesDropped, Files: r.Large.Files, FileBytes: r.Large.Bytes}
	if c == (rehome.Changes{}) && r.Changed() { // refs that name trees, without a commit or tag between
		for _, ref := range r.Refs {
			if ref.Changed {
				c.Tags++
			}
		}
	}
	return c
}

// rewrite is the step that turns raw and plan into what is published, once the plan has
// settled. A plan that changed meanwhile is rewritten again before anything is pushed.
func (w *worker) rewrite(ctx context.Context) error {
	started := w.Clock()
	if ready, err := w.settled(ctx); err != nil || !ready {
		return err
	}
	generation := w.row.Wanted.Plan
	from, err := w.openRaw(ctx)
	if err != nil || from == nil {
		return err
	}
	p, err := w.planOf(ctx, &w.row)
	if err != nil {
		return err
	}
	plan, mapped, err := p.plan()
	if err != nil {
		return err
	}
	changes, err := w.remakeWhole(ctx, from, p.large, plan)
	if err != nil {
		return err
	}
	w.fault("final kept")
	if err := w.measure(ctx); err != nil {
		return err
	}
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		i.Timing.Rewrite = w.took(started)
		i.Rewritten, i.Changes, i.Mapped, i.Rewriting = generation, changes, mapped, store.Rewriting{}
		if changes == (rehome.Changes{}) {
			i.Kept.Final = ""
		}
		switch {
		case i.Wanted.Plan > generation: // once more
		case held(i):
			become(i, rehome.WaitingToPush)
		default:
			letPush(i, t.Now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.warn(rehome.StepRewrite, p.large.idleWarning(changes))
	if p.whole != nil {
		w.warn(rehome.StepRewrite, p.whole.unmatchedWarning(p.authors))
	}
	if changes == (rehome.Changes{}) {
		return os.RemoveAll(w.Folder.final(w.row.ID)) // nobody looks at it now
	}
	w.warnSubmodules()
	return nil
}

// remakeWhole is remake until the store has all Git LFS objects that it made, and rows name them: what nobody needed before may just have been
// being removed.
func (w *worker) remakeWhole(ctx context.Context, from *repo.Repo, large largePlan, plan rewrite.Plan) (rehome.Changes, error) {
	for try := 0; ; try++ {
		removals, err := w.DB.LFSRemovals(ctx)
		if err != nil {
			return rehome.Changes{}, err
		}
		changes, made, err := w.remake(ctx, from, large, plan)
		if err != nil {
			return changes, err
		}
		if err := w.nameMade(ctx, made.Objects); err != nil {
			return changes, err
		}
		lost, err := w.lostSince(ctx, made.Objects, removals)
		if err != nil || len(lost) == 0 || try == maxRemakes {
			return changes, err
		}
	}
}

// maxRemakes is how often a rewrite is done again for objects that were lost. What is lost then, the push finds out.
const maxRemakes = 2

// nameMade has rows name the Git LFS objects that the rewrite at hand made, so that their bytes stay until they are published.
func (w *worker) nameMade(ctx context.Context, made []store.LFSObject) error {
	_, err := w.DB.Advance(ctx, w.lease, func(t *store.Tx, i *store.Import) error {
		if err := t.SetMadeLFS(ctx, i.ID, made); err != nil {
			return err
		}
		return store.ErrUnchanged // of the row itself
	})
	return err
}

// remake carries out a plan. Where it changes anything, the result is kept as the final repository.
func (w *worker) remake(ctx context.Context, from *repo.Repo, large largePlan, plan rewrite.Plan) (c rehome.Changes, made madeLarge, err error) {
	if changesNothing(plan) {
		return c, made, nil
	}
	refs, err := from.Refs()
	if err != nil {
		return c, made, fmt.Errorf("read raw refs: %w", err)
	}
	if err := w.Folder.dropWork(w.row.ID); err != nil {
		return c, made, fmt.Errorf("clear work folder: %w", err)
	}
	dir := w.Folder.work(w.row.ID, w.lease.Fence)
	into, err := repo.Init(dir, from.Format())
	if err != nil {
		return c, made, err
	}
	tell := w.newRewriteMeter()
	defer tell.keepSharing(ctx)()
	result, err := rewrite.Run(ctx, rewrite.Options{
		From: from, Refs: refs, Into: into, Plan: plan, Store: w.LFS, Before: w.rewrittenBefore(ctx, &w.row),
		Progress: tell.commits, Converting: tell.bytes,
	})
	if err != nil {
		return c, made, err
	}
	if changesOf(result) == (rehome.Changes{}) {
		return c, made, w.Folder.dropWork(w.row.ID)
	}
	made = madeOf(large, result)
	if err := w.fillFinal(ctx, from, into, result, made); err != nil {
		return c, made, err
	}
	w.fault("rewritten")
	return changesOf(result), made, w.keep(ctx, dir, kindFinal, from.Format())
}

// fillFinal makes a whole repository around the new history: the content of raw that stays,
// the refs, the default branch, the commit map, and what later steps have to know.
func (w *worker) fillFinal(ctx context.Context, from, into *repo.Repo, result *rewrite.Result, made madeLarge) error {
	known, err := w.facts(ctx)
	if err != nil {
		return err
	}
	if err := linkKept(into, from, result); err != nil {
		return err
	}
	updates := make([]repo.Update, 0, len(result.Refs))
	for _, r := range result.Refs {
		if !r.Removed {
			updates = append(updates, repo.Update{Name: r.Name, New: r.Final})
		}
	}
	if err := into.Update(updates); err != nil {
		return err
	}
	if known.Head != "" {
		if err := into.SetHead(known.Head); err != nil {
			return err
		}
	}
	for name, write := range map[string]func(io.Writer) error{
		savedRewrite: result.Save,
		mapFile:      result.WriteMap,
		madeFile:     func(out io.Writer) error { return json.NewEncoder(out).Encode(made) },
	} {
		if err := writeFile(filepath.Join(into.Dir(), name), write); err != nil {
			return err
		}
	}
	return repo.SyncDir(into.Dir())
}

// linkKept gives into the packs of from that the new ones do not stand instead of.
func linkKept(into, from *repo.Repo, result *rewrite.Result) error {
	names, err := from.PackNames()
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(names, func(name string) bool { return slices.Contains(result.Replaced, name) })
	return into.LinkPack(from, kept...)
}

// savedRewrite is the file of a final repository that the next rewrite takes up.
const savedRewrite = "rewritten"

// rewrittenBefore opens what the rewrite before left, nil for nothing that is of use. That one
// is damaged costs time only.
func (m *Importer) rewrittenBefore(ctx context.Context, i *store.Import) *rewrite.Before {
	dir, err := m.here(ctx, i, kindFinal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		m.logOf(ctx, i.ID).WarnContext(ctx, "take up the rewrite before", "err", err)
		return nil
	}
	saved, err := os.ReadFile(filepath.Join(dir, savedRewrite))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var before *rewrite.Before
	if err == nil {
		var final *repo.Repo
		if final, err = repo.Open(dir); err == nil {
			before, err = rewrite.OpenBefore(final, saved, filepath.Join(dir, mapFile))
		}
	}
	if err != nil {
		m.logOf(ctx, i.ID).WarnContext(ctx, "take up the rewrite before", "err", err)
	}
	return before
}

// openRaw opens the raw repository. When it is gone it returns nil, and the import goes
// back to fetch it again.
func (w *worker) openRaw(ctx context.Context) (*repo.Repo, error) {
	dir, err := w.here(ctx, &w.row, kindRaw)
	var from *repo.Repo
	if err == nil {
		from, err = repo.Open(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, w.fetchAnew(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open raw repository: %w", err)
	}
	return from, nil
}
