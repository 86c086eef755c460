package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/claim"
	"rehome/internal/disk"
	"rehome/internal/metrics"
	"rehome/internal/store"
	"rehome/internal/web"
)

const (
	// lookEvery is how often a process says that it lives, and looks whether what it needs does.
	lookEvery = 5 * time.Second
	// lookFor is how long it waits for an answer.
	lookFor = 4 * time.Second
	// livesFor is how long others take it for alive that say nothing.
	livesFor = 30 * time.Second
)

// told is what those who run a server hear of it.
type told struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	vitals  vitals
}

// vitals is how a process is. The zero value is ready.
type vitals struct {
	bucket  bucket.Bucket
	started bool
	since   time.Time // when the process began to look after itself

	mu    sync.Mutex
	away  map[string]time.Time // since when what it needs does not answer, by its name; guarded by mu
	rests string               // why no imports are taken up; guarded by mu
}

// What a process needs.
const (
	theDatabase = "database"
	theBucket   = "object store"
)

// up reports whether something answered when it was asked last.
func (v *vitals) up(what string) func() bool {
	return func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		_, away := v.away[what]
		return !away
	}
}

// gone lists what does not answer, by name.
func (v *vitals) gone() (list []web.Away) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for what, since := range v.away {
		list = append(list, web.Away{What: what, Since: since})
	}
	slices.SortFunc(list, func(a, b web.Away) int { return strings.Compare(a.What, b.What) })
	return list
}

// saw logs that something does not answer, and that it does again, once each.
func (v *vitals) saw(log *slog.Logger, what string, err error, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	since, away := v.away[what]
	switch {
	case err != nil && !away:
		if v.away == nil {
			v.away = map[string]time.Time{}
		}
		v.away[what] = now
		log.Warn("the "+what+" does not answer", "why", briefly(err))
	case err == nil && away:
		delete(v.away, what)
		log.Info("the "+what+" is back", "away", now.Sub(since).Round(time.Second))
	}
}

// sawRest logs that imports are not taken up, and that they are again, once each.
func (v *vitals) sawRest(log *slog.Logger, why string, floor disk.Floor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if why == v.rests {
		return
	}
	v.rests = why
	free, _ := disk.Free(floor.Dir) // it was asked just before
	line := []any{"free", mebi(free), "min_free", mebi(floor.Least)}
	if why == "" {
		log.Info("imports are taken up again", line...)
		return
	}
	log.Warn("no imports are taken up", append([]any{"why", why}, line...)...)
}

// mebi is a size as --min-free is given.
func mebi(n int64) string {
	s := size(n)
	return s.String()
}

// briefly is the cause of an error, without what was tried on the way there.
func briefly(err error) string {
	var said interface {
		error
		SQLState() string
	}
	var way *net.OpError
	switch {
	case errors.As(err, &said):
		return rehome.Clean(said.Error(), 200)
	case errors.As(err, &way):
		return rehome.Clean(way.Error(), 200)
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not answer in time"
	}
	return rehome.Clean(err.Error(), 200)
}

// keepVitals looks after this process until the parts are closed: others that share its database see that it lives.
func (p *parts) keepVitals(ctx context.Context) error {
	if err := p.compareFlags(ctx); err != nil {
		return err
	}
	p.vitals.since = time.Now()
	p.look(ctx)
	looking, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-looking.Done():
				return
			case <-tick.C:
				p.look(looking)
			}
		}
	})
	p.later(func() {
		stop()
		running.Wait()
		if !p.shares() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.db.Leave(ctx, p.folder.Name()); !store.Unavailable(err) {
			p.warn("say that this process stops", err)
		}
	})
	return nil
}

// look asks what this process needs whether it answers, and tells what has changed.
func (p *parts) look(ctx context.Context) {
	err := p.ask(ctx, p.sayAlive)
	if ctx.Err() != nil {
		return
	}
	p.vitals.saw(p.log, theDatabase, err, time.Now())
	err = p.ask(ctx, func(ctx context.Context) error {
		_, err := bucket.Size(ctx, p.vitals.bucket, claim.Key)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if ctx.Err() != nil {
		return
	}
	p.vitals.saw(p.log, theBucket, err, time.Now())
	p.vitals.sawRest(p.log, p.importer.Rests(), p.flags.keep.floor(p.dir))
}

func (p *parts) ask(ctx context.Context, ask func(context.Context) error) error {
	ctx, end := context.WithTimeout(ctx, lookFor)
	defer end()
	return ask(ctx)
}

// sayAlive tells the database of this process. A file in the data folder is never away.
func (p *parts) sayAlive(ctx context.Context) error {
	if !p.shares() {
		return nil
	}
	self := p.self()
	self.Settings = p.flags.fingerprints()
	return p.db.Announce(ctx, self, livesFor)
}

// self is this process, as others know it.
func (p *parts) self() store.Process {
	return store.Process{ID: p.folder.Name(), Name: p.folder.Called(), Role: p.flags.role.role, Workers: p.workers(), Rests: p.importer.Rests(), StartedAt: p.vitals.since}
}

// shown is how this process is, for those who look at its pages.
func (p *parts) shown() web.Vitals {
	v := web.Vitals{Process: p.self(), Disk: web.Disk{Free: -1, Size: -1, Least: p.flags.keep.floor(p.dir).Least}, Away: p.vitals.gone()}
	if free, err := disk.Free(string(p.dir)); err == nil {
		v.Disk.Free = free
	}
	if size, err := disk.Size(string(p.dir)); err == nil {
		v.Disk.Size = size
	}
	return v
}

// shares reports whether other processes may have the database.
func (p *parts) shares() bool { return p.flags.places.database != "" }

// workers is how many imports are worked on at once at most.
func (p *parts) workers() int {
	if !p.flags.role.works() {
		return 0
	}
	return p.flags.workers
}
