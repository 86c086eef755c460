package importer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/submodule"
)

// submodulesKey is the file of a data folder that says which Options.Submodules the plan of the import was made with.
func (f *Folder) submodulesKey() string { return filepath.Join(f.dir, "submodules") }

// FollowSubmodules makes a new plan wanted when Options.Submodules says another than it did when this was called last.
// A crash on the way costs a rewrite that gives the same. NotFound without an import.
func (m *Importer) FollowSubmodules(ctx context.Context, repositoryID int64) error {
	file, key := m.Folder.submodulesKey(), m.Submodules.Key()
	was, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read which submodules were followed: %w", err)
	}
	if strings.TrimSpace(string(was)) == key {
		return nil
	}
	_, err = m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		m.replan(i, t.Now)
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		return fmt.Errorf("note which submodules are followed: %w", err)
	}
	return nil
}

// warnSubmodules tells the watchers what submoduleWarning says of the rewrite that is kept. The receipt has it, too.
func (w *worker) warnSubmodules() {
	if made, err := readMade(w.Folder.final(w.row.ID)); err == nil {
		w.warn(rehome.StepRewrite, submoduleWarning(made.Submodules))
	}
}

// submoduleWarning is for commits of submodules that stay.
func submoduleWarning(s submodule.Changes) []rehome.Warning {
	if s.Unknown == 0 {
		return nil
	}
	return []rehome.Warning{{
		Kind: warnSubmodules, Count: s.Unknown,
		Text: fmt.Sprintf("No repository of the batch has %d of the commits that submodules are at. They stay as they are; %d became others.", s.Unknown, s.Commits),
	}}
}
