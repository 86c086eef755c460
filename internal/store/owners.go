package store

import (
	"context"
	"fmt"
	"strings"

	"rehome"
)

const ownerColumns = "o.id, o.login, o.kind, o.admin, o.created_at"

func scanOwner(r row) (rehome.Owner, error) {
	var o rehome.Owner
	var created int64
	err := r.Scan(&o.ID, &o.Login, &o.Kind, &o.Admin, &created)
	o.CreatedAt = fromMillis(created)
	return o, err
}

// OwnerByLogin returns the owner called login, in any case; rehome.NotFound when there is none.
func (db *DB) OwnerByLogin(ctx context.Context, login string) (rehome.Owner, error) {
	o, err := scanOwner(db.read.QueryRowContext(ctx,
		"SELECT "+ownerColumns+" FROM owners o WHERE lower(o.login) = $1", folded(login)))
	return o, found(err, "owner")
}

// CreateOwner stores o and returns it with id and time; rehome.AlreadyExists when the
// login is taken.
func (db *DB) CreateOwner(ctx context.Context, o rehome.Owner) (rehome.Owner, error) {
	err := db.inTx(ctx, func(t *Tx) error {
		o.CreatedAt = t.Now
		return t.tx.QueryRowContext(ctx,
			"INSERT INTO owners (login, kind, admin, created_at) VALUES ($1, $2, $3, $4) RETURNING id",
			o.Login, o.Kind, o.Admin, millis(o.CreatedAt)).Scan(&o.ID)
	})
	if isDuplicate(err) {
		return rehome.Owner{}, loginTaken(o.Login)
	}
	if err != nil {
		return rehome.Owner{}, fmt.Errorf("create owner: %w", err)
	}
	return o, nil
}

func loginTaken(login string) error {
	return &rehome.Error{Code: rehome.AlreadyExists, Field: "login", Message: fmt.Sprintf("The login %q is taken.", rehome.Clean(login, 100))}
}

// MakeAdmin makes the owner with that id an administrator; rehome.NotFound when there is none.
func (db *DB) MakeAdmin(ctx context.Context, id int64) error {
	err := db.inTx(ctx, func(t *Tx) error {
		return t.tx.QueryRowContext(ctx, "UPDATE owners SET admin = $2 WHERE id = $1 RETURNING id", id, true).Scan(&id)
	})
	return found(err, "owner")
}

// folded is s as lower() of the databases makes it: only ASCII has cases there.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
