package main

import (
	"context"

	"rehome/internal/disk"
	"rehome/internal/importer"
	"rehome/internal/metrics"
)

// openMetrics begins to count.
func (p *parts) openMetrics(context.Context) error {
	p.metrics = metrics.New(metrics.Options{
		Version: version, Commit: commit, Rows: p.db.Gauges,
		Free: func() (uint64, error) {
			free, err := disk.Free(string(p.dir))
			return uint64(max(free, 0)), err
		},
		Process: metrics.Process{
			Workers: p.workers(), Busy: p.busy, Floor: int64(p.flags.keep.minFree), Database: p.vitals.up(theDatabase), Bucket: p.vitals.up(theBucket),
		},
	})
	p.later(p.metrics.Close)
	return nil
}

// busy is how many imports are worked on.
func (p *parts) busy() int { return p.importer.Busy() } // nobody asks before it is there

// measure has the importer tell what is counted.
func (p *parts) measure() importer.Measure {
	m := p.metrics
	return importer.Measure{Step: m.Step, Failed: m.Failed, TakenOver: m.TakenOver, LeaseLost: m.LeaseLost, Received: m.Received, Sent: m.Sent}
}
