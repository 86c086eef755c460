package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// sweeps has a world sweep its bucket, at once.
func (w *world) sweeps() bucket.Bucket {
	w.t.Helper()
	in, err := bucket.NewFolder(filepath.Join(w.data, "bucket"))
	must(w.t, err)
	w.Folder.Keep(Keeping{Bucket: in})
	w.garbageGrace = 0
	return in
}

func (w *world) later(d time.Duration) { w.Clock = func() time.Time { return time.Now().Add(d) } }

// lfsObject puts an object that no row names.
func (w *world) lfsObject(content string) lfs.Object {
	w.t.Helper()
	writer, err := w.LFS.Create()
	must(w.t, err)
	defer writer.Close()
	_, err = writer.Write([]byte(content))
	must(w.t, err)
	o, err := writer.Keep(w.t.Context())
	must(w.t, err)
	return o
}

func (w *world) wantBytes(o lfs.Object, want bool) {
	w.t.Helper()
	if has, err := w.LFS.Has(w.t.Context(), o); err != nil || has != want {
		w.t.Errorf("object %s is there: %v, want %v: %v", o.OID, has, want, err)
	}
}

// What no row names goes from the bucket, and nothing else.
func TestSweepBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.sweeps()
	r, url, from := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	stray := filepath.Join(t.TempDir(), "stray")
	must(t, os.WriteFile(stray, []byte("x"), 0o600))
	for _, key := range []string{"imports/999/1/files/s-00", "imports/999/1/lists/s-00", "imports/odd/1/files/s-00"} {
		must(t, in.Put(t.Context(), key, stray))
	}
	uploaded, garbage := w.lfsObject("uploaded"), w.lfsObject("garbage")
	must(t, w.DB.AddLFSObjects(t.Context(), r.ID, rowsOf([]lfs.Object{uploaded})))
	must(t, w.sweepBucket(t.Context()))
	must(t, w.removeGarbage(t.Context()))
	w.wantBytes(garbage, true) // it is too young to be looked at
	w.later(2 * youngFor)
	must(t, w.sweepBucket(t.Context()))
	must(t, w.removeGarbage(t.Context()))
	w.wantBytes(garbage, false)
	w.wantBytes(uploaded, true)
	for _, key := range w.inBucket() {
		if strings.HasPrefix(key, "imports/999") {
			t.Errorf("%s is left", key)
		}
	}
	if size, err := bucket.Size(t.Context(), in, "imports/odd/1/files/s-00"); err != nil || size != 1 {
		t.Errorf("what is not ours went: %v", err)
	}
	must(t, in.Remove(t.Context(), "imports/odd/1/files/s-00"))
	w.wantShelf(r)
	w.elsewhere(i.ID)
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	w.wantRewritten(r, from, map[string]string{ada: hubot})
}

// A database that is not the bucket's removes nothing there.
func TestSweepOfAnotherBucket(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	in := w.sweeps()
	must(t, w.sweepBucket(t.Context()))
	stray := filepath.Join(t.TempDir(), "stray")
	must(t, os.WriteFile(stray, []byte("x"), 0o600))
	must(t, in.Put(t.Context(), "imports/999/1/files/s-00", stray))
	other.Folder.Keep(Keeping{Bucket: in})
	other.Folder.shelf = w.Folder.shelf
	must(t, other.sweepBucket(t.Context()))
	if len(w.inBucket()) != 1 {
		t.Error("another database swept the bucket")
	}
	must(t, w.sweepBucket(t.Context()))
	if len(w.inBucket()) != 0 {
		t.Error("its own did not")
	}
}

// Objects that were removed between upload and row are missed.
func TestLostWhileNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sweeps()
	r := w.repository("one")
	ctx := t.Context()
	o := w.lfsObject("garbage")
	rows := rowsOf([]lfs.Object{o})
	w.later(2 * youngFor)
	must(t, w.markGarbage(ctx))
	removals, err := w.DB.LFSRemovals(ctx)
	must(t, err)
	w.wantBytes(o, true) // somebody trusts that
	must(t, w.removeGarbage(ctx))
	must(t, w.DB.AddLFSObjects(ctx, r.ID, rows))
	if err := w.stillThere(ctx, rows, removals); rehome.CodeOf(err) != rehome.SourceCutOff {
		t.Errorf("nobody missed it: %v", err)
	}
	if removals, err = w.DB.LFSRemovals(ctx); err != nil {
		t.Fatal(err)
	}
	must(t, w.stillThere(ctx, rows, removals))
	w.lfsObject("garbage")
	must(t, w.stillThere(ctx, rows, 0))
	must(t, w.markGarbage(ctx))
	must(t, w.removeGarbage(ctx))
	w.wantBytes(o, true)
}

// This disk loses what the row does not name and what nobody used for long, and keeps what is nowhere else.
func TestDropCaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	place := w.Folder.place(kindRaw, i.ID)
	there := func(want bool) {
		t.Helper()
		if _, err := os.Stat(place); (err == nil) != want {
			t.Errorf("the raw repository is there: %v, want %v", err == nil, want)
		}
	}
	drop := func() {
		t.Helper()
		must(t, w.dropCaches(t.Context(), cachedFor, func() bool { return false }))
	}
	drop()
	there(true)
	w.later(2 * cachedFor)
	_, err := w.here(t.Context(), &[]store.Import{w.row(r)}[0], kindRaw)
	must(t, err)
	drop()
	there(true) // it was used just now
	w.later(4 * cachedFor)
	drop()
	there(false)
	if got := w.mapText(r); got == "" { // it comes again
		t.Error("no map")
	}
	there(true)
	aside := filepath.Join(t.TempDir(), "bucket")
	must(t, os.Rename(filepath.Join(w.data, "bucket"), aside))
	w.later(8 * cachedFor)
	drop()
	there(true) // it is nowhere else
	must(t, os.RemoveAll(filepath.Join(w.data, "bucket")))
	must(t, os.Rename(aside, filepath.Join(w.data, "bucket")))
	must(t, os.WriteFile(filepath.Join(place, "kept-as"), []byte("imports/1/1/lists/s-00\n"), 0o600))
	drop()
	there(false)
	must(t, os.Mkdir(w.Folder.place(kindFinal, 999), 0o700))
	drop()
	if _, err := os.Stat(w.Folder.place(kindFinal, 999)); err == nil {
		t.Error("what is left of an import that is gone stays")
	}
}
