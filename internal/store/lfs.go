package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// LFSObject names a Git LFS object of a repository.
type LFSObject struct {
	OID  string // SHA-256, 64 digits of lower-case hex
	Size int64  // bytes
}

// lfsBatch is how many objects a statement names: rows of JSON, so that no limit on the
// number of parameters is met.
const lfsBatch = 5000

// AddLFSObjects lets the repository have objects that were uploaded or came with a source, for
// good; what it has already stays. All of them or, with an error, none. rehome.NotFound when
// there is no such repository.
//
// Their bytes are put before, or looked at after: see LFSRemovals. rehome.Unreachable when they are just being removed, which takes moments; some
// seconds are waited for it.
func (db *DB) AddLFSObjects(ctx context.Context, repositoryID int64, objects []LFSObject) error {
	if len(objects) == 0 {
		return nil
	}
	for try := 0; ; try++ {
		err := db.inTx(ctx, func(t *Tx) error { return t.addLFSObjects(ctx, repositoryID, objects, false) })
		if !errors.Is(err, errCondemned) || try == condemnedTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(condemnedPause):
		}
	}
}

// How often, and how long, a row waits for bytes that are just being removed.
const (
	condemnedTries = 20
	condemnedPause = 250 * time.Millisecond
)

// AddConvertedLFS lets the repository have objects that a rewrite made of files. One that it has
// for good stays so; the others stay until DropConvertedLFS. Errors are those of AddLFSObjects.
func (t *Tx) AddConvertedLFS(ctx context.Context, repositoryID int64, objects []LFSObject) error {
	return t.addLFSObjects(ctx, repositoryID, objects, true)
}

func (t *Tx) addLFSObjects(ctx context.Context, repositoryID int64, objects []LFSObject, converted bool) error {
	if err := t.lockRepository(ctx, repositoryID); err != nil {
		return err
	}
	for len(objects) > 0 {
		batch := objects[:min(len(objects), lfsBatch)]
		objects = objects[len(batch):]
		text, err := json.Marshal(batch)
		if err == nil {
			_, err = t.tx.ExecContext(ctx, `INSERT INTO lfs_objects (repository_id, oid, size, converted)
				SELECT CAST($1 AS BIGINT), value ->> 'OID', max(CAST(value ->> 'Size' AS BIGINT)), CAST($3 AS BOOLEAN)
				FROM `+fmt.Sprintf(t.objects, "$2")+` GROUP BY value ->> 'OID'
				ON CONFLICT (repository_id, oid) DO UPDATE SET converted = FALSE WHERE lfs_objects.converted > excluded.converted`,
				repositoryID, string(text), converted)
		}
		if err == nil {
			err = t.unmark(ctx, oidsOf(batch))
		}
		if err != nil {
			return fmt.Errorf("add LFS objects: %w", err)
		}
	}
	return nil
}

func oidsOf(objects []LFSObject) []string {
	oids := make([]string, len(objects))
	for n, o := range objects {
		oids[n] = o.OID
	}
	return oids
}

// DropConvertedLFS takes from the repository the objects that only a rewrite made, except those
// that are still pointed to. Their bytes stay in the store until a sweep finds that nobody needs them.
func (t *Tx) DropConvertedLFS(ctx context.Context, repositoryID int64, except []LFSObject) error {
	_, err := t.tx.ExecContext(ctx, `DELETE FROM lfs_objects WHERE repository_id = $1 AND converted
		AND oid NOT IN (SELECT value FROM `+fmt.Sprintf(t.words, "$2")+")", repositoryID, jsonList(oidsOf(except)))
	if err != nil {
		return fmt.Errorf("drop LFS objects: %w", err)
	}
	return nil
}

// LFSObjects returns those of the objects that the repository has, with their sizes.
func (db *DB) LFSObjects(ctx context.Context, repositoryID int64, oids []string) (map[string]int64, error) {
	scan := func(r row) (o LFSObject, err error) {
		err = r.Scan(&o.OID, &o.Size)
		return o, err
	}
	sizes := make(map[string]int64)
	for len(oids) > 0 {
		batch := oids[:min(len(oids), lfsBatch)]
		oids = oids[len(batch):]
		// CROSS JOIN looks up one by one; the planner would read all of json for each row.
		has, err := collect(ctx, db.read, scan, "SELECT l.oid, l.size FROM "+fmt.Sprintf(db.words, "$2")+`
			CROSS JOIN lfs_objects l WHERE l.repository_id = $1 AND l.oid = wanted.value`, repositoryID, jsonList(batch))
		if err != nil {
			return nil, fmt.Errorf("look up LFS objects: %w", err)
		}
		for _, o := range has {
			sizes[o.OID] = o.Size
		}
	}
	return sizes, nil
}

// LFSCount returns how many Git LFS objects the repository has, and their bytes.
func (db *DB) LFSCount(ctx context.Context, repositoryID int64) (objects, bytes int64, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(size), 0) FROM lfs_objects WHERE repository_id = $1",
		repositoryID).Scan(&objects, &bytes)
	if err != nil {
		return 0, 0, fmt.Errorf("count LFS objects: %w", err)
	}
	return objects, bytes, nil
}
