package importer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rehome/internal/store"
)

// places are the places in the queue, as they were a moment ago: however many ask, the database is asked once in that
// time. The zero value is ready.
type places struct {
	asking sync.Mutex // held by who asks the database; others go by what was known before
	known  atomic.Pointer[placesAt]
}

type placesAt struct {
	by       map[int64]int // by import id
	standing store.Standing
	at       time.Time
}

// now returns places that are about as old as age at most. Nobody may change them.
func (p *places) now(ctx context.Context, age time.Duration, ask func(context.Context) (placesAt, error)) (*placesAt, error) {
	known := p.known.Load()
	if known == nil {
		known = &placesAt{}
	}
	if time.Since(known.at) < age || !p.asking.TryLock() {
		return known, nil
	}
	defer p.asking.Unlock()
	now, err := ask(ctx)
	if err != nil {
		return known, err
	}
	now.at = time.Now()
	p.known.Store(&now)
	return &now, nil
}

// queue returns the places in the queue and what keeps imports in it.
func (m *Importer) queue(ctx context.Context) (*placesAt, error) {
	return m.places.now(ctx, m.lookEvery, func(ctx context.Context) (now placesAt, err error) {
		if now.by, err = m.DB.Places(ctx); err == nil {
			now.standing, err = m.DB.Standing(ctx)
		}
		return now, err
	})
}

// waitingText says that an import waits for a worker; 0 is no place that is known.
func waitingText(place int) string {
	if place == 0 {
		return waitingNote
	}
	return fmt.Sprintf("Waiting for its turn: %s in the queue.", ordinal(place))
}

// waiting says that an import waits for a worker, and for what else.
func (m *Importer) waiting(i *store.Import, place int, s store.Standing) string {
	text := waitingText(place)
	if why := m.alsoWaits(i, s); why != "" {
		text += " " + why
	}
	return text
}

// alsoWaits is what a waiting import waits for besides its turn; "" for nothing.
func (m *Importer) alsoWaits(i *store.Import, s store.Standing) string {
	if s.Known && s.Taking == 0 || !s.Known && m.hasRoom() != nil {
		return "No worker takes work at the moment."
	}
	if n := s.Running(i); s.Most > 0 && n >= s.Most {
		return fmt.Sprintf("Whoever started it has %d running, and no more run at once.", n)
	}
	return ""
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
