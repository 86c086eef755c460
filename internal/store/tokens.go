package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rehome"
)

const tokenColumns = ownerColumns + ", t.id, t.scopes, t.owners, t.created_at, t.revoked_at, t.made_by, t.note, t.used_at"

const tokenTables = " FROM tokens t JOIN owners o ON o.id = t.owner_id "

func scanToken(r row) (rehome.Token, error) {
	var t rehome.Token
	var scopes, owners string
	var ownerCreated, created, revoked, used int64
	err := r.Scan(
		&t.User.ID, &t.User.Login, &t.User.Kind, &t.User.Admin, &ownerCreated,
		&t.ID, &scopes, &owners, &created, &revoked, &t.MadeBy, &t.Note, &used)
	if err != nil {
		return t, err
	}
	t.User.CreatedAt = fromMillis(ownerCreated)
	t.CreatedAt, t.RevokedAt, t.UsedAt = fromMillis(created), fromMillis(revoked), fromMillis(used)
	if err := json.Unmarshal([]byte(scopes), &t.Scopes); err != nil {
		return t, fmt.Errorf("scopes of token %d: %w", t.ID, err)
	}
	if err := json.Unmarshal([]byte(owners), &t.Owners); err != nil {
		return t, fmt.Errorf("owners of token %d: %w", t.ID, err)
	}
	return t, nil
}

// CreateToken stores a token of t.User.ID under the SHA-256 of its secret and returns it
// with id and time; rehome.AlreadyExists when the hash is known, rehome.NotFound when t.MadeBy names a token that does not work
// any more: it may have been revoked since it was let in.
func (db *DB) CreateToken(ctx context.Context, t rehome.Token, hash [32]byte) (rehome.Token, error) {
	scopes, owners := jsonList(t.Scopes), jsonList(t.Owners)
	err := db.inTx(ctx, func(tx *Tx) error {
		t.CreatedAt = tx.Now
		if t.MadeBy != 0 { // whoever revokes it waits, and finds this one
			works := tx.tx.QueryRowContext(ctx, "SELECT id FROM tokens WHERE id = $1 AND revoked_at = 0"+tx.write, t.MadeBy)
			if err := works.Scan(&t.MadeBy); err != nil {
				return found(err, "token")
			}
		}
		return tx.tx.QueryRowContext(ctx,
			"INSERT INTO tokens (owner_id, hash, scopes, owners, created_at, made_by, note) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
			t.User.ID, hash[:], scopes, owners, millis(t.CreatedAt), t.MadeBy, t.Note).Scan(&t.ID)
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
	return db.inTx(ctx, func(t *Tx) error { return t.revokeToken(ctx, id) })
}

func (t *Tx) revokeToken(ctx context.Context, id int64) error {
	return found(t.tx.QueryRowContext(ctx,
		"UPDATE tokens SET revoked_at = CASE WHEN revoked_at = 0 THEN $2 ELSE revoked_at END WHERE id = $1 RETURNING id",
		id, millis(t.Now)).Scan(&id), "token")
}

// descent is a table of the tokens that were made with the token $1, with those, and so on, whether they work or not.
const descent = `WITH RECURSIVE made (id) AS (
	SELECT id FROM tokens WHERE made_by = $1 AND made_by <> 0
	UNION SELECT t.id FROM tokens t JOIN made m ON t.made_by = m.id WHERE t.made_by <> 0) `

// TokensMade returns the tokens that work and were made with a token, with one that was made with it, and so on, by id.
func (db *DB) TokensMade(ctx context.Context, id int64) ([]rehome.Token, error) {
	all, err := collect(ctx, db.read, scanToken,
		descent+"SELECT "+tokenColumns+tokenTables+"WHERE t.revoked_at = 0 AND t.id IN (SELECT id FROM made) ORDER BY t.id", id)
	if err != nil {
		return nil, fmt.Errorf("list the tokens made with a token: %w", err)
	}
	return all, nil
}

// RevokeTokenWithMade revokes a token and those that TokensMade returns, and says how many those are.
func (db *DB) RevokeTokenWithMade(ctx context.Context, id int64) (made int64, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		made = 0
		if err := t.revokeToken(ctx, id); err != nil {
			return err
		}
		for { // what was made while this waited for who made it is found the next time
			// The rows are taken in order of their ids, as UseTokens takes them.
			if _, err := collect(ctx, t.tx, scanID, descent+"SELECT id FROM tokens WHERE revoked_at = 0 AND id IN (SELECT id FROM made) ORDER BY id"+t.write, id); err != nil {
				return err
			}
			done, err := t.tx.ExecContext(ctx, descent+"UPDATE tokens SET revoked_at = $2 WHERE revoked_at = 0 AND id IN (SELECT id FROM made)", id, millis(t.Now))
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if made += n; err != nil || n == 0 {
				return err
			}
		}
	})
	return made, err
}

// UsedStep is how exactly it is kept when a token was used last.
const UsedStep = time.Hour

// UseTokens notes that tokens were used, unless that is known to the hour. The ids ascend.
func (db *DB) UseTokens(ctx context.Context, ids []int64) error {
	err := db.inTx(ctx, func(t *Tx) error {
		for _, id := range ids {
			if _, err := t.tx.ExecContext(ctx, "UPDATE tokens SET used_at = $2 WHERE id = $1 AND used_at <= $3", id, millis(t.Now), millis(t.Now.Add(-UsedStep))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note that tokens were used: %w", err)
	}
	return nil
}
