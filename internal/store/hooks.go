package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"rehome"
)

// Hook is a webhook's row.
type Hook struct {
	rehome.Hook
	Secret  []byte // sealed; nil for none
	Failing int    // attempts in a row that failed
}

const hookColumns = `id, repository_id, owner_id, url, form, events, active, secret,
	last_code, last_text, failing, created_at, updated_at`

func scanHook(r row) (Hook, error) {
	var h Hook
	var events string
	var created, updated int64
	err := r.Scan(&h.ID, &h.Target.RepositoryID, &h.Target.OwnerID, &h.URL, &h.Form, &events, &h.Active, &h.Secret,
		&h.Last.Code, &h.Last.Text, &h.Failing, &created, &updated)
	if err != nil {
		return h, err
	}
	h.Signed = h.Secret != nil
	h.CreatedAt, h.UpdatedAt = fromMillis(created), fromMillis(updated)
	if err := json.Unmarshal([]byte(events), &h.Events); err != nil {
		return h, fmt.Errorf("events of hook %d: %w", h.ID, err)
	}
	return h, nil
}

// hooksAt chooses the hooks of a target. A deleted repository shows none, though some may
// still have deliveries to make.
const hooksAt = `repository_id = $1 AND owner_id = $2
	AND (repository_id = 0 OR EXISTS (SELECT 1 FROM repositories r WHERE r.id = hooks.repository_id))`

// idleHook says of a hook that nothing is to be delivered to it.
const idleHook = "NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.hook_id = hooks.id AND d.next_attempt_at <> 0)"

// CreateHook stores h and returns it with id and times. NotFound when there is no such target;
// AlreadyExists when it has one with the same URL, content type and events; LimitPassed when it
// has most already.
func (db *DB) CreateHook(ctx context.Context, h Hook, most int) (Hook, error) {
	err := db.inTx(ctx, func(t *Tx) error {
		if err := t.hasTarget(ctx, h.Target); err != nil {
			return err
		}
		others, err := t.othersAt(ctx, h)
		if err != nil {
			return err
		}
		if others >= most {
			return &rehome.Error{
				Code: rehome.LimitPassed, Message: fmt.Sprintf("The %s has %d hooks, which is the most.", targetWord(h.Target), others),
				Hint: "Delete one that is not needed any more.",
			}
		}
		h, err = scanHook(t.tx.QueryRowContext(ctx, `INSERT INTO hooks
			(repository_id, owner_id, url, form, events, active, secret, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING `+hookColumns,
			h.Target.RepositoryID, h.Target.OwnerID, h.URL, h.Form, jsonList(h.Events), h.Active, h.sealed(), millis(t.Now)))
		return err
	})
	if err != nil {
		return Hook{}, fmt.Errorf("create hook: %w", err)
	}
	return h, nil
}

// sealed is the secret as the row keeps it.
func (h *Hook) sealed() []byte {
	if len(h.Secret) == 0 {
		return nil
	}
	return h.Secret
}

func targetWord(at rehome.HookTarget) string {
	if at.RepositoryID != 0 {
		return "repository"
	}
	return "organization"
}

// hasTarget locks the target: hooks are counted before one is added, and held against each other.
func (t *Tx) hasTarget(ctx context.Context, at rehome.HookTarget) error {
	query, id := "SELECT id FROM repositories WHERE id = $1", at.RepositoryID
	if id == 0 {
		query, id = "SELECT id FROM owners WHERE id = $1", at.OwnerID
	}
	return found(t.lockID(ctx, query, id), targetWord(at))
}

// othersAt counts the other hooks of h's target; AlreadyExists when one of them is like h. An
// index cannot see to that: URL and events together may be longer than databases let a key be.
func (t *Tx) othersAt(ctx context.Context, h Hook) (others int, err error) {
	var alike int
	err = t.tx.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN url = $4 AND form = $5 AND events = $6 THEN 1 END)
		FROM hooks WHERE repository_id = $1 AND owner_id = $2 AND id <> $3`,
		h.Target.RepositoryID, h.Target.OwnerID, h.ID, h.URL, h.Form, jsonList(h.Events)).Scan(&others, &alike)
	if err == nil && alike > 0 {
		err = &rehome.Error{Code: rehome.AlreadyExists, Message: "Hook already exists on this " + targetWord(h.Target)}
	}
	return others, err
}

// Hook returns the hook of the target with that id; NotFound when there is none.
func (db *DB) Hook(ctx context.Context, at rehome.HookTarget, id int64) (Hook, error) {
	h, err := hookAt(ctx, db.read, at, id, "")
	return h, found(err, "hook")
}

func hookAt(ctx context.Context, q queryer, at rehome.HookTarget, id int64, lock string) (Hook, error) {
	return scanHook(q.QueryRowContext(ctx, "SELECT "+hookColumns+" FROM hooks WHERE id = $3 AND "+hooksAt+lock, at.RepositoryID, at.OwnerID, id))
}

// Hooks returns one page of the target's hooks, by id, and how many there are. Pages begin at 1.
func (db *DB) Hooks(ctx context.Context, at rehome.HookTarget, page, perPage int) ([]Hook, int64, error) {
	var total int64
	err := db.read.QueryRowContext(ctx, "SELECT count(*) FROM hooks WHERE "+hooksAt, at.RepositoryID, at.OwnerID).Scan(&total)
	if err != nil {
		return nil, 0, fmt.Errorf("count hooks: %w", err)
	}
	hooks, err := collect(ctx, db.read, scanHook, "SELECT "+hookColumns+" FROM hooks WHERE "+hooksAt+" ORDER BY id LIMIT $3 OFFSET $4",
		at.RepositoryID, at.OwnerID, perPage, (int64(page)-1)*int64(perPage))
	if err != nil {
		return nil, 0, fmt.Errorf("list hooks: %w", err)
	}
	return hooks, total, nil
}

// ChangeHook changes the hook in one transaction: URL, Form, Events, Active, Secret and Failing
// as change leaves them, or nothing when it returns an error. NotFound when there is none,
// AlreadyExists as with CreateHook.
func (db *DB) ChangeHook(ctx context.Context, at rehome.HookTarget, id int64, change func(*Hook) error) (Hook, error) {
	var h Hook
	err := db.inTx(ctx, func(t *Tx) error {
		err := t.hasTarget(ctx, at)
		if err != nil {
			if rehome.CodeOf(err) == rehome.NotFound {
				err = found(sql.ErrNoRows, "hook")
			}
			return err
		}
		if h, err = hookAt(ctx, t.tx, at, id, t.write); err != nil {
			return found(err, "hook")
		}
		if err := change(&h); errors.Is(err, ErrUnchanged) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := t.othersAt(ctx, h); err != nil {
			return err
		}
		h, err = scanHook(t.tx.QueryRowContext(ctx, `UPDATE hooks SET
			url = $2, form = $3, events = $4, active = $5, secret = $6, failing = $7, updated_at = $8
			WHERE id = $1 RETURNING `+hookColumns,
			id, h.URL, h.Form, jsonList(h.Events), h.Active, h.sealed(), h.Failing, millis(t.Now)))
		return err
	})
	if err != nil {
		return Hook{}, fmt.Errorf("change hook: %w", err)
	}
	return h, nil
}

// DeleteHook removes the hook and its deliveries, due ones too; NotFound when there is none.
func (db *DB) DeleteHook(ctx context.Context, at rehome.HookTarget, id int64) error {
	err := db.inTx(ctx, func(t *Tx) error {
		return t.tx.QueryRowContext(ctx, "DELETE FROM hooks WHERE id = $3 AND "+hooksAt+" RETURNING id",
			at.RepositoryID, at.OwnerID, id).Scan(&id)
	})
	return found(err, "hook")
}

// HooksFor returns the active hooks that are told of the event in r: the repository's own and, where an organisation
// owns it, the organisation's, by id. They stay until the transaction ends.
func (t *Tx) HooksFor(ctx context.Context, r rehome.Repository, event string) ([]Hook, error) {
	where, args := "repository_id = $1 AND owner_id = 0", []any{r.ID}
	if r.Owner.Kind == rehome.Organization {
		where, args = "("+where+" OR repository_id = 0 AND owner_id = $2)", append(args, r.Owner.ID)
	}
	hooks, err := collect(ctx, t.tx, scanHook, "SELECT "+hookColumns+" FROM hooks WHERE "+where+" ORDER BY id"+t.keep, args...)
	if err != nil {
		return nil, fmt.Errorf("list hooks for %s: %w", event, err)
	}
	return slices.DeleteFunc(hooks, func(h Hook) bool {
		return !h.Active || !slices.Contains(h.Events, event) && !slices.Contains(h.Events, "*")
	}), nil
}
