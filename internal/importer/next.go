package importer

import (
	"context"

	"rehome/internal/store"
)

// Work does what is due until nothing is or ctx ends. That an import was woken says only that something may be: whose turn
// it is the database is asked each time, so that who has many imports leaves room for others. What this process cannot
// work on now is left to later calls. Its error says that the database does not answer.
func (m *Importer) Work(ctx context.Context, _ int64) error {
	var left []int64 // since the last turn
	for ctx.Err() == nil {
		id, ok, err := m.DB.Next(ctx, append(m.atWork(), left...)...)
		if err != nil || !ok {
			return quietly(ctx, err)
		}
		worked, err := m.turn(ctx, id)
		switch {
		case store.Unavailable(err):
			return quietly(ctx, err)
		case err != nil && ctx.Err() == nil:
			m.logOf(ctx, id).Error("work on import", "err", err)
			left = append(left, id)
		case !worked: // another was quicker
			left = append(left, id)
		default:
			left = nil
		}
	}
	return nil
}

// atWork are the imports that this process works on, or is about to.
func (m *Importer) atWork() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := make([]int64, 0, len(m.running)+1)
	for id := range m.running {
		ids = append(ids, id)
	}
	return ids
}
