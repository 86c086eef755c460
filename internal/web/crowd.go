package web

import (
	"net/http"
	"sync"
)

// What a token may have under way at once.
const (
	maxStreams    = 100 // of what happens to imports; the API's event streams are counted by themselves
	maxDetections = 4   // questions what answers at a URL: each is a connection to somebody
)

// tally counts what is under way for each token.
type tally struct {
	most int // for each

	mu   sync.Mutex
	open map[int64]int // guarded by mu; none is 0
}

func newTally(most int) *tally { return &tally{most: most, open: map[int64]int{}} }

// enter counts one more for a token, until leave is called. It is not ok where there are as many as may be.
func (t *tally) enter(token int64) (leave func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[token] >= t.most {
		return nil, false
	}
	t.open[token]++
	return func() { t.leave(token) }, true
}

func (t *tally) leave(token int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[token]--; t.open[token] == 0 {
		delete(t.open, token)
	}
}

var errCrowded = &problem{
	status: http.StatusTooManyRequests, title: "Too much at once",
	text: "Too many of these are under way with your token.", hint: "Close some pages, or wait for a moment.",
}
