package auth

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"rehome"
	"rehome/internal/store"
)

const (
	keepUsesEvery = time.Minute // how long uses wait to be written together
	maxUses       = 10_000      // tokens whose uses wait; those of more are noted the next time
)

// uses are tokens of which the rows do not say yet that they were used within the hour. Nobody's answer waits for the rows.
type uses struct {
	mu   sync.Mutex
	wait map[int64]bool // by id; guarded by mu
}

func newUses() *uses { return &uses{wait: map[int64]bool{}} }

// note has it written that a token was used, unless its row says so to the hour.
func (u *uses) note(t rehome.Token, now time.Time) {
	if now.Sub(t.UsedAt) < store.UsedStep {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.wait) < maxUses {
		u.wait[t.ID] = true
	}
}

// take returns what waits, in order.
func (u *uses) take() []int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := slices.Sorted(maps.Keys(u.wait))
	clear(u.wait)
	return ids
}

// lastUses is how long the end waits for the rows.
const lastUses = 2 * time.Second

// KeepUses writes down when tokens were used last, until ctx ends, and what is left then: to the hour, so that each is one write an hour at most.
// What cannot be written is noted again with the next use.
func (a *Auth) KeepUses(ctx context.Context) {
	ticks := time.NewTicker(keepUsesEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			a.keepUses(ctx)
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastUses)
			defer cancel()
			a.keepUses(ending)
			return
		}
	}
}

func (a *Auth) keepUses(ctx context.Context) {
	if ids := a.uses.take(); len(ids) > 0 {
		a.db.UseTokens(ctx, ids) //nolint:errcheck // the next use is noted again, as the row is as it was
	}
}
