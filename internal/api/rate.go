package api

import (
	"math"
	"sync"
	"time"

	"rehome/internal/wire"
)

// defaultRate is how many requests a token has in an hour; GitHub's figure.
const defaultRate = 5000

// maxWindows is when windows that have run out are thrown away.
const maxWindows = 10_000

// limiter counts requests in windows of an hour, one for each key.
type limiter struct {
	limit int
	clock func() time.Time

	mu      sync.Mutex
	windows map[string]window // guarded by mu
}

type window struct {
	used  int
	reset time.Time
}

// rate is where a key stands in its window.
type rate struct {
	limit, used int
	reset       time.Time
	cost        int // of the request at hand
}

func (r rate) remaining() int { return max(r.limit-r.used, 0) }
func (r rate) exceeded() bool { return r.used > r.limit }

// wait is how many whole seconds are left until the window ends, one at least.
func (r rate) wait(now time.Time) int {
	return ceilSeconds(r.reset.Sub(now))
}

func ceilSeconds(d time.Duration) int { return max(int(math.Ceil(d.Seconds())), 1) }

// take counts n requests for key and returns where it stands then.
func (l *limiter) take(key string, n int) rate {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.windows[key]
	if !ok || !now.Before(w.reset) {
		l.makeRoom(now)
		w = window{reset: now.Add(time.Hour)}
	}
	w.used = min(w.used+n, l.limit+1)
	l.windows[key] = w
	return rate{limit: l.limit, used: w.used, reset: w.reset, cost: n}
}

// giveBack takes back what r counted, unless its window has ended, and returns where key stands then.
func (l *limiter) giveBack(key string, r rate) rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.windows[key]
	if !ok || !w.reset.Equal(r.reset) {
		return r
	}
	w.used -= r.cost
	l.windows[key] = w
	return rate{limit: l.limit, used: w.used, reset: w.reset}
}

// makeRoom is called with mu held. Should every window still run, all are
// dropped: what would be a leak becomes a gift.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.windows) < maxWindows {
		return
	}
	for key, w := range l.windows {
		if !now.Before(w.reset) {
			delete(l.windows, key)
		}
	}
	if len(l.windows) >= maxWindows {
		clear(l.windows)
	}
}

// document is how GitHub shows a rate.
func (r rate) document() *wire.Object {
	return wire.New("limit", r.limit, "used", min(r.used, r.limit), "remaining", r.remaining(), "reset", r.reset.Unix(), "resource", "core")
}
