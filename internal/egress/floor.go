package egress

import (
	"io"
	"sync"
	"time"
)

// What is slower than FloorBytes in each FloorWindow, about 1 KiB a second, has stopped for all that matters, however
// regularly it sends a byte. However long it takes, what is faster is waited for.
const (
	FloorWindow = 10 * time.Minute
	FloorBytes  = 600 << 10
	// floorBegin is how many windows the other side may take before its first byte: it may have to count millions of objects.
	floorBegin = 6
)

// Floor watches that something moves. Only the time counts in which the other side is waited for, not that in which
// this one is busy with what came. Its methods are safe for concurrent use.
type Floor struct {
	slow func()

	mu     sync.Mutex
	timer  *time.Timer   // guarded by mu, as all below
	bytes  int64         // in this window
	waited time.Duration // in this window
	since  time.Time     // of the wait at hand; zero for none
	left   int           // windows before the first byte has to come; 0 once it has, -1 when stopped
	passed bool
}

// NewFloor begins to watch, until Stop. slow is called once, when what moves is below the floor; it has to end what waits.
func NewFloor(slow func()) *Floor {
	f := &Floor{slow: slow, left: floorBegin}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.timer = time.AfterFunc(FloorWindow, f.judge)
	return f
}

// Stop ends the watch.
func (f *Floor) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.timer.Stop()
	f.left = -1
}

// Explain returns ErrIdle in place of err where the floor ended it.
func (f *Floor) Explain(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.passed {
		return ErrIdle
	}
	return err
}

// Reader watches what is read from r.
func (f *Floor) Reader(r io.Reader) io.Reader { return floored{f, r.Read} }

// Writer watches what is written to w.
func (f *Floor) Writer(w io.Writer) io.Writer { return floored{f, w.Write} }

// judge looks back on a window.
func (f *Floor) judge() {
	f.mu.Lock()
	if now := time.Now(); !f.since.IsZero() {
		f.waited += now.Sub(f.since)
		f.since = now
	}
	low := f.bytes < FloorBytes && f.waited >= FloorWindow*9/10
	switch {
	case f.left < 0: // stopped
		f.mu.Unlock()
		return
	case f.left > 0 && low && f.bytes == 0:
		f.left--
		low = f.left == 0
	case f.left > 0 && f.bytes > 0: // it may have begun at the window's end
		f.left, low = 0, false
	}
	f.bytes, f.waited = 0, 0
	f.passed = low
	if !low {
		f.timer.Reset(FloorWindow)
	}
	f.mu.Unlock()
	if low {
		f.slow()
	}
}

// floored is one direction.
type floored struct {
	f    *Floor
	move func([]byte) (int, error)
}

// Read implements io.Reader.
func (d floored) Read(p []byte) (int, error) { return d.count(p) }

// Write implements io.Writer.
func (d floored) Write(p []byte) (int, error) { return d.count(p) }

func (d floored) count(p []byte) (int, error) {
	began := time.Now()
	d.f.mu.Lock()
	d.f.since = began
	d.f.mu.Unlock()
	n, err := d.move(p)
	d.f.mu.Lock()
	d.f.waited += time.Since(d.f.since)
	d.f.since = time.Time{}
	d.f.bytes += int64(n)
	d.f.mu.Unlock()
	return n, err
}
