package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sync/semaphore"

	"rehome"
	"rehome/internal/git/repo"
)

// everybody is the weight that excludes all others.
const everybody = 1 << 30

// errRemoved ends whatever uses a repository that is removed.
var errRemoved = &rehome.Error{Code: rehome.NotFound, Message: "The repository is being removed."}

// entry is what this process knows of one repository: who is using it.
//
// Readers, pushes and publications go on side by side: git's lock files and
// repo.Update keep their refs apart. Alone is who removes the repository,
// changes its object format or clears away locks of the dead.
type entry struct {
	lock  *semaphore.Weighted
	ended sync.Once
	head  sync.Mutex // held to set HEAD
	packs sync.Mutex // held to write what is known of packs

	mu    sync.Mutex // guards the fields below
	gone  bool
	dirty bool // a process may have left lock files behind
	look  bool // a superseded pack may be there that nothing needs any more
	push  int  // requests that push
	next  int
	stop  map[int]context.CancelCauseFunc // of those who are in
}

// entry returns the entry of a repository, which need not exist.
func (h *Host) entry(repoID int64) (*entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entries == nil {
		return nil, errClosed
	}
	e, ok := h.entries[repoID]
	if !ok {
		e = &entry{lock: semaphore.NewWeighted(everybody), dirty: true, look: true, stop: map[int]context.CancelCauseFunc{}}
		h.entries[repoID] = e
	}
	return e, nil
}

// forget makes the next caller start with a new entry.
func (h *Host) forget(repoID int64, e *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entries[repoID] == e {
		delete(h.entries, repoID)
	}
}

// enter joins those who use the repository in dir. The context it returns ends with
// ctx, with leave and with end.
func (e *entry) enter(ctx context.Context, dir string) (_ context.Context, leave func(), err error) {
	return e.join(ctx, dir, 1)
}

// enterAlone is enter for one who wants nobody beside.
func (e *entry) enterAlone(ctx context.Context, dir string) (_ context.Context, leave func(), err error) {
	return e.join(ctx, dir, everybody)
}

func (e *entry) join(ctx context.Context, dir string, weight int64) (context.Context, func(), error) {
	ctx, forget, err := e.register(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := e.clear(dir); err != nil {
		forget()
		return nil, nil, err
	}
	if err := e.lock.Acquire(ctx, weight); err != nil {
		forget()
		return nil, nil, fmt.Errorf("wait for the repository: %w", err)
	}
	return ctx, func() {
		forget()
		e.lock.Release(weight)
		// Errors come up again for the next to join, or to leave.
		e.clear(dir)
		e.discardQuietly(dir)
	}, nil
}

// register lets end find the context's owner.
func (e *entry) register(ctx context.Context) (context.Context, func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return nil, nil, errRemoved
	}
	ctx, cancel := context.WithCancelCause(ctx)
	key := e.next
	e.next++
	e.stop[key] = cancel
	return ctx, func() {
		cancel(nil)
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.stop, key)
	}, nil
}

// clear removes what dead processes left, if that is due and nobody is in.
func (e *entry) clear(dir string) error {
	if !e.isDirty() || !e.lock.TryAcquire(everybody) {
		return nil
	}
	defer e.lock.Release(everybody)
	return e.clearAlone(dir)
}

// clearAlone is clear for one who has made sure that nobody is in.
func (e *entry) clearAlone(dir string) error {
	r, err := repo.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.ClearLocks(); err != nil {
		return err
	}
	e.setDirty(false)
	return nil
}

func (e *entry) isDirty() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dirty
}

func (e *entry) setDirty(dirty bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dirty = dirty
}

// pushing counts requests that push, and returns how many there are.
func (e *entry) pushing(more int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.push += more
	return e.push
}

// looks reports whether superseded packs are to be looked at.
func (e *entry) looks() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.look
}

func (e *entry) setLook(look bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.look = look
}

// end lets nobody in any more, tells those who are in why they have to leave, and
// returns when they have left. It may be called more than once.
func (e *entry) end(why error) {
	e.ended.Do(func() {
		e.mu.Lock()
		e.gone = true
		for _, stop := range e.stop {
			stop(why)
		}
		e.mu.Unlock()
		// Their contexts have ended, and with them their children: no deadline is needed.
		// Background never ends, so that Acquire does not fail; the lock is kept for good.
		e.lock.Acquire(context.Background(), everybody)
	})
}
