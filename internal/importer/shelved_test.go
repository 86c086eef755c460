package importer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// elsewhere is the work of another machine: what is kept is there, in the bucket, and not on the disk.
func (w *world) elsewhere(importID int64) {
	w.t.Helper()
	for _, k := range kinds {
		must(w.t, os.RemoveAll(w.Folder.place(k, importID)))
	}
}

// row is the import's row.
func (w *world) row(r rehome.Repository) store.Import {
	w.t.Helper()
	i, err := w.DB.ImportOf(w.t.Context(), r.ID)
	must(w.t, err)
	return i
}

// A machine with an empty disk goes on after every step, and maps again without the source.
func TestAnotherMachineGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	swap := map[rehome.Status]bool{rehome.Mapping: true, rehome.Pushing: true}
	w.fault = func(point string) {
		if i := w.get(r); point == "after a change" && swap[i.State.Status] {
			delete(swap, i.State.Status)
			w.elsewhere(i.ID)
		}
	}
	i := w.start(r, StartRequest{URL: url})
	wantStatus(t, i, rehome.Complete, "", "")
	if len(swap) != 0 {
		t.Errorf("it did not come by %v", swap)
	}
	w.wantMoved(r, from)

	kept := filepath.Join(t.TempDir(), "kept.git")
	testenv.Git(t, filepath.Dir(kept), "clone", "--quiet", "--mirror", from, kept)
	must(t, os.RemoveAll(from)) // nothing can be fetched any more
	w.elsewhere(i.ID)
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantRewritten(r, kept, map[string]string{ada: hubot})
	want := w.commitMap(r)
	w.elsewhere(i.ID)
	if got := w.commitMap(r); len(got) != len(want) {
		t.Errorf("the commit map has %d lines elsewhere, not %d", len(got), len(want))
	}
}

// The bucket holds what the rows name and nothing else, and nothing once the import is deleted.
func TestShelfIsTidied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	w.wantShelf(r)
	before := w.row(r).Kept
	testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3)
	w.again(r)
	w.wantShelf(r)
	after := w.row(r).Kept
	if after.Raw == before.Raw || after.Final == before.Final {
		t.Errorf("kept by the same lists as before: %+v", after)
	}
	if a, b := filepath.Dir(filepath.Dir(before.Raw)), filepath.Dir(filepath.Dir(after.Raw)); a != b {
		t.Errorf("kept at %s, not beside what was there at %s", b, a)
	}
	must(t, w.Cancel(t.Context(), r.ID, 0))
	w.wantNothingLeft()
}

// wantShelf checks that the bucket holds all that the row names, and nothing else.
func (w *world) wantShelf(r rehome.Repository) {
	w.t.Helper()
	row, ctx := w.row(r), w.t.Context()
	var lists []string
	for _, key := range []string{row.Kept.Raw, row.Kept.Final, row.Kept.Pushed} {
		if key == "" {
			continue
		}
		lists = append(lists, key)
		must(w.t, w.Folder.shelf.Check(ctx, key, true, func(key string, wrong error) { w.t.Errorf("%s: %v", key, wrong) }))
	}
	if row.Kept.Raw == "" {
		w.t.Error("no raw repository is kept")
	}
	for _, key := range w.inBucket() {
		if strings.Contains(key, "/lists/") && !slices.Contains(lists, key) {
			w.t.Errorf("the list %s is left", key)
		}
	}
}

// What is damaged in the bucket is as good as gone: it is fetched again.
func TestDamagedShelfIsFetchedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	must(t, filepath.WalkDir(filepath.Join(w.data, "bucket", "imports"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "lists") {
			return err
		}
		return errors.Join(os.Remove(path), os.WriteFile(path, []byte("???"), 0o400)) // the host has the file by another name
	}))
	w.elsewhere(i.ID)
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantRewritten(r, from, map[string]string{ada: hubot})
	w.wantShelf(r)
}

// Whoever takes the lease from a worker that may wake again keeps out of its way, and what that one sweeps when it wakes is
// nothing of the successor's.
func TestWakingWorkerSweepsNothingOfItsSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	first := w.row(r).Kept.Raw
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	lease, ok, err := w.DB.Acquire(t.Context(), i.ID, "asleep/1", time.Millisecond)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	sleeper := &worker{Importer: w.Importer, lease: lease, row: w.row(r)}
	for due := false; !due; { // by the database's clock
		due, err = w.DB.IsDue(t.Context(), i.ID)
		must(t, err)
	}
	testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if raw := w.row(r).Kept.Raw; strings.HasPrefix(raw, filepath.Dir(filepath.Dir(first))+"/") {
		t.Errorf("the successor keeps at %s, where the one before does", raw)
	}
	must(t, sleeper.tidyShelf(context.WithoutCancel(t.Context()), &sleeper.row))
	w.wantShelf(r)
	w.wantMoved(r, from)
}
