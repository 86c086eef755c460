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
	"rehome/internal/shelf"
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
	between, ok, err := w.DB.Acquire(t.Context(), i.ID, "between/1", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(t, w.DB.Release(t.Context(), between)) // it kept nothing
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

// What a request asks for by a row that has changed meanwhile takes the place of nothing that a worker may go by.
func TestOldRowFillsNoPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	old := w.row(r)
	kept := t.TempDir()
	must(t, w.Folder.shelf.Get(t.Context(), old.Kept.Raw, kept)) // it is on the shelf for a while yet
	testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3)
	w.again(r)
	_, err := w.Folder.shelf.Put(t.Context(), "imports/"+strings.Split(old.Kept.Raw, "/")[1]+"/"+strings.Split(old.Kept.Raw, "/")[2], kept, 20)
	must(t, err)
	if _, err := w.here(t.Context(), &old, kindRaw); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("by the old row: %v", err)
	}
	now := w.row(r)
	if got := shelf.Holds(w.Folder.raw(now.ID)); got != now.Kept.Raw || got == old.Kept.Raw {
		t.Errorf("the place holds %s, not %s", got, now.Kept.Raw)
	}
}

// A step that fails after it kept something leaves the row with what it had.
func TestFailedStepNamesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	before := w.row(r).Kept
	testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3)
	w.fault = func(point string) {
		if point == "raw kept" {
			panic("on purpose")
		}
	}
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Failed, rehome.StepRaw, rehome.Internal)
	if after := w.row(r).Kept; after.Raw != before.Raw {
		t.Errorf("the row names %s, which no step finished, and named %s", after.Raw, before.Raw)
	}
	w.wantShelf(r)
	w.fault = func(string) {}
	w.start(r, StartRequest{URL: url})
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantMoved(r, from)
}

// Whoever comes after a successor keeps where that one did, even where older things stay at the place of the one before.
func TestNewestPlaceOnTheShelf(t *testing.T) {
	t.Parallel()
	w := &worker{lease: store.Lease{Fence: 9}}
	w.row.ID = 7
	for _, c := range []struct {
		raw, final string
		apart      int64
		want       string
	}{
		{"", "", 0, "imports/7/9"},
		{"imports/7/3/lists/s-a", "", 0, "imports/7/3"},
		{"imports/7/3/lists/s-a", "imports/7/12/lists/s-b", 0, "imports/7/12"},
		{"imports/7/3/lists/s-a", "imports/7/5/lists/s-b", 9, "imports/7/9"},
		{"imports/7/3/lists/s-a", "", 8, "imports/7/8"},
		{"", "", 8, "imports/7/8"},
	} {
		w.row.Kept.Raw, w.row.Kept.Final, w.lease.Apart = c.raw, c.final, c.apart
		if got := w.shelfPrefix(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
