package importer

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"rehome"
	"rehome/internal/store"
)

// maxWaiting bounds the events kept for a watcher that does not read. Beyond it, the
// oldest that says least is dropped; what changes a status never is.
const maxWaiting = 1024

// watched finds the watchers of an import. Telling them never waits.
type watched struct {
	mu sync.Mutex
	by map[int64][]*watcher // by import id; guarded by mu

	looking sync.Mutex // held by whoever looks at the rows
	looked  time.Time  // when that was last; guarded by looking
}

// watcher keeps what its reader has not taken yet.
type watcher struct {
	wake chan struct{} // holds at most one

	mu      sync.Mutex
	waiting []rehome.Event // guarded by mu
	closed  bool           // nothing follows; guarded by mu
	told                   // guarded by mu
}

// told is what a watcher knows: so it hears of nothing twice, whichever process it happens in.
type told struct {
	begun   bool
	early   *store.Import // seen before begun; nil for none
	version time.Time     // of the row
	status  rehome.Status
	raw     int64  // generation
	author  int64  // the last one
	place   int    // in the queue; 0 for none
	note    string // that is passing
	bytes   int64
}

func (s *watched) add(importID int64) *watcher {
	w := &watcher{wake: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[int64][]*watcher{}
	}
	s.by[importID] = append(s.by[importID], w)
	return w
}

func (s *watched) remove(importID int64, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[importID] = slices.DeleteFunc(s.by[importID], func(o *watcher) bool { return o == w })
	if len(s.by[importID]) == 0 {
		delete(s.by, importID)
	}
}

func (s *watched) publish(importID int64, e rehome.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.by[importID] {
		w.put(e)
	}
}

// saw tells the watchers of the row as it is now.
func (s *watched) saw(i *store.Import) {
	for _, w := range s.of(i.ID) {
		w.saw(i)
	}
}

func (s *watched) of(importID int64) []*watcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.by[importID])
}

// ids are the imports that somebody watches.
func (s *watched) ids() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.by))
}

// close ends the watching of an import that is no more.
func (s *watched) close(importID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.by[importID] {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		w.nudge()
	}
}

// begin tells where the import stands, before what came since the watcher was added. author is the last identity there was.
func (w *watcher) begin(i *store.Import, author int64, standing []rehome.Event) {
	w.mu.Lock()
	came, early := w.waiting, w.early
	w.waiting = standing
	w.begun, w.early, w.version, w.status = true, nil, i.UpdatedAt, i.State.Status
	w.raw, w.author, w.bytes = i.Done.Raw, max(w.author, author), i.Progress.Bytes
	if early != nil {
		w.see(early)
	}
	w.waiting = append(w.waiting, came...)
	w.mu.Unlock()
	w.nudge()
}

// saw takes the row as it is now. Of rows that come out of order the newer counts.
func (w *watcher) saw(i *store.Import) {
	w.mu.Lock()
	if w.begun {
		w.see(i)
	} else if w.early == nil || i.UpdatedAt.After(w.early.UpdatedAt) {
		row := *i
		w.early = &row
	}
	w.mu.Unlock()
	w.nudge()
}

// see is saw with mu held, after begin.
func (w *watcher) see(i *store.Import) {
	if !i.UpdatedAt.After(w.version) {
		return
	}
	before, now := w.status, i.State.Status
	w.version, w.status, w.raw = i.UpdatedAt, now, max(w.raw, i.Done.Raw)
	w.seeNote(i)
	if now == before {
		return
	}
	w.add(rehome.Event{Kind: rehome.EventStatus, At: i.UpdatedAt, Old: before, New: now, Status: now, Step: now.Step()})
	if i.State.Err != nil {
		e := errorEvent(i)
		e.At = i.UpdatedAt
		w.add(e)
	}
}

// seeNote tells, with mu held, why a step is held up or begun again, where that is another reason than before.
func (w *watcher) seeNote(i *store.Import) {
	kind := passingKind(i.State.Note)
	if kind != "" && i.State.Note != w.note {
		w.add(rehome.Event{
			Kind: rehome.EventWarning, At: i.UpdatedAt, Status: i.State.Status, Step: i.State.Status.Step(), Text: kind + ": " + i.State.Note,
		})
	}
	if w.note = ""; kind != "" {
		w.note = i.State.Note
	}
}

// leaveQueue notes that the import waits for no worker any more.
func (w *watcher) leaveQueue() {
	w.mu.Lock()
	w.place = 0
	w.mu.Unlock()
}

// noteBytes keeps what had come, for the rate of what comes next.
func (w *watcher) noteBytes(n int64) {
	w.mu.Lock()
	w.bytes = n
	w.mu.Unlock()
}

// knows is a copy of what the watcher was told.
func (w *watcher) knows() told {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told
}

func (w *watcher) put(e rehome.Event) {
	w.mu.Lock()
	w.add(e)
	w.mu.Unlock()
	w.nudge()
}

// add is put with mu held.
func (w *watcher) add(e rehome.Event) {
	switch last := len(w.waiting) - 1; {
	case e.Kind == rehome.EventAuthor && e.AuthorEvent != nil:
		w.author = max(w.author, e.ID)
		w.waiting = append(w.waiting, e)
	case e.Kind == rehome.EventQueued && e.QueuedEvent != nil:
		w.place = e.Position
		w.waiting = append(w.waiting, e)
	case e.Kind == rehome.EventProgress && last >= 0 && w.waiting[last].Kind == rehome.EventProgress:
		w.waiting[last] = e
	default:
		w.waiting = append(w.waiting, e)
	}
	if len(w.waiting) > maxWaiting {
		if n := slices.IndexFunc(w.waiting, droppable); n >= 0 {
			w.waiting = slices.Delete(w.waiting, n, n+1)
		}
	}
}

func droppable(e rehome.Event) bool {
	switch e.Kind {
	case rehome.EventProgress, rehome.EventAuthor, rehome.EventWarning, rehome.EventQueued:
		return true
	}
	return false
}

func (w *watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// relay hands events on until ctx ends or nothing follows. look is called with each tick.
func (w *watcher) relay(ctx context.Context, out chan<- rehome.Event, ticks <-chan time.Time, look func(context.Context)) {
	for {
		w.mu.Lock()
		events, closed := w.waiting, w.closed
		w.waiting = nil
		w.mu.Unlock()
		for _, e := range events {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		if closed {
			return
		}
		select {
		case <-w.wake:
		case <-ticks:
			look(ctx)
		case <-ctx.Done():
			return
		}
	}
}
