package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome/internal/store"
)

// stage is a copy of the folders that change, made of links on the same disk, so that taking a moment of them takes no longer
// than finding out what changed. None of their files is ever written again once it has its name: each is replaced by a new one.
// And while it is linked here, its number is given to no other file.
type stage struct {
	data    string
	dir     string // in the data folder, held by lock
	lock    *os.File
	tell    func(Progress)
	changes int     // of the last pass
	missing []int64 // imports whose raw repository should be here and is not
}

// stageName is the stage's folder in the data folder. One that an ended process left is cleared by the next backup.
const stageName = "backup"

// followed are the folders whose subfolders are followed, one by one.
var followed = []string{"host", "raw", "final", "pushed"}

// Clear removes from a data folder what a backup that was killed has left. One that runs keeps it.
func Clear(data string) error {
	if _, err := os.Lstat(filepath.Join(data, stageName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := newStage(data, nil)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clear what a backup left: %w", err)
	}
	return s.close()
}

func newStage(data string, tell func(Progress)) (*stage, error) {
	s := &stage{data: data, dir: filepath.Join(data, stageName), tell: tell}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another backup of this data folder runs: %w", err)
	}
	s.lock = lock
	for _, name := range followed {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// close removes the links.
func (s *stage) close() error {
	return errors.Join(os.RemoveAll(s.dir), s.lock.Close())
}

// How often a stage follows before the database is locked, and how few changes are few.
const (
	mostPasses = 4
	fewChanges = 200
)

// settle follows while others write, until little changes from one pass to the next.
func (s *stage) settle(ctx context.Context) error {
	for range mostPasses {
		s.changes = 0
		err := s.pass(ctx, func(string, error) error { return nil }) // what is too busy now may rest later
		if err != nil || s.changes < fewChanges {
			return err
		}
	}
	return nil
}

// follow makes the stage what the folders are. The database is locked.
func (s *stage) follow(ctx context.Context, snap *store.Snapshot) error {
	if err := s.pass(ctx, func(_ string, err error) error { return err }); err != nil {
		return err
	}
	return s.lookForRaw(ctx, snap)
}

// lookForRaw looks again for raw repositories that rows say are there: for an instant a worker that replaces one has it elsewhere.
func (s *stage) lookForRaw(ctx context.Context, snap *store.Snapshot) error {
	s.missing = nil
	ids, err := snap.Raw(ctx)
	if err != nil {
		return err
	}
	for id := range ids {
		name := "raw/" + strconv.FormatInt(id, 10)
		for range 5 {
			if _, err = os.Lstat(filepath.Join(s.dir, filepath.FromSlash(name))); err == nil {
				break
			}
			time.Sleep(2 * time.Millisecond)
			if err := s.unit(name); err != nil {
				return err
			}
		}
		if err != nil {
			s.missing = append(s.missing, id)
		}
	}
	return nil
}

// pass follows every folder once. busy judges one that changes too fast.
func (s *stage) pass(ctx context.Context, busy func(name string, err error) error) error {
	for _, kind := range followed {
		names, err := s.units(kind)
		if err != nil {
			return err
		}
		for n, name := range names {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.tell(Progress{Step: "follow", Done: int64(n), Total: int64(len(names))})
			err := s.unit(kind + "/" + name)
			if errors.Is(err, errBusy) {
				err = busy(name, err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// units are the names of the folders of a kind, those in the stage that are gone elsewhere among them.
func (s *stage) units(kind string) (names []string, err error) {
	seen := map[string]bool{}
	for _, root := range []string{s.data, s.dir} {
		entries, err := os.ReadDir(filepath.Join(root, kind))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			digits, isHost := strings.CutSuffix(e.Name(), ".git")
			_, err := strconv.ParseInt(digits, 10, 64)
			if err == nil && isHost == (kind == "host") && !seen[e.Name()] {
				seen[e.Name()] = true
				names = append(names, e.Name())
			}
		}
	}
	return names, nil
}

// errBusy says that a folder changed each time it was looked at.
var errBusy = errors.New("it changes all the time")

// tries is how often one folder is looked at.
const tries = 20

// unit makes a folder of the stage what it is in the data folder, at one moment. Loose objects come after the rest: they are only
// ever added, and before the refs that need them.
func (s *stage) unit(name string) error {
	for range tries {
		before, err := s.look(name)
		if err != nil {
			return err
		}
		if err := s.take(name, before); errors.Is(err, fs.ErrNotExist) {
			continue // gone between the look and the link
		} else if err != nil {
			return err
		}
		after, err := s.look(name)
		if err != nil {
			return err
		}
		if !before.same(after) {
			continue
		}
		if err := s.takeLoose(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("follow %s: %w", name, errBusy)
}

// seen are the files and folders of a folder, by their names in it with slashes; its own is ".".
type seen map[string]fs.FileInfo

// same reports whether nothing was changed between two looks.
func (s seen) same(o seen) bool {
	if len(s) != len(o) {
		return false
	}
	for name, info := range s {
		other := o[name]
		if other == nil || info.IsDir() != other.IsDir() || !info.IsDir() && !sameFile(info, other) {
			return false
		}
	}
	return true
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// look lists a folder but for loose objects and what is only there while somebody writes.
func (s *stage) look(name string) (seen, error) {
	root := filepath.Join(s.data, filepath.FromSlash(name))
	found := seen{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); passing(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder", path)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		found[rel] = info
		return err
	})
	return found, err
}

// passing reports whether a name in a repository is a loose object's folder, or of a file while it is being written.
func passing(name string) bool {
	base := filepath.Base(name)
	for _, begin := range []string{"objects/incoming-", "objects/tmp_", "objects/pack/tmp_", "objects/pack/.tmp-"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return isLooseFolder(name) || strings.HasSuffix(base, ".lock") || strings.HasSuffix(base, ".new") || strings.Contains(base, ".part-")
}

func isLooseFolder(name string) bool {
	first, ok := strings.CutPrefix(name, "objects/")
	return ok && len(first) == 2 && strings.Trim(first, "0123456789abcdef") == ""
}

// take links what was seen, and removes from the stage what was not.
func (s *stage) take(name string, what seen) error {
	to := filepath.Join(s.dir, filepath.FromSlash(name))
	if len(what) == 0 {
		return os.RemoveAll(to)
	}
	if err := s.prune(to, what); err != nil {
		return err
	}
	for rel, info := range what {
		path := filepath.Join(to, filepath.FromSlash(rel))
		if info.IsDir() {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return err
			}
			continue
		}
		if there, err := os.Lstat(path); err == nil && sameFile(there, info) {
			continue
		}
		s.changes++
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := relink(filepath.Join(s.data, filepath.FromSlash(name), filepath.FromSlash(rel)), path); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what is in the stage only.
func (s *stage) prune(to string, what seen) error {
	return filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(to, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		info, wanted := what[rel]
		switch {
		case isLooseFolder(rel):
			return fs.SkipDir
		case wanted && info.IsDir() == d.IsDir():
			return nil
		}
		s.changes++
		if err := os.RemoveAll(path); err != nil || !d.IsDir() {
			return err
		}
		return fs.SkipDir
	})
}

// takeLoose links loose objects. One that is there is the same: its name is its hash.
func (s *stage) takeLoose(name string) error {
	from, to := filepath.Join(s.data, filepath.FromSlash(name), "objects"), filepath.Join(s.dir, filepath.FromSlash(name), "objects")
	folders, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if !isLooseFolder("objects/" + folder.Name()) {
			continue
		}
		objects, err := os.ReadDir(filepath.Join(from, folder.Name()))
		if err == nil {
			err = os.MkdirAll(filepath.Join(to, folder.Name()), 0o700)
		}
		if err != nil {
			return err
		}
		for _, object := range objects {
			if strings.HasPrefix(object.Name(), "tmp_") {
				continue
			}
			err := os.Link(filepath.Join(from, folder.Name(), object.Name()), filepath.Join(to, folder.Name(), object.Name()))
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			if cannotLink(err) {
				err = copyFile(filepath.Join(from, folder.Name(), object.Name()), filepath.Join(to, folder.Name(), object.Name()))
			}
			if err != nil {
				return err
			}
			s.changes++
		}
	}
	return nil
}
