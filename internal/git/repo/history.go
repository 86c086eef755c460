package repo

import (
	"context"
	"errors"
	"fmt"

	"rehome/internal/git/history"
	"rehome/internal/git/pack"
)

// History reads every commit and tag, reachable or not, with as many workers. Close the graph
// before the objects. What grows with the history lies in scratch memory.
func (o *Objects) History(ctx context.Context, scratch pack.Scratch, workers int) (*history.Graph, error) {
	from := history.Source{Format: o.repo.format, Packs: o.packs, Scratch: scratch, Workers: workers}
	for id, err := range o.Loose() {
		if err != nil {
			return nil, fmt.Errorf("list loose objects: %w", err)
		}
		kind, data, err := o.Read(id)
		if errors.Is(err, ErrNoObject) {
			continue // git packed it meanwhile
		}
		if err != nil {
			return nil, err
		}
		from.Loose = append(from.Loose, history.Loose{ID: id, Type: kind, Data: data})
	}
	return history.Read(ctx, from)
}
