package queue

import (
	"sync"
	"time"
)

// alarms are calls to be made later, one for each import. The zero value is ready.
type alarms struct {
	ringing sync.WaitGroup

	mu     sync.Mutex
	timers map[int64]*time.Timer // guarded by mu
	closed bool                  // guarded by mu
}

// set makes ring the call for id, in place of one that was set before.
func (a *alarms) set(id int64, after time.Duration, ring func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	if a.timers == nil {
		a.timers = map[int64]*time.Timer{}
	}
	a.stop(id)
	a.ringing.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		defer a.ringing.Done()
		a.mu.Lock()
		if a.timers[id] == timer {
			delete(a.timers, id)
		}
		a.mu.Unlock()
		ring()
	})
	a.timers[id] = timer
}

// stop takes back the call for id, unless it is being made. mu is held.
func (a *alarms) stop(id int64) {
	if t, ok := a.timers[id]; ok && t.Stop() {
		a.ringing.Done()
	}
	delete(a.timers, id)
}

// close takes all calls back and waits for those that are being made.
func (a *alarms) close() {
	a.mu.Lock()
	a.closed = true
	for id := range a.timers {
		a.stop(id)
	}
	a.mu.Unlock()
	a.ringing.Wait()
}
