package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// An object whose bytes somebody was to remove and did not can be named again when his time is over, and is looked at then; or somebody else
// removes them, and the first, should he wake, forgets nothing of the second's.
func TestSweeperDies(t *testing.T) {
	onPostgres, err := Open(t.Context(), testenv.Postgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer onPostgres.Close()
	for name, db := range map[string]*DB{"sqlite": openHere(t), "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) { testSweeperDies(t, db) })
	}
}

func testSweeperDies(t *testing.T, db *DB) {
	ctx := t.Context()
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	try := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	name := func(oid string) error {
		return db.inTx(ctx, func(t *Tx) error { return t.unmark(ctx, []string{oid}) })
	}
	passes := func() {
		t.Helper()
		_, err := db.write.ExecContext(ctx, "UPDATE lfs_garbage SET condemned_at = condemned_at - $1 WHERE condemned_at <> 0", condemnedFor.Milliseconds()+1)
		try(err)
	}
	_, err := db.MarkLFS(ctx, []string{a, b})
	try(err)
	first, err := db.CondemnLFS(ctx, 0, 10)
	try(err)
	if err := name(a); !errors.Is(err, errCondemned) {
		t.Errorf("it is named while its bytes go: %v", err)
	}
	before, err := db.LFSRemovals(ctx)
	try(err)
	passes()
	try(name(a))
	if now, err := db.LFSRemovals(ctx); err != nil || now == before {
		t.Errorf("nobody looks whether its bytes are there: %v", err)
	}
	second, err := db.CondemnLFS(ctx, time.Hour, 10) // its mark is as young as it was
	try(err)
	if len(second.OIDs) != 0 {
		t.Errorf("condemned are %q", second.OIDs)
	}
	if second, err = db.CondemnLFS(ctx, 0, 10); err != nil || len(second.OIDs) != 1 || second.OIDs[0] != b {
		t.Fatalf("condemned are %q: %v", second.OIDs, err)
	}
	try(db.ForgetLFS(ctx, first))
	if err := name(b); !errors.Is(err, errCondemned) {
		t.Errorf("the first made the object the second is removing free: %v", err)
	}
	try(db.ForgetLFS(ctx, second), name(b))
}
