package transfer

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome/internal/lfs"
)

// slowDisk takes nothing until so many wait.
type slowDisk struct {
	memory
	waiting atomic.Int64
	many    int64
	enough  chan struct{}
}

func (s *slowDisk) Put(ctx context.Context, key, file string) error {
	if s.waiting.Add(1) == s.many {
		close(s.enough)
	}
	<-s.enough
	return s.memory.Put(ctx, key, file)
}

// TestLines lets others come while objects wait for the disk, but never more at a time than Workers.
func TestLines(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		now += by
		most = max(most, now)
	}
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if !isBatch(r) {
			count(1)
			time.Sleep(time.Millisecond) // for more to come, if they do
			count(-1)
		}
		return false
	})
	disk := &slowDisk{memory: memory{files: map[string][]byte{}}, many: 40, enough: make(chan struct{})}
	var err error
	if w.o.Store, err = lfs.NewStore(disk, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.store, w.o.Workers = w.o.Store, 2
	var all []lfs.Object
	for i := range 60 {
		all = append(all, w.Add(fmt.Sprintf("object %d\n", i)))
	}
	w.must(all...)
	if len(w.done) != len(all) || most > 2 {
		t.Errorf("%d of %d came, up to %d at a time", len(w.done), len(all), most)
	}
}
