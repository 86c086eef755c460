package store

import (
	"context"
	"fmt"
	"strings"

	"rehome"
)

// RepositoryFilter chooses repositories for a list.
type RepositoryFilter struct {
	Owners  []string // logins in any case; nil for all, empty for none
	Private bool     // private ones, too
	Limit   int
	Offset  int
}

// ListRepositories returns the repositories a filter chooses, by full name, and how many there are in all.
func (db *DB) ListRepositories(ctx context.Context, f RepositoryFilter) (page []rehome.Repository, total int, err error) {
	where, args := ownedBy(f.Owners)
	if !f.Private {
		args = append(args, false)
		where += fmt.Sprintf(" AND r.private = $%d", len(args))
	}
	tables := repositoryTables + "WHERE " + where
	if err := db.read.direct.QueryRowContext(ctx, "SELECT count(*)"+tables, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count repositories: %w", err)
	}
	page, err = collect(ctx, db.read.direct, scanRepository,
		fmt.Sprintf("SELECT %s%s ORDER BY lower(o.login), lower(r.name) LIMIT $%d OFFSET $%d", repositoryColumns, tables, len(args)+1, len(args)+2),
		append(args, f.Limit, f.Offset)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list repositories: %w", err)
	}
	return page, total, nil
}

// PublicRepositories counts the public repositories of the owner with that id.
func (db *DB) PublicRepositories(ctx context.Context, ownerID int64) (n int, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT count(*) FROM repositories WHERE owner_id = $1 AND private = $2", ownerID, false).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count repositories: %w", err)
	}
	return n, nil
}

// Organizations returns a page of the organisations among logins, nil for all there are, by login, and how many there are.
func (db *DB) Organizations(ctx context.Context, logins []string, limit, offset int) (page []rehome.Owner, total int, err error) {
	where, args := ownedBy(logins)
	args = append(args, rehome.Organization)
	tables := fmt.Sprintf(" FROM owners o WHERE %s AND o.kind = $%d", where, len(args))
	if err := db.read.direct.QueryRowContext(ctx, "SELECT count(*)"+tables, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count organizations: %w", err)
	}
	page, err = collect(ctx, db.read.direct, scanOwner,
		fmt.Sprintf("SELECT %s%s ORDER BY lower(o.login) LIMIT $%d OFFSET $%d", ownerColumns, tables, len(args)+1, len(args)+2),
		append(args, limit, offset)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list organizations: %w", err)
	}
	return page, total, nil
}

// ownedBy is the condition that an owner o is one of logins, in any case; nil is everybody.
func ownedBy(logins []string) (where string, args []any) {
	if logins == nil {
		return "1 = 1", nil
	}
	if len(logins) == 0 {
		return "1 = 0", nil
	}
	marks := make([]string, len(logins))
	for n, login := range logins {
		args = append(args, folded(login))
		marks[n] = fmt.Sprintf("$%d", n+1)
	}
	return "lower(o.login) IN (" + strings.Join(marks, ", ") + ")", args
}

// ChangeRepository changes the repository in one transaction: Description, Private and DefaultBranch as change leaves
// them. rehome.NotFound when there is none.
func (db *DB) ChangeRepository(ctx context.Context, id int64, change func(*rehome.Repository)) (rehome.Repository, error) {
	var r rehome.Repository
	err := db.inTx(ctx, func(t *Tx) error {
		if err := t.lockRepository(ctx, id); err != nil {
			return err
		}
		before, err := repositoryByID(ctx, t.tx, id)
		if err != nil {
			return err
		}
		r = before
		change(&r)
		if r == before {
			return nil
		}
		r.UpdatedAt = t.Now
		_, err = t.tx.ExecContext(ctx, "UPDATE repositories SET description = $2, private = $3, default_branch = $4, updated_at = $5 WHERE id = $1",
			id, r.Description, r.Private, r.DefaultBranch, millis(r.UpdatedAt))
		return err
	})
	return r, found(err, "repository")
}
