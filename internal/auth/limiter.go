package auth

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// DefaultRate is how many requests a token has in an hour; GitHub's figure.
const DefaultRate = 5000

// maxWindows is when windows that have run out are thrown away.
const maxWindows = 10_000

// Limiter counts requests in windows of an hour, one for each key. It is safe for concurrent use.
type Limiter struct {
	limit int
	clock func() time.Time

	mu      sync.Mutex
	windows map[string]window // guarded by mu
}

type window struct {
	used  int
	reset time.Time
}

// NewLimiter returns a Limiter that lets each key have limit requests an hour; 0 is DefaultRate.
func NewLimiter(limit int, clock func() time.Time) *Limiter {
	if limit == 0 {
		limit = DefaultRate
	}
	return &Limiter{limit: limit, clock: clock, windows: map[string]window{}}
}

// Rate is where a key stands in its window.
type Rate struct {
	Limit, Used int // Used is Limit+1 at most
	Reset       time.Time
	cost        int // of the request at hand
}

// Remaining is how many requests are left.
func (r Rate) Remaining() int { return max(r.Limit-r.Used, 0) }

// Exceeded reports whether the request at hand was one too many.
func (r Rate) Exceeded() bool { return r.Used > r.Limit }

// Wait is how many whole seconds are left until the window ends, one at least.
func (r Rate) Wait(now time.Time) int { return CeilSeconds(r.Reset.Sub(now)) }

// CeilSeconds is how many whole seconds a wait takes, one at least.
func CeilSeconds(d time.Duration) int { return max(int(math.Ceil(d.Seconds())), 1) }

// Take counts n requests for key and returns where it stands then.
func (l *Limiter) Take(key string, n int) Rate {
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
	return Rate{Limit: l.limit, Used: w.used, Reset: w.reset, cost: n}
}

// GiveBack takes back what r counted, unless its window has ended, and returns where key stands then.
func (l *Limiter) GiveBack(key string, r Rate) Rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.windows[key]
	if !ok || !w.reset.Equal(r.Reset) {
		return r
	}
	w.used -= r.cost
	l.windows[key] = w
	return Rate{Limit: l.limit, Used: w.used, Reset: w.reset}
}

// makeRoom is called with mu held. Should every window still run, the half with least use is dropped: what would be a leak becomes a
// gift to those who ask seldom, and strangers from many addresses reset nobody who has asked for much.
func (l *Limiter) makeRoom(now time.Time) {
	if len(l.windows) < maxWindows {
		return
	}
	maps.DeleteFunc(l.windows, func(_ string, w window) bool { return !now.Before(w.reset) })
	if len(l.windows) < maxWindows {
		return
	}
	uses := make([]int, 0, len(l.windows))
	for _, w := range l.windows {
		uses = append(uses, w.used)
	}
	slices.Sort(uses)
	maps.DeleteFunc(l.windows, func(_ string, w window) bool { return w.used <= uses[len(uses)/2] })
}
