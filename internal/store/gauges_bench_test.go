package store

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// A hundred thousand imports rest, with a kilobyte of what they came to in each row.
func BenchmarkGauges(b *testing.B) {
	for name, where := range map[string]string{"sqlite": filepath.Join(b.TempDir(), "db"), "postgres": testenv.Postgres(b).NewDatabase(b)} {
		db, err := Open(b.Context(), where)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		_, err = db.write.Exec(`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, created_at, updated_at, user_id, refs)
			WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 100000)
			SELECT n, 'git', TRUE, '', '', 1, 1, CASE WHEN n % 1000 = 0 THEN 'importing' ELSE 'complete' END, 1, 1, n % 100,
				'` + strings.Repeat("refs/heads/branch\n", 60) + `' FROM many`)
		if err != nil {
			b.Fatal(err)
		}
		if isPostgres(where) {
			_, err = db.write.Exec("CHECKPOINT")
		}
		_, tidied := db.write.Exec("VACUUM")
		if err := errors.Join(err, tidied); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if g, err := db.Gauges(b.Context()); err != nil || g.Imports["complete"] != 99_900 {
					b.Fatal(g, err)
				}
			}
		})
	}
}
