package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pressly/goose/v3"
)

// Dump is what Snapshot wrote of all its tables.
type Dump struct {
	Schema   int64
	Tables   []string         // in the order of Snapshot.Tables
	Counters map[string]int64 // as Snapshot.Counters has them
	Open     func(table string) (io.ReadCloser, error)
}

// ErrNotEmpty says that a database which was to be filled has rows already.
var ErrNotEmpty = errors.New("the database is not empty")

// Load fills an empty database, which it makes when it is a file and missing, and brings the rows up to this program's schema.
// Leases are not taken over: who held them is not here. ErrNotEmpty when there are rows; nothing but an empty schema is there
// after an error. A dump of a newer schema is refused.
func Load(ctx context.Context, where string, d Dump) error {
	err := checkKnown(where, d.Schema)
	if err == nil {
		err = load(ctx, where, d)
	}
	if err != nil {
		return fmt.Errorf("load the database: %w", explainAt(err, where))
	}
	return nil
}

// MayLoad says whether Load would take a dump of that schema there: it looks whether the database is empty, and changes nothing. The file of SQLite
// must not be there.
func MayLoad(ctx context.Context, where string, schema int64) error {
	err := checkKnown(where, schema)
	kind := dialectOf(where)
	if err == nil && kind.alike() {
		if _, err = os.Lstat(where); err == nil {
			err = ErrNotEmpty
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else if err == nil {
		err = mayLoad(ctx, where, kind, schema)
	}
	if err != nil {
		return fmt.Errorf("look at the database: %w", explainAt(err, where))
	}
	return nil
}

func mayLoad(ctx context.Context, where string, d *dialect, schema int64) error {
	db, err := openToLoad(where, d)
	if err != nil {
		return err
	}
	return errors.Join(checkUnused(ctx, db, d, schema), db.Close())
}

// checkKnown refuses what is no database and rows of a schema that this program does not know.
func checkKnown(where string, schema int64) error {
	if err := checkWhere(where); err != nil {
		return err
	}
	known, err := knownSchema(dialectOf(where))
	if err == nil && schema > known {
		err = fmt.Errorf("it was written by a newer rehome (schema %d, this one knows %d): use that version", schema, known)
	}
	return err
}

// explainAt is explainOpen for the database at a place.
func explainAt(err error, where string) error {
	if !isPostgres(where) {
		return err
	}
	config, bad := parsePostgres(where)
	if bad != nil {
		return err
	}
	return explainOpen(err, config)
}

func dialectOf(where string) *dialect {
	if isPostgres(where) {
		return &postgresDialect
	}
	return &sqliteDialect
}

// knownSchema is the number of the newest migration of this program.
func knownSchema(d *dialect) (newest int64, err error) {
	files, err := fs.Glob(migrations, "migrations/"+d.name+"/*.sql")
	for _, name := range files {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		newest = max(newest, version)
	}
	return newest, err
}

func load(ctx context.Context, where string, d Dump) (err error) {
	kind := dialectOf(where)
	db, err := openToLoad(where, kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	steps, err := migrationsOf(db, kind)
	if err != nil {
		return err
	}
	if err := checkUnused(ctx, db, kind, d.Schema); err != nil {
		return err
	}
	if _, err := steps.UpTo(ctx, d.Schema); err != nil {
		return err
	}
	if err := loadRows(ctx, db, kind, d); err != nil {
		return err
	}
	_, err = steps.Up(ctx)
	return err
}

func openToLoad(where string, d *dialect) (*sql.DB, error) {
	if d.alike() {
		if err := createPrivate(where); err != nil {
			return nil, err
		}
		db, err := sql.Open("sqlite", dsn(where, "_txlock=immediate"))
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return db, err
	}
	config, err := parsePostgres(where)
	if err != nil {
		return nil, err
	}
	return openLines(config, 2, 0, 0).DB, nil
}

func migrationsOf(db *sql.DB, d *dialect) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(d.goose, db, files)
}

// checkUnused refuses a database that has rows, or a schema past the one that is to be loaded.
func checkUnused(ctx context.Context, db *sql.DB, d *dialect, schema int64) error {
	there, err := hasTable(ctx, db, d, "goose_db_version")
	if err != nil || !there {
		return err
	}
	have, err := schemaOf(ctx, db)
	if err != nil || have == 0 {
		return err
	}
	var rows int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM owners").Scan(&rows); err != nil {
		return err
	}
	if rows > 0 {
		return ErrNotEmpty
	}
	if have > schema {
		return fmt.Errorf("its schema is %d already, the rows have %d: give a database without any tables", have, schema)
	}
	return nil
}

func hasTable(ctx context.Context, q queryer, d *dialect, table string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1"
	if !d.alike() {
		query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1"
	}
	var n int
	err := q.QueryRowContext(ctx, query, table).Scan(&n)
	return n > 0, err
}

// loadRows fills all tables in one transaction.
func loadRows(ctx context.Context, db *sql.DB, d *dialect, from Dump) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it says ErrTxDone, before it the first error counts
	if !d.alike() {
		if _, err := tx.ExecContext(ctx, lastingReads); err != nil {
			return err
		}
	}
	for _, table := range from.Tables {
		l := loading{tx: tx, dialect: d, table: table}
		if err := l.all(ctx, from); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE imports SET lease_owner = '', lease_expires = 0"); err != nil {
		return err
	}
	return tx.Commit()
}

// loading fills one table.
type loading struct {
	tx *sql.Tx
	*dialect
	table   string
	columns []column
	batch   []any // values of whole rows
	held    int   // bytes of text in batch
}

// What one statement takes: SQLite has at most 32,766 parameters, and all is held in memory.
const (
	mostValues = 2000
	mostHeld   = 1 << 20 // bytes
)

func (l *loading) all(ctx context.Context, d Dump) (err error) {
	if there, err := hasTable(ctx, l.tx, l.dialect, l.table); err != nil || !there {
		return errors.Join(err, errors.New("the schema has no such table"))
	}
	in, err := d.Open(l.table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	lines := json.NewDecoder(bufio.NewReader(in))
	lines.UseNumber()
	if err := l.begin(ctx, lines); err != nil {
		return err
	}
	for {
		var row []any
		err := lines.Decode(&row)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = l.add(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(l.flush(ctx), l.count(ctx, d.Counters[l.table]))
}

// begin reads the names of the columns and finds out of what kind they are here.
func (l *loading) begin(ctx context.Context, lines *json.Decoder) error {
	var names []string
	if err := lines.Decode(&names); err != nil {
		return fmt.Errorf("read the names of the columns: %w", err)
	}
	kinds, err := l.kinds(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		kind, known := kinds[name]
		if !known {
			return fmt.Errorf("the schema has no column %q", name)
		}
		l.columns = append(l.columns, column{name, kind})
	}
	if len(names) == 0 {
		return errors.New("there are no columns")
	}
	return nil
}

func (l *loading) kinds(ctx context.Context) (map[string]string, error) {
	query := "SELECT name, type FROM pragma_table_info($1)"
	if !l.alike() {
		query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1"
	}
	kinds := map[string]string{}
	_, err := collect(ctx, l.tx, func(r row) (bool, error) {
		var name, declared string
		err := r.Scan(&name, &declared)
		kinds[name] = kindOf(declared)
		return true, err
	}, query, l.table)
	return kinds, err
}

func (l *loading) add(ctx context.Context, row []any) error {
	if len(row) != len(l.columns) {
		return fmt.Errorf("a row has %d values for %d columns", len(row), len(l.columns))
	}
	for n, v := range row {
		value, err := l.loaded(v, l.columns[n])
		if err != nil {
			return err
		}
		l.batch = append(l.batch, value)
		switch value := value.(type) {
		case string:
			l.held += len(value)
		case []byte:
			l.held += len(value)
		}
	}
	if len(l.batch)+len(row) > mostValues || l.held > mostHeld {
		return l.flush(ctx)
	}
	return nil
}

func (l *loading) flush(ctx context.Context) error {
	if len(l.batch) == 0 {
		return nil
	}
	names := make([]string, len(l.columns))
	for n, c := range l.columns {
		names[n] = c.name
	}
	var query strings.Builder
	query.WriteString("INSERT INTO " + l.table + " (" + strings.Join(names, ", ") + ") VALUES ")
	for n := range l.batch {
		switch {
		case n%len(l.columns) > 0:
			query.WriteString(", ")
		case n > 0:
			query.WriteString("), (")
		default:
			query.WriteString("(")
		}
		fmt.Fprintf(&query, "$%d", n+1)
	}
	query.WriteString(")")
	_, err := l.tx.ExecContext(ctx, query.String(), l.clean(l.batch)...)
	l.batch, l.held = l.batch[:0], 0
	return err
}

// count has the table go on with ids above last.
func (l *loading) count(ctx context.Context, last int64) error {
	if last == 0 {
		return nil
	}
	if l.alike() {
		_, err := l.tx.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = $1", l.table)
		if err == nil {
			_, err = l.tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", l.table, last)
		}
		return err
	}
	sequence, err := sequenceOf(ctx, l.tx, l.table)
	if err == nil {
		_, err = l.tx.ExecContext(ctx, "SELECT setval(CAST($1 AS regclass), $2)", sequence, last)
	}
	return err
}

// OpenAsIs is Open for a database that is there and has this program's own schema: it makes and migrates nothing, so that it
// may look at one that another process serves. fs.ErrNotExist when there is none.
func OpenAsIs(ctx context.Context, where string) (*DB, error) {
	if err := checkWhere(where); err != nil {
		return nil, err
	}
	have, err := schemaAt(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", explainAt(err, where))
	}
	known, err := knownSchema(dialectOf(where))
	switch {
	case err != nil:
		return nil, err
	case have > known:
		return nil, fmt.Errorf("the database was written by a newer rehome (schema %d, this one knows %d): use that version", have, known)
	case have < known:
		return nil, fmt.Errorf("the database was written by an older rehome (schema %d, this one has %d): use that version, or let this one serve it first", have, known)
	}
	return Open(ctx, where)
}

// schemaAt returns the schema of a database that is there.
func schemaAt(ctx context.Context, where string) (version int64, err error) {
	d := dialectOf(where)
	if d.alike() {
		if _, err := os.Stat(where); err != nil {
			return 0, err
		}
	}
	db, err := openToLoad(where, d)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	there, err := hasTable(ctx, db, d, "goose_db_version")
	if err == nil && !there {
		err = fmt.Errorf("there is no rehome in this database: %w", fs.ErrNotExist)
	}
	if err != nil {
		return 0, err
	}
	return schemaOf(ctx, db)
}
