package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// finished is what the rewrite left to be published: the raw repository itself, where the
// plan changes nothing, or the final one.
type finished struct {
	raw      *repo.Repo
	repo     *repo.Repo
	refs     []finalRef
	history  string   // name of its history pack, "" for none
	replaces []string // history packs it stands instead of
}

// finished opens what the rewrite left. When that is gone it returns nil, and the import
// goes back to the step that makes it.
func (w *worker) finished(ctx context.Context) (*finished, error) {
	raw, err := w.openRaw(ctx)
	if err != nil || raw == nil {
		return nil, err
	}
	f := &finished{raw: raw, repo: raw}
	if w.row.Changes != (rehome.Changes{}) {
		f.repo, err = repo.Open(w.Folder.final(w.row.ID))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, w.backToRewrite(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("open final repository: %w", err)
		}
	}
	if f.history, err = historyPack(f.repo); err != nil {
		return nil, err
	}
	if f.repo != raw {
		old, err := historyPack(raw)
		if err != nil {
			return nil, err
		}
		if old != "" && old != f.history {
			f.replaces = []string{old}
		}
	}
	f.refs, err = pairRefs(raw, f.repo)
	return f, err
}

func (w *worker) backToRewrite(ctx context.Context) error {
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		become(i, rehome.Mapping)
		return nil
	})
}

// pairRefs gives the refs of final with what stood for each at the source.
func pairRefs(raw, final *repo.Repo) ([]finalRef, error) {
	refs, err := raw.Refs()
	if err != nil {
		return nil, fmt.Errorf("read raw refs: %w", err)
	}
	all := unchanged(refs)
	if final == raw {
		return all, nil
	}
	if refs, err = final.Refs(); err != nil {
		return nil, fmt.Errorf("read final refs: %w", err)
	}
	ids := make(map[string]object.ID, len(refs))
	for _, r := range refs {
		ids[r.Name] = r.ID
	}
	for n := range all {
		id, ok := ids[all[n].name]
		if !ok {
			return nil, fmt.Errorf("the final repository lacks the ref %q", all[n].name)
		}
		all[n].final = id
	}
	return all, nil
}

// historyPack finds the pack that the commits and tags of a raw or final repository are in.
func historyPack(r *repo.Repo) (name string, err error) {
	refs, err := r.Refs()
	if err != nil {
		return "", fmt.Errorf("read refs: %w", err)
	}
	names, err := r.PackNames()
	if err != nil {
		return "", err
	}
	objects, err := r.Objects()
	if err != nil {
		return "", err
	}
	defer objects.Close()
	for n, p := range objects.Packs() { // in the order of their names
		for _, ref := range refs {
			i, ok := p.Index.Find(ref.ID)
			if !ok {
				continue
			}
			t, err := p.Type(i)
			if err != nil {
				return "", fmt.Errorf("find the history pack: %w", err)
			}
			if t == object.Commit || t == object.Tag {
				return names[n], nil
			}
		}
	}
	return "", nil
}
