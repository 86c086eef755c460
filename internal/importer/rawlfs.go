package importer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/survey"
)

// rawOptions are those of a server's raw step. What this repository has been given before is not fetched again.
// The row is read now only: while the step runs, a recorder writes it.
func (w *worker) rawOptions(ctx context.Context) rawOptions {
	o := rawOptions{AllowMissing: w.row.Options.AllowMissingLFS}
	if w.LFS == nil {
		return o
	}
	repository := w.row.RepositoryID
	o.Have = func(ctx context.Context, all []lfs.Object) ([]lfs.Object, error) {
		return w.haveLFS(ctx, repository, all)
	}
	var removals int64
	o.Store = func(string) (_ *lfs.Store, err error) { // before anything is put there
		removals, err = w.DB.LFSRemovals(ctx)
		return w.LFS, err
	}
	o.Keep = func(ctx context.Context, came []lfs.Object) error {
		if err := w.keepLFS(ctx, repository, came); err != nil {
			return err
		}
		return w.stillThere(ctx, rowsOf(came), removals)
	}
	return o
}

func (m *Importer) haveLFS(ctx context.Context, repositoryID int64, all []lfs.Object) ([]lfs.Object, error) {
	oids := make([]string, len(all))
	for i, o := range all {
		oids[i] = o.OID.String()
	}
	sizes, err := m.DB.LFSObjects(ctx, repositoryID, oids)
	if err != nil {
		return nil, err
	}
	var have []lfs.Object
	for i, o := range all {
		if size, ok := sizes[oids[i]]; ok && size == o.Size {
			have = append(have, o)
		}
	}
	return have, m.keepLFS(ctx, repositoryID, have) // for good, if so far only a rewrite made it
}

func (m *Importer) keepLFS(ctx context.Context, repositoryID int64, came []lfs.Object) error {
	return m.DB.AddLFSObjects(ctx, repositoryID, rowsOf(came))
}

func rowsOf(objects []lfs.Object) []store.LFSObject {
	rows := make([]store.LFSObject, len(objects))
	for i, o := range objects {
		rows[i] = store.LFSObject{OID: o.OID.String(), Size: o.Size}
	}
	return rows
}

// What came is told to Keep in batches of so many objects or bytes, whichever is first: a crash costs
// no more than one of them.
const (
	lfsBatch      = 256
	lfsBatchBytes = 64 << 20
)

// lfsCarry brings the Git LFS objects that a fetched repository points to.
type lfsCarry struct {
	rawOptions
	from    source.Source
	request source.Request
	got     raw
	where   func([]lfs.OID) (map[lfs.OID]survey.Place, error)
	keep    func([]lfs.Object) error // Keep, in the step's context
	stop    context.CancelCauseFunc  // ends the step when Keep fails

	warnings []rehome.Warning // of what is missing and may be

	mu       sync.Mutex
	done     rehome.ReceiptLFS // guarded by mu, as all below
	bytes    int64             // that came now
	new      []lfs.Object      // not told to Keep yet
	newBytes int64
}

func (c *lfsCarry) run(ctx context.Context) (rehome.ReceiptLFS, error) {
	into, err := c.Store(c.request.Dir)
	if err != nil {
		return rehome.ReceiptLFS{}, fmt.Errorf("open the store of Git LFS objects: %w", err)
	}
	ctx, c.stop = context.WithCancelCause(ctx)
	defer c.stop(nil)
	c.keep = func(came []lfs.Object) error { return c.Keep(ctx, came) }
	wanted, err := c.wanted(ctx, into)
	if err != nil {
		return rehome.ReceiptLFS{}, err
	}
	c.tell()
	lack, err := c.fetch(ctx, into, wanted)
	if failed := context.Cause(ctx); failed != nil {
		return rehome.ReceiptLFS{}, failed
	}
	if flushed := c.flush(); flushed != nil {
		return rehome.ReceiptLFS{}, flushed
	}
	if err == nil && len(lack.Missing) > 0 {
		c.done.Missing, err = c.missing(lack)
	}
	return c.done, err
}

// fetch brings what the limit allows. An object that is over it by itself is as good as missing.
func (c *lfsCarry) fetch(ctx context.Context, into *lfs.Store, wanted []lfs.Object) (source.LFSResult, error) {
	limit := c.request.Limits.LFS
	within, over := wanted[:0], []lfs.Object(nil)
	left := limit
	for _, o := range wanted {
		switch {
		case limit == 0 || o.Size <= left:
			within, left = append(within, o), left-o.Size
		case o.Size > limit:
			over = append(over, o)
		default:
			return source.LFSResult{}, &rehome.Error{
				Code: rehome.LimitPassed, Message: fmt.Sprintf("The source passes a limit: more than %d bytes of Git LFS objects.", limit),
				Hint: "If it is meant to have that many, raise {max_repository}.",
			}
		}
	}
	var lack source.LFSResult
	if len(within) > 0 {
		var err error
		lack, err = c.from.FetchLFS(ctx, source.LFSRequest{
			Location: c.request.Location, Repo: c.got.Repo, Head: c.got.Head, Objects: within, Store: into,
			AllowMissing: c.AllowMissing, Done: c.came, Bytes: c.moved,
		})
		if err != nil {
			return lack, c.orWithout(err)
		}
	}
	if len(over) > 0 {
		lack.Missing = append(over, lack.Missing...)
		lack.Why = &rehome.Error{
			Code: rehome.LimitPassed, Message: fmt.Sprintf("The first would pass the limit of %d bytes.", limit),
		}
	}
	return lack, nil
}

// goOn is the end of a hint.
const goOn = "or go on without them: {allow_missing_lfs}."

// orWithout adds to the error of a server that cannot be reached that there is a way without it.
func (c *lfsCarry) orWithout(err error) error {
	var known *rehome.Error
	if c.AllowMissing || !errors.As(err, &known) || known.Code != rehome.Unreachable && known.Code != rehome.SourceCutOff {
		return err
	}
	return &rehome.Error{Code: known.Code, Message: known.Message, Hint: orGoOn(known.Hint), Err: err}
}

// orGoOn adds to a hint of one sentence that there is a way without the objects.
func orGoOn(hint string) string {
	return strings.TrimSuffix(hint, ".") + ", " + strings.Replace(goOn, "them", "the Git LFS objects", 1)
}

// wanted returns what has to be fetched: what this repository points to, does not have yet and cannot be made
// from nothing.
func (c *lfsCarry) wanted(ctx context.Context, into *lfs.Store) (wanted []lfs.Object, err error) {
	for batch := range slices.Chunk(c.got.found.Pointers, 1000) {
		known := map[lfs.OID]bool{}
		if c.Have != nil {
			have, err := c.Have(ctx, batch)
			if err != nil {
				return nil, fmt.Errorf("look for Git LFS objects: %w", err)
			}
			for _, o := range have {
				known[o.OID] = true
			}
		}
		for _, o := range batch {
			there := false
			if known[o.OID] {
				there, err = into.Has(ctx, o)
			} else if o == empty {
				there, err = true, c.makeEmpty(ctx, into)
			}
			if err != nil {
				return nil, fmt.Errorf("look for Git LFS objects: %w", err)
			}
			if there {
				c.count(o)
			} else {
				wanted = append(wanted, o)
			}
		}
	}
	return wanted, nil
}

// empty is the object of no bytes, which git-lfs uploads nowhere.
var empty = lfs.Object{OID: sha256.Sum256(nil)}

func (c *lfsCarry) makeEmpty(ctx context.Context, into *lfs.Store) error {
	w, err := into.Create()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.KeepAs(ctx, empty); err != nil {
		return err
	}
	c.new = append(c.new, empty)
	return nil
}

func (c *lfsCarry) count(o lfs.Object) {
	c.done.Carried++
	c.done.Bytes += o.Size
}

// came takes an object that is in the store now.
func (c *lfsCarry) came(o lfs.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(o)
	c.new, c.newBytes = append(c.new, o), c.newBytes+o.Size
	if len(c.new) >= lfsBatch || c.newBytes >= lfsBatchBytes {
		if err := c.flush(); err != nil {
			c.stop(err)
		}
	}
	c.tell()
}

// moved takes bytes that came.
func (c *lfsCarry) moved(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += n
	c.tell()
}

// flush tells Keep what is new.
func (c *lfsCarry) flush() error {
	came := c.new
	c.new, c.newBytes = nil, 0
	if c.Keep == nil || len(came) == 0 {
		return nil
	}
	if err := c.keep(came); err != nil {
		return fmt.Errorf("keep Git LFS objects: %w", err)
	}
	return nil
}

func (c *lfsCarry) tell() {
	if c.LFS != nil {
		c.LFS(c.done.Carried, int64(len(c.got.found.Pointers)), c.bytes)
	}
}

// maxMissing bounds the missing objects that an error lists; a receipt lists them all.
const maxMissing = 10

// missing lists what the source lacks, as an error unless that is allowed.
func (c *lfsCarry) missing(lack source.LFSResult) ([]rehome.MissingLFS, error) {
	shown := lack.Missing
	if !c.AllowMissing {
		shown = shown[:min(len(shown), maxMissing)]
	}
	oids := make([]lfs.OID, len(shown))
	for i, o := range shown {
		oids[i] = o.OID
	}
	places, err := c.where(oids)
	if err != nil {
		return nil, err
	}
	var list []rehome.MissingLFS
	for _, o := range shown {
		at := places[o.OID]
		entry := rehome.NewMissingLFS(o.OID.String(), o.Size, string(at.Path), at.Ref)
		if before, ok := c.got.before.missing(entry.OID); ok && at.Ref == "" {
			entry = before
		}
		list = append(list, entry)
	}
	if c.AllowMissing {
		c.warnings = lackWarning(lack)
		return list, nil
	}
	return nil, c.missingError(list, lack)
}

// lackWarning says why objects are missing, where there is more to say than that the source has none.
func lackWarning(lack source.LFSResult) []rehome.Warning {
	var known *rehome.Error
	if !errors.As(lack.Why, &known) {
		return nil
	}
	n, what := len(lack.Missing), "objects are"
	if n == 1 {
		what = "object is"
	}
	return []rehome.Warning{{
		Kind: rehome.WarnLFSPointer, Count: int64(n), Text: fmt.Sprintf("%d Git LFS %s missing. %s", n, what, known.Message),
	}}
}

func (c *lfsCarry) missingError(list []rehome.MissingLFS, lack source.LFSResult) error {
	var names []string
	for _, m := range list {
		name := m.OID
		if m.Ref != "" {
			name = fmt.Sprintf("%s in %s (%s)", rehome.Clean(m.Path, 200), rehome.Clean(m.Ref, 100), m.OID)
		}
		names = append(names, name)
	}
	if more := len(lack.Missing) - len(list); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	text := fmt.Sprintf("The source lacks %d of its %d Git LFS objects: %s.", len(lack.Missing), len(c.got.found.Pointers), strings.Join(names, ", "))
	hint := "Push them there from a clone that has them (git lfs push --all) and try again, " + goOn
	var known *rehome.Error
	if errors.As(lack.Why, &known) { // such as that its Git LFS server may not be reached
		text += " " + known.Message
		switch known.Code {
		case rehome.BlockedByPolicy, rehome.Unreachable, rehome.LFSMissing:
			hint = orGoOn(cmp.Or(known.Hint, "Try again later."))
		}
	}
	return &rehome.Error{Code: rehome.LFSMissing, Message: text, Hint: hint, Err: lack.Why}
}
