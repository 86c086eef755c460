package metrics

import (
	"context"
	"sync"
	"time"
)

const (
	// patience is how long somebody who looks waits for a reading at most. Prometheus gives a scrape ten seconds as it comes.
	patience = 2 * time.Second
	// readFor ends a reading that nobody waits for any more.
	readFor = 10 * time.Second
	// readEvery is how soon another reading follows at most, and restFor how many times as long as it took.
	readEvery = time.Second
	restFor   = 10
)

// reading is what a place that may be slow said last. It is asked once at a time, whoever looks, and not all the time.
type reading[T any] struct {
	read    func() (T, error)
	stop    context.CancelFunc // ends a reading
	running sync.WaitGroup

	mu     sync.Mutex
	last   T             // guarded by mu, as all below
	at     time.Time     // when last was read; zero for never
	next   time.Time     // not asked again before
	began  time.Time     // when the reading under way began
	busy   chan struct{} // closed when it ends; nil for none
	closed bool
}

func newReading[T any](read func(context.Context) (T, error)) *reading[T] {
	life, stop := context.WithCancel(context.Background())
	return &reading[T]{stop: stop, read: func() (T, error) {
		ctx, end := context.WithTimeout(life, readFor)
		defer end()
		return read(ctx)
	}}
}

// now returns what is known, and since when, the zero time for nothing. It asks where that is old, and waits for the
// answer a little.
func (r *reading[T]) now() (T, time.Time) {
	busy, wait := r.ask()
	if busy != nil {
		timer := time.NewTimer(wait)
		select {
		case <-busy:
		case <-timer.C:
		}
		timer.Stop()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.at
}

// ask begins a reading if it is time, and returns when the one under way has ended and how long to wait for that: not
// again for one that others have waited for in vain.
func (r *reading[T]) ask() (busy <-chan struct{}, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.busy == nil {
		if r.closed || now.Before(r.next) {
			return nil, 0
		}
		r.busy, r.began = make(chan struct{}), now
		r.running.Go(r.run)
	}
	return r.busy, max(patience-now.Sub(r.began), 0)
}

func (r *reading[T]) run() {
	value, err := r.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if err == nil {
		r.last, r.at = value, now
	}
	r.next = r.began.Add(max(readEvery, restFor*now.Sub(r.began)))
	close(r.busy)
	r.busy = nil
}

func (r *reading[T]) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.running.Wait()
}
