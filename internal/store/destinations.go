package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rehome"
)

// Destination is a repository's destination, with what signs in there.
type Destination struct {
	rehome.Destination
	RepositoryID int64
	Credentials  []byte // sealed; nil for none
	Key          []byte // sealed private key for SSH; nil for none
}

const (
	destinationColumns = "d.url, d.make, d.visibility, d.on_divergence, d.ssh_public_key"
	destinationOrNone  = "coalesce(d.url, ''), coalesce(d.make, FALSE), coalesce(d.visibility, ''), coalesce(d.on_divergence, ''), coalesce(d.ssh_public_key, '')"
)

// destinationFields are what destinationColumns, or destinationOrNone, are read into.
func destinationFields(d *rehome.Destination) []any {
	return []any{&d.URL, &d.Create, &d.Visibility, &d.OnDivergence, &d.SSHPublicKey}
}

// Destination returns where the repository's imports push to; rehome.NotFound when that is the built-in host.
func (db *DB) Destination(ctx context.Context, repositoryID int64) (Destination, error) {
	return destinationOf(ctx, db.read, repositoryID, "")
}

// Destination is DB.Destination inside a transaction.
func (t *Tx) Destination(ctx context.Context, repositoryID int64) (Destination, error) {
	return destinationOf(ctx, t.tx, repositoryID, t.write)
}

func destinationOf(ctx context.Context, q queryer, repositoryID int64, lock string) (Destination, error) {
	d := Destination{RepositoryID: repositoryID}
	err := q.QueryRowContext(ctx, "SELECT "+destinationColumns+", d.credentials, d.ssh_key FROM destinations d WHERE d.repository_id = $1"+lock, repositoryID).
		Scan(append(destinationFields(&d.Destination), &d.Credentials, &d.Key)...)
	if err != nil {
		return Destination{}, found(err, "destination")
	}
	return d, nil
}

// SetDestination stores d as the destination of its repository, in place of the one there was.
func (t *Tx) SetDestination(ctx context.Context, d Destination) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO destinations
		(repository_id, url, credentials, ssh_key, ssh_public_key, make, visibility, on_divergence, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (repository_id) DO UPDATE SET url = excluded.url, credentials = excluded.credentials, ssh_key = excluded.ssh_key,
		ssh_public_key = excluded.ssh_public_key, make = excluded.make, visibility = excluded.visibility, on_divergence = excluded.on_divergence,
		changed_at = excluded.changed_at`,
		d.RepositoryID, d.URL, d.Credentials, d.Key, d.SSHPublicKey, d.Create, d.Visibility, d.OnDivergence, millis(t.Now))
	if err != nil {
		return fmt.Errorf("store destination: %w", err)
	}
	return nil
}

// DropDestination makes the built-in host the repository's destination again.
func (t *Tx) DropDestination(ctx context.Context, repositoryID int64) error {
	if _, err := t.tx.ExecContext(ctx, "DELETE FROM destinations WHERE repository_id = $1", repositoryID); err != nil {
		return fmt.Errorf("forget destination: %w", err)
	}
	return nil
}

// forgetCredentials erases what signs in at the repository's destination.
func (t *Tx) forgetCredentials(ctx context.Context, repositoryID int64) error {
	_, err := t.tx.ExecContext(ctx, "UPDATE destinations SET credentials = NULL, ssh_key = NULL, ssh_public_key = '' WHERE repository_id = $1", repositoryID)
	return err
}

// ChangeDestination changes where the repository's imports push to, in one transaction. change edits the
// destination in place, the zero one where there is none yet, and the row of the import as with ChangeImport; i is
// nil when there is no import. rehome.NotFound when there is no such repository.
func (db *DB) ChangeDestination(ctx context.Context, repositoryID int64, change func(t *Tx, d *Destination, i *Import) error) (d Destination, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if err := t.lockRepository(ctx, repositoryID); err != nil {
			return err
		}
		i, none := t.importWhere(ctx, "i.repository_id = $1 AND i.deleted_at = 0", repositoryID)
		if none != nil && !errors.Is(none, sql.ErrNoRows) {
			return none
		}
		d, err = t.Destination(ctx, repositoryID)
		if err != nil && rehome.CodeOf(err) != rehome.NotFound {
			return err
		}
		d.RepositoryID = repositoryID
		if none != nil {
			return t.setDestination(ctx, &d, change)
		}
		return t.changeAsked(ctx, &i, func(t *Tx, i *Import) error {
			if err := change(t, &d, i); err != nil {
				return err
			}
			i.Destination = d.Destination
			return t.SetDestination(ctx, d)
		})
	})
	return d, err
}

// setDestination is ChangeDestination where there is no import.
func (t *Tx) setDestination(ctx context.Context, d *Destination, change func(t *Tx, d *Destination, i *Import) error) error {
	if err := change(t, d, nil); errors.Is(err, ErrUnchanged) {
		return nil
	} else if err != nil {
		return err
	}
	return t.SetDestination(ctx, *d)
}
