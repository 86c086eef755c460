package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// How many children of git answer at once, and how long a request waits for one. A child may take a GiB of memory.
const (
	mostChildren  = 64
	ofOneClient   = 16
	waitForChild  = time.Minute
	noChildInTime = "Too many clones and pushes are under way. Try again in a minute."
)

// slots are what requests have to have one of, so many for each client and in all. Who finds none waits.
type slots struct {
	most, each int

	mu      sync.Mutex
	taken   int            // guarded by mu, as the next two
	of      map[string]int // by client; none is 0
	changed chan struct{}  // closed when a slot is given back
}

func newSlots(most, each int) *slots {
	return &slots{most: most, each: each, of: map[string]int{}, changed: make(chan struct{})}
}

// enter takes a slot for a client, until leave is called. It is not ok where none is free before ctx ends.
func (s *slots) enter(ctx context.Context, client string) (leave func(), ok bool) {
	for {
		changed, ok := s.take(client)
		if ok {
			return sync.OnceFunc(func() { s.leave(client) }), true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// take takes a slot that is free, or returns what is closed when one may be.
func (s *slots) take(client string) (changed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.most || s.of[client] >= s.each {
		return s.changed, false
	}
	s.taken++
	s.of[client]++
	return nil, true
}

func (s *slots) leave(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.of[client]--; s.of[client] == 0 {
		delete(s.of, client)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// withChild serves what a child of git answers, when it is the client's turn.
func (a *API) withChild(w http.ResponseWriter, r *http.Request, g gitRequest, serve func()) {
	ctx, cancel := context.WithTimeout(r.Context(), waitForChild)
	defer cancel()
	leave, ok := a.children.enter(ctx, a.bases.network(r))
	if !ok {
		g.fail(w, &failure{status: http.StatusServiceUnavailable, message: noChildInTime})
		return
	}
	defer leave()
	serve()
}
