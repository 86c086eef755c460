package main

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"rehome/internal/importer"
	"rehome/internal/metrics"
)

// openMetrics begins to count.
func (p *parts) openMetrics(context.Context) error {
	p.metrics = metrics.New(metrics.Options{
		Version: version, Commit: commit, Rows: p.db.Gauges,
		Free: func() (uint64, error) { return freeAt(string(p.dir)) },
	})
	p.later(p.metrics.Close)
	return nil
}

// measure has the importer tell what is counted.
func (p *parts) measure() importer.Measure {
	m := p.metrics
	return importer.Measure{Step: m.Step, Failed: m.Failed, TakenOver: m.TakenOver, LeaseLost: m.LeaseLost, Received: m.Received, Sent: m.Sent}
}

// freeAt is how many bytes an unprivileged process can still write to the disk with a folder.
func freeAt(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
