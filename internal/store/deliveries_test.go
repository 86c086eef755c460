package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
)

// Asking what is due costs by how many hooks wait for something: it steps through one
// index, and no delivery that is done, nor any payload, is read.
func TestDueDeliveriesReadsOneIndex(t *testing.T) {
	db := openHere(t)
	query, args := dueDeliveries([]int64{7, 8}, 10)
	plan := queryPlan(t, db, query, append([]any{1}, args...)...)
	for _, step := range plan {
		ofDelivery := strings.HasPrefix(step, "SEARCH d") && strings.Contains(step, " USING COVERING INDEX deliveries_due")
		ofHook := strings.HasPrefix(step, "SEARCH h USING INTEGER PRIMARY KEY")
		if strings.HasPrefix(step, "SEARCH") && !ofDelivery && !ofHook || strings.HasPrefix(step, "SCAN d") || strings.HasPrefix(step, "SCAN h") {
			t.Errorf("step %q of\n%s", step, strings.Join(plan, "\n"))
		}
	}
}

// What is tidied up each hour is found by its index, too.
func TestDropDeliveriesReadsOnlyWhatIsDone(t *testing.T) {
	db := openHere(t)
	plan := queryPlan(t, db, doneBefore, 1, 2)
	if len(plan) != 1 || !strings.Contains(plan[0], "USING COVERING INDEX deliveries_done (created_at<?)") {
		t.Errorf("plan: %q", plan)
	}
}

func queryPlan(t *testing.T, db *DB, query string, args ...any) []string {
	t.Helper()
	steps, err := collect(t.Context(), db.read, func(r row) (detail string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &detail)
		return detail, err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func TestDropCrowdCountsInIndexes(t *testing.T) {
	db := openHere(t)
	plan := queryPlan(t, db, crowdedHooks, keepDone)
	for _, step := range plan {
		if strings.Contains(step, "deliveries") && !strings.Contains(step, "USING COVERING INDEX") || strings.Contains(step, "TEMP B-TREE") {
			t.Errorf("step %q of\n%s", step, strings.Join(plan, "\n"))
		}
	}
	if plan := queryPlan(t, db, countDue, 1, 2); !strings.Contains(plan[1], "USING COVERING INDEX deliveries_due") {
		t.Errorf("count of what is due: %q", plan)
	}
}

// Of each hook the newest that are done are kept, and all that are due.
func TestDropCrowd(t *testing.T) {
	db := openHere(t)
	ctx := t.Context()
	fillDeliveries(t, db, 3, 3*(keepDone+1500), 3*5) // hooks are filled in turn
	if _, err := db.write.Exec("DELETE FROM deliveries WHERE hook_id = 3 AND next_attempt_at = 0 AND id > 3 * $1", keepDone); err != nil {
		t.Fatal(err)
	}
	newest := map[int64]int64{}
	for hook := range int64(3) {
		all, err := db.Deliveries(ctx, hook+1, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		newest[hook+1] = all[0].ID
	}
	var calls, gone int64
	for {
		n, err := db.DropDeliveries(ctx, 1000000*time.Hour)
		if err != nil || n > dropAtOnce {
			t.Fatalf("dropped %d, %v", n, err)
		}
		if n == 0 {
			break
		}
		calls, gone = calls+1, gone+n
	}
	if gone != 3000 || calls != 2 {
		t.Errorf("%d gone after %d calls, want 3000 after 2", gone, calls)
	}
	for hook, id := range newest {
		all, err := db.Deliveries(ctx, hook, 0, 5000)
		if err != nil || len(all) != keepDone+5 || all[0].ID != id {
			t.Errorf("of hook %d there are %d left, %v; want %d, the newest of them", hook, len(all), err, keepDone+5)
		}
	}
}

// More than one call forgets is forgotten by the next ones.
func TestDropManyDeliveries(t *testing.T) {
	db := openHere(t)
	fillDeliveries(t, db, 2, dropAtOnce+5, 0)
	for _, want := range []int64{dropAtOnce, 5, 0} {
		if n, err := db.DropDeliveries(t.Context(), time.Hour); n != want || err != nil {
			t.Errorf("dropped %d, %v; want %d", n, err, want)
		}
	}
}

// fillDeliveries makes that many hooks with old deliveries that are done and, in turn, such that are due.
func fillDeliveries(t testing.TB, db *DB, hooks, done, due int) {
	t.Helper()
	o, err := db.CreateOwner(context.Background(), rehome.Owner{Login: "acme", Kind: rehome.Organization})
	if err != nil {
		t.Fatal(err)
	}
	for n := range hooks {
		h := Hook{Hook: rehome.Hook{Target: rehome.HookTarget{OwnerID: o.ID}, URL: fmt.Sprint("https://new.example/", n)}}
		if _, err := db.CreateHook(context.Background(), h, hooks); err != nil {
			t.Fatal(err)
		}
	}
	_, err = db.write.Exec(`WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < $2 + $3 - 1)
		INSERT INTO deliveries (hook_id, guid, event, repository_id, redelivery, next_attempt_at, created_at, payload, response_body)
		SELECT 1 + n % $1, 'guid', 'ping', 1, 0, CASE WHEN n < $2 THEN 0 ELSE n END, 1 + n, zeroblob(4000), zeroblob(1000) FROM n`, hooks, done, due)
	if err != nil {
		t.Fatal(err)
	}
}

// Run asks for what is due after each attempt; a month's deliveries and the crowd that
// waits for a dead receiver do not make that dearer.
func BenchmarkDueDeliveries(b *testing.B) {
	for _, c := range []struct{ hooks, done, due int }{
		{20, 0, 20},
		{20, 100_000, 20},
		{20, 100_000, 20_000},
		{2000, 100_000, 2000},
	} {
		b.Run(fmt.Sprintf("hooks=%d/done=%d/due=%d", c.hooks, c.done, c.due), func(b *testing.B) {
			db, err := Open(b.Context(), filepath.Join(b.TempDir(), "rehome.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			fillDeliveries(b, db, c.hooks, c.done, c.due)
			b.ReportAllocs()
			for b.Loop() {
				due, _, err := db.DueDeliveries(b.Context(), []int64{1, 2, 3}, 80)
				if err != nil || len(due) != min(80, c.hooks-3) {
					b.Fatal(len(due), err)
				}
			}
		})
	}
}
