package carry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// worktrees is what the work trees of a clone are doing.
type worktrees struct {
	checkedOut map[string]bool   // branches
	busy       map[string]string // branches that something is in the middle of: what that is
	detached   []names           // HEADs that name commits
}

// operations are what git may be in the middle of, by the files it leaves in a work tree's folder.
var operations = []struct{ file, name string }{
	{"rebase-merge", "a rebase"},
	{"rebase-apply", "a rebase"},
	{"MERGE_HEAD", "a merge"},
	{"CHERRY_PICK_HEAD", "a cherry-pick"},
	{"REVERT_HEAD", "a revert"},
	{"sequencer", "a cherry-pick or revert"},
	{"BISECT_LOG", "a bisection"},
}

// readWorktrees looks at the main work tree and the linked ones (git-worktree(1), "Details").
func readWorktrees(r *repo.Repo) (worktrees, error) {
	w := worktrees{checkedOut: map[string]bool{}, busy: map[string]string{}}
	linked, err := os.ReadDir(filepath.Join(r.Dir(), "worktrees"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, fmt.Errorf("look at work trees: %w", err)
	}
	folders := []string{r.Dir()}
	for _, e := range linked {
		folders = append(folders, filepath.Join(r.Dir(), "worktrees", e.Name()))
	}
	for _, folder := range folders {
		if err := w.look(folder); err != nil {
			return w, fmt.Errorf("look at work trees: %w", err)
		}
	}
	return w, nil
}

// look adds the work tree whose own folder is given. A bare repository has none, as it has no index.
func (w *worktrees) look(folder string) error {
	head, err := firstLine(filepath.Join(folder, "HEAD"))
	if err != nil {
		return err
	}
	branch, attached := strings.CutPrefix(head, "ref:")
	branch = strings.TrimSpace(branch)
	if _, err := os.Lstat(filepath.Join(folder, "index")); err == nil && attached {
		w.checkedOut[branch] = true
	}
	if id, err := object.ParseID(branch); err == nil && !attached {
		name := "HEAD"
		if filepath.Base(filepath.Dir(folder)) == "worktrees" {
			name += " of the work tree " + filepath.Base(folder)
		}
		w.detached = append(w.detached, names{name: name, id: id})
	}
	for _, o := range operations {
		if _, err := os.Lstat(filepath.Join(folder, o.file)); err != nil {
			continue
		}
		names, err := atWork(folder)
		if err != nil {
			return err
		}
		for _, name := range append(names, branch) {
			w.busy[name] = o.name
		}
	}
	return nil
}

// atWork returns the branches that a rebase or a bisection goes back to in the end, or moves.
func atWork(folder string) (names []string, err error) {
	for _, file := range []string{"rebase-merge/head-name", "rebase-apply/head-name", "rebase-merge/update-refs", "BISECT_START"} {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if file == "BISECT_START" {
				line = "refs/heads/" + line
			}
			names = append(names, line)
		}
	}
	return names, nil
}

// firstLine returns the first line of a file; a missing one has none.
func firstLine(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line, nil
}
