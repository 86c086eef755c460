package store

import (
	"reflect"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is what differs between the engines. All other SQL is the same, with $1 for parameters.
type dialect struct {
	name  string // of the folder with its migrations
	goose goose.Dialect
	now   string // the database's clock, in milliseconds since 1970
	begin string // asks the clock when a transaction that writes begins, once there may be one: not while rows are kept still

	// A row that is read to be written is locked by write, so that nobody else changes it before; one that has to stay while
	// another refers to it, by keep; rows of which it does not matter which are taken, by skip. Empty where there is one writer at a time anyway.
	write, keep, skip string
	single            string // waits for a lock that one transaction at a time has: those that lock many rows
	objects, words    string // a JSON array %s as rows wanted (value): of objects, of strings
	refKey            string // what is unique of written_refs
	person            string // a name or mail %s as the index of import_authors has it
	counts            string // the collation of the index imports_count
	prepares          bool   // the driver keeps statements prepared
	cleans            bool   // TEXT takes neither NUL nor what is not UTF-8
}

// lockOf is a lock of the rows of one of the tables of a query.
func lockOf(lock, table string) string {
	if lock == "" {
		return ""
	}
	return lock + " OF " + table
}

// clean makes the texts among the arguments fit for TEXT. What has to come back byte for byte, names of refs, people and
// files above all, is given as []byte; the rest is for people to read, and they see U+FFFD.
func (d *dialect) clean(args []any) []any {
	if !d.cleans {
		return args
	}
	for n, arg := range args {
		v := reflect.ValueOf(arg)
		if v.Kind() != reflect.String {
			continue
		}
		if s := v.String(); strings.IndexByte(s, 0) >= 0 || strings.ToValidUTF8(s, "") != s {
			args[n] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

// isFull reports whether err says that the disk, or the file's bound, is reached.
func isFull(err error) bool { return sqliteFull(err) || postgresCode(err) == diskFull }

// isDuplicate reports whether err says that a unique index already holds the value.
func isDuplicate(err error) bool { return sqliteDuplicate(err) || postgresCode(err) == uniqueViolation }
