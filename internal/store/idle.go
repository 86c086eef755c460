package store

import (
	"context"
	"fmt"
	"time"
)

// EraseIdle forgets what signs in at both ends of imports that rest, will not be synced by a clock, and have not changed
// for so long, and at destinations for which there is no import and which were set that long ago. It returns how many these were. Idle is counted by the database's clock.
func (db *DB) EraseIdle(ctx context.Context, idle time.Duration) (erased int64, err error) {
	const rests = `deleted_at = 0 AND NOT (` + syncs + `) AND status NOT IN ('detecting', 'importing', 'mapping', 'pushing') AND updated_at < $1`
	err = db.inTx(ctx, func(t *Tx) error {
		if err := t.alone(ctx); err != nil {
			return err
		}
		before := millis(t.Now.Add(-idle))
		for _, statement := range []string{ // imports first, as everybody else
			`UPDATE imports SET credentials = NULL, ssh_key = NULL, ssh_public_key = ''
				WHERE (credentials IS NOT NULL OR ssh_key IS NOT NULL) AND ` + rests,
			// changed_at is in the row that is written: of one that was changed meanwhile it is looked at again.
			`UPDATE destinations SET credentials = NULL, ssh_key = NULL, ssh_public_key = ''
				WHERE (credentials IS NOT NULL OR ssh_key IS NOT NULL) AND changed_at < $1 AND (repository_id IN (SELECT repository_id FROM imports WHERE ` + rests + `)
				OR NOT EXISTS (SELECT 1 FROM imports i WHERE i.repository_id = destinations.repository_id AND i.deleted_at = 0))`,
		} {
			done, err := t.tx.ExecContext(ctx, statement, before)
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if err != nil {
				return err
			}
			erased += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("erase idle credentials: %w", err)
	}
	return erased, nil
}
