package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome"
)

// Filter chooses imports for a list.
type Filter struct {
	Owners []string        // logins in any case; nil for all, empty for none
	Status []rehome.Status // nil for all
	Search string          // part of owner/name or of the source's URL, in any case; "" for all
	Limit  int
	Offset int
}

// Listed is an import with the repository it fills.
type Listed struct {
	Import
	Repository    rehome.Repository
	QueuePosition int    // 1 for the next to be taken up, 0 when it does not wait
	WorkerName    string // of the process that has it; "" for none, and for one that is not known
}

// Imports returns the imports a filter chooses, newest first, and how many there are in all.
func (db *DB) Imports(ctx context.Context, f Filter) (page []Listed, total int, err error) {
	where, args := f.where()
	tables := " FROM imports i JOIN repositories r ON r.id = i.repository_id JOIN owners o ON o.id = r.owner_id WHERE " + where
	if err := db.read.direct.QueryRowContext(ctx, "SELECT count(*)"+tables, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count imports: %w", err)
	}
	n := len(args)
	ids, err := collect(ctx, db.read.direct, scanID,
		fmt.Sprintf("SELECT i.id%s ORDER BY i.id DESC LIMIT $%d OFFSET $%d", tables, n+1, n+2), append(args, f.Limit, f.Offset)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list imports: %w", err)
	}
	page, err = db.listAll(ctx, ids)
	return page, total, err
}

// listAll returns imports by their ids, in that order. One that is gone is left out.
func (db *DB) listAll(ctx context.Context, ids []int64) (page []Listed, err error) {
	places, err := db.places(ctx, ids...)
	if err != nil {
		return nil, err
	}
	names, err := db.processNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		one, err := db.listed(ctx, id)
		if rehome.CodeOf(err) == rehome.NotFound {
			continue // gone since the ids were read
		}
		if err != nil {
			return nil, err
		}
		one.QueuePosition, one.WorkerName = places[id], names[one.Worker]
		page = append(page, one)
	}
	return page, nil
}

// Waiting returns those that wait for a worker, by their QueuePosition, without the first offset of them, and how many there are in all.
func (db *DB) Waiting(ctx context.Context, offset, limit int) (page []Listed, total int, err error) {
	places, err := db.Places(ctx)
	if err != nil {
		return nil, 0, err
	}
	ids := slices.SortedFunc(maps.Keys(places), func(a, b int64) int { return cmp.Compare(places[a], places[b]) })
	offset = min(max(offset, 0), len(ids))
	page, err = db.listAll(ctx, ids[offset:min(offset+limit, len(ids))])
	return page, len(ids), err
}

// WorkedOn returns at most limit imports that processes of these ids have now, by process.
func (db *DB) WorkedOn(ctx context.Context, limit int, processes ...string) ([]Listed, error) {
	ids, err := collect(ctx, db.read.direct, func(r row) (one worked, err error) {
		err = r.Scan(&one.id, &one.owner)
		return one, err
	}, "SELECT id, lease_owner FROM imports WHERE "+held+" AND lease_expires > "+db.now+" ORDER BY lease_owner, id")
	if err != nil {
		return nil, fmt.Errorf("list what is worked on: %w", err)
	}
	var theirs []int64
	for _, one := range ids {
		if len(theirs) < limit && slices.Contains(processes, processOf(one.owner)) {
			theirs = append(theirs, one.id)
		}
	}
	return db.listAll(ctx, theirs)
}

// worked is an import that somebody works on.
type worked struct {
	id    int64
	owner string // of its lease
}

func (f Filter) where() (string, []any) {
	conditions, args := []string{"i.deleted_at = 0"}, []any(nil)
	in := func(column string, values []any) {
		if len(values) == 0 {
			conditions = append(conditions, "1 = 0")
			return
		}
		marks := make([]string, len(values))
		for n := range values {
			args = append(args, values[n])
			marks[n] = fmt.Sprintf("$%d", len(args))
		}
		conditions = append(conditions, column+" IN ("+strings.Join(marks, ", ")+")")
	}
	if f.Owners != nil {
		logins := make([]any, 0, len(f.Owners))
		for _, login := range f.Owners {
			logins = append(logins, folded(login))
		}
		in("lower(o.login)", logins)
	}
	if f.Status != nil {
		statuses := make([]any, 0, len(f.Status))
		for _, s := range f.Status {
			statuses = append(statuses, string(s))
		}
		in("i.status", statuses)
	}
	if f.Search != "" {
		args = append(args, "%"+likely.Replace(folded(f.Search))+"%")
		n := len(args)
		conditions = append(conditions, fmt.Sprintf(`(lower(o.login || '/' || r.name) LIKE $%d ESCAPE '!' OR lower(i.url) LIKE $%d ESCAPE '!')`, n, n))
	}
	return strings.Join(conditions, " AND "), args
}

// likely makes a text part of a LIKE pattern.
var likely = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func (db *DB) listed(ctx context.Context, id int64) (Listed, error) {
	i, err := db.ImportByID(ctx, id)
	if err != nil {
		return Listed{}, err
	}
	repository, err := db.RepositoryByID(ctx, i.RepositoryID)
	if err != nil {
		return Listed{}, err
	}
	return Listed{Import: i, Repository: repository}, err
}
