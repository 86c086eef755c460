package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/shelf"
	"rehome/internal/store"
)

// What the steps of an import leave is kept twice: in its place in the data folder, where it is worked with, and on the shelf, in
// the bucket, from where another machine takes it, or this one after its disk was lost. The row has the keys of the lists on the shelf:
// a place holds what it should when it was kept by the row's list, and is otherwise filled anew.

// keep moves a finished work folder to its place, once it is on the shelf. The next change of the row records it.
func (w *worker) keep(ctx context.Context, work string, k kind, f object.Format) error {
	if w.Folder.shelf != nil {
		if err := w.shelve(ctx, work, k, f); err != nil {
			return err
		}
		w.fault(string(k) + " on the shelf")
	}
	end, err := w.fetching.take(ctx, w.row.ID) // a request may be filling the place
	if err != nil {
		return err
	}
	defer end()
	return w.Folder.keep(work, w.Folder.place(k, w.row.ID))
}

// shelve puts a folder on the shelf. While the object store is away it waits as long as a step that is cut off would: what has to be put
// there took a whole step to make.
func (w *worker) shelve(ctx context.Context, dir string, k kind, f object.Format) error {
	key, err := w.Folder.shelf.Put(ctx, w.shelfPrefix(), dir, f.Size())
	for try := 0; errors.Is(err, bucket.ErrAway) && try < len(w.Waits.Backoff); try++ {
		if err := w.note(ctx, storeNote); err != nil {
			return err
		}
		w.logOf(ctx, w.row.ID).WarnContext(ctx, "the object store is away", "kind", k, "err", err)
		if err := egress.Sleep(ctx, jittered(w.Waits.Backoff[try])); err != nil {
			return err
		}
		key, err = w.Folder.shelf.Put(ctx, w.shelfPrefix(), dir, f.Size())
	}
	if err != nil {
		return err
	}
	if w.kept == nil {
		w.kept = map[kind]string{}
	}
	w.kept[k] = key
	return nil
}

// orAway puts into words that it is the object store which does not answer.
func orAway(err error) error {
	if !errors.Is(err, bucket.ErrAway) || rehome.CodeOf(err) != rehome.Internal {
		return err
	}
	return &rehome.Error{
		Code: rehome.Internal, Message: "The object store that this server keeps everything in does not answer.",
		Hint: "Ask its operator, then start the import again.", Err: err,
	}
}

// record notes in the row what was kept since it was written last.
func (w *worker) record(i *store.Import) {
	for k, key := range w.kept {
		*keyOf(&i.Kept, k) = key
	}
	if w.bytes > 0 {
		i.Kept.Disk = w.bytes
	}
}

// keyOf is the key of what is kept of a kind.
func keyOf(kept *store.Kept, k kind) *string {
	switch k {
	case kindRaw:
		return &kept.Raw
	case kindFinal:
		return &kept.Final
	default:
		return &kept.Pushed
	}
}

// shelfOf is what everything that is kept of an import has its key below.
func shelfOf(importID int64) string { return fmt.Sprintf("%s/%d", shelvedImports, importID) }

// shelvedImports is what everything that is kept of imports has its key below.
const shelvedImports = "imports"

// shelfPrefix is where the worker keeps what it makes: beside what is kept already, so that both share what they have in common. Where
// a lease was taken from a worker that did not give it back, which may wake and sweep what it thinks is nobody's, it is a place of its own,
// for that lease and those that follow, whether or not that one kept anything; and who comes after keeps there, too, the newest of the places,
// not at one that such a sleeper knows.
func (w *worker) shelfPrefix() string {
	newest := max(w.lease.Apart, fenceOf(w.row.Kept.Raw), fenceOf(w.row.Kept.Final), fenceOf(w.row.Kept.Pushed))
	if newest == 0 {
		newest = w.lease.Fence
	}
	return fmt.Sprintf("%s/%d", shelfOf(w.row.ID), newest)
}

// fenceOf is the fence below which what has that key was kept, 0 for no key.
func fenceOf(key string) int64 {
	prefix, _, _ := strings.Cut(key, "/lists/")
	fence, err := strconv.ParseInt(path.Base(prefix), 10, 64)
	if err != nil {
		return 0
	}
	return fence
}

// here returns where a folder of an import lies on this disk, and fills the place from the shelf where it holds another one or
// none. fs.ErrNotExist when there is none, and when what there is, is damaged, which is shelf.ErrDamaged, too. Where nothing is on the shelf
// because it was made without one, there may be nothing at the place.
func (m *Importer) here(ctx context.Context, i *store.Import, k kind) (dir string, err error) {
	dir, key := m.Folder.place(k, i.ID), *keyOf(&i.Kept, k)
	if m.Folder.shelf == nil {
		return dir, nil
	}
	defer m.touch(dir)
	end, err := m.fetching.take(ctx, i.ID)
	if err != nil {
		return "", err
	}
	defer end()
	if shelf.Holds(dir) == key {
		return dir, nil
	}
	if err = m.mayFill(ctx, i, k); err == nil {
		err = m.Folder.fill(ctx, i.ID, k, key)
	}
	if errors.Is(err, shelf.ErrDamaged) {
		m.logOf(ctx, i.ID).ErrorContext(ctx, "what is kept of an import is damaged", "kind", k, "err", err)
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err) // it is of no use
	}
	if err != nil {
		return "", fmt.Errorf("take the %s repository from the bucket: %w", k, err)
	}
	return dir, nil
}

// mayFill is fs.ErrNotExist when what is asked for is not what the row names, or names still: what lies at the place may be what a worker
// of this process goes by. It is DiskFull when there is no room.
func (m *Importer) mayFill(ctx context.Context, i *store.Import, k kind) error {
	now, err := m.DB.ImportByID(ctx, i.ID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return err
	}
	if key := *keyOf(&i.Kept, k); key == "" || key != *keyOf(&now.Kept, k) {
		return &fs.PathError{Op: "open", Path: m.Folder.place(k, i.ID), Err: fs.ErrNotExist}
	}
	if m.isAtWork(i.ID) {
		return m.roomToGoOn(ctx)
	}
	return m.room(ctx)
}

// touch notes that a place is used: see dropCaches.
func (m *Importer) touch(dir string) {
	now := m.Clock()
	os.Chtimes(dir, now, now) //nolint:errcheck // there may be nothing
}

// fill makes a place hold what the list at key on the shelf names.
func (f *Folder) fill(ctx context.Context, importID int64, k kind, key string) error {
	aside, err := f.aside()
	if err != nil {
		return err
	}
	if err := f.shelf.Get(ctx, key, aside); err != nil {
		return err
	}
	if err := f.keep(aside, f.place(k, importID)); err != nil {
		return errors.Join(err, os.RemoveAll(aside))
	}
	return nil
}

// fetchAnew has the import begin with its raw step again, since what it left is gone or damaged.
func (w *worker) fetchAnew(ctx context.Context) error {
	err := w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		tryAgain(i, t.Now)
		i.Kept.Raw, i.Kept.Pushed = "", ""
		if !mapAlone(i) { // which is asked for until there is another
			i.Kept.Final = ""
		}
		i.Kept.UsedAt = time.Time{}
		return nil
	})
	if err != nil {
		return err
	}
	return w.tidyShelf(ctx, &w.row)
}

// doubt has the import's raw repository fetched whole the next time, here or elsewhere: something is wrong with it.
func (w *worker) doubt(ctx context.Context) error {
	if err := w.Folder.distrust(w.row.ID); err != nil {
		return err
	}
	dir := w.Folder.place(kindRaw, w.row.ID)
	if w.Folder.shelf == nil || w.row.Kept.Raw == "" || shelf.Holds(dir) != w.row.Kept.Raw {
		return nil
	}
	raw, err := repo.Open(dir)
	if err != nil {
		return fmt.Errorf("open raw repository: %w", err)
	}
	return w.shelve(ctx, dir, kindRaw, raw.Format())
}

// tidyShelf removes from the shelf what the row does not name any more, and all of an import that was deleted.
func (w *worker) tidyShelf(ctx context.Context, row *store.Import) error {
	on := w.Folder.shelf
	switch {
	case on == nil:
		return nil
	case row.Deleted: // its id does not come again, and nobody keeps anything of it any more
		return on.Sweep(ctx, shelfOf(row.ID), func(context.Context) error { return nil })
	}
	// Who wakes after its lease removes next to nothing more: its time was over long before.
	within, stop := context.WithTimeout(ctx, tidyUpFor)
	defer stop()
	sure := func(ctx context.Context) error { return w.DB.Renew(ctx, w.lease, w.leaseFor) }
	err := on.Sweep(within, shelfOf(row.ID), sure, row.Kept.Raw, row.Kept.Final, row.Kept.Pushed)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, shelf.ErrDamaged) {
		w.logOf(ctx, row.ID).ErrorContext(ctx, "what is kept of an import is not there", "err", err)
		return nil
	}
	return quietly(within, err)
}

// rests reports whether no step runs or is due next: what is kept is not about to become something else.
func rests(s rehome.Status) bool { return s.Step() == "" }
