package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome/internal/disk"
	"rehome/internal/git/object"
)

// Update is the wish to move one ref.
type Update struct {
	Name string
	Old  object.ID // what the ref must be now; zero: it must not exist
	New  object.ID // zero: delete it
}

// MovedError says that a ref is not what an Update expects.
type MovedError struct {
	Name string
	Want object.ID // zero: no such ref
	Have object.ID // zero: no such ref
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("ref %q is at %s, not at %s", e.Name, e.Have, e.Want)
}

// ConflictError says that two refs cannot exist together, because the name of one is a folder of the other's.
type ConflictError struct {
	Name, Other string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("ref %q cannot stand beside %q", e.Name, e.Other)
}

// Update moves refs in one transaction: a reader, another process and a crash see all of it or
// nothing. It is a *MovedError when an Old does not hold, a *ConflictError for names that exclude
// each other, and ErrLocked when another process keeps its locks for more than about a second.
// Each New must be in the repository.
func (r *Repo) Update(updates []Update) error {
	sorted, err := r.checkUpdates(updates)
	if err != nil {
		return fmt.Errorf("update refs: %w", err)
	}
	if len(sorted) == 0 {
		return nil
	}
	if err := retryLocked(func() error { return r.tryUpdate(sorted) }); err != nil {
		return fmt.Errorf("update refs: %w", err)
	}
	return nil
}

// checkUpdates returns the updates sorted by name.
func (r *Repo) checkUpdates(updates []Update) ([]Update, error) {
	sorted := slices.SortedFunc(slices.Values(updates), func(a, b Update) int { return strings.Compare(a.Name, b.Name) })
	for i, u := range sorted {
		switch {
		case !validRef(u.Name):
			return nil, fmt.Errorf("bad ref name %q", u.Name)
		case i > 0 && u.Name == sorted[i-1].Name:
			return nil, fmt.Errorf("ref %q is named twice", u.Name)
		case !u.New.IsZero() && u.New.Format() != r.format, !u.Old.IsZero() && u.Old.Format() != r.format:
			return nil, fmt.Errorf("ref %q: not a %s object id", u.Name, r.format)
		}
	}
	return sorted, nil
}

// retryLocked tries again, for about a second, while another process holds a lock.
// Between two tries nothing is held, so that the order of locks does not matter.
func retryLocked(try func() error) error {
	wait := time.Millisecond
	for {
		err := try()
		if !errors.Is(err, ErrLocked) || wait > 512*time.Millisecond {
			return err
		}
		time.Sleep(wait)
		wait *= 2
	}
}

// tryUpdate is one try of a transaction: all locks, or ErrLocked.
func (r *Repo) tryUpdate(updates []Update) error {
	held, err := takeLock(r.path("packed-refs"))
	if err != nil {
		return err
	}
	defer held.release()
	release, err := r.lockAll(updates)
	if err != nil {
		return err
	}
	defer release()
	state, err := r.readRefs()
	if err != nil {
		return err
	}
	changes, err := state.check(updates)
	if err != nil || len(changes) == 0 {
		return err
	}
	return r.write(state, changes)
}

// lockAll makes the lock files of all refs that updates change. In a repository without refs it makes
// none, as git does for a clone: a hundred thousand files would be made for nobody.
func (r *Repo) lockAll(updates []Update) (release func(), err error) {
	fresh, err := r.fresh()
	if err != nil || fresh {
		return func() {}, err
	}
	locks := make([]lock, 0, len(updates))
	folders := map[string]bool{}
	release = func() {
		for _, l := range locks {
			l.release()
		}
		for folder := range folders {
			r.pruneFolders(folder)
		}
	}
	for _, u := range updates {
		if same(u.Old, u.New) {
			continue
		}
		l, err := r.lockRef(u.Name)
		if err != nil {
			release()
			return nil, err
		}
		locks = append(locks, l)
		folders[path.Dir(u.Name)] = true
	}
	return release, nil
}

// check holds updates against the refs and returns those that change something.
func (s refState) check(updates []Update) ([]Update, error) {
	var changes []Update
	for _, u := range updates {
		if s.loose[u.Name].target != "" {
			return nil, fmt.Errorf("ref %q is symbolic", u.Name)
		}
		have, _ := s.find(u.Name)
		if !same(have.ID, u.Old) {
			return nil, &MovedError{Name: u.Name, Want: u.Old, Have: have.ID}
		}
		if !same(u.Old, u.New) {
			changes = append(changes, u)
		}
	}
	return changes, nil
}

// same compares ids, with the zero ids of both formats being one.
func same(a, b object.ID) bool { return a == b || a.IsZero() && b.IsZero() }

// write makes the changes. All locks are held.
func (r *Repo) write(state refState, changes []Update) error {
	if err := state.checkConflicts(changes); err != nil {
		return err
	}
	peel, err := r.newPeeler()
	if err != nil {
		return err
	}
	defer peel.close()
	after, err := peel.apply(state.packed, changes)
	if err != nil {
		return err
	}
	if err := r.packLoose(state, changes, peel); err != nil {
		return err
	}
	return r.writePacked(after)
}

// packLoose moves the loose refs that change into packed-refs, as they are. It changes nothing
// for a reader; afterwards the rename of packed-refs is the one moment at which everything changes.
func (r *Repo) packLoose(state refState, changes []Update, peel *peeler) error {
	var moves []Update
	for _, u := range changes {
		if ref, ok := state.loose[u.Name]; ok {
			moves = append(moves, Update{Name: u.Name, New: ref.id})
		}
	}
	if len(moves) == 0 {
		return nil
	}
	before, err := peel.apply(state.packed, moves)
	if err != nil {
		return err
	}
	if err := r.writePacked(before); err != nil {
		return err
	}
	return r.removeLoose(moves)
}

// removeLoose removes the files of refs and waits until that is on disk.
func (r *Repo) removeLoose(refs []Update) error {
	folders := map[string]bool{}
	for _, u := range refs {
		file := r.path(u.Name)
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		folders[filepath.Dir(file)] = true
	}
	for folder := range folders {
		if err := SyncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// writePacked replaces packed-refs. The lock stays: git, too, writes beside it.
func (r *Repo) writePacked(refs []packedRef) error {
	beside := r.path("packed-refs.new")
	if err := writeSynced(beside, formatPackedRefs(refs)); err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	if err := stampLater(beside, r.path("packed-refs")); err != nil {
		return err
	}
	if err := disk.Move(beside, r.path("packed-refs")); err != nil {
		return err
	}
	return SyncDir(r.dir)
}

// stampLater gives the file a time at least a second later than before's. Git, which tells by
// inode, size and second whether packed-refs changed since it read it, would otherwise take
// a file written twice within a second for the one it knows, and an old value for a ref's.
func stampLater(file, before string) error {
	st, err := os.Stat(before)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at := time.Now()
	if next := st.ModTime().Add(time.Second); at.Before(next) {
		at = next
	}
	return os.Chtimes(file, at, at)
}
