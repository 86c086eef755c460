package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/disk"
	"rehome/internal/git/object"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// keepsRaw has raw repositories kept for no longer than a moment.
func keepsRaw(w *world, keep time.Duration) {
	w.Folder.Keep(Keeping{Raw: keep})
}

// mapText is the commit map as it is served.
func (w *world) mapText(r rehome.Repository) string {
	w.t.Helper()
	in, size, err := w.CommitMap(w.t.Context(), r.ID)
	must(w.t, err)
	defer in.Close()
	text, err := io.ReadAll(in)
	must(w.t, err)
	if int64(len(text)) != size {
		w.t.Errorf("the commit map has %d bytes, said were %d", len(text), size)
	}
	return string(text)
}

// expire lets the time of the import's raw repository pass and has it removed.
func (w *world) expire(r rehome.Repository) {
	w.t.Helper()
	must(w.t, w.backdate(r))
	w.work()
	row := w.row(r)
	if row.Kept.Raw != "" || row.Kept.Pushed != "" || !row.RawExpiresAt.IsZero() || !mapAlone(&row) {
		w.t.Fatalf("kept is %+v, expires at %v", row.Kept, row.RawExpiresAt)
	}
	var left []string
	for _, key := range w.inBucket() {
		left = append(left, key[strings.LastIndex(key, "/")-5:])
	}
	if len(left) != 2 {
		w.t.Errorf("in the bucket are %q, want a list and a map", left)
	}
	for _, k := range kinds {
		if _, err := os.Stat(w.Folder.place(k, row.ID)); err == nil {
			w.t.Errorf("%s is on this disk", k)
		}
	}
}

// backdate has what is kept of the import expire a moment ago.
func (w *world) backdate(r rehome.Repository) error {
	_, err := w.DB.ChangeImport(w.t.Context(), r.ID, func(t *store.Tx, i *store.Import) error {
		i.RawExpiresAt = t.Now.Add(-time.Second)
		return nil
	})
	return err
}

// What expired is gone but for the map, and comes again by itself when it is needed: with the same ids, from what the source has then.
func TestExpired(t *testing.T) {
	for _, mapped := range []bool{true, false} {
		t.Run(fmt.Sprint("mapped ", mapped), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			keepsRaw(w, time.Hour)
			r, url, from := w.rich("sha1")
			i := w.start(r, StartRequest{URL: url})
			if mapped {
				w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
				w.work()
			}
			want, row := w.mapText(r), w.row(r)
			version, err := w.CommitMapVersion(t.Context(), r.ID)
			must(t, err)
			if row.RawExpiresAt.Sub(row.Kept.UsedAt) != time.Hour || row.Kept.Disk == 0 {
				t.Errorf("expires at %v, used at %v, takes %d bytes", row.RawExpiresAt, row.Kept.UsedAt, row.Kept.Disk)
			}
			w.expire(r)
			if after := w.row(r); after.Kept.Disk <= 0 || after.Kept.Disk >= row.Kept.Disk {
				t.Errorf("takes %d bytes, %d before", after.Kept.Disk, row.Kept.Disk)
			}
			wantStatus(t, w.get(r), rehome.Complete, "", "")
			if got := w.mapText(r); got != want {
				t.Errorf("the commit map changed from %d to %d bytes", len(want), len(got))
			}
			if now, err := w.CommitMapVersion(t.Context(), r.ID); err != nil || now != version {
				t.Errorf("the map's version is %q, was %q: %v", now, version, err)
			}
			last := strings.Fields(want)
			old, became := last[len(last)-2], last[len(last)-1]
			id, err := object.ParseID(old)
			must(t, err)
			if got, err := w.NewCommit(t.Context(), r.ID, id); err != nil || got.String() != became {
				t.Errorf("%s became %v, want %s: %v", old, got, became, err)
			}
			unknown, err := object.ParseID(strings.Repeat("e", 40))
			must(t, err)
			if _, err := w.NewCommit(t.Context(), r.ID, unknown); rehome.CodeOf(err) != rehome.NotFound {
				t.Errorf("an unknown commit: %v", err)
			}
			w.work() // nothing is due

			w.elsewhere(i.ID)
			for _, name := range []string{"Somebody", "Hubot"} {
				w.remap(r, "Ada Lovelace", name, "hubot@example.com")
				w.work()
			}
			wantStatus(t, w.get(r), rehome.Complete, "", "")
			w.wantRewritten(r, from, map[string]string{ada: hubot})
			w.wantShelf(r)
			if mapped && w.mapText(r) != want {
				t.Error("the same map made other ids")
			}
			if w.row(r).RawExpiresAt.IsZero() {
				t.Error("it would stay for good now")
			}
		})
	}
}

// A sync after that takes up what is new.
func TestSyncAfterExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keepsRaw(w, time.Hour)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	w.expire(r)
	testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3)
	w.again(r)
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantMoved(r, from)
	w.wantShelf(r)
}

// Without the source a change cannot be made any more, and says why. The map stays.
func TestExpiredSourceIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keepsRaw(w, time.Hour)
	r, url, from := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	want := w.mapText(r)
	w.expire(r)
	must(t, os.RemoveAll(from))
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	i := w.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.NotARepository)
	if i.State.Err == nil || !strings.Contains(i.State.Err.Hint, "not kept any more") {
		t.Errorf("it says %+v", i.State.Err)
	}
	if got := w.mapText(r); got != want {
		t.Error("the map is another one")
	}
}

// A crash at any point of it leaves what is asked for where it is.
func TestCrashWhileItExpires(t *testing.T) {
	for _, point := range []string{"map kept", "raw expired"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			keepsRaw(w, time.Hour)
			r, url, _ := w.rich("sha1")
			i := w.start(r, StartRequest{URL: url})
			want := w.mapText(r)
			must(t, w.backdate(r))
			ctx, stop := context.WithCancel(t.Context())
			w.fault = func(at string) {
				if at == point {
					stop()
				}
			}
			must(t, w.Reconcile(ctx, i.ID))
			if got := w.mapText(r); got != want {
				t.Error("the map is another one")
			}
			w.fault = func(string) {}
			if row := w.row(r); row.Kept.Raw != "" {
				w.expire(r)
			}
			wantStatus(t, w.get(r), rehome.Complete, "", "")
			if got := w.mapText(r); got != want {
				t.Error("the map is another one afterwards")
			}
		})
	}
}

// What cannot be removed is no failure of the import.
func TestExpiryFails(t *testing.T) {
	w := newWorld(t)
	keepsRaw(w, time.Hour)
	r, url, _ := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	must(t, w.backdate(r))
	broken := filepath.Join(w.data, "work")
	must(t, os.Rename(broken, broken+".away"))
	err := w.Reconcile(t.Context(), i.ID)
	must(t, os.Rename(broken+".away", broken))
	if err == nil {
		t.Error("nobody is told")
	}
	row := w.row(r)
	wantStatus(t, row.Import, rehome.Complete, "", "")
	if row.Kept.Raw == "" || !row.RawExpiresAt.After(time.Now()) {
		t.Errorf("kept is %+v, tried again at %v", row.Kept, row.RawExpiresAt)
	}
}

// Below the floor no import is taken up, but what makes room is; with room again work goes on.
func TestFloor(t *testing.T) {
	w := newWorld(t)
	has := int64(100)
	disk.FreeBy(func(string) (int64, error) { return has, nil })
	t.Cleanup(func() { disk.FreeBy(nil) })
	w.Folder.Keep(Keeping{Raw: time.Hour, Floor: disk.Floor{Least: 100}})
	other, url, _ := w.rich("sha1")
	w.start(other, StartRequest{URL: url})
	must(t, w.backdate(other))
	r := w.repository("two")
	_, err := w.Start(t.Context(), r, StartRequest{URL: url})
	must(t, err)
	has = 99
	if err := w.Room(); rehome.CodeOf(err) != rehome.DiskFull {
		t.Errorf("room: %v", err)
	}
	ids, err := w.DB.Due(t.Context(), 10)
	must(t, err)
	for _, id := range ids {
		must(t, w.Reconcile(t.Context(), id))
	}
	if i := w.get(r); i.State.Status != rehome.Detecting && i.State.Status != rehome.Importing {
		t.Errorf("it is at %s", i.State.Status)
	}
	if row := w.row(other); row.Kept.Raw != "" {
		t.Error("what expired takes room still")
	}
	has = 100
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
}

// An import that meets a full disk while it fetches ends before it fills the rest, and can be started again.
func TestFloorWhileFetching(t *testing.T) {
	w := newWorld(t)
	has := int64(100)
	disk.FreeBy(func(string) (int64, error) { return has, nil })
	t.Cleanup(func() { disk.FreeBy(nil) })
	w.Folder.Keep(Keeping{Floor: disk.Floor{Least: 100}})
	r, url, from := w.rich("sha1")
	w.fault = func(point string) {
		if i := w.get(r); i.State.Status == rehome.Importing {
			has = 40
		}
	}
	i := w.start(r, StartRequest{URL: url})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.DiskFull)
	if entries, err := os.ReadDir(filepath.Join(w.data, "work")); err != nil || len(entries) > 0 {
		t.Errorf("%d folders of work are left: %v", len(entries), errors.Join(err))
	}
	w.fault = func(string) {}
	has = 100
	w.again(r)
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantMoved(r, from)
}
