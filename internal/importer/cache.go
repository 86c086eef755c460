package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"rehome"
	"rehome/internal/shelf"
	"rehome/internal/store"
)

const (
	// cachedFor is how long what the bucket has, too, stays on this disk without use.
	cachedFor = 24 * time.Hour
	// cachedLow is how long it stays while there is too little room: somebody may be reading it.
	cachedLow = 10 * time.Minute
	// makeRoomEvery is how often room is made: looking through everything takes its time.
	makeRoomEvery = time.Minute
)

// cached is a place of an import on this disk.
type cached struct {
	id   int64
	kind kind
	used time.Time
}

// caches are the places that hold something, the longest unused first.
func (f *Folder) caches() (all []cached, err error) {
	for _, k := range kinds {
		entries, err := os.ReadDir(filepath.Join(f.dir, string(k)))
		if err != nil {
			return nil, fmt.Errorf("look through the data folder: %w", err)
		}
		for _, e := range entries {
			id, err := strconv.ParseInt(e.Name(), 10, 64)
			if err != nil {
				continue
			}
			info, err := e.Info()
			if err == nil {
				all = append(all, cached{id, k, info.ModTime()})
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("look through the data folder: %w", err)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b cached) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.id, b.id)) })
	return all, nil
}

// dropCaches removes from this disk what the row of an import does not name, and what was not used for as long as unused and is in the
// bucket, the longest unused first, until enough says so.
func (m *Importer) dropCaches(ctx context.Context, unused time.Duration, enough func() bool) error {
	if m.Folder.shelf == nil {
		return nil // there is nothing else
	}
	all, err := m.Folder.caches()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range all {
		if enough() || ctx.Err() != nil {
			break
		}
		if err := m.dropCache(ctx, c.id, c.kind, unused); err != nil {
			errs = append(errs, fmt.Errorf("remove what is cached of import %d: %w", c.id, err))
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// dropCache removes the place of an import that this process does not work on, nor fills, where it is not needed here.
func (m *Importer) dropCache(ctx context.Context, id int64, k kind, unused time.Duration) error {
	if !m.enlist(id, func(error) {}) {
		return nil
	}
	defer m.dismiss(id)
	busy, done := m.fetching.ask(id)
	if busy != nil {
		return nil
	}
	defer m.fetching.end(id, done)
	row, err := m.DB.ImportByID(ctx, id)
	gone := rehome.CodeOf(err) == rehome.NotFound && err != nil
	if err != nil && !gone {
		return err
	}
	if !gone {
		if keep, err := m.keepsCache(ctx, &row, k, unused); keep || err != nil {
			return err
		}
	}
	return os.RemoveAll(m.Folder.place(k, id))
}

// keepsCache reports whether what lies at a place is to stay there.
func (m *Importer) keepsCache(ctx context.Context, row *store.Import, k kind, unused time.Duration) (bool, error) {
	dir, key := m.Folder.place(k, row.ID), *keyOf(&row.Kept, k)
	holds := shelf.Holds(dir)
	if holds == "" {
		return true, nil // it is nowhere else
	}
	if holds != key {
		return false, nil
	}
	info, err := os.Stat(dir)
	if err != nil || m.Clock().Sub(info.ModTime()) < unused {
		return true, err
	}
	whole, err := m.Folder.shelf.Has(ctx, key)
	return !whole, err
}

// clearing makes room, one at a time. The zero value is ready.
type clearing struct {
	sync.Mutex
	last time.Time // guarded by the Mutex
}

// makeRoom removes caches from this disk until there is room for new work. What another does already, or did a moment ago, is not done again.
func (m *Importer) makeRoom(ctx context.Context) {
	if !m.clearing.TryLock() {
		return
	}
	defer m.clearing.Unlock()
	if now := m.Clock(); now.Sub(m.clearing.last) >= makeRoomEvery {
		m.clearing.last = now
		err := m.dropCaches(ctx, cachedLow, func() bool { return m.hasRoom() == nil })
		m.Log.InfoContext(ctx, "the disk is nearly full: removed what the bucket has, too", "enough", m.hasRoom() == nil, "err", err)
	}
}
