package store

import (
	"errors"
	"regexp"
	"slices"
	"testing"

	"rehome/internal/testenv"
)

// Among many imports that rest, a sweep on Postgres finds those that may be due by the indexes for it.
func TestSweepOnPostgresReadsOnlyWhatMayBeDue(t *testing.T) {
	db, err := Open(t.Context(), testenv.Postgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.write.Exec(`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, created_at, updated_at, user_id)
		SELECT n, 'git', TRUE, '', '', 1, 1, CASE WHEN n % 1000 = 0 THEN 'importing' ELSE 'complete' END, 1, 1, n % 100 FROM generate_series(1, 20000) AS n`)
	_, analyzed := db.write.Exec("ANALYZE imports")
	if err := errors.Join(err, analyzed); err != nil {
		t.Fatal(err)
	}
	steps, err := collect(t.Context(), db.read, func(r row) (step string, err error) {
		err = r.Scan(&step)
		return step, err
	}, "EXPLAIN "+db.dueQuery(), 100, 10)
	if err != nil {
		t.Fatal(err)
	}
	var reads []string
	how := regexp.MustCompile(`Seq Scan on imports|imports_[a-z]+`)
	for _, step := range steps {
		if found := how.FindString(step); found != "" {
			reads = append(reads, found)
		}
	}
	slices.Sort(reads)
	if want := []string{"imports_expire", "imports_gone", "imports_held", "imports_sync", "imports_turns"}; !slices.Equal(reads, want) {
		t.Errorf("it reads imports by %q, want %q; plan: %q", reads, want, steps)
	}
}
