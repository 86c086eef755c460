// Package compute lets no more goroutines compute for long at once than there are processors for it.
//
// The runtime gives every goroutine that is ready the same right to a processor. A hundred that index packs
// would have an answer of a few hundred microseconds wait for all of them, once for each time it pauses. Who computes for
// long takes a turn for it, and goes on without one where it waits for something else; who does not take one never waits here.
package compute

import (
	"io"
	"runtime"
	"sync/atomic"
	"time"
)

// slice is how long a turn is kept while others wait for theirs.
const slice = 4 * time.Millisecond

// room is what the turns of a process are taken from.
type room struct {
	seats   chan struct{} // holds one for each turn taken; those who wait are served in the order they came
	waiting atomic.Int32
}

var process atomic.Pointer[room] // nil: nobody waits for a turn

// Limit has at most n turns taken at once from now on; 0 lifts it. Turns that are taken stay what they are, so it is
// called before anything computes.
func Limit(n int) {
	if n == 0 {
		process.Store(nil)
		return
	}
	process.Store(&room{seats: make(chan struct{}, n)})
}

// Processors is for how many goroutines it makes sense to compute at once: the limit, or else GOMAXPROCS.
func Processors() int {
	if r := process.Load(); r != nil {
		return cap(r.seats)
	}
	return runtime.GOMAXPROCS(0)
}

// Turn is a goroutine's right to compute, and its alone. Whoever has one must not wait for a goroutine that needs one.
// A nil Turn never waits and keeps nobody waiting.
type Turn struct {
	room  *room // nil without a limit
	since time.Time
}

// Take waits for a turn.
func Take() *Turn {
	t := &Turn{room: process.Load()}
	t.take()
	return t
}

func (t *Turn) take() {
	if t == nil || t.room == nil {
		return
	}
	select {
	case t.room.seats <- struct{}{}:
	default:
		t.room.waiting.Add(1)
		t.room.seats <- struct{}{}
		t.room.waiting.Add(-1)
	}
	t.since = time.Now()
}

// Give ends the turn.
func (t *Turn) Give() {
	if t != nil && t.room != nil {
		<-t.room.seats
	}
}

// Pass lets others have a turn, if any wait and this one has lasted. It is cheap enough to be called for every object.
func (t *Turn) Pass() {
	if t == nil || t.room == nil || t.room.waiting.Load() == 0 || time.Since(t.since) < slice {
		return
	}
	t.Give()
	t.take()
}

// Aside does what may wait for others without the turn.
func (t *Turn) Aside(do func() error) error {
	t.Give()
	defer t.take()
	return do()
}

// Reader reads from in without the turn, since that may wait for somebody else. While others compute it reads for a
// while: it has to line up for its turn again, and gets as much done with it as they do with theirs.
func (t *Turn) Reader(in io.Reader) io.Reader { return aside{t, in} }

// full reports whether who asks for a turn now would have to wait.
func (t *Turn) full() bool {
	return t != nil && t.room != nil && len(t.room.seats) == cap(t.room.seats)
}

type aside struct {
	turn *Turn
	in   io.Reader
}

func (a aside) Read(p []byte) (n int, err error) {
	a.turn.Give()
	defer a.turn.take()
	n, err = a.in.Read(p)
	for began := time.Now(); err == nil && n < len(p) && a.turn.full() && time.Since(began) < slice; {
		var more int
		more, err = a.in.Read(p[n:])
		n += more
	}
	return n, err
}
