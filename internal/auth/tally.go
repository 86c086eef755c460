package auth

import "sync"

// Tally counts what is under way for each key, such as an address or a token. It is safe for concurrent use.
type Tally[K comparable] struct {
	most int // for each key

	mu   sync.Mutex
	open map[K]int // guarded by mu; none is 0
}

// NewTally returns a tally that lets most in for each key.
func NewTally[K comparable](most int) *Tally[K] { return &Tally[K]{most: most, open: map[K]int{}} }

// Enter counts one more for key, until leave is called. It is not ok where there are as many as may be.
func (t *Tally[K]) Enter(key K) (leave func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[key] >= t.most {
		return func() {}, false
	}
	t.open[key]++
	return func() { t.leave(key) }, true
}

// Keys returns for how many keys something is under way.
func (t *Tally[K]) Keys() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

func (t *Tally[K]) leave(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[key]--; t.open[key] == 0 {
		delete(t.open, key)
	}
}
