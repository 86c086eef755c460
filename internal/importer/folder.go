package importer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rehome/internal/disk"
	"rehome/internal/git/repo"
	"rehome/internal/shelf"
)

// Folder is the data folder, held by this process alone:
//
//	lock               held by the one process that works here
//	folder-id          names the folder in leases, so that its next process knows its own
//	raw/<import>       raw repositories, whole
//	final/<import>     what a plan made of them, where it changes anything
//	pushed/<import>    indexes of the packs that a destination elsewhere has
//	work/<import>-<fence>  one being received or made
type Folder struct {
	dir   string
	id    string
	lock  *os.File
	shelf *shelf.Shelf // nil: there is nothing but this folder

	keeping Keeping
}

// kind is a kind of what is kept of an import, and the name of the folder in which each has its place.
type kind string

// What is kept of an import.
const (
	kindRaw    kind = "raw"
	kindFinal  kind = "final"
	kindPushed kind = "pushed"
)

var kinds = []kind{kindRaw, kindFinal, kindPushed}

// KeepOn has what imports leave kept on a shelf, too. It comes before anything is. What comes from there ends before the disk is full.
func (f *Folder) KeepOn(s *shelf.Shelf) {
	f.shelf = s
	s.Room = f.roomToGoOn
}

// place is where what is kept of an import lies.
func (f *Folder) place(k kind, importID int64) string {
	return filepath.Join(f.dir, string(k), strconv.FormatInt(importID, 10))
}

// ErrInUse is underneath the error of Claim for a folder that another process holds.
var ErrInUse = errors.New("in use by another rehome")

// Claim makes the data folder at dir ready and takes it for this process, which has to
// come before anything in it is opened. It waits up to lockPatience for another to leave. Close gives it back.
func Claim(dir string) (*Folder, error) {
	folders := []string{dir, filepath.Join(dir, "work")}
	for _, k := range kinds {
		folders = append(folders, filepath.Join(dir, string(k)))
	}
	for _, dir := range folders {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make data folder: %w", err)
		}
	}
	lock, err := waitForLock(filepath.Join(dir, "lock"))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("the data folder %s is %w: stop that one, or give this one a --data of its own", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	f := &Folder{dir: dir, lock: lock}
	if f.id, err = f.readID(); err != nil {
		return nil, errors.Join(fmt.Errorf("name data folder: %w", err), f.Close())
	}
	return f, nil
}

// Name is the folder's own: it tells this folder from those of other processes with the same database.
func (f *Folder) Name() string { return f.id }

// Called is how people know the process that works here: by its machine and the last part of the folder's path.
func (f *Folder) Called() string {
	machine, err := os.Hostname()
	if err != nil || machine == "" {
		machine = "localhost"
	}
	return machine + "/" + filepath.Base(f.dir)
}

// Close gives the folder back. Whoever works in it has to have stopped.
func (f *Folder) Close() error { return f.lock.Close() }

// readID returns the folder's name in leases and makes one for a new folder.
func (f *Folder) readID() (string, error) {
	path := filepath.Join(f.dir, "folder-id")
	text, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(text)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := rand.Text()
	return id, disk.WriteFile(path, []byte(id+"\n"), 0o600)
}

// raw is where the import's raw repository lies.
func (f *Folder) raw(importID int64) string {
	return f.place(kindRaw, importID)
}

// final is where what the import's plan made of its raw repository lies.
func (f *Folder) final(importID int64) string {
	return f.place(kindFinal, importID)
}

// pushed is where it stands what the destination of the import has.
func (f *Folder) pushed(importID int64) string {
	return f.place(kindPushed, importID)
}

// work is where a worker with that fence receives or rewrites the import.
func (f *Folder) work(importID, fence int64) string {
	return filepath.Join(f.dir, "work", fmt.Sprintf("%d-%d", importID, fence))
}

// aside makes a folder for what is looked at and thrown away.
func (f *Folder) aside() (string, error) {
	dir, err := os.MkdirTemp(filepath.Join(f.dir, "work"), "aside-*")
	if err != nil {
		return "", fmt.Errorf("make a folder aside: %w", err)
	}
	return dir, nil
}

// keep moves a finished repository to its place, where it replaces an older one. That one is put aside
// under the name of its folder meanwhile, so that restore knows where it belongs.
func (f *Folder) keep(work, place string) error {
	old := work + "-" + filepath.Base(filepath.Dir(place))
	if err := disk.Move(place, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put old repository aside: %w", err)
	}
	if err := disk.Move(work, place); err != nil {
		return fmt.Errorf("keep repository: %w", err)
	}
	if err := errors.Join(repo.SyncDir(filepath.Dir(place)), repo.SyncDir(filepath.Dir(work))); err != nil {
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("remove old repository: %w", err)
	}
	return nil
}

// drop removes what there is of an import, whole or not.
func (f *Folder) drop(importID int64) error {
	return errors.Join(f.dropWork(importID), os.RemoveAll(f.pushed(importID)), os.RemoveAll(f.final(importID)), os.RemoveAll(f.raw(importID)))
}

// dropWork removes what an import left unfinished. Only the holder of its lease may ask.
func (f *Folder) dropWork(importID int64) error {
	its := fmt.Sprintf("%d-", importID)
	if err := f.restore(its); err != nil {
		return err
	}
	return removeIn(filepath.Join(f.dir, "work"), func(name string) bool { return strings.HasPrefix(name, its) })
}

// restore moves back what keep put aside when it ended before the newer one was in its place.
func (f *Folder) restore(prefix string) error {
	entries, err := os.ReadDir(filepath.Join(f.dir, "work"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		parts := strings.Split(e.Name(), "-") // import, fence, folder
		if len(parts) != 3 || !strings.HasPrefix(e.Name(), prefix) || !slices.Contains(kinds, kind(parts[2])) {
			continue
		}
		place := filepath.Join(f.dir, parts[2], parts[0])
		if _, err := os.Lstat(place); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := disk.Move(filepath.Join(f.dir, "work", e.Name()), place); err != nil {
			return fmt.Errorf("put back older repository: %w", err)
		}
	}
	return nil
}

// clear removes unfinished work, which the lock says is nobody's, and repositories of
// imports that are not known.
func (f *Folder) clear(known map[int64]bool) error {
	unknown := func(name string) bool {
		id, err := strconv.ParseInt(name, 10, 64)
		return err != nil || !known[id]
	}
	err := errors.Join(f.restore(""), removeIn(filepath.Join(f.dir, "work"), func(string) bool { return true }))
	for _, k := range kinds {
		err = errors.Join(err, removeIn(filepath.Join(f.dir, string(k)), unknown))
	}
	if err != nil {
		return fmt.Errorf("clear data folder: %w", err)
	}
	return nil
}

func removeIn(dir string, chosen func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if chosen(e.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

var errLocked = errors.New("locked by another process")

// lockPatience is how long Claim waits for a lock: a process that was killed gives its own
// back a moment after it is gone from the list of processes.
const lockPatience = 3 * time.Second

func waitForLock(path string) (*os.File, error) {
	for end := time.Now().Add(lockPatience); ; time.Sleep(50 * time.Millisecond) {
		lock, err := takeLock(path)
		if !errors.Is(err, errLocked) || time.Now().After(end) {
			return lock, err
		}
	}
}

// takeLock makes the file and locks it until it is closed or this process ends, however
// it ends. errLocked when another process holds it.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// sizeOf adds up the files below dir, in bytes.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
