package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/survey"
)

// raw is a fetched repository and what the survey found in it.
type raw struct {
	source.Result
	found survey.Result
	lfs   rehome.ReceiptLFS
}

// facts are what later steps need to know of the raw step. They are stored as JSON.
type facts struct {
	Started   time.Time
	Format    string
	Head      string // as refs/heads/main, "" when detached or unknown
	Skipped   []rehome.SkippedRef
	Objects   int64
	Commits   int64
	Warnings  []rehome.Warning
	LargeOver int64
	LFS       rehome.ReceiptLFS
}

// rawOptions say what else a raw step does than fetch. Only LargeOver has to be set.
type rawOptions struct {
	LargeOver  int64
	Identities func([]survey.Identity) // told of new ones as they pass; may be nil

	// Store opens where Git LFS objects go, once it is known that there are some and the repository at dir is
	// there. Nil leaves them at the source.
	Store        func(dir string) (*lfs.Store, error)
	AllowMissing bool // go on without objects that the source lacks
	// Have returns those of the objects that this repository has already; nil is none.
	Have func(context.Context, []lfs.Object) ([]lfs.Object, error)
	// Keep is told of objects that are in the store now, a batch at a time; may be nil.
	Keep func(context.Context, []lfs.Object) error
	// LFS is told how many objects of how many are there, and the bytes that came for them, one call at a time;
	// may be nil.
	LFS func(done, total, bytes int64)
}

// fetchRaw brings a repository into q.Dir and surveys it on the way, and then the Git LFS objects that it points
// to into their store. After an error q.Dir does not exist.
func fetchRaw(ctx context.Context, from source.Source, q source.Request, o rawOptions) (raw, error) {
	var look *survey.Survey
	q.Visit = func(f object.Format) pack.Visit {
		look = survey.New(survey.Options{
			Format: f, LargeOver: o.LargeOver, Identities: o.Identities, Scratch: repo.Scratch(q.Dir),
		})
		return look.Visit
	}
	told := q.Progress
	q.Progress = func(p source.Progress) {
		if look != nil && p.Total > 0 { // the source may speak before its pack comes
			look.Expect(p.Total)
		}
		if told != nil {
			told(p)
		}
	}
	got, err := from.Fetch(ctx, q)
	if look != nil {
		defer look.Close()
	}
	if err != nil {
		return raw{}, err
	}
	if look == nil { // nothing was sent: the source is empty
		return raw{Result: got}, nil
	}
	whole, err := finishRaw(ctx, from, q, o, look, got)
	if err != nil {
		return raw{}, errors.Join(err, os.RemoveAll(q.Dir))
	}
	return whole, nil
}

// finishRaw ends the survey of what was received and brings what it points to.
func finishRaw(ctx context.Context, from source.Source, q source.Request, o rawOptions, look *survey.Survey, got source.Result) (raw, error) {
	objects, err := got.Repo.Objects()
	if err != nil {
		return raw{}, fmt.Errorf("open what was received: %w", err)
	}
	defer objects.Close()
	whole := raw{Result: got}
	err = pack.Guard(func() (err error) {
		whole.found, err = look.Finish(ctx, objects, got.Refs, got.Head)
		return err
	})
	if err != nil || o.Store == nil || len(whole.found.Pointers) == 0 {
		return whole, err
	}
	c := lfsCarry{rawOptions: o, from: from, request: q, got: whole}
	c.where = func(oids []lfs.OID) (places map[lfs.OID]survey.Place, err error) {
		err = pack.Guard(func() (err error) {
			places, err = look.Where(ctx, objects, got.Refs, got.Head, oids)
			return err
		})
		return places, err
	}
	whole.lfs, err = c.run(ctx)
	whole.found.Warnings = append(whole.found.Warnings, c.warnings...)
	return whole, err
}

// fetch is the raw step: it receives into a work folder, storing identities and progress
// as they come, and keeps the repository once it is whole.
func (w *worker) fetch(ctx context.Context) error {
	l, err := w.location()
	if err != nil {
		return err
	}
	reader := w.Source[w.row.Source.VCS]
	if reader == nil {
		return w.checkVCS(w.row.Source.VCS)
	}
	started, generation := w.Clock(), w.row.Wanted.Raw
	if err := w.Folder.dropWork(w.row.ID); err != nil {
		return fmt.Errorf("clear work folder: %w", err)
	}
	dir := w.Folder.work(w.row.ID, w.lease.Fence)
	fetching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	over, err := w.largeOver(ctx, w.row.ID)
	if err != nil {
		return err
	}
	o := w.rawOptions()
	rec := startRecorder(fetching, w, stop)
	defer rec.close() //nolint:errcheck // for a panic; the error is looked at below
	o.LargeOver, o.Identities, o.LFS = over, rec.identities, rec.lfs
	got, err := fetchRaw(fetching, reader, source.Request{
		Location: l, Dir: dir, Limits: w.Limits, Progress: rec.progress,
	}, o)
	if err := errors.Join(rec.close(), err); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return w.keepRaw(ctx, dir, got, generation, factsOf(got, over, started))
}

// keepRaw moves what was received to its place and records it.
func (w *worker) keepRaw(ctx context.Context, dir string, got raw, generation int64, known facts) error {
	if w.LFS != nil {
		if err := saveCarried(dir, got); err != nil {
			return err
		}
	}
	size, err := sizeOf(dir)
	if err != nil {
		return fmt.Errorf("measure raw repository: %w", err)
	}
	w.fault("raw received")
	if err := w.Folder.keep(dir, w.Folder.raw(w.row.ID)); err != nil {
		return err
	}
	w.fault("raw kept")
	text, err := json.Marshal(known)
	if err != nil {
		return fmt.Errorf("encode facts: %w", err)
	}
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		if err := t.SetLargeFiles(ctx, i, got.found.LargeFiles); err != nil {
			return err
		}
		i.Found.Commits, i.RawBytes = known.Commits, size
		i.Progress.Percent, i.Progress.Commits = 100, known.Commits
		i.Timing.Raw = w.took(known.Started)
		i.Done.Raw = generation
		become(i, rehome.Mapping)
		i.State.Note = emptyNote(len(got.Refs))
		return t.SetFacts(ctx, i.ID, text)
	})
	if err == nil {
		w.warn(rehome.StepRaw, known.Warnings)
	}
	return err
}

func factsOf(got raw, largeOver int64, started time.Time) facts {
	format := object.SHA1
	if got.Repo != nil {
		format = got.Repo.Format()
	}
	return facts{
		Started: started.UTC(), Format: format.String(), Head: got.Head, Skipped: got.Skipped,
		Objects: got.Received.Objects(), Commits: got.found.Commits, Warnings: got.found.Warnings, LargeOver: largeOver,
		LFS: got.lfs,
	}
}

// emptyNote says that there was nothing to move, if so.
func emptyNote(refs int) string {
	if refs > 0 {
		return ""
	}
	return "The source is empty: it has no branch or tag that can be moved."
}
