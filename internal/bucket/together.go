package bucket

import (
	"errors"
	"os"
	"sync"
	"time"

	"rehome/internal/disk"
)

// together puts what several goroutines wait for on the disk at once: those that come while the disk is busy
// share the next turn. The zero value is ready.
type together struct {
	turn sync.Mutex // held while a group is on its way to the disk
	last int        // how many the last group was; guarded by turn

	mu   sync.Mutex
	next *group // guarded by mu: those who came since a turn began last; nil: none
}

// group shares one turn. Who comes first sees to it.
type group struct {
	wishes []*wish
	done   chan struct{} // closed when each wish's err is set
}

// wish is what one of them wants to be on the disk.
type wish struct {
	file    *os.File // its bytes; nil: none
	folders []string // the names in them
	err     error
}

// name is that of the file, or of the first folder.
func (w *wish) name() string {
	if w.file != nil {
		return w.file.Name()
	}
	return w.folders[0]
}

// gather is how long a group waits for those whom the one before it let go, when those were many: most are
// back with the next wish in a moment.
const gather = 2 * time.Millisecond

// sync returns when all of w is on the disk.
func (t *together) sync(w *wish) error {
	if err := disk.Before(disk.Sync, w.name()); err != nil {
		return err
	}
	t.mu.Lock()
	g := t.next
	first := g == nil
	if first {
		g = &group{done: make(chan struct{})}
		t.next = g
	}
	g.wishes = append(g.wishes, w)
	t.mu.Unlock()
	if first {
		t.lead(g)
	}
	<-g.done
	return w.err
}

func (t *together) lead(g *group) {
	t.turn.Lock()
	defer t.turn.Unlock()
	if t.last > few {
		time.Sleep(gather)
	}
	t.mu.Lock()
	t.next = nil
	t.mu.Unlock()
	t.last = len(g.wishes)
	g.sync()
	close(g.done)
}

// few is up to how many wishes are cheaper to put on the disk one after the other than with all that the
// file system has not written yet, which may be others'.
const few = 3

func (g *group) sync() {
	if len(g.wishes) > few && g.syncAll() {
		return
	}
	synced := map[string]error{}
	for _, w := range g.wishes {
		if w.file != nil {
			w.err = w.file.Sync()
		}
		for _, dir := range w.folders {
			err, known := synced[dir]
			if !known {
				err = syncFolder(dir)
				synced[dir] = err
			}
			w.err = errors.Join(w.err, err)
		}
	}
}

func syncFolder(dir string) error {
	opened, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
