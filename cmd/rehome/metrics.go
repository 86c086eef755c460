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
	})
	p.later(p.metrics.Close)
	return nil
}

// measure has the importer tell what is counted.
func (p *parts) measure() importer.Measure {
	m := p.metrics
	return importer.Measure{Step: m.Step, Failed: m.Failed, TakenOver: m.TakenOver, LeaseLost: m.LeaseLost, Received: m.Received, Sent: m.Sent}
}
