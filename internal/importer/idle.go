package importer

import (
	"context"
	"time"
)

const (
	// idleFor is how long what signs in at the ends of an import is kept after it was last of use.
	idleFor = 30 * 24 * time.Hour
	// idleEvery is how often idle imports are looked for.
	idleEvery = time.Hour
)

// eraseIdle forgets credentials that nobody has used for long, now and then.
func (m *Importer) eraseIdle(ctx context.Context) error {
	m.mu.Lock()
	due := m.Clock().Sub(m.erased) >= idleEvery
	if due {
		m.erased = m.Clock()
	}
	m.mu.Unlock()
	if !due {
		return nil
	}
	n, err := m.DB.EraseIdle(ctx, idleFor)
	if n > 0 {
		m.Log.Info("erased credentials that were idle", "days", int(idleFor.Hours()/24), "count", n)
	}
	return err
}
