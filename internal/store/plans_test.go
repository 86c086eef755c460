package store

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// manyImports opens a database on Postgres in which 20,000 imports rest, and 20 of them do not.
func manyImports(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), testenv.Postgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	_, err = db.write.Exec(`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, created_at, updated_at, user_id)
		SELECT n, 'git', TRUE, '', '', 1, 1, CASE WHEN n % 1000 = 0 THEN 'importing' ELSE 'complete' END, 1, 1, n % 100 FROM generate_series(1, 20000) AS n`)
	_, flushed := db.write.Exec("CHECKPOINT") // what is not, as the tests' server commits, is not known to be seen by all
	_, analyzed := db.write.Exec("VACUUM ANALYZE imports")
	if err := errors.Join(err, flushed, analyzed); err != nil {
		t.Fatal(err)
	}
	return db
}

// readsBy returns what of a plan on Postgres says how imports are read, in order.
func readsBy(t *testing.T, db *DB, query string, args ...any) (reads, plan []string) {
	t.Helper()
	plan, err := collect(t.Context(), db.read, func(r row) (step string, err error) {
		err = r.Scan(&step)
		return step, err
	}, "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	how := regexp.MustCompile(`Seq Scan on imports|(Index Only Scan using )?imports_[a-z]+`)
	for _, step := range plan {
		if found := how.FindString(step); found != "" {
			reads = append(reads, found)
		}
	}
	slices.Sort(reads)
	return reads, plan
}

// Among many imports that rest, a sweep on Postgres finds those that may be due by the indexes for it.
func TestSweepOnPostgresReadsOnlyWhatMayBeDue(t *testing.T) {
	db := manyImports(t)
	reads, plan := readsBy(t, db, db.dueQuery(), 100, 10)
	if want := []string{"Index Only Scan using imports_held", "Index Only Scan using imports_turns", "imports_expire", "imports_gone", "imports_sync"}; !slices.Equal(reads, want) {
		t.Errorf("it reads imports by %q, want %q; plan: %q", reads, want, plan)
	}
}

// A scrape reads no row of an import that rests.
func TestGaugesReadIndexes(t *testing.T) {
	db := manyImports(t)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{db.statusesQuery(), []string{"Index Only Scan using imports_count"}},
		{db.heldQuery(), []string{"Index Only Scan using imports_held"}},
		{db.waitingQuery(), []string{"Index Only Scan using imports_turns", "imports_sync"}},
	} {
		reads, plan := readsBy(t, db, c.query)
		if !slices.Equal(reads, c.want) {
			t.Errorf("%s reads imports by %q, want %q; plan: %q", c.query, reads, c.want, plan)
		}
	}
}

// So it is in a file.
func TestGaugesReadIndexesOfAFile(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "rehome.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, want := range map[string][]string{
		db.statusesQuery(): {"SCAN imports USING COVERING INDEX imports_count"},
		db.heldQuery():     {"SCAN imports USING INDEX imports_held"},
		db.waitingQuery():  {"SCAN imports USING INDEX imports_turns", "SEARCH imports USING INDEX imports_sync (next_sync_at<?)"},
	} {
		steps, err := collect(t.Context(), db.read, func(r row) (detail string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &detail)
			return detail, err
		}, "EXPLAIN QUERY PLAN "+query)
		if err != nil {
			t.Fatal(err)
		}
		reads := slices.DeleteFunc(steps, func(step string) bool { return !strings.Contains(step, " imports") })
		if !slices.Equal(reads, want) {
			t.Errorf("%s reads imports by %q, want %q", query, reads, want)
		}
	}
}
