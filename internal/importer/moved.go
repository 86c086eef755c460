package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite"
	"rehome/internal/store"
)

// refuseMoved refuses a change of plan that would have to move a ref of ours which
// somebody else moved since, so that nobody waits for a push that cannot be. change makes
// the plan of the moment the new one. What others do with refs of their own is their
// business, and so is a ref that stays where we wrote it.
func (m *Importer) refuseMoved(ctx context.Context, repositoryID int64, change func(*planned)) error {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return err
	}
	elsewhere, err := m.movedRefs(ctx, repositoryID)
	if err != nil || len(elsewhere) == 0 {
		return err
	}
	p, err := m.planOf(ctx, &i)
	if err != nil {
		return err
	}
	change(p)
	final, err := m.foreseen(ctx, &i, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no raw repository, or not any more: it comes again before the push, which finds out
	}
	if err != nil {
		return err
	}
	for _, f := range final {
		a, ok := elsewhere[f.name]
		if stays := f.final == a.now || f.final.String() == a.Wrote || f.removed && a.Wrote == ""; ok && !stays {
			return refused(a.WrittenRef)
		}
	}
	return nil
}

// foreseen returns the refs that a push under the plan would set; fs.ErrNotExist without a
// raw repository.
func (m *Importer) foreseen(ctx context.Context, i *store.Import, p *planned) ([]finalRef, error) {
	raw, err := m.rawHere(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("open raw repository: %w", err)
	}
	end, err := m.outlook.take(ctx, i.RepositoryID)
	if err != nil {
		return nil, err
	}
	defer end()
	final, err := m.finalRefs(ctx, i, raw, p)
	if err != nil || i.CompletedAt.IsZero() {
		return final, err
	}
	wrote, err := m.DB.WrittenRefs(ctx, i.RepositoryID)
	if err != nil {
		return nil, err
	}
	final, _, err = withoutForced(ctx, raw, final, wrote)
	return final, err
}

// astray is a ref that is not where we left it.
type astray struct {
	store.WrittenRef
	now object.ID
}

// movedRefs returns the refs we wrote that are elsewhere now, and those we removed that somebody made since, by name.
func (m *Importer) movedRefs(ctx context.Context, repositoryID int64) (map[string]astray, error) {
	if m.Host == nil { // elsewhere it is found out at the push
		return nil, nil
	}
	wrote, err := m.DB.WrittenRefs(ctx, repositoryID)
	if err != nil || len(wrote) == 0 {
		return nil, err
	}
	have, _, err := m.Host.Refs(ctx, repositoryID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read destination: %w", err)
	}
	moved := map[string]astray{}
	for _, r := range have {
		if w, ours := wrote[r.Name]; ours && (w.Wrote != "" || w.Writing == "") && !isOurs(r, w) {
			moved[r.Name] = astray{w, r.ID}
		}
	}
	return moved, nil
}

// isOurs reports whether a ref is what we made of it, or may have made of it, last.
func isOurs(now repo.Ref, last store.WrittenRef) bool {
	is := now.ID.String()
	return is == last.Wrote || last.MayBe(is)
}

// finalRefs says what a plan would make of the refs of a raw repository. Ids are known
// once their objects are made, so it makes them, aside. Only large files that would have to be
// converted for that are not: the refs that lead to them get no id, for they change in any case.
func (m *Importer) finalRefs(ctx context.Context, i *store.Import, from *repo.Repo, p *planned) ([]finalRef, error) {
	refs, err := from.Refs()
	if err != nil {
		return nil, fmt.Errorf("read raw refs: %w", err)
	}
	plan, _, err := p.plan()
	if err != nil {
		return nil, err
	}
	o := rewrite.Options{From: from, Refs: refs, Plan: plan, Store: m.LFS}
	if largeStay(plan) {
		return m.refsAside(ctx, o)
	}
	dir, err := m.here(ctx, i, kindFinal)
	var made madeLarge
	if err == nil {
		made, err = readMade(dir)
	}
	if err != nil { // then no id is known of what large files change
		m.logOf(ctx, i.ID).WarnContext(ctx, "take up the rewrite before", "err", err)
	}
	if err == nil && made.Plan == p.large {
		if o.Before = m.rewrittenBefore(ctx, i); o.Before != nil {
			return m.refsAside(ctx, o)
		}
	}
	return m.refsUnconverted(ctx, o)
}

// refsUnconverted gives no id to the refs that large files change.
func (m *Importer) refsUnconverted(ctx context.Context, o rewrite.Options) ([]finalRef, error) {
	large, rest := o, o
	large.Plan = rewrite.Plan{Large: o.Plan.Large}
	rest.Plan.Large = rewrite.LargeFiles{}
	changed, err := rewrite.Run(ctx, large)
	if err != nil {
		return nil, err
	}
	final, err := m.refsAside(ctx, rest)
	for n := range final {
		if r := changed.Refs[n]; r.Changed || r.Removed {
			final[n].final, final[n].removed = object.ID{}, r.Removed
		}
	}
	return final, err
}

// refsAside rewrites into a folder that it throws away.
func (m *Importer) refsAside(ctx context.Context, o rewrite.Options) (final []finalRef, err error) {
	if changesNothing(o.Plan) {
		return unchanged(o.Refs), nil
	}
	dir, err := m.Folder.aside()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.Into, err = repo.Init(dir, o.From.Format()); err != nil {
		return nil, err
	}
	result, err := rewrite.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	return finalOf(result), nil
}

func refused(w store.WrittenRef) error {
	if w.Wrote == "" {
		return &rehome.Error{
			Code:    rehome.DestinationMoved,
			Message: fmt.Sprintf("The ref %q of the destination was made by somebody else since it was removed, and this change would have to bring it back.", rehome.Clean(w.Name, 200)),
			Hint:    "Rename or remove it there, and ask again.",
		}
	}
	return &rehome.Error{
		Code:    rehome.DestinationMoved,
		Message: fmt.Sprintf("The ref %q of the destination was moved by somebody else since it was pushed, and this change would have to move it.", rehome.Clean(w.Name, 200)),
		Hint:    fmt.Sprintf("Push what is new there to a branch of another name, force the ref back to %s, and ask again.", w.Wrote),
	}
}
