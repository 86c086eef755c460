package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

// raw is a fetched repository and what the survey found in it, with what was known before. Only Received, the
// identities that were found, and the pointers are of what came now.
type raw struct {
	source.Result
	found   survey.Result
	lfs     rehome.ReceiptLFS
	objects int64
	people  people     // in all of its commits and tags
	before  *rawBefore // that was added to; nil for none
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

	Identities int64 // in its commits and tags; 0 where there are some: not known

	Refs FetchedRefs
	Last *LastRun // of the push before; nil for none
}

// rawOptions say what else a raw step does than fetch. Only LargeOver has to be set.
type rawOptions struct {
	LargeOver  int64
	Shape      bool                    // find what the history looks like
	Identities func([]survey.Identity) // told of new ones as they pass, perhaps again; may be nil

	// Before is added to, where it serves; nil for none. Doubted is told why it was fetched whole all the same; may be nil.
	Before  *rawBefore
	Doubted func(error)

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
// to into their store. Where o.Before serves, only what is new is fetched; all of it after all where that fails for a reason
// which may lie in what was there. After an error q.Dir does not exist.
func fetchRaw(ctx context.Context, from source.Source, q source.Request, o rawOptions) (raw, error) {
	if o.Before == nil || !o.Before.serves(q, o) {
		o.Before = nil
		return fetchOnce(ctx, from, q, o)
	}
	got, err := fetchOnce(ctx, from, q, o)
	if err == nil || ctx.Err() != nil || !mayLieBefore(err) {
		return got, err
	}
	if o.Doubted != nil {
		o.Doubted(err)
	}
	o.Before = nil
	return fetchOnce(ctx, from, q, o)
}

// mayLieBefore reports whether a fetch of all may do better than one onto what was there.
func mayLieBefore(err error) bool {
	code := rehome.CodeOf(err)
	return !isCutOff(err) && (code == rehome.CorruptObject || code == rehome.LimitPassed || code == rehome.Internal)
}

// fetchOnce is one try of fetchRaw.
func fetchOnce(ctx context.Context, from source.Source, q source.Request, o rawOptions) (raw, error) {
	s := surveying{rawOptions: o, dir: q.Dir, accept: q.Limits.Accept, told: q.Progress}
	defer s.close()
	if err := s.open(); err != nil {
		return raw{}, err
	}
	q.Visit, q.Progress = s.visit, s.progress
	if o.Before != nil {
		q.Have = o.Before.repo
	}
	got, err := from.Fetch(ctx, q)
	if err != nil {
		return raw{}, err
	}
	whole, err := finishRaw(ctx, from, q, o, s.look, got)
	if err != nil {
		return raw{}, errors.Join(err, os.RemoveAll(q.Dir))
	}
	return whole, nil
}

// surveying is a survey that begins when the object format is known.
type surveying struct {
	rawOptions
	dir    string // where the repository comes
	accept object.Faults
	told   func(source.Progress)
	look   *survey.Survey // nil while nothing came
	known  *repo.Objects  // of what was before; nil for nothing
	count  int64          // of known
}

func (s *surveying) open() (err error) {
	if s.Before == nil {
		return nil
	}
	if s.known, err = s.Before.repo.Objects(); err != nil {
		return fmt.Errorf("open raw repository: %w", err)
	}
	for _, p := range s.known.Packs() {
		s.count += int64(p.Index.Len())
	}
	if s.count < s.Before.Facts.Objects {
		return fmt.Errorf("the raw repository has %d objects and lost others of %d", s.count, s.Before.Facts.Objects)
	}
	return nil
}

func (s *surveying) close() {
	if s.look != nil {
		s.look.Close()
	}
	if s.known != nil {
		s.known.Close()
	}
}

func (s *surveying) visit(f object.Format) pack.Visit {
	o := survey.Options{Format: f, LargeOver: s.LargeOver, Identities: s.Identities, Shape: s.Shape, Accept: s.accept, Scratch: repo.Scratch(s.dir)}
	if s.known != nil && s.Before.repo.Format() == f {
		o.Known, o.Depth = s.known.Has, s.Before.Depth
	}
	s.look = survey.New(o)
	return s.look.Visit
}

func (s *surveying) progress(p source.Progress) {
	if s.look != nil && p.Total > 0 { // the source may speak before its pack comes
		s.look.Expect(p.Total + s.count)
	}
	if s.told != nil {
		s.told(p)
	}
}

// finishRaw ends the survey of what was received, nil for nothing, and brings what it points to.
func finishRaw(ctx context.Context, from source.Source, q source.Request, o rawOptions, look *survey.Survey, got source.Result) (raw, error) {
	var nothing survey.Result
	if o.Shape {
		nothing.Shape = new(rehome.Shape)
	}
	if look == nil && !got.Added { // the source is empty
		return raw{Result: got, found: nothing}, nil
	}
	objects, err := got.Repo.Objects()
	if err != nil {
		return raw{}, fmt.Errorf("open what was received: %w", err)
	}
	defer objects.Close()
	whole := raw{Result: got, found: nothing, objects: got.Received.Objects()}
	if look != nil {
		err = pack.Guard(func() (err error) {
			whole.found, err = look.Finish(ctx, objects, got.Refs, got.Head)
			return err
		})
		if err != nil {
			return raw{}, err
		}
	}
	whole.people = peopleOf(whole.found.Identities)
	if got.Added {
		whole.before = o.Before
		whole.people = o.Before.People.and(whole.people, o.Before.Facts)
		found := &whole.found
		whole.objects = o.Before.Facts.Objects + found.Commits + found.Tags + found.Trees + found.Blobs
		o.Before.add(found)
		whole.lfs = rehome.ReceiptLFS{Carried: o.Before.Facts.LFS.Carried, Bytes: o.Before.Facts.LFS.Bytes}
	}
	if o.Store == nil || len(whole.found.Pointers) == 0 {
		return whole, nil
	}
	c := lfsCarry{rawOptions: o, from: from, request: q, got: whole}
	c.where = func(oids []lfs.OID) (places map[lfs.OID]survey.Place, err error) {
		if look == nil {
			return nil, nil
		}
		err = pack.Guard(func() (err error) {
			places, err = look.Where(ctx, objects, got.Refs, got.Head, oids)
			return err
		})
		return places, err
	}
	now, err := c.run(ctx)
	whole.lfs.Carried, whole.lfs.Bytes, whole.lfs.Missing = whole.lfs.Carried+now.Carried, whole.lfs.Bytes+now.Bytes, now.Missing
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
	if err := w.ask(ctx); err != nil {
		return err
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
	o := w.rawOptions(ctx)
	choose := source.RefChoice{Include: patternsOf(w.row.Options.Refs), Exclude: patternsOf(w.row.Options.ExcludeRefs)}
	rec := startRecorder(fetching, w, stop)
	defer rec.close() //nolint:errcheck // for a panic; the error is looked at below
	o.LargeOver, o.Identities, o.Shape = over, rec.identities, true
	o.LFS = func(done, total, bytes int64) {
		w.roomLeft(fetching, stop)
		rec.lfs(done, total, bytes)
	}
	progress := func(p source.Progress) {
		w.roomLeft(fetching, stop)
		rec.progress(p)
	}
	w.addToBefore(fetching, &o)
	got, err := fetchRaw(fetching, reader, source.Request{
		Location: l, Dir: dir, Limits: w.Limits, Choose: choose, Progress: progress,
	}, o)
	if err := stopped(fetching, errors.Join(rec.close(), err)); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	got.found.Warnings = append(got.found.Warnings, choiceWarnings(choose, w.row.Options.DefaultBranch, got.Result)...)
	known := factsOf(got, over, started)
	if err := saveRaw(dir, got, savedRaw{Facts: known, Choose: choose, From: l.String()}, w.LFS != nil); err != nil {
		return err
	}
	return w.keepRaw(ctx, dir, got, generation, known)
}

// addToBefore has a raw step fetch only what is new, where there is something to add to.
func (w *worker) addToBefore(ctx context.Context, o *rawOptions) {
	id := w.row.ID
	dir, err := w.here(ctx, &w.row, kindRaw)
	if errors.Is(err, fs.ErrNotExist) {
		if w.row.Kept.Raw != "" {
			return
		}
		// What a worker left that was killed after it kept all of it and before its row said so is whole. Elsewhere, and where
		// the row knows an older one, it is fetched once more: the bucket says of what is there, and not how old it is.
		dir, err = w.Folder.raw(id), nil
	}
	if err == nil {
		o.Before, err = openBefore(dir)
	}
	o.Doubted = func(err error) { w.logOf(ctx, id).WarnContext(ctx, "fetch whole, not only what is new", "err", err) }
	if err != nil {
		o.Doubted(err)
	}
}

// keepRaw moves what was received to its place and records it.
func (w *worker) keepRaw(ctx context.Context, dir string, got raw, generation int64, known facts) error {
	size, err := sizeOf(dir)
	if err != nil {
		return fmt.Errorf("measure raw repository: %w", err)
	}
	w.fault("raw received")
	format := object.SHA1
	if got.Repo != nil {
		format = got.Repo.Format()
	}
	if err := w.keep(ctx, dir, kindRaw, format); err != nil {
		return err
	}
	w.fault("raw kept")
	if err := w.measure(ctx); err != nil {
		return err
	}
	if known.Last, err = w.lastRun(ctx); err != nil {
		return err
	}
	text, err := json.Marshal(known)
	if err != nil {
		return fmt.Errorf("encode facts: %w", err)
	}
	shape := shownShape(got.found.Shape)
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		if err := t.SetLargeFiles(ctx, i, got.found.LargeFiles); err != nil {
			return err
		}
		i.Kept.UsedAt = t.Now
		i.Found.Commits, i.RawBytes = known.Commits, size
		i.Progress.Percent, i.Progress.Commits = 100, known.Commits
		i.Timing.Raw = w.took(known.Started)
		i.Done.Raw = generation
		become(i, rehome.Mapping)
		i.State.Note = emptyNote(len(got.Refs))
		return errors.Join(t.SetFacts(ctx, i.ID, text), t.SetShape(ctx, i.ID, shape))
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
		Objects: got.objects, Commits: got.found.Commits, Warnings: got.found.Warnings, LargeOver: largeOver,
		LFS: got.lfs, Identities: got.people.count(), Refs: fetchedRefs(got.Refs, got.Head),
	}
}

// emptyNote says that there was nothing to move, if so.
func emptyNote(refs int) string {
	if refs > 0 {
		return ""
	}
	return "The source is empty: it has no branch or tag that can be moved."
}
