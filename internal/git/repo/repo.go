// Package repo is a bare Git repository in a folder: its refs, its packs and what is in them.
//
// The folder is laid out as Git does (gitrepository-layout), so that git itself can read and
// write it at the same time. Refs written here go to packed-refs in one step:
//
//	take packed-refs.lock and <ref>.lock of every ref that changes
//	read all refs, hold every Old against them, refuse names that cannot stand beside each other
//	pack the loose ones among them as they are, remove their files     (nothing changes for a reader)
//	write packed-refs with the new values, fsync, rename               (everything changes at once)
package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"rehome/internal/disk"
	"rehome/internal/git/object"
)

// Repo is a bare repository in a folder, or what a clone keeps as one. It holds no open files and is safe
// for concurrent use.
type Repo struct {
	dir    string
	own    string // of the work tree it was opened in, where that has a folder of its own; or ""
	format object.Format
}

// Init makes an empty bare repository of format f in dir, which must be missing or
// empty. HEAD names refs/heads/main, which does not exist yet.
func Init(dir string, f object.Format) (*Repo, error) {
	r := &Repo{dir: dir, format: f}
	if err := r.lay(); err != nil {
		return nil, fmt.Errorf("make repository: %w", err)
	}
	return r, nil
}

func (r *Repo) lay() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%q is not empty: %w", r.dir, fs.ErrExist)
	}
	for _, sub := range []string{"objects/pack", "objects/info", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(r.path(sub), 0o777); err != nil {
			return err
		}
	}
	if err := r.replace("config", configText(r.format)); err != nil {
		return err
	}
	// HEAD comes last: without it git and Open see no repository.
	return r.replace("HEAD", []byte("ref: refs/heads/main\n"))
}

// Open returns the bare repository in dir. A missing one is fs.ErrNotExist.
func Open(dir string) (*Repo, error) {
	r := &Repo{dir: dir}
	if _, err := os.Stat(r.path("HEAD")); err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	text, err := readBounded(r.path("config"), maxConfig)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	if r.format, err = parseConfig(text); err != nil {
		return nil, fmt.Errorf("open repository %q: %w", dir, err)
	}
	return r, nil
}

// Dir returns the repository's folder.
func (r *Repo) Dir() string { return r.dir }

// Format returns the repository's object format.
func (r *Repo) Format() object.Format { return r.format }

// Adopt turns an empty repository into one of format f. It is an error when the
// repository has a ref or an object and another format.
func (r *Repo) Adopt(f object.Format) (*Repo, error) {
	if r.format == f {
		return r, nil
	}
	empty, err := r.empty()
	if err != nil {
		return nil, fmt.Errorf("change object format: %w", err)
	}
	if !empty {
		return nil, fmt.Errorf("change object format: repository holds %s objects or refs, not %s", r.format, f)
	}
	if err := r.replace("config", configText(f)); err != nil {
		return nil, fmt.Errorf("change object format: %w", err)
	}
	return &Repo{dir: r.dir, format: f}, nil
}

// empty reports whether there is neither ref nor object.
func (r *Repo) empty() (bool, error) {
	if fresh, err := r.fresh(); err != nil || !fresh {
		return false, err
	}
	found := false
	err := filepath.WalkDir(r.path("objects"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = true
			return fs.SkipAll
		}
		return err
	})
	return !found, err
}

// path returns the place of a file named with slashes. Of those that are read or written here, HEAD alone
// belongs to a single work tree.
func (r *Repo) path(name string) string {
	if name == "HEAD" && r.own != "" {
		return filepath.Join(r.own, name)
	}
	return filepath.Join(r.dir, filepath.FromSlash(name))
}

// replace writes the file name in the repository's folder through a lock file of the
// same name, as git does; the new bytes are on disk when it returns.
func (r *Repo) replace(name string, data []byte) error {
	l, err := takeLock(r.path(name))
	if err != nil {
		return err
	}
	defer func() { l.release() }()
	if err := writeSynced(l.path, data); err != nil {
		return err
	}
	if err := disk.Move(l.path, r.path(name)); err != nil {
		return err
	}
	l = lock{} // a lock file that is there now is another process's
	return SyncDir(filepath.Dir(r.path(name)))
}

// writeSynced writes data to path and waits until it is on disk.
func writeSynced(path string, data []byte) error {
	f, err := disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(data))
	return errors.Join(err, f.Sync(), f.Close())
}

// SyncDir waits until the names in dir are on disk.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > limit {
		return nil, fmt.Errorf("%q is no file of at most %d bytes", path, limit)
	}
	data := make([]byte, st.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return data[:n], err
}
