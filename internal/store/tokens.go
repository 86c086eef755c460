package store

import (
	"context"
	"encoding/json"
	"fmt"

	"rehome"
)

const tokenColumns = ownerColumns + ", t.id, t.scopes, t.owners, t.created_at, t.revoked_at"

const tokenTables = " FROM tokens t JOIN owners o ON o.id = t.owner_id "

func scanToken(r row) (rehome.Token, error) {
	var t rehome.Token
	var scopes, owners string
	var ownerCreated, created, revoked int64
	err := r.Scan(
		&t.User.ID, &t.User.Login, &t.User.Kind, &t.User.Admin, &ownerCreated,
		&t.ID, &scopes, &owners, &created, &revoked)
	if err != nil {
		return t, err
	}
	t.User.CreatedAt = fromMillis(ownerCreated)
	t.CreatedAt, t.RevokedAt = fromMillis(created), fromMillis(revoked)
	if err := json.Unmarshal([]byte(scopes), &t.Scopes); err != nil {
		return t, fmt.Errorf("scopes of token %d: %w", t.ID, err)
	}
	if err := json.Unmarshal([]byte(owners), &t.Owners); err != nil {
		return t, fmt.Errorf("owners of token %d: %w", t.ID, err)
	}
	return t, nil
}

// CreateToken stores a token of t.User.ID under the SHA-256 of its secret and returns it
// with id and time; rehome.AlreadyExists when the hash is known.
func (db *DB) CreateToken(ctx context.Context, t rehome.Token, hash [32]byte) (rehome.Token, error) {
	scopes, owners := jsonList(t.Scopes), jsonList(t.Owners)
	err := db.inTx(ctx, func(tx *Tx) error {
		t.CreatedAt = tx.Now
		return tx.tx.QueryRowContext(ctx,
			"INSERT INTO tokens (owner_id, hash, scopes, owners, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
			t.User.ID, hash[:], scopes, owners, millis(t.CreatedAt)).Scan(&t.ID)
	})
	if isDuplicate(err) {
		return rehome.Token{}, &rehome.Error{Code: rehome.AlreadyExists, Field: "token", Message: "The token is known already."}
	}
	if err != nil {
		return rehome.Token{}, fmt.Errorf("create token: %w", err)
	}
	return t, nil
}

// CreateFirstToken stores a token as CreateToken does, of a user called login who is made an administrator, and made when
// missing, unless an administrator has a token, revoked or not; ok says whether it did. Of several that ask at once only
// one does. rehome.AlreadyExists when the login is an organisation's.
func (db *DB) CreateFirstToken(ctx context.Context, login string, scopes []string, hash [32]byte) (ok bool, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if err := t.alone(ctx); err != nil {
			return err
		}
		ids, err := collect(ctx, t.tx, scanID, "SELECT t.id"+tokenTables+"WHERE o.admin = $1 LIMIT 1", true)
		if ok = err == nil && len(ids) == 0; !ok {
			return err
		}
		owner, err := t.administrator(ctx, login)
		if err != nil {
			return err
		}
		_, err = t.tx.ExecContext(ctx, "INSERT INTO tokens (owner_id, hash, scopes, owners, created_at) VALUES ($1, $2, $3, $4, $5)",
			owner, hash[:], jsonList(scopes), jsonList(nil), millis(t.Now))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("create the first token: %w", err)
	}
	return ok, nil
}

// administrator makes the user called login one, and the user when missing.
func (t *Tx) administrator(ctx context.Context, login string) (id int64, err error) {
	if _, err := t.tx.ExecContext(ctx, `INSERT INTO owners (login, kind, admin, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, login, rehome.User, true, millis(t.Now)); err != nil {
		return 0, err
	}
	o, err := scanOwner(t.tx.QueryRowContext(ctx, "SELECT "+ownerColumns+" FROM owners o WHERE lower(o.login) = $1", folded(login)))
	switch {
	case err != nil:
		return 0, err
	case o.Kind != rehome.User:
		return 0, loginTaken(o.Login)
	}
	_, err = t.tx.ExecContext(ctx, "UPDATE owners SET admin = $2 WHERE id = $1", o.ID, true)
	return o.ID, err
}

// jsonList encodes a list of words; nil becomes an empty list.
func jsonList(words []string) string {
	if words == nil {
		words = []string{}
	}
	text, _ := json.Marshal(words) // strings always encode
	return string(text)
}

// TokenByHash returns the token whose secret has that SHA-256, revoked or not;
// rehome.NotFound when there is none.
func (db *DB) TokenByHash(ctx context.Context, hash [32]byte) (rehome.Token, error) {
	t, err := scanToken(db.read.QueryRowContext(ctx, "SELECT "+tokenColumns+tokenTables+"WHERE t.hash = $1", hash[:]))
	return t, found(err, "token")
}

// Tokens returns every token, by id, revoked ones too.
func (db *DB) Tokens(ctx context.Context) ([]rehome.Token, error) {
	all, err := collect(ctx, db.read, scanToken, "SELECT "+tokenColumns+tokenTables+"ORDER BY t.id")
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return all, nil
}

// RevokeToken makes a token useless for good; doing it again changes nothing.
// rehome.NotFound when there is no such token.
func (db *DB) RevokeToken(ctx context.Context, id int64) error {
	err := db.inTx(ctx, func(t *Tx) error {
		return t.tx.QueryRowContext(ctx,
			"UPDATE tokens SET revoked_at = CASE WHEN revoked_at = 0 THEN $2 ELSE revoked_at END WHERE id = $1 RETURNING id",
			id, millis(t.Now)).Scan(&id)
	})
	return found(err, "token")
}
