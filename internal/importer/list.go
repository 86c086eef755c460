package importer

import (
	"context"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Get returns the repository's import; NotFound when there is none.
func (m *Importer) Get(ctx context.Context, repositoryID int64) (rehome.Import, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil || !m.waitsLong(&i) {
		return i.Import, err
	}
	now, err := m.queue(ctx)
	i.State.Note = m.waiting(&i, now.by[i.ID], now.standing)
	return i.Import, err
}

// An import that is due waits for a worker for a moment always; it is told when that lasts.
const (
	toldAfter   = 2 * time.Second
	waitingNote = "Waiting for its turn..."
)

// waitsLong reports whether a row that has nothing else to say waits for a worker.
func (m *Importer) waitsLong(i *store.Import) bool {
	due := i.DueAt
	if i.UpdatedAt.After(due) {
		due = i.UpdatedAt
	}
	works := i.State.Status.Step() != ""
	return works && i.State.Note == "" && !i.Held() && m.Clock().Sub(due) > toldAfter
}

// Authors returns at most limit identities with ids above since, ascending; 0 is no
// limit. While the raw step runs the list grows at its end. NotFound without an import.
func (m *Importer) Authors(ctx context.Context, repositoryID, since int64, limit int) ([]rehome.Author, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return nil, err
	}
	return m.DB.Authors(ctx, i.ID, since, limit)
}

// LargeFiles returns at most limit of the files over the limit of sizes that the last raw step found, without the
// first offset of them, and how many there are; limit 0 is all. NotFound when there is no import.
func (m *Importer) LargeFiles(ctx context.Context, repositoryID int64, offset, limit int) (part []rehome.LargeFile, total int64, err error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return nil, 0, err
	}
	part, err = m.DB.LargeFiles(ctx, i.ID, offset, limit)
	return part, i.Found.LargeFiles, err
}

// Filter chooses imports for a list.
type Filter struct {
	Owners  []string      // logins in any case; nil for all
	Status  rehome.Status // "" for all
	Search  string        // part of owner/name or of the source's URL, in any case; "" for all
	Page    int           // the first is 1
	PerPage int           // 0 is 30
}

// Listed is an import in a list.
type Listed struct {
	rehome.Import
	Repository    rehome.Repository
	QueuePosition int       // 1 for the next to be taken up, 0 when it does not wait
	DiskBytes     int64     // as worker.measure counts them
	Worker        string    // the process that works on it; "" for none, and where it is not known
	StartedAt     time.Time // when that took it up; zero for nobody

	DueAt time.Time // of one that waits: since when it does
	Why   string    // what it waits for besides its turn; "" for nothing

	process string // its id
}

// List returns a page of the imports a filter chooses, newest first, and how many
// there are on all pages.
func (m *Importer) List(ctx context.Context, f Filter) ([]Listed, int, error) {
	if f.PerPage <= 0 {
		f.PerPage = 30
	}
	q := store.Filter{Owners: f.Owners, Search: f.Search, Limit: f.PerPage, Offset: (max(f.Page, 1) - 1) * f.PerPage}
	if f.Status != "" {
		q.Status = []rehome.Status{f.Status}
	}
	found, total, err := m.DB.Imports(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	now, err := m.queue(ctx)
	if err != nil {
		return nil, 0, err
	}
	return m.listed(found, now.standing), total, nil
}

// listed is a list for those outside.
func (m *Importer) listed(found []store.Listed, standing store.Standing) []Listed {
	page := make([]Listed, 0, len(found))
	for _, l := range found {
		if m.waitsLong(&l.Import) {
			l.State.Note = m.waiting(&l.Import, l.QueuePosition, standing)
		}
		one := Listed{Import: l.Import.Import, Repository: l.Repository, QueuePosition: l.QueuePosition, DiskBytes: l.Kept.Disk, Worker: m.workerName(&l), StartedAt: l.HeldAt, process: l.Worker}
		if l.QueuePosition > 0 {
			one.DueAt, one.Why = l.DueAt, m.alsoWaits(&l.Import, standing)
		}
		page = append(page, one)
	}
	return page
}

// Waiting returns a page of the imports that wait for a worker, the next to be taken up first, and how many there are on all pages.
func (m *Importer) Waiting(ctx context.Context, page, perPage int) ([]Listed, int, error) {
	found, total, err := m.DB.Waiting(ctx, (max(page, 1)-1)*perPage, perPage)
	if err != nil {
		return nil, 0, err
	}
	now, err := m.queue(ctx)
	return m.listed(found, now.standing), total, err
}

// WorkedOn returns the imports that each of the processes works on, by its id; at most limit in all.
func (m *Importer) WorkedOn(ctx context.Context, limit int, processes ...string) (map[string][]Listed, error) {
	found, err := m.DB.WorkedOn(ctx, limit, processes...)
	if err != nil {
		return nil, err
	}
	by := map[string][]Listed{}
	for _, one := range m.listed(found, store.Standing{}) {
		by[one.process] = append(by[one.process], one)
	}
	return by, nil
}

// workerName is how people know the process that works on an import. One that works alone has announced itself to nobody.
func (m *Importer) workerName(l *store.Listed) string {
	if l.WorkerName == "" && l.Worker == m.Folder.id {
		return m.Folder.Called()
	}
	return l.WorkerName
}
