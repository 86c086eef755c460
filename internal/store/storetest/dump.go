package storetest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Dump holds a database against what a backup promises. open returns an empty one of its own for each call, where the path or
// URL of one that nobody has opened.
func Dump(t *testing.T, open func(t *testing.T) *store.DB, where func(t *testing.T) string) {
	db := open(t)
	fill(t, db)
	lease, ok, err := db.Acquire(t.Context(), 1, "folder/1", time.Hour)
	must(t, err)
	if !ok {
		t.Fatal("no lease")
	}
	want := dumped(t, db)
	for table, rows := range want.rows {
		if bytes.Count(rows, []byte("\n")) < 2 {
			t.Errorf("nothing of %s was dumped: the test has no row of it", table)
		}
	}
	place := where(t)
	must(t, store.Load(t.Context(), place, want.dump()))
	if err := store.Load(t.Context(), place, want.dump()); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("loaded twice: %v", err)
	}
	again, err := store.OpenAsIs(t.Context(), place)
	must(t, err)
	t.Cleanup(func() { again.Close() })
	wantNewIDs(t, again, want)
	if err := again.Renew(t.Context(), lease, time.Hour); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a lease was taken over: %v", err)
	}
	home := where(t) // and back again, for the engines write numbers and texts in ways of their own
	must(t, store.Load(t.Context(), home, dumped(t, again).dump()))
	last, err := store.OpenAsIs(t.Context(), home)
	must(t, err)
	t.Cleanup(func() { last.Close() })
	if got := dumped(t, last); got.schema != want.schema || !bytes.Equal(got.rows["import_authors"], dumped(t, again).rows["import_authors"]) {
		t.Errorf("schema %d became %d, or authors changed", want.schema, got.schema)
	}
}

// Same loads what one database dumps into others, each into the next, and wants the last, of the first's engine, to dump the same.
func Same(t *testing.T, db *store.DB, through ...string) {
	fill(t, db)
	want := dumped(t, db)
	got := want
	for _, place := range through {
		must(t, store.Load(t.Context(), place, got.dump()))
		next, err := store.OpenAsIs(t.Context(), place)
		must(t, err)
		got = dumped(t, next)
		must(t, next.Close())
	}
	for table, rows := range want.rows {
		if !bytes.Equal(rows, got.rows[table]) {
			t.Errorf("%s was\n%s and is\n%s", table, rows, got.rows[table])
		}
	}
	for table, last := range want.counters {
		if got.counters[table] != last {
			t.Errorf("the counter of %s was %d and is %d", table, last, got.counters[table])
		}
	}
}

// wantNewIDs wants ids to go on where they were, though the highest are gone.
func wantNewIDs(t *testing.T, db *store.DB, was dump) {
	t.Helper()
	r := newRepository(t, db, "octocat", "after")
	if r.ID != was.counters["repositories"]+1 {
		t.Errorf("the next repository has id %d after %d", r.ID, was.counters["repositories"])
	}
}

// dump is a dump in memory.
type dump struct {
	schema   int64
	tables   []string
	counters map[string]int64
	rows     map[string][]byte
}

func (d dump) dump() store.Dump {
	return store.Dump{Schema: d.schema, Tables: d.tables, Counters: d.counters, Open: func(table string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(d.rows[table])), nil
	}}
}

func dumped(t *testing.T, db *store.DB) dump {
	t.Helper()
	s, err := db.Snapshot(t.Context(), func(*store.Snapshot) error { return nil })
	must(t, err)
	defer s.Close()
	d := dump{schema: s.Schema, tables: s.Tables(), rows: map[string][]byte{}}
	d.counters, err = s.Counters(t.Context())
	must(t, err)
	for _, table := range d.tables {
		var out bytes.Buffer
		_, err := s.Dump(t.Context(), table, &out)
		must(t, err)
		d.rows[table] = out.Bytes()
	}
	return d
}

// fill makes at least a row in each table, with values that are easily lost.
func fill(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	gone := newRepository(t, db, "octocat", "gone")
	deleteRepository(t, db, gone.ID)
	owner, err := db.OwnerByLogin(ctx, "octocat")
	must(t, err)
	_, err = db.CreateToken(ctx, rehome.Token{User: owner, Scopes: []string{"repo"}}, [32]byte{0, 0xff})
	must(t, err)
	setDestination(t, db, aDestination(r.ID))
	newImport(t, db, r.ID)
	change(t, db, r.ID, func(i *store.Import) {
		i.Credentials, i.State.Note, i.Options.Hold = []byte{}, "a \"note\"\nof <two> lines \u2028 \u00e9", true
		i.Source.URL = "https://old.example/ä.git"
	}, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.AddAuthors(ctx, i, []rehome.Author{{RemoteName: []byte("\xff\x00"), RemoteMail: []byte{}, Name: "\xfe", Email: ""}})
		return errors.Join(err,
			tx.SetLargeFiles(ctx, i, []rehome.LargeFile{{Ref: "refs/heads/\xff", Path: []byte("\xfe/b"), OID: "11", Size: 1 << 60}}),
			tx.SetFacts(ctx, i.ID, []byte(`{"a": 1}`)), tx.SetShape(ctx, i.ID, []byte("\xff\x00")), tx.SetReceipt(ctx, i.ID, []byte("\x00\x01")),
			tx.SetAuthorMap(ctx, i.ID, store.AuthorMap{Version: 1, Kind: "text", Body: []byte("a\x00b")}),
			tx.SetWritten(ctx, r.ID, []store.WrittenRef{{Name: "refs/heads/\xff", Wrote: "1"}, {Name: "refs/heads/a", Writing: "2"}}),
			tx.AddConvertedLFS(ctx, r.ID, []store.LFSObject{{OID: string(bytes.Repeat([]byte("a"), 64)), Size: 7}}),
			tx.SetMadeLFS(ctx, i.ID, []store.LFSObject{{OID: string(bytes.Repeat([]byte("b"), 64)), Size: 8}}))
	})
	newDelivery(t, db, newHook(t, db, aHook(r.ID, "https://new.example/")).ID)
}
