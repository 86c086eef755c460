package importer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/shelf"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// The same on Postgres and in an object store: what expires goes, what no row names goes, and the rest stays.
func TestSweepObjectStore(t *testing.T) {
	t.Parallel()
	v := testenv.NewVersity(t, "files")
	in, err := bucket.OpenURL(t.Context(), "s3://files?endpoint="+v.URL+"&prefix=rehome", bucket.S3Options{Keys: bucket.Keys{ID: v.Key, Secret: v.Secret}})
	must(t, err)
	t.Cleanup(in.(*bucket.S3).Close)
	rows := testenv.Postgres(t).NewDatabase(t)
	w := newWorld(t, func(o *Options) {
		must(t, o.DB.Close())
		o.DB, err = store.Open(t.Context(), rows)
		must(t, err)
		o.LFS, err = lfs.NewStore(in, t.TempDir())
		must(t, err)
		o.Folder.KeepOn(shelf.New(in, t.TempDir()))
	})
	w.Folder.Keep(Keeping{Raw: time.Hour, Bucket: in})
	w.garbageGrace = 0
	r, url, from := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	named, garbage := w.lfsObject("named"), w.lfsObject("garbage")
	must(t, w.DB.AddLFSObjects(t.Context(), r.ID, rowsOf([]lfs.Object{named})))
	stray := filepath.Join(t.TempDir(), "stray")
	must(t, os.WriteFile(stray, []byte("x"), 0o600))
	must(t, in.Put(t.Context(), "imports/999/1/files/s-00", stray))
	w.later(2 * youngFor)
	must(t, w.tidy(t.Context(), true))
	must(t, w.removeGarbage(t.Context())) // what the first look only marked, or removed at once
	w.wantBytes(garbage, false)
	w.wantBytes(named, true)

	want := w.mapText(r)
	must(t, w.backdate(r))
	w.work()
	keys := 0
	for f, err := range in.List(t.Context(), "imports/") {
		must(t, err)
		if keys++; f.Key[:len(shelfOf(i.ID))] != shelfOf(i.ID) {
			t.Errorf("%s is left", f.Key)
		}
	}
	if keys != 2 {
		t.Errorf("%d files are kept, want the list and the map", keys)
	}
	w.elsewhere(i.ID)
	if got := w.mapText(r); got != want {
		t.Error("the commit map is another one")
	}
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantRewritten(r, from, map[string]string{ada: hubot})
}
