package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// What is borne of credentials that name nobody.
const (
	failuresFor    = 5 * time.Minute // how long they count
	maxFailures    = 60              // from one address: a program with an old token that asks every five seconds
	maxAllFailures = 6000            // from everywhere, which bounds the addresses that are remembered, too
	maxGood        = 10_000          // headers that are remembered to be good; 32 bytes each
)

// TooManyError refuses credentials that name nobody after too many of the kind.
type TooManyError struct {
	Wait time.Duration // until they are looked at like the first
}

func (e *TooManyError) Error() string { return "too many bad credentials" }

// Guard identifies callers as Auth does, and counts credentials that name nobody. After many from an address, or from everywhere
// together, such are looked up one after the other and refused for their number. Good ones always pass: those that were
// good before at once, others when it is their turn, for somebody's neighbour may guess. It is safe for concurrent use.
type Guard struct {
	auth  *Auth
	clock func() time.Time
	log   *slog.Logger
	turn  chan struct{} // holds one while somebody looks up after many failures

	mu     sync.Mutex
	until  time.Time      // when what is counted is forgotten
	failed map[string]int // by address
	all    int
	good   map[[sha256.Size]byte]bool // SHA-256 of headers
}

// NewGuard returns a Guard in front of a. It logs each address that fails too often, once while that counts.
func NewGuard(a *Auth, clock func() time.Time, log *slog.Logger) *Guard {
	return &Guard{auth: a, clock: clock, log: log, turn: make(chan struct{}, 1), failed: map[string]int{}, good: map[[sha256.Size]byte]bool{}}
}

// Identify returns who made the request, which came from address, as Auth.Identify does. *TooManyError takes the place of ErrBadCredentials
// where too many came before.
func (g *Guard) Identify(ctx context.Context, r *http.Request, address string) (Caller, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Caller{}, nil
	}
	known := sha256.Sum256([]byte(header))
	wait := g.wait(address)
	if wait > 0 && !g.wasGood(known) {
		select {
		case g.turn <- struct{}{}:
			defer func() { <-g.turn }()
		case <-ctx.Done():
			return Caller{}, ctx.Err()
		}
	}
	caller, err := g.auth.Identify(ctx, r)
	switch bad := errors.Is(err, ErrBadCredentials); {
	case err == nil:
		g.remember(known)
	case bad && wait > 0:
		return Caller{}, &TooManyError{Wait: wait}
	case bad:
		g.count(address)
	}
	return caller, err
}

// wait is how long bad credentials from address are refused for their number; 0 where they are not.
func (g *Guard) wait(address string) time.Duration {
	now := g.clock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !now.Before(g.until) {
		g.until, g.all = now.Add(failuresFor), 0
		clear(g.failed)
	}
	if g.all < maxAllFailures && g.failed[address] < maxFailures {
		return 0
	}
	return g.until.Sub(now)
}

func (g *Guard) count(address string) {
	g.mu.Lock()
	g.failed[address]++
	g.all++
	mine, all := g.failed[address], g.all
	g.mu.Unlock()
	if mine == maxFailures || all == maxAllFailures {
		g.log.Warn("many bad credentials: more are refused for a while", "client", address, "from_there", mine, "from_everywhere", all)
	}
}

func (g *Guard) wasGood(header [sha256.Size]byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.good[header]
}

func (g *Guard) remember(header [sha256.Size]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.good) >= maxGood {
		clear(g.good)
	}
	g.good[header] = true
}
