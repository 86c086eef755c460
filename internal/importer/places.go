package importer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// places are the places in the queue, as they were a moment ago: however many ask, the database is asked once in that
// time. The zero value is ready.
type places struct {
	asking sync.Mutex // held by who asks the database; others go by what was known before
	known  atomic.Pointer[placesAt]
}

type placesAt struct {
	by map[int64]int // by import id
	at time.Time
}

// now returns places that are about as old as age at most. Nobody may change them.
func (p *places) now(ctx context.Context, age time.Duration, ask func(context.Context) (map[int64]int, error)) (map[int64]int, error) {
	known := p.known.Load()
	if known == nil {
		known = &placesAt{}
	}
	if time.Since(known.at) < age || !p.asking.TryLock() {
		return known.by, nil
	}
	defer p.asking.Unlock()
	by, err := ask(ctx)
	if err == nil {
		p.known.Store(&placesAt{by, time.Now()})
	}
	return by, err
}

// waitingText says that an import waits for a worker; 0 is no place that is known.
func waitingText(place int) string {
	if place == 0 {
		return waitingNote
	}
	return fmt.Sprintf("Waiting for its turn: %s in the queue.", ordinal(place))
}

// ordinal is 1st for 1.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n, suffix)
}
