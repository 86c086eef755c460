package importer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/disk"
	"rehome/internal/shelf"
)

// Below the floor what the bucket has, too, goes from this disk, the longest unused first and no more than it takes, before work waits; what
// somebody uses, or is nowhere else, stays.
func TestMakeRoom(t *testing.T) {
	w := newWorld(t)
	one, url, _ := w.rich("sha1")
	w.start(one, StartRequest{URL: url})
	var ids []int64
	for _, name := range []string{"two", "three", "four", "five", "six"} {
		ids = append(ids, w.start(w.repository(name), StartRequest{URL: url}).ID)
	}
	busy := w.get(one).ID
	for n, id := range append([]int64{busy}, ids...) {
		used := time.Now().Add(time.Duration(n-20) * time.Hour)
		if n == 5 {
			used = time.Now()
		}
		must(t, os.Chtimes(w.Folder.raw(id), used, used))
	}
	must(t, os.RemoveAll(filepath.Join(w.data, "bucket", shelfOf(ids[0])))) // its place is all there is of it
	there := func(id int64) bool {
		_, err := os.Stat(w.Folder.raw(id))
		return err == nil
	}
	has := func() (n int64) {
		for _, id := range append(ids, busy) {
			if there(id) {
				n++
			}
		}
		return n
	}
	disk.FreeBy(func(string) (int64, error) { return 100 - has(), nil }) // each takes one
	t.Cleanup(func() { disk.FreeBy(nil) })
	w.Folder.Keep(Keeping{Floor: disk.Floor{Least: 96}})
	if !w.enlist(busy, func(error) {}) {
		t.Fatal("it is at work")
	}
	must(t, w.Room())
	for n, want := range []bool{true, false, false, true, true} {
		if there(ids[n]) != want {
			t.Errorf("the raw repository %d is there: %v", n, !want)
		}
	}
	if !there(busy) {
		t.Error("what is at work lost its raw repository")
	}
	w.dismiss(busy)
	w.Folder.Keep(Keeping{Floor: disk.Floor{Least: 99}})
	if err := w.Room(); rehome.CodeOf(err) != rehome.DiskFull || !there(busy) {
		t.Errorf("again at once: %v, %v", err, there(busy))
	}
	w.later(2 * makeRoomEvery)
	if err := w.Room(); rehome.CodeOf(err) != rehome.DiskFull || has() != 2 {
		t.Errorf("a while later: %v, and %d places are left", err, has())
	}
}

// far hides that a bucket is a folder.
type far struct{ bucket.Bucket }

// What comes from the bucket ends before it fills the disk.
func TestFloorWhileFilling(t *testing.T) {
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url})
	in, err := bucket.NewFolder(filepath.Join(w.data, "bucket"))
	must(t, err)
	w.Folder.KeepOn(shelf.New(far{in}, filepath.Join(w.data, "work")))
	must(t, os.RemoveAll(w.Folder.raw(i.ID)))
	asked := 0
	disk.FreeBy(func(string) (int64, error) {
		if asked++; asked > 3 {
			return 40, nil
		}
		return 100, nil
	})
	t.Cleanup(func() { disk.FreeBy(nil) })
	w.Folder.Keep(Keeping{Floor: disk.Floor{Least: 100}})
	row := w.row(r)
	if _, err := w.here(context.Background(), &row, kindRaw); rehome.CodeOf(err) != rehome.DiskFull {
		t.Errorf("taken from the bucket: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(w.data, "work", "*"))
	if _, none := os.Stat(w.Folder.raw(i.ID)); !errors.Is(none, os.ErrNotExist) || err != nil || len(left) > 0 {
		t.Errorf("left: %s, %v, %v", strings.Join(left, " "), none, err)
	}
}
