package repo

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/git/object"
)

// OpenClone opens the repository that git finds from path: a work tree or a folder in one, a linked work
// tree, a submodule, a bare repository. None is fs.ErrNotExist. GIT_DIR and its like are not looked at.
func OpenClone(path string) (*Repo, error) {
	start, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	if _, err := os.Stat(start); err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		r, err := openAt(folder)
		if err != nil {
			return nil, fmt.Errorf("open repository in %q: %w", folder, err)
		}
		if r != nil {
			return r, nil
		}
		if folder == filepath.Dir(folder) {
			return nil, fmt.Errorf("no repository in %q or above: %w", start, fs.ErrNotExist)
		}
	}
}

// GitDir returns the folder of the work tree's own state, such as HEAD; Dir where there is no other.
func (r *Repo) GitDir() string {
	if r.own != "" {
		return r.own
	}
	return r.dir
}

// openAt returns the repository of a folder's .git, or the one that the folder is; nil where there is none.
func openAt(folder string) (*Repo, error) {
	git := filepath.Join(folder, ".git")
	st, err := os.Stat(git)
	if err == nil && st.Mode().IsRegular() {
		if git, err = linkedFolder(git); err != nil {
			return nil, err
		}
		r, err := openGitDir(git)
		if err == nil && r == nil {
			err = fmt.Errorf("its .git names %q, which is no repository", git)
		}
		return r, err
	}
	if err == nil && st.IsDir() {
		if r, err := openGitDir(git); r != nil || err != nil {
			return r, err
		}
	}
	return openGitDir(folder)
}

// linkedFolder reads a .git file: the folder it stands for (gitrepository-layout).
func linkedFolder(file string) (string, error) {
	text, err := readBounded(file, maxConfig)
	if err != nil {
		return "", err
	}
	path, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), "gitdir: ")
	if !ok || path == "" {
		return "", errors.New("its .git is neither a folder nor a file that names one")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	return path, nil
}

// openGitDir opens the repository whose own folder is git, nil where there is none.
func openGitDir(git string) (*Repo, error) {
	if _, err := os.Lstat(filepath.Join(git, "HEAD")); err != nil {
		return nil, nil //nolint:nilerr // what cannot be looked at is no repository, to git too
	}
	r := &Repo{dir: git}
	text, err := readBounded(filepath.Join(git, "commondir"), maxConfig)
	switch common := strings.TrimRight(string(text), "\r\n"); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case filepath.IsAbs(common):
		r.dir, r.own = filepath.Clean(common), git
	default:
		r.dir, r.own = filepath.Join(git, common), git
	}
	for _, name := range []string{"objects", "refs"} {
		if st, err := os.Stat(r.path(name)); err != nil || !st.IsDir() {
			return nil, nil //nolint:nilerr // as above
		}
	}
	for _, name := range []string{"refs", "packed-refs"} { // git-new-workdir makes such
		if st, err := os.Lstat(r.path(name)); err == nil && st.Mode().Type() == fs.ModeSymlink {
			return nil, fmt.Errorf("its %s is a link into another repository: use that one", name)
		}
	}
	text, err = readBounded(r.path("config"), maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r.format, err = parseCloneConfig(text)
	return r, err
}

// Shallow returns the commits whose parents the repository leaves out (gitrepository-layout, "shallow").
func (r *Repo) Shallow() (map[object.ID]bool, error) {
	f, err := os.Open(r.path("shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read shallow commits: %w", err)
	}
	defer f.Close()
	found := map[object.ID]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		id, err := object.ParseID(strings.TrimSpace(lines.Text()))
		if err != nil {
			return nil, fmt.Errorf("read shallow commits: %w", err)
		}
		found[id] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read shallow commits: %w", err)
	}
	return found, nil
}
