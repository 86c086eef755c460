package importer

import (
	"sync"
	"time"

	"rehome"
)

const (
	// lately is how far back it counts how fast bytes go.
	lately = 10 * time.Second
	// worth is how long something has to go before its speed says anything.
	worth = time.Second
	// stride is how many percentage points, at least, say how fast the rest will go, where there were so many.
	stride = 10
)

// pace is how fast a step goes lately, since a source that begins slowly may go on fast, and the other way round. The
// zero value is at the step's beginning. Safe for concurrent use.
type pace struct {
	mu       sync.Mutex
	bytes    []mark // in time, the first one lately or a little before; guarded by mu
	percents []mark // of when each percentage was met; guarded by mu
}

// mark is what had been done at a time.
type mark struct {
	at time.Time
	n  int64
}

// tell fills in the rate, and what is left where that can be said: not while Git LFS objects come, of which the
// percentage knows nothing.
func (p *pace) tell(start, now time.Time, e *rehome.ProgressEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.bytes) == 0 {
		p.bytes, p.percents = []mark{{start, 0}}, []mark{{start, 0}}
	}
	e.Rate = p.rate(now, e.Bytes)
	if e.Percent != nil {
		e.ETA = p.left(now, int64(*e.Percent))
	}
	if e.LFSTotal != nil {
		e.ETA = nil
	}
}

// rate is bytes a second; 0 while that says nothing.
func (p *pace) rate(now time.Time, bytes int64) int64 {
	if bytes < p.bytes[len(p.bytes)-1].n { // another piece of work
		p.bytes = []mark{{now, bytes}}
	}
	for len(p.bytes) > 1 && now.Sub(p.bytes[1].at) >= lately {
		p.bytes = p.bytes[1:]
	}
	if last := p.bytes[len(p.bytes)-1]; now.Sub(last.at) >= worth/4 {
		p.bytes = append(p.bytes, mark{now, bytes})
	}
	took := now.Sub(p.bytes[0].at)
	if took < worth {
		return 0
	}
	return int64(float64(bytes-p.bytes[0].n) / took.Seconds())
}

// left is in how many seconds the rest will be done; nil while that cannot be told.
func (p *pace) left(now time.Time, percent int64) *int64 {
	last := p.percents[len(p.percents)-1]
	if percent > last.n {
		last = mark{now, percent}
		p.percents = append(p.percents, last)
	}
	from := p.percents[0]
	for _, m := range p.percents {
		if last.n-m.n >= stride && last.at.Sub(m.at) >= lately {
			from = m
		}
	}
	if last.n-from.n < 2 || last.at.Sub(from.at) < worth {
		return nil
	}
	each := last.at.Sub(from.at).Seconds() / float64(last.n-from.n)
	left := int64(max(each*float64(100-last.n)-now.Sub(last.at).Seconds(), 0) + 0.5)
	return &left
}
