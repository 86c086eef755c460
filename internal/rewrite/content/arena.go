package content

import (
	"sync"

	"rehome/internal/git/pack"
)

// arena keeps bytes in scratch memory until it is closed. Safe for concurrent use.
type arena struct {
	scratch pack.Scratch

	mu   sync.Mutex // guards what follows
	rest []byte
	free []func()
}

// arenaChunk is how much scratch memory is taken at once, bytes.
const arenaChunk = 4 << 20

// keep returns a copy of b that begins at a multiple of eight.
func (a *arena) keep(b []byte) ([]byte, error) {
	n := (len(b) + 7) &^ 7
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > len(a.rest) {
		mem, free, err := a.scratch(int64(max(n, arenaChunk)))
		if err != nil {
			return nil, err
		}
		a.rest, a.free = mem, append(a.free, free)
	}
	kept := a.rest[:len(b):len(b)]
	a.rest = a.rest[n:]
	copy(kept, b)
	return kept, nil
}

func (a *arena) close() {
	for _, free := range a.free {
		free()
	}
	a.free, a.rest = nil, nil
}
