package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
)

// tables are all that hold what Rehome knows, each after those that its rows refer to. What goose and River keep for
// themselves is not among them, nor are sessions (people sign in again), processes, which live elsewhere, and chores and lfs_garbage: they are about a bucket that a restored
// database may not be alone with.
var tables = []string{
	"owners", "tokens", "repositories", "imports", "import_authors", "large_files", "raw_facts", "shapes", "receipts", "author_maps",
	"written_refs", "lfs_objects", "lfs_made", "destinations", "hooks", "deliveries",
}

// Snapshot is all rows as they were at one moment, whatever is written meanwhile. Close it: SQLite's log grows until then.
type Snapshot struct {
	tx *sql.Tx
	*dialect
	Schema int64 // the number of the newest migration that the rows have been through
}

// Snapshot takes one. Nobody writes while still runs, which may look at the snapshot: so it may copy
// what has to agree with the rows. It should take less than a few seconds: who wants to write waits.
func (db *DB) Snapshot(ctx context.Context, still func(*Snapshot) error) (s *Snapshot, err error) {
	err = patiently(ctx, func() error {
		s, err = db.snapshot(ctx, still)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take a snapshot of the database: %w", err)
	}
	return s, nil
}

// keepStill waits until no transaction writes, and keeps others from beginning. Locks of tables would be taken in an order
// that some of those who write do not take them in.
const keepStill = "SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock(7220183)"

// lastingReads lets a transaction rest for as long as it takes.
const lastingReads = "SET LOCAL idle_in_transaction_session_timeout = 0"

func (db *DB) snapshot(ctx context.Context, still func(*Snapshot) error) (*Snapshot, error) {
	lock, err := db.write.BeginTx(ctx, nil) // SQLite has one writer: this is it
	if err != nil {
		return nil, err
	}
	defer lock.Rollback() //nolint:errcheck // it changed nothing
	if !db.alike() {
		if _, err := lock.ExecContext(ctx, keepStill); err != nil {
			return nil, err
		}
	}
	o := &sql.TxOptions{}
	if !db.alike() {
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := db.lasting.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{tx: tx, dialect: db.dialect}
	if !db.alike() {
		_, err = tx.ExecContext(ctx, lastingReads)
	}
	if err == nil {
		s.Schema, err = schemaOf(ctx, tx) // from the first read on it stays as it is
	}
	if err == nil {
		err = still(s)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// alike reports whether the engine is SQLite, which keeps a value as it was given, whatever the column says.
func (d *dialect) alike() bool { return d == &sqliteDialect }

// schemaOf returns the number of the newest migration.
func schemaOf(ctx context.Context, q queryer) (version int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&version)
	return version, err
}

// Close ends the snapshot.
func (s *Snapshot) Close() error { return s.tx.Rollback() }

// Tables returns the names of the tables, each after those that its rows refer to.
func (s *Snapshot) Tables() []string { return slices.Clone(tables) }

// Dump writes the rows of a table and returns how many there are: a line of JSON with the names of the columns, then one for
// each row, the values in that order. docs/formats.md, "Backup", says how values are written; they are the same for every engine.
func (s *Snapshot) Dump(ctx context.Context, table string, to io.Writer) (n int64, err error) {
	n, err = s.dump(ctx, table, to)
	if err != nil {
		return n, fmt.Errorf("dump table %s: %w", table, err)
	}
	return n, nil
}

func (s *Snapshot) dump(ctx context.Context, table string, to io.Writer) (n int64, err error) {
	if !slices.Contains(tables, table) {
		return 0, errors.New("there is none of that name")
	}
	rows, err := s.tx.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY 1, 2")
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(to)
	line := newDumpLine(len(columns))
	if err := line.names(out, columns); err != nil {
		return 0, err
	}
	for rows.Next() {
		if err := rows.Scan(line.places...); err != nil {
			return n, err
		}
		if err := line.write(out); err != nil {
			return n, err
		}
		n++
	}
	return n, errors.Join(rows.Err(), out.Flush())
}

// Counters returns the highest id that each table ever gave, by its name: one is never used again, though its row is gone.
func (s *Snapshot) Counters(ctx context.Context) (map[string]int64, error) {
	all := map[string]int64{}
	for _, table := range tables {
		last, err := s.counter(ctx, table)
		if err != nil {
			return nil, fmt.Errorf("read the counter of %s: %w", table, err)
		}
		if last > 0 {
			all[table] = last
		}
	}
	return all, nil
}

func (s *Snapshot) counter(ctx context.Context, table string) (last int64, err error) {
	if s.alike() {
		err = s.tx.QueryRowContext(ctx, "SELECT seq FROM sqlite_sequence WHERE name = $1", table).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return last, err
	}
	sequence, err := sequenceOf(ctx, s.tx, table)
	if err != nil || sequence == "" {
		return 0, err
	}
	err = s.tx.QueryRowContext(ctx, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "+sequence).Scan(&last)
	return last, err
}

// sequenceOf returns the sequence, quoted, that gives a table its ids in Postgres; "" where none does.
func sequenceOf(ctx context.Context, q queryer, table string) (name string, err error) {
	has := "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 AND column_name = 'id'"
	var n int
	if err := q.QueryRowContext(ctx, has, table).Scan(&n); err != nil || n == 0 {
		return "", err
	}
	err = q.QueryRowContext(ctx, "SELECT coalesce(pg_get_serial_sequence($1, 'id'), '')", table).Scan(&name)
	return name, err
}

// LFSObjects calls visit with every Git LFS object that a repository has, once for each size that rows give it, in order.
func (s *Snapshot) LFSObjects(ctx context.Context, visit func(LFSObject) error) error {
	rows, err := s.tx.QueryContext(ctx, "SELECT DISTINCT oid, size FROM lfs_objects ORDER BY oid, size")
	if err != nil {
		return fmt.Errorf("list LFS objects: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	for rows.Next() {
		var o LFSObject
		if err := rows.Scan(&o.OID, &o.Size); err != nil {
			return fmt.Errorf("list LFS objects: %w", err)
		}
		if err := visit(o); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list LFS objects: %w", err)
	}
	return nil
}

// OfRepository is a Git LFS object with a repository that has it.
type OfRepository struct {
	RepositoryID int64
	LFSObject
}

// NextLFSObjects returns at most limit objects that repositories have, those after the one given, in order; the first ones after
// the zero value.
func (db *DB) NextLFSObjects(ctx context.Context, after OfRepository, limit int) ([]OfRepository, error) {
	scan := func(r row) (o OfRepository, err error) {
		err = r.Scan(&o.RepositoryID, &o.OID, &o.Size)
		return o, err
	}
	all, err := collect(ctx, db.read, scan, `SELECT repository_id, oid, size FROM lfs_objects
		WHERE (repository_id, oid) > ($1, $2) ORDER BY repository_id, oid LIMIT $3`, after.RepositoryID, after.OID, limit)
	if err != nil {
		return nil, fmt.Errorf("list LFS objects: %w", err)
	}
	return all, nil
}

// HasLFSObject reports whether some repository has an object of that id and size.
func (db *DB) HasLFSObject(ctx context.Context, o LFSObject) (bool, error) {
	ids, err := collect(ctx, db.read, scanID, "SELECT repository_id FROM lfs_objects WHERE oid = $1 AND size = $2 LIMIT 1", o.OID, o.Size)
	if err != nil {
		return false, fmt.Errorf("look for an LFS object: %w", err)
	}
	return len(ids) > 0, nil
}

// Repositories returns the ids of all repositories.
func (s *Snapshot) Repositories(ctx context.Context) (map[int64]bool, error) {
	return s.ids(ctx, "SELECT id FROM repositories")
}

// Raw returns the ids of imports whose raw repository has to lie on a disk: it is done, the bucket does not have it, and neither its time nor the
// import is over.
func (s *Snapshot) Raw(ctx context.Context) (map[int64]bool, error) {
	return s.ids(ctx, `SELECT id FROM imports WHERE done_raw > 0 AND deleted_at = 0 AND raw_key = '' AND closed_at = 0
		AND (raw_used_at > 0 OR raw_bytes > 0) AND (raw_expires = 0 OR raw_expires > `+s.now+")")
}

// Names returns the full names, as owner/name, of repositories by their ids, and those of the repositories of imports by the imports' ids.
func (s *Snapshot) Names(ctx context.Context) (repositories, imports map[int64]string, err error) {
	named := func(query string) (map[int64]string, error) {
		all := map[int64]string{}
		_, err := collect(ctx, s.tx, func(r row) (struct{}, error) {
			var id int64
			var owner, name string
			err := r.Scan(&id, &owner, &name)
			all[id] = owner + "/" + name
			return struct{}{}, err
		}, query)
		return all, err
	}
	repositories, err = named("SELECT r.id, o.login, r.name FROM repositories r JOIN owners o ON o.id = r.owner_id")
	if err == nil {
		imports, err = named("SELECT i.id, o.login, r.name FROM imports i JOIN repositories r ON r.id = i.repository_id JOIN owners o ON o.id = r.owner_id WHERE i.deleted_at = 0")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list names: %w", err)
	}
	return repositories, imports, nil
}

func (s *Snapshot) ids(ctx context.Context, query string) (map[int64]bool, error) {
	ids, err := collect(ctx, s.tx, scanID, query)
	if err != nil {
		return nil, fmt.Errorf("list ids: %w", err)
	}
	all := make(map[int64]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all, nil
}

// Kept returns the keys in the bucket by which what imports keep there is found, in order.
func (s *Snapshot) Kept(ctx context.Context) ([]string, error) {
	scan := func(r row) (key string, err error) {
		err = r.Scan(&key)
		return key, err
	}
	keys, err := collect(ctx, s.tx, scan, `SELECT key FROM (SELECT raw_key AS key FROM imports WHERE deleted_at = 0
		UNION SELECT final_key FROM imports WHERE deleted_at = 0 UNION SELECT pushed_key FROM imports WHERE deleted_at = 0) AS kept
		WHERE key <> '' ORDER BY key`)
	if err != nil {
		return nil, fmt.Errorf("list what is kept in the bucket: %w", err)
	}
	return keys, nil
}
