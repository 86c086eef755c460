package importer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"rehome/internal/git/repo"
)

// CheckTips is an error that names files, and branches of the repository's import that end with them and would not
// any more once what was rewritten last is pushed. NotFound without an import.
func (m *Importer) CheckTips(ctx context.Context, repositoryID int64) (err error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return err
	}
	raw, err := repo.Open(m.Folder.raw(i.ID))
	if err != nil {
		return err
	}
	final, err := repo.Open(m.Folder.final(i.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing changes
	}
	if err != nil {
		return err
	}
	made, err := readMade(final.Dir())
	if err != nil {
		return err
	}
	refs, err := pairRefs(raw, final, made.removes())
	if err != nil {
		return err
	}
	dir, err := m.Folder.aside()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	both, err := repo.Init(filepath.Join(dir, "both"), raw.Format())
	if err != nil {
		return err
	}
	if err := errors.Join(both.Link(raw), both.Link(final)); err != nil {
		return err
	}
	lost, err := lostAtTips(ctx, both, refs)
	if err != nil || len(lost) == 0 {
		return err
	}
	return tipsError(lost)
}
