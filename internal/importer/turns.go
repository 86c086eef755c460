package importer

import (
	"context"
	"sync"
)

// turns gives one at a time its turn at each repository. The zero value is ready.
type turns struct {
	mu    sync.Mutex
	taken map[int64]chan struct{} // by repository id, closed when the turn ends; guarded by mu
}

// take waits for a turn at the repository, which lasts until end is called.
func (s *turns) take(ctx context.Context, repositoryID int64) (end func(), err error) {
	for {
		busy, done := s.ask(repositoryID)
		if busy == nil {
			return func() { s.end(repositoryID, done) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ask takes a free turn as done, or says with busy who has it.
func (s *turns) ask(repositoryID int64) (busy <-chan struct{}, done chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if had, ok := s.taken[repositoryID]; ok {
		return had, nil
	}
	if s.taken == nil {
		s.taken = map[int64]chan struct{}{}
	}
	done = make(chan struct{})
	s.taken[repositoryID] = done
	return nil, done
}

func (s *turns) end(repositoryID int64, done chan struct{}) {
	s.mu.Lock()
	delete(s.taken, repositoryID)
	s.mu.Unlock()
	close(done)
}

// await returns when the turn of the moment has ended, if there is one, or with ctx.
func (s *turns) await(ctx context.Context, repositoryID int64) {
	s.mu.Lock()
	busy, ok := s.taken[repositoryID]
	s.mu.Unlock()
	if !ok {
		return
	}
	select {
	case <-busy:
	case <-ctx.Done():
	}
}
