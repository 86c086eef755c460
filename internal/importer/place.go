package importer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rehome"
	"rehome/internal/git/repo"
)

// place is where a repository is made before it gets its name: a folder beside it,
// locked while a run uses it.
type place struct {
	dir    string // what the repository becomes
	work   string
	lock   *os.File
	made   []string // parents that were missing, outermost first
	inside bool     // the repository has its name
}

// claimPlace checks that dir is free and makes the folder to work in.
func claimPlace(dir string) (*place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the destination: %w", err)
	}
	if err := checkFree(dir); err != nil {
		return nil, err
	}
	p := &place{dir: dir, work: Incoming(dir)}
	if err := p.makeParents(); err != nil {
		return nil, errors.Join(fmt.Errorf("make the destination's folder: %w", err), p.leave())
	}
	if err := os.Mkdir(p.work, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(fmt.Errorf("make a folder to work in: %w", err), p.leave())
	}
	if err := p.lockWork(); err != nil {
		return nil, errors.Join(err, p.leave())
	}
	// What an earlier run left here is nobody's now.
	if err := removeIn(p.work, func(string) bool { return true }); err != nil {
		return nil, errors.Join(fmt.Errorf("clear what an earlier run left: %w", err), p.leave())
	}
	return p, nil
}

// Incoming is the folder in which Once makes the repository that becomes dir, an absolute path.
func Incoming(dir string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".rehome-incoming")
}

func checkFree(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return &rehome.Error{
			Code: rehome.AlreadyExists, Field: "dir", Err: err,
			Message: fmt.Sprintf("The destination %q exists and is not a folder that can be used.", dir),
		}
	}
	return &rehome.Error{
		Code: rehome.AlreadyExists, Field: "dir",
		Message: fmt.Sprintf("The destination %q exists and is not empty.", dir),
		Hint:    "Name a folder that does not exist yet.",
	}
}

func (p *place) makeParents() error {
	var missing []string
	for dir := filepath.Dir(p.dir); ; dir = filepath.Dir(dir) {
		_, err := os.Stat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append([]string{dir}, missing...)
	}
	for _, dir := range missing {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		p.made = append(p.made, dir)
	}
	return nil
}

// lockWork keeps a second run for the same destination out of the work folder. It waits up to lockPatience, as
// Claim does.
func (p *place) lockWork() (err error) {
	if p.lock, err = os.Open(p.work); err == nil {
		err = lockFile(p.lock)
	}
	for end := time.Now().Add(lockPatience); errors.Is(err, errLocked) && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		err = lockFile(p.lock)
	}
	if err == nil {
		return nil
	}
	if p.lock != nil {
		p.lock.Close()
		p.lock = nil // it is not ours to remove
	}
	if errors.Is(err, errLocked) {
		return &rehome.Error{
			Code: rehome.AlreadyExists, Field: "dir",
			Message: fmt.Sprintf("Another rehome import is working on %q.", p.dir), Hint: "Wait for it to end.",
		}
	}
	return fmt.Errorf("lock the folder to work in: %w", err)
}

func (p *place) repository() string { return filepath.Join(p.work, "repository") }

// moveIn gives the repository its name. An empty folder of that name is replaced.
func (p *place) moveIn() error {
	// Go does not rename over a folder. Remove takes it away only while it is empty.
	if err := os.Remove(p.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace the empty destination: %w", err)
	}
	if err := os.Rename(p.repository(), p.dir); err != nil {
		return fmt.Errorf("move the repository to its place: %w", err)
	}
	p.inside = true
	return repo.SyncDir(filepath.Dir(p.dir))
}

// leave removes the work folder and, when nothing came of it, the parents made for it.
func (p *place) leave() error {
	var errs []error
	if p.lock != nil {
		errs = append(errs, os.RemoveAll(p.work), p.lock.Close())
	}
	if !p.inside {
		for n := len(p.made) - 1; n >= 0; n-- {
			errs = append(errs, os.Remove(p.made[n]))
		}
	}
	return errors.Join(errs...)
}
