package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

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
	removed  []finalRef // what refs lack, since what they name left history
	history  string     // name of its pack of commits and tags, "" for none
	content  string     // name of its one pack of trees and blobs, "" for none
	replaces []string   // packs of raw that it stands instead of
	made     madeLarge
	lfs      []store.LFSObject // that it points to
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
	if err := f.readPacks(); err != nil {
		return nil, err
	}
	if f.made, err = readMade(f.repo.Dir()); err != nil {
		return nil, err
	}
	carried, err := readCarried(raw.Dir())
	if err != nil {
		return nil, err
	}
	f.lfs = append(carried, f.made.Objects...)
	f.refs, err = pairRefs(raw, f.repo, f.made.removes())
	return f, err
}

// readPacks finds out which pack is which.
func (f *finished) readPacks() (err error) {
	if f.history, err = historyPack(f.repo); err != nil {
		return err
	}
	has, err := f.repo.PackNames()
	if err != nil {
		return err
	}
	had, err := f.raw.PackNames()
	if err != nil {
		return err
	}
	f.replaces = slices.DeleteFunc(had, func(name string) bool { return slices.Contains(has, name) })
	content := slices.DeleteFunc(has, func(name string) bool { return name == f.history })
	if len(content) == 1 {
		f.content = content[0]
	}
	return nil
}

func (w *worker) backToRewrite(ctx context.Context) error {
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		become(i, rehome.Mapping)
		return nil
	})
}

// pairRefs gives the refs of final, and those that were removed there, with what stood for
// each at the source.
func pairRefs(raw, final *repo.Repo, removed map[string]bool) ([]finalRef, error) {
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
		if !ok && removed[all[n].name] {
			all[n].final, all[n].removed = final.Format().Zero(), true
			continue
		}
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
