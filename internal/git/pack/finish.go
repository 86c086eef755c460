package pack

import (
	"context"
	"errors"
	"sync"

	"rehome/internal/compute"
)

// finish seals both packs and writes their indexes, side by side.
func (p *pass) finish(ctx context.Context) error {
	s := p.o.Storage
	ends := []struct {
		w     *packWriter
		index File
		sum   *Written
		err   error
	}{
		{w: p.history, index: s.HistoryIndex, sum: &p.summary.History},
		{w: p.content, index: s.ContentIndex, sum: &p.summary.Content},
	}
	var wg sync.WaitGroup
	for i := range ends {
		e := &ends[i]
		if e.w.table.n == 0 {
			continue
		}
		wg.Go(func() {
			turn := compute.Take()
			defer turn.Give()
			e.err = Guard(func() (err error) {
				if *e.sum, err = e.w.seal(ctx, turn); err != nil {
					return err
				}
				return writeIndex(ctx, e.index, e.w.table, e.sum.Sum)
			})
		})
	}
	wg.Wait()
	return errors.Join(ends[0].err, ends[1].err)
}
