package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/shelf"
	"rehome/internal/store"
)

// finished is what the rewrite left to be published: the raw repository itself, where the
// plan changes nothing, or the final one.
type finished struct {
	raw      *repo.Repo
	repo     *repo.Repo
	refs     []finalRef
	history  []string // names of its packs of commits and tags, which have all of them
	content  []string // names of its packs of trees and blobs, which have all of them
	replaces []string // packs of raw that it stands instead of
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
		var dir string
		if dir, err = w.here(ctx, &w.row, kindFinal); err == nil {
			f.repo, err = repo.Open(dir)
		}
		if errors.Is(err, shelf.ErrDamaged) {
			return nil, w.fetchAnew(ctx)
		}
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
func (f *finished) readPacks() error {
	has, err := f.repo.PackNames()
	if err != nil {
		return err
	}
	had, err := f.raw.PackNames()
	if err != nil {
		return err
	}
	f.replaces = slices.DeleteFunc(had, func(name string) bool { return slices.Contains(has, name) })
	objects, err := f.repo.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	return pack.Guard(func() error {
		for name, one := range objects.Named() {
			history, err := isHistory(one)
			if err != nil {
				return fmt.Errorf("look into %s: %w", name, err)
			}
			if history {
				f.history = append(f.history, name)
			} else {
				f.content = append(f.content, name)
			}
		}
		return nil
	})
}

// isHistory reports whether a pack of a raw or final repository has commits or tags. With them may be trees of
// notes that were made anew.
func isHistory(p *pack.Pack) (bool, error) {
	noBlobs, err := p.Only(object.Commit, object.Tag, object.Tree)
	if err != nil || !noBlobs {
		return false, err
	}
	onlyTrees, err := p.Only(object.Tree)
	return !onlyTrees, err
}

func (w *worker) backToRewrite(ctx context.Context) error {
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		become(i, rehome.Mapping)
		i.Kept.Final = ""
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
