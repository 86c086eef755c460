package importer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/claim"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

const (
	// tidyEvery is how often a process looks whether there is something to tidy up.
	tidyEvery = 10 * time.Minute
	// localEvery is how often it looks through its own disk.
	localEvery = time.Hour
	// sweepEvery is how often the bucket is listed, by one process of all.
	sweepEvery = 6 * time.Hour
	// removeEvery is how often what was found there is removed.
	removeEvery = 15 * time.Minute
	// garbageGrace is how long an object that nothing names is left alone after it was found.
	garbageGrace = time.Hour
	// youngFor is how long an object is not even looked at: a rewrite that makes it names it when it is done.
	youngFor = 24 * time.Hour
	// cutOffAfter is how old an upload is that nobody works on any more.
	cutOffAfter = 24 * time.Hour
)

// KeepTidy removes what nothing needs any more, now and then, until ctx ends: caches on this disk, and what is in the bucket and named by no row. Every
// process may run it. docs/decisions/0031 says why nothing goes that is needed.
func (m *Importer) KeepTidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	var local time.Time
	for {
		own := m.Clock().Sub(local) >= localEvery
		if own {
			local = m.Clock()
		}
		if err := m.tidy(ctx, own); err != nil && ctx.Err() == nil {
			m.Log.WarnContext(ctx, "tidy up", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tidy does what is due.
func (m *Importer) tidy(ctx context.Context, own bool) error {
	var errs []error
	if own {
		_, err := m.DB.KeepRaw(ctx, m.Folder.keeping.Raw)
		errs = append(errs, err, m.dropCaches(ctx, cachedFor, func() bool { return false }))
		if m.LFS != nil {
			errs = append(errs, m.LFS.Tidy())
		}
	}
	if m.Folder.keeping.Bucket == nil {
		return errors.Join(errs...)
	}
	for _, chore := range []struct {
		name  string
		every time.Duration
		do    func(context.Context) error
	}{{"sweep the bucket", sweepEvery, m.sweepBucket}, {"remove garbage", removeEvery, m.removeGarbage}} {
		ours, err := m.DB.TakeChore(ctx, chore.name, chore.every)
		if err == nil && ours {
			err = chore.do(ctx)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// owns reports whether what is in the bucket is this database's, and claims it when it is nobody's. Somebody may have adopted it since this process
// began: nothing is removed from it then.
func (m *Importer) owns(ctx context.Context) (bool, error) {
	return claim.Pair{DB: m.DB, Bucket: m.Folder.keeping.Bucket, Scratch: filepath.Join(m.Folder.dir, "work")}.Holds(ctx)
}

// sweepBucket removes what is kept of imports that are gone, marks Git LFS objects that no row names, and ends uploads that were cut off.
func (m *Importer) sweepBucket(ctx context.Context) error {
	ours, err := m.owns(ctx)
	if err != nil {
		return err
	}
	if !ours {
		m.Log.WarnContext(ctx, "the bucket belongs to another database, and nothing is removed from it; if that one is gone for good, stop this server and run rehome adopt-bucket")
		return nil
	}
	cut, err := bucket.DropUploads(ctx, m.Folder.keeping.Bucket, m.Clock().Add(-cutOffAfter))
	if cut > 0 {
		m.Log.InfoContext(ctx, "ended uploads that were cut off", "count", cut)
	}
	return errors.Join(err, m.dropUnknown(ctx), m.markGarbage(ctx))
}

// dropUnknown removes what is kept of imports that have no row. Their ids do not come again.
func (m *Importer) dropUnknown(ctx context.Context) error {
	on := m.Folder.shelf
	if on == nil {
		return nil
	}
	names, err := on.Prefixes(ctx, shelvedImports)
	if err != nil {
		return err
	}
	known, err := m.DB.ImportIDs(ctx) // after the list: what is kept has its row before
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		id, err := strconv.ParseInt(name, 10, 64)
		if err != nil || known[id] || shelfOf(id) != shelvedImports+"/"+name {
			continue
		}
		errs = append(errs, on.Sweep(ctx, shelfOf(id), func(context.Context) error { return nil }))
		m.Log.InfoContext(ctx, "removed what was kept of an import that is gone", "import", id)
	}
	return errors.Join(errs...)
}

// markBatch is how many Git LFS objects are asked about at once.
const markBatch = 1000

// markGarbage marks the Git LFS objects that no row names.
func (m *Importer) markGarbage(ctx context.Context) error {
	if m.LFS == nil {
		return nil
	}
	before := m.Clock().Add(-youngFor)
	var batch []string
	mark := func() error {
		_, err := m.DB.MarkLFS(ctx, batch)
		batch = batch[:0]
		return err
	}
	err := m.LFS.Each(ctx, func(o lfs.Stored) error {
		if o.Since.After(before) {
			return nil
		}
		if batch = append(batch, o.OID.String()); len(batch) < markBatch {
			return nil
		}
		return mark()
	})
	return errors.Join(err, mark())
}

// removeBatch is how many Git LFS objects are condemned at once: they are removed well within store.RemoveWithin.
const removeBatch = 100

// removeGarbage removes the Git LFS objects that were marked for garbageGrace and that no row names still.
func (m *Importer) removeGarbage(ctx context.Context) error {
	if m.LFS == nil {
		return nil
	}
	if ours, err := m.owns(ctx); err != nil || !ours {
		return err
	}
	var total int
	for {
		n, err := m.removeSome(ctx)
		if total += n; err != nil || n == 0 {
			if total > 0 {
				m.Log.InfoContext(ctx, "removed Git LFS objects that no repository has", "count", total)
			}
			return err
		}
	}
}

// removeSome removes one batch and returns how many went.
func (m *Importer) removeSome(ctx context.Context) (int, error) {
	within, stop := context.WithTimeout(ctx, store.RemoveWithin) // from before they are condemned
	defer stop()
	c, err := m.DB.CondemnLFS(within, m.garbageGrace, removeBatch)
	if err != nil || len(c.OIDs) == 0 {
		return 0, err
	}
	m.fault("garbage condemned")
	went := store.Condemned{At: c.At}
	var errs []error
	for _, text := range c.OIDs {
		oid, err := lfs.ParseOID(text)
		if err == nil {
			err = m.LFS.Remove(within, oid)
		}
		if err != nil { // it may be gone, or may go later: others wait until that is over
			errs = append(errs, err)
			continue
		}
		went.OIDs = append(went.OIDs, text)
	}
	m.fault("garbage removed")
	return len(went.OIDs), errors.Join(errors.Join(errs...), m.DB.ForgetLFS(context.WithoutCancel(ctx), went))
}

// stillThere is an error when bytes that were put, or trusted to be there, before rows named them may be gone: removals is the count from before.
// What comes for them next is put anew.
func (m *Importer) stillThere(ctx context.Context, objects []store.LFSObject, removals int64) error {
	lost, err := m.lostSince(ctx, objects, removals)
	if err == nil && len(lost) > 0 {
		err = &rehome.Error{
			Code: rehome.SourceCutOff, Message: fmt.Sprintf("%d Git LFS objects that nobody had needed were being removed while they came again.", len(lost)),
			Hint: "Start the import again.",
		}
	}
	return err
}

// lostSince returns the objects that were removed since there were so many removals, though rows name them now.
func (m *Importer) lostSince(ctx context.Context, objects []store.LFSObject, removals int64) ([]string, error) {
	now, err := m.DB.LFSRemovals(ctx)
	if err != nil || now == removals {
		return nil, err
	}
	return m.lostLFS(ctx, objects)
}
