package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/disk"
	"rehome/internal/git/object"
	"rehome/internal/store"
)

// Keeping says how long what imports leave is kept, and how much room has to be left. The zero value keeps it for good.
type Keeping struct {
	Raw    time.Duration // a raw repository, after its last use; 0 is for good
	Floor  disk.Floor    // below it no work begins
	Bucket bucket.Bucket // what nothing needs there is removed; nil leaves it
}

// Keep has what imports leave kept so. It comes before anything is.
func (f *Folder) Keep(k Keeping) { f.keeping = k }

// Room is nil when there is room for new work, also once what is on the disk for speed only has gone, and DiskFull when there is not.
func (m *Importer) Room() error {
	ctx, stop := context.WithTimeout(context.Background(), makeRoomFor)
	defer stop()
	return m.room(ctx)
}

// makeRoomFor is how long clients wait while room is made. The next one goes on with it.
const makeRoomFor = 5 * time.Second

func (m *Importer) room(ctx context.Context) error {
	err := m.hasRoom()
	if err != nil {
		m.makeRoom(ctx)
		err = m.hasRoom()
	}
	return err
}

// roomToGoOn is room for what runs: it had all the room when it began.
func (m *Importer) roomToGoOn(ctx context.Context) error {
	err := m.Folder.roomToGoOn()
	if err != nil {
		m.makeRoom(ctx)
		err = m.Folder.roomToGoOn()
	}
	return err
}

func (f *Folder) roomToGoOn() error { return asNoRoom(f.keeping.Floor.CheckRunning()) }

// hasRoom is room as it is.
func (m *Importer) hasRoom() error { return asNoRoom(m.Folder.keeping.Floor.Check()) }

// asNoRoom puts what is said of the disk into words for clients. That it cannot be asked stops nobody.
func asNoRoom(err error) error {
	var low *disk.LowError
	if !errors.As(err, &low) {
		return nil
	}
	return &rehome.Error{
		Code: rehome.DiskFull, Message: "The server's disk is nearly full, and takes no new work.",
		Hint: fmt.Sprintf("Try again later: it goes on by itself once there is room (%s are free, and %s have to be).", mebibytes(low.Free), mebibytes(low.Least)), Err: low,
	}
}

// mebibytes is a size for people, who know --min-free by it.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// roomLeft has a step that brings bytes end, by stop, before the disk is full.
func (m *Importer) roomLeft(ctx context.Context, stop context.CancelCauseFunc) {
	if err := m.roomToGoOn(ctx); err != nil {
		e := *rehome.AsError(err)
		e.Message = "The server's disk is nearly full: the import was stopped before it filled the rest."
		e.Hint = "Ask its operator for room, then start the import again."
		stop(&e)
	}
}

// stopped is why a step ended early, where that was for want of room, and err otherwise.
func stopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && rehome.CodeOf(cause) == rehome.DiskFull {
		return cause
	}
	return err
}

// waitsForRoom reports whether there is too little room to take an import up. What makes room is taken up in any case.
func (m *Importer) waitsForRoom(ctx context.Context, importID int64) (bool, error) {
	if !m.standsBack() && m.room(ctx) == nil {
		return false, nil
	}
	row, err := m.DB.ImportByID(ctx, importID)
	if rehome.CodeOf(err) == rehome.NotFound && err != nil {
		return true, nil
	}
	return err == nil && !row.Deleted && (row.RawExpiresAt.IsZero() || !row.NextSyncAt.IsZero()), err
}

// keepOn notes that the import comes to rest, and how long its raw repository stays from now on.
func (w *worker) keepOn(t *store.Tx, i *store.Import) {
	if i.State.Status.Running() || i.Kept.UsedAt.IsZero() {
		return
	}
	i.Kept.UsedAt, i.RawExpiresAt = t.Now, time.Time{}
	if keep := w.Folder.keeping.Raw; keep > 0 {
		i.RawExpiresAt = t.Now.Add(keep)
	}
}

// mayExpire reports whether the raw repository is kept for a time only, which may be over.
func (w *worker) mayExpire() bool { return !w.stays && !w.row.RawExpiresAt.IsZero() }

// expire removes what is kept of an import at rest, but for its commit map, once its time is over by the database's clock. What
// goes wrong there is no failure of the import: it is tried again later.
func (w *worker) expire(ctx context.Context) error {
	w.stays = true
	err := w.dropRaw(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrLeaseLost) {
		return quietly(ctx, err)
	}
	w.logOf(ctx, w.row.ID).WarnContext(ctx, "remove what has expired", "err", err)
	row, err := w.DB.PutOffExpiry(ctx, w.lease)
	if err != nil {
		w.logOf(ctx, w.row.ID).WarnContext(ctx, "put off what has expired", "err", err)
		return nil
	}
	w.row = row
	return nil
}

// dropRaw puts the commit map on the shelf alone, has the row name nothing else, and removes the rest: here at once, from the
// shelf when the turn ends. Other machines find out by themselves.
func (w *worker) dropRaw(ctx context.Context) error {
	on := w.Folder.shelf
	if on == nil {
		return nil // there would be nowhere to keep the map
	}
	mapBytes, key, err := w.keepMap(ctx)
	if err != nil {
		return err
	}
	_, carried, err := w.DB.LFSCount(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	w.fault("map kept")
	row, expired, err := w.DB.ExpireRaw(ctx, w.lease, key, mapBytes+carried)
	if err != nil {
		return err
	}
	w.row = row
	if !expired {
		return nil // somebody uses it again, or its time has not come
	}
	w.fault("raw expired")
	w.logOf(ctx, row.ID).InfoContext(ctx, "raw repository expired", "days", int(w.Folder.keeping.Raw.Hours()/24))
	return w.Folder.drop(row.ID)
}

// keepMap puts the commit map on the shelf and returns its bytes and its key there; "" where there is none.
func (w *worker) keepMap(ctx context.Context) (size int64, key string, err error) {
	if w.row.Rewritten == 0 {
		return 0, "", nil
	}
	from, err := w.openMap(ctx, &w.row)
	if rehome.CodeOf(err) == rehome.NotFound && err != nil {
		w.logOf(ctx, w.row.ID).WarnContext(ctx, "the commit map of what expires is gone", "err", err)
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	defer from.Close() // it was only read
	if err := w.Folder.dropWork(w.row.ID); err != nil {
		return 0, "", fmt.Errorf("clear work folder: %w", err)
	}
	dir := w.Folder.work(w.row.ID, w.lease.Fence)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, "", fmt.Errorf("keep the commit map: %w", err)
	}
	err = writeFile(filepath.Join(dir, mapFile), func(out io.Writer) (err error) {
		size, err = io.Copy(out, from)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	key, err = w.Folder.shelf.Put(ctx, w.shelfPrefix(), dir, object.SHA1.Size())
	return size, key, err
}

// mapAlone reports whether all that is kept of an import is its commit map.
func mapAlone(i *store.Import) bool { return i.Kept.UsedAt.IsZero() && i.Kept.Final != "" }

// wasExpired adds to what is wrong with a source that it is needed again.
func wasExpired(e *rehome.Error, i *store.Import) *rehome.Error {
	if i.State.Status != rehome.Importing || i.Done.Raw == 0 || !i.Kept.UsedAt.IsZero() {
		return e
	}
	return withHint(e, "What was fetched before is not kept any more, since nobody used it for long: a change needs the source again.")
}

// measure counts the bytes that the import takes: its raw repository, what was made of it and what is remembered of pushes, each file once,
// and the Git LFS objects that its repository has. The next change of the row records it.
func (w *worker) measure(ctx context.Context) error {
	_, sum, err := w.DB.LFSCount(ctx, w.row.RepositoryID)
	if err != nil {
		return err
	}
	seen := map[[2]uint64]bool{}
	for _, k := range kinds {
		size, err := sizeOnce(w.Folder.place(k, w.row.ID), seen)
		if err != nil {
			return fmt.Errorf("measure what the import takes: %w", err)
		}
		sum += size
	}
	w.bytes = sum
	return nil
}

// sizeOnce adds up the files below dir, in bytes, but for those that were seen by another name.
func sizeOnce(dir string, seen map[[2]uint64]bool) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			file := [2]uint64{uint64(s.Dev), s.Ino} //nolint:unconvert // their types differ from system to system
			if seen[file] {
				return nil
			}
			seen[file] = true
		}
		size += info.Size()
		return nil
	})
	return size, err
}
