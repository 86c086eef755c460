package bucket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestTogetherTellsEachItsOwn has groups of few and of many, in each of which one cannot be synced.
func TestTogetherTellsEachItsOwn(t *testing.T) {
	for name, n := range map[string]int{"few": few, "many": 100} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			wishes := make([]*wish, n)
			for i := range wishes {
				f, err := os.CreateTemp(dir, "")
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				wishes[i] = &wish{file: f, folders: []string{dir}}
			}
			wishes[1].file.Close()
			var disk together
			disk.turn.Lock() // so that all are one group
			var wg sync.WaitGroup
			errs := make([]error, n)
			for i, w := range wishes {
				wg.Go(func() { errs[i] = disk.sync(w) })
			}
			for disk.waiting() < n {
				runtime.Gosched() // they come without a sign
			}
			disk.turn.Unlock()
			wg.Wait()
			for i, err := range errs {
				if (err != nil) != (i == 1) {
					t.Errorf("%d: %v", i, err)
				}
			}
			if disk.last != n {
				t.Errorf("the last turn was for %d, want %d", disk.last, n)
			}
		})
	}
}

func (t *together) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		return 0
	}
	return len(t.next.wishes)
}

// TestTogetherMissesNoFolder wants the error of a folder that is not there.
func TestTogetherMissesNoFolder(t *testing.T) {
	var disk together
	dir := t.TempDir()
	err := disk.sync(&wish{folders: []string{dir, filepath.Join(dir, "gone")}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if err := disk.sync(&wish{folders: []string{dir}}); err != nil {
		t.Error(err)
	}
}

func TestAbove(t *testing.T) {
	f := &Folder{dir: "/a/b"}
	got := f.above("/a/b/0c/0d/file")
	if want := []string{"/a/b/0c/0d", "/a/b/0c", "/a/b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
