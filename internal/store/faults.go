package store

import (
	"context"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"
)

// mostFaults is how many are told.
const mostFaults = 100

// Faults says what is damaged in the database itself, and which rows refer to rows that are not there. The error is about what
// could not be looked at. Postgres sees to both on its own.
func (db *DB) Faults(ctx context.Context) ([]string, error) {
	if !db.alike() {
		return nil, nil
	}
	words := func(r row) (text string, err error) {
		err = r.Scan(&text)
		return text, err
	}
	found, err := collect(ctx, db.read.DB, words, fmt.Sprintf("PRAGMA integrity_check(%d)", mostFaults))
	if sqliteDamaged(err) {
		return []string{err.Error()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}
	if len(found) == 1 && found[0] == "ok" {
		found = nil
	}
	lost, err := collect(ctx, db.read.DB, scanLost, "PRAGMA foreign_key_check")
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}
	return append(found, lost[:min(len(lost), mostFaults)]...), nil
}

// scanLost puts a row of foreign_key_check into words.
func scanLost(r row) (string, error) {
	var table, to string
	var row, key any // row is NULL in a table without row ids
	err := r.Scan(&table, &row, &to, &key)
	return fmt.Sprintf("row %v of %s refers to a row of %s that is not there", row, table, to), err
}

// sqliteDamaged reports whether err says that the file is no database, or a broken one.
func sqliteDamaged(err error) bool {
	code := sqliteCode(err) & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}
