// Package importer moves repositories: it looks at what an import's row wants and does the next thing.
//
//	detection   which version control answers          detect.go
//	raw         fetch and survey, never changed after  raw.go
//	rewrite     raw and plan become what is published  plan.go, rewrite.go, final.go
//	push        publish, read back, write the receipt  push.go, verify.go, receipt.go; what stays: deleted.go, forced.go
//
// Every call from outside only changes what is wanted (start.go, update.go, authors.go,
// hold.go, cancel.go) and wakes a worker; changes of the plan settle first (settle.go). A worker takes the import's lease and does steps until the row
// wants no more (reconcile.go, worker.go); an error becomes a status by one table
// (outcome.go). A crash costs a repeat of one step.
package importer

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/fault"
	"rehome/internal/git/object"
	"rehome/internal/host"
	"rehome/internal/lfs"
	"rehome/internal/seal"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/submodule"
)

// DefaultLargeOver is the size from which a file counts as large, in bytes.
const DefaultLargeOver = 100 << 20

// Options are what an Importer works with. DB, Source, Folder and Seal are required.
type Options struct {
	Ends
	DB     *store.DB
	Folder *Folder // for raw repositories and work in progress
	Seal   *seal.Box
	LFS    *lfs.Store // for Git LFS objects; nil leaves them at their sources

	Alarms
	CheckURL func(*url.URL) error           // refuses a source at once; nil refuses none
	CloneURL func(rehome.Repository) string // for receipts; nil gives owner/name.git
	Clock    func() time.Time               // nil is time.Now
	Log      *slog.Logger                   // nil drops it

	Submodules *submodule.Moved // of the only import there is: on the command line; nil leaves submodules as they are

	LargeOver int64         // files larger than this many bytes are listed; 0 is DefaultLargeOver
	Limits    source.Limits // zero fields are the source's defaults
	Version   string        // of Rehome, for receipts
	Waits     Waits
}

// Ends are where imports come from and go to.
type Ends struct {
	Source    map[rehome.VCS]source.Source // the readers there are
	Paths     bool                         // a source may be a path of this machine: on the command line only
	Host      *host.Host                   // nil where this process hosts nothing: then every import needs a destination elsewhere
	Forge     *destination.Git             // for destinations elsewhere; nil pushes to Host only
	Elsewhere Elsewhere                    // where imports go for which nothing else was said; zero is Host
	PushLimit int64                        // bytes of one push to a forge; 0 is what the forge is known for
}

// Alarms tell others. Wake and WakeAt send workers to Reconcile; a nil one leaves it to Sweep's caller.
type Alarms struct {
	Wake   func(ctx context.Context, importID int64) error // at once
	WakeAt func(importID int64, after time.Duration)       // later; the last call for an import counts

	// Ended is told of each end in the transaction that brings it; what it returns is called once that has
	// committed. nil tells nobody.
	Ended func(context.Context, *store.Tx, rehome.ImportEnd) (told func(), err error)

	Measure Measure
}

// Waits say how long imports wait for what may change by itself.
type Waits struct {
	Backoff []time.Duration // before each further try of a step that was cut off, give or take a quarter; nil is 2 s to 5 min, five of them
	Settle  []time.Duration // for another change of a plan, after the last one and after the first at most; nil is 2 s, 30 s
}

// Importer does the work of imports. It is safe for concurrent use.
type Importer struct {
	Options
	watched watched
	places  places
	pushes  turns // a deleted import may still push when its successor comes to it
	outlook turns // what requests foresee takes a rewrite each

	clearing clearing           // of the disk
	fetching turns              // one at a time takes what an import left from the shelf
	owner    string             // of the leases this process takes
	fault    func(point string) // where a test ends the process

	lookEvery time.Duration // lookEvery; shorter in tests
	holding

	own

	garbageGrace time.Duration // see garbageGrace
}

// own is what this process does, and when it did what.
type own struct {
	mu      sync.Mutex
	running map[int64]context.CancelCauseFunc // by import id; guarded by mu
	erased  time.Time                         // when idle credentials were looked for last; guarded by mu
	stands  stands                            // guarded by mu
}

// New returns an importer. Open has to be called before it works.
func New(o Options) *Importer {
	if o.Wake == nil {
		o.Wake = func(context.Context, int64) error { return nil }
	}
	if o.WakeAt == nil {
		o.WakeAt = func(int64, time.Duration) {}
	}
	if o.Ended == nil {
		o.Ended = func(context.Context, *store.Tx, rehome.ImportEnd) (func(), error) { return func() {}, nil }
	}
	o.Measure = o.Measure.filled()
	if o.CheckURL == nil {
		o.CheckURL = func(*url.URL) error { return nil }
	}
	if o.CloneURL == nil {
		o.CloneURL = func(r rehome.Repository) string { return r.FullName() + ".git" }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LargeOver == 0 {
		o.LargeOver = DefaultLargeOver
	}
	if o.Waits.Backoff == nil {
		o.Waits.Backoff = defaultBackoff
	}
	if o.Waits.Settle == nil {
		o.Waits.Settle = defaultSettle
	}
	return &Importer{
		Options: o,
		owner:   rand.Text(),
		fault:   fault.At,

		lookEvery: lookEvery, holding: holding{leaseFor, renewEvery},

		own: own{running: map[int64]context.CancelCauseFunc{}},

		garbageGrace: garbageGrace,
	}
}

// Open takes over what an earlier process on the same folder left unfinished: leases,
// repositories that have a row but no folder yet, and folders no import owns any more.
func (m *Importer) Open(ctx context.Context) error {
	m.owner = m.Folder.id + "/" + rand.Text()
	if err := m.DB.ReleaseFolder(ctx, m.Folder.id); err != nil {
		return fmt.Errorf("take over leases: %w", err)
	}
	known, err := m.DB.ImportIDs(ctx)
	if err != nil {
		return err
	}
	if err := m.Folder.clear(known); err != nil {
		return err
	}
	if m.Host == nil {
		return nil
	}
	return m.makeMissing(ctx)
}

// makeMissing makes the folders of repositories whose process died between row and
// folder. One that refs were pushed to is left alone: its folder was lost some other
// way, and an empty one in its place would hide that.
func (m *Importer) makeMissing(ctx context.Context) error {
	all, err := m.DB.Repositories(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if m.Host.Exists(r.ID) {
			continue
		}
		m.Log.Warn("a repository has no folder on the host", "repository", r.FullName(), "pushed_at", r.PushedAt)
		if !r.PushedAt.IsZero() {
			continue
		}
		if err := m.Host.Create(ctx, r.ID, object.SHA1); err != nil {
			return err
		}
	}
	return nil
}

// wake sends a worker to the import. A wake-up that is lost is made up for by a sweep.
func (m *Importer) wake(ctx context.Context, importID int64) {
	if err := m.Wake(ctx, importID); err != nil {
		m.logOf(ctx, importID).WarnContext(ctx, "wake import", "err", err)
	}
}

// maxSwept bounds the wake-ups of one sweep: far more than workers can take until the next.
const maxSwept = 100

// Sweep wakes the imports that are due and that nobody works on, the longest due first, and forgets credentials that
// have been idle for long.
func (m *Importer) Sweep(ctx context.Context) error {
	if err := m.eraseIdle(ctx); err != nil {
		return err
	}
	ids, err := m.DB.Due(ctx, maxSwept)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := m.Wake(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
