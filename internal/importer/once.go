package importer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/survey"
)

// OnceOptions say what Once moves where. Source, Location and Dir are required.
type OnceOptions struct {
	Source    source.Source
	VCS       rehome.VCS // for the receipt; "" is git
	Location  remote.Location
	Dir       string        // becomes a bare repository; must be missing or empty
	LargeOver int64         // files larger than this many bytes are listed; 0 is DefaultLargeOver
	Limits    source.Limits // zero fields are the source's defaults
	Plan      OncePlan

	AllowMissingLFS bool // go on without Git LFS objects that the source lacks

	Choose        source.RefChoice // which refs come
	DefaultBranch string           // short name that the source's default branch gets; "" keeps its own
	FileLimit     int64            // for Inspect: bytes of the largest file that the destination takes; 0 is not known
	Verify        rehome.Depth     // of the comparison at the end; "" is VerifyRefs

	Version string             // of Rehome, for the receipt
	Event   func(rehome.Event) // told what happens, one at a time; may be nil
	Clock   func() time.Time   // nil is time.Now
}

// Once moves one repository into a folder, without a server and its rows: the same
// steps, one after the other. It works beside Dir, in a folder of a name it knows again,
// so that one left by a run that was killed is cleared away by the next. After an error
// Dir is as it was.
func Once(ctx context.Context, o OnceOptions) (rehome.Receipt, error) {
	once := newOnce(o)
	receipt, err := once.run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = &rehome.Error{Code: rehome.Cancelled, Message: "The import was interrupted.", Hint: "Run the same command again.", Err: err}
		}
		once.failed(rehome.AsError(err))
		return rehome.Receipt{}, err
	}
	once.tell(rehome.Event{Kind: rehome.EventDone, Status: rehome.Complete, Receipt: &receipt.Head})
	return receipt, nil
}

// once is one run of Once.
type once struct {
	OnceOptions
	meter  meter
	making pace // of the rewrite
	timing rehome.ReceiptTiming
	mark   time.Time // when the step at hand began

	mu       sync.Mutex
	status   rehome.Status
	authors  int64     // guarded by mu
	told     time.Time // when progress was told last; guarded by mu
	converts bool      // files become Git LFS objects; guarded by mu
}

// newOnce fills in what the options leave open.
func newOnce(o OnceOptions) *once {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.LargeOver == 0 {
		o.LargeOver = DefaultLargeOver
	}
	if o.VCS == "" {
		o.VCS = rehome.Git
	}
	if o.Event == nil {
		o.Event = func(rehome.Event) {}
	}
	return &once{OnceOptions: o, meter: meter{clock: o.Clock, start: o.Clock()}}
}

func (o *once) run(ctx context.Context) (rehome.Receipt, error) {
	place, err := claimPlace(o.Dir)
	if err != nil {
		return rehome.Receipt{}, err
	}
	defer place.leave() //nolint:errcheck // a second run clears what is left
	got, err := o.fetch(ctx, place.repository(), localLFS)
	if err != nil {
		return rehome.Receipt{}, err
	}
	did, err := o.rewrite(ctx, got)
	if err != nil {
		return rehome.Receipt{}, err
	}
	p := proof{facts: factsOf(got, o.LargeOver, o.meter.start), largeProof: largeProof{made: did.made, choice: o.Plan.choice()}}
	p.final, p.removed = apart(did.final)
	p.stays = skipRemoved(p.removed)
	p.pushed = append(o.Plan.idle(o.LargeOver, did.changes), submoduleWarning(did.made.Submodules)...)
	if err := tidyLFS(place.repository()); err != nil {
		return rehome.Receipt{}, err
	}
	o.timing.Rewrite = o.enter(rehome.Pushing)
	if err := p.countCarried(ctx, got.Repo, len(did.final), false); err != nil {
		return rehome.Receipt{}, err
	}
	if err := o.place(ctx, &p, place); err != nil {
		return rehome.Receipt{}, err
	}
	o.timing.Push = o.enter(rehome.Complete)
	return o.receipt(&p, got, did), nil
}

// fetch is the raw step, into dir, with Git LFS objects into what open gives; nil leaves them at the
// source. The next step has begun when it returns.
func (o *once) fetch(ctx context.Context, dir string, open func(dir string) (*lfs.Store, error)) (raw, error) {
	o.enter(rehome.Importing)
	got, err := fetchRaw(ctx, o.Source, source.Request{
		Location: o.Location, Dir: dir, Limits: o.Limits, Choose: o.Choose, Progress: o.progress,
	}, rawOptions{LargeOver: o.LargeOver, Identities: o.identities, Store: open, AllowMissing: o.AllowMissingLFS, LFS: o.carrying})
	if err != nil {
		return raw{}, err
	}
	o.received(got)
	got.found.Warnings = append(got.found.Warnings, choiceWarnings(o.Choose, o.DefaultBranch, got.Result)...)
	for _, one := range got.found.Warnings {
		o.tell(warningEvent(one))
	}
	o.timing.Raw = o.enter(rehome.Mapping)
	return got, nil
}

// received tells what has come, all of it.
func (o *once) received(got raw) {
	o.mu.Lock()
	authors := o.authors
	o.mu.Unlock()
	o.tell(o.meter.event(rehome.Progress{Percent: 100, Commits: got.found.Commits, Bytes: got.Received.Bytes + got.lfs.Bytes}, authors))
}

// place compares what is on the disk with what was to come, and then gives it its name.
func (o *once) place(ctx context.Context, p *proof, where *place) error {
	whole, err := repo.Open(where.repository())
	if err != nil {
		return fmt.Errorf("open what was received: %w", err)
	}
	if err := o.nameDefault(p, whole); err != nil {
		return err
	}
	refs, err := whole.Refs()
	if err != nil {
		return fmt.Errorf("read refs back: %w", err)
	}
	head, err := whole.Head()
	if err != nil {
		return fmt.Errorf("read default branch back: %w", err)
	}
	if p.back, err = compare(p.final, p.head(), refs, head); err != nil {
		return err
	}
	if err := o.prove(ctx, p, where); err != nil {
		return err
	}
	return where.moveIn()
}

// nameDefault gives the default branch the name that was asked for.
func (o *once) nameDefault(p *proof, whole *repo.Repo) error {
	was := slices.Clone(p.final)
	p.named = renameDefault(p.final, p.Head, o.DefaultBranch)
	if p.named == p.Head {
		return nil
	}
	var updates []repo.Update
	for n, f := range p.final {
		if f.name != was[n].name {
			updates = append(updates, repo.Update{Name: was[n].name, Old: f.final, New: f.final.Format().Zero()}, repo.Update{Name: f.name, New: f.final})
		}
	}
	if err := whole.Update(updates); err != nil {
		return fmt.Errorf("rename the default branch: %w", err)
	}
	return whole.SetHead(p.named)
}

// prove reads all of what arrived once more, where that was asked for.
func (o *once) prove(ctx context.Context, p *proof, where *place) error {
	p.depth = o.Verify
	if p.depth == "" || p.depth == rehome.VerifyRefs || len(p.final) == 0 {
		return nil
	}
	dir := filepath.Join(where.work, "proof")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder to verify in: %w", err)
	}
	d := deepProof{
		from: o.Source, at: remote.Location{Path: where.repository()}, dir: dir, depth: p.depth, limits: o.Limits, largeOver: o.LargeOver,
		lfs: true, gaps: len(p.LFS.Missing) > 0,
	}
	return errors.Join(d.run(ctx, p.final), os.RemoveAll(dir))
}

func (o *once) receipt(p *proof, got raw, did rewritten) rehome.Receipt {
	r := p.receipt()
	r.Head.Import = filepath.Base(o.Dir)
	r.Head.Version = o.Version
	r.Head.CompletedAt = o.Clock().UTC().Truncate(time.Second)
	r.Head.Source.VCS, r.Head.Source.URL = o.VCS, o.Location.String()
	r.Head.Destination.URL = o.Dir
	r.Head.Changed, r.Head.TagsChanged, r.Body.SignaturesDropped = did.changes.Commits, did.changes.Tags, did.changes.Signatures
	r.Body.Authors = rehome.ReceiptAuthors{Identities: int64(len(got.found.Identities)), Mapped: did.mapped}
	r.Body.LargeFiles = p.largeFiles(got.large())
	r.Body.Timing = o.timing
	return r
}

// enter tells the next status and returns how long the last one took, in seconds.
func (o *once) enter(s rehome.Status) float64 {
	now := o.Clock()
	took := seconds(now.Sub(o.mark))
	o.mark = now
	o.mu.Lock()
	old := o.status
	o.status = s
	o.mu.Unlock()
	o.tell(rehome.Event{Kind: rehome.EventStatus, Old: old, New: s, Status: s, Step: s.Step()})
	return took
}

func (o *once) failed(e *rehome.Error) {
	o.tell(rehome.Event{
		Kind: rehome.EventError, Status: rehome.Failed, Step: o.status.Step(),
		ErrorEvent: &rehome.ErrorEvent{Code: e.Code, Message: e.Message, WhatToDo: e.Hint},
	})
}

func (o *once) identities(batch []survey.Identity) {
	for _, a := range authorsOf(batch) {
		o.mu.Lock()
		o.authors++
		a.ID = o.authors
		o.mu.Unlock()
		o.tell(authorEvent(a))
	}
}

func (o *once) progress(p source.Progress) {
	now := o.meter.read(p)
	o.tellIfDue(now)
}

// carrying tells how many Git LFS objects have come.
func (o *once) carrying(done, total, bytes int64) { o.tellIfDue(o.meter.lfs(done, total, bytes)) }

func (o *once) tellIfDue(now rehome.Progress) {
	var authors int64
	if o.due(&authors) {
		o.tell(o.meter.event(now, authors))
	}
}

// due reports whether progress is to be told again, and gives the number of authors so far.
func (o *once) due(authors *int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	*authors = o.authors
	if o.Clock().Sub(o.told) < recordEvery/2 {
		return false
	}
	o.told = o.Clock()
	return true
}

// tell hands an event on, one at a time.
func (o *once) tell(e rehome.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e.At = o.Clock().UTC()
	o.Event(e)
}
