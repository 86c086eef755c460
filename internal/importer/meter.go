package importer

import (
	"strings"
	"time"

	"rehome"
	"rehome/internal/source"
)

// noProgress is where a step begins.
var noProgress = rehome.Progress{Percent: -1, PushPercent: -1, Commits: -1}

// meter turns a source's progress into what people are shown. read belongs to one goroutine.
type meter struct {
	clock func() time.Time
	start time.Time
	best  int // a percentage never falls within a run
	last  rehome.Progress
	pace  pace
}

// streaming is the part of the raw step, in percent, that ends when everything has arrived.
const streaming = 90

func (m *meter) read(p source.Progress) rehome.Progress {
	now := rehome.Progress{Percent: -1, PushPercent: -1, Commits: p.Commits, Bytes: p.Bytes}
	defer func() { m.last = now }()
	if p.Total <= 0 {
		return now
	}
	percent := int(min(p.Objects, p.Total) * streaming / p.Total)
	if p.Resolving {
		percent = streaming + int(min(p.Objects, p.Total)*(99-streaming)/p.Total)
	}
	m.best = max(m.best, percent)
	now.Percent = m.best
	return now
}

// lfs is read once Git LFS objects come: done of total, and their bytes.
func (m *meter) lfs(done, total, bytes int64) rehome.Progress {
	now := m.last
	now.LFS, now.LFSTotal = done, total
	now.Bytes += bytes
	return now
}

// event is progress as watchers see it. It may be called from another goroutine than read.
func (m *meter) event(p rehome.Progress, authors int64) rehome.Event {
	e := &rehome.ProgressEvent{Commits: max(p.Commits, 0), Authors: authors, Bytes: p.Bytes}
	if p.Percent >= 0 {
		e.Percent = &p.Percent
	}
	if p.LFSTotal > 0 {
		e.LFS, e.LFSTotal = &p.LFS, &p.LFSTotal
	}
	m.pace.tell(m.start, m.clock(), e)
	return rehome.Event{Kind: rehome.EventProgress, Step: rehome.StepRaw, Status: rehome.Importing, ProgressEvent: e}
}

// text makes bytes of a history valid UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
