package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// never is how long to wait where no other attempt follows.
const never = -1

func aDelivery(hookID int64) store.Delivery {
	return store.Delivery{Delivery: rehome.Delivery{HookID: hookID, GUID: "guid", Event: rehome.EventPing}, Payload: []byte("{}")}
}

func newDelivery(t *testing.T, db *store.DB, hookID int64) int64 {
	t.Helper()
	id, err := db.AddDelivery(t.Context(), aDelivery(hookID))
	must(t, err)
	return id
}

// claim begins an attempt that has to be free to begin.
func claim(t *testing.T, db *store.DB, id int64, within time.Duration) (store.Delivery, store.Hook) {
	t.Helper()
	d, h, ok, err := db.ClaimDelivery(t.Context(), id, within)
	must(t, err)
	if !ok {
		t.Fatalf("delivery %d is not due", id)
	}
	return d, h
}

// finish makes one attempt.
func finish(t *testing.T, db *store.DB, id int64, a rehome.Answer, again time.Duration) {
	t.Helper()
	d, _ := claim(t, db, id, time.Hour)
	d.Answer = a
	must(t, db.FinishDelivery(t.Context(), d, again))
}

// dueSince makes a delivery that is due for so long: that of an attempt that was lost.
func dueSince(t *testing.T, db *store.DB, hookID int64, ago time.Duration) int64 {
	t.Helper()
	id := newDelivery(t, db, hookID)
	claim(t, db, id, -ago)
	return id
}

func testDeliveries(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	hook := newHook(t, db, aHook(r.ID, "https://new.example/1"))
	other := newHook(t, db, aHook(r.ID, "https://new.example/2"))
	wanted := store.Delivery{
		Delivery: rehome.Delivery{
			HookID: hook.ID, GUID: "0b989ba4", Event: rehome.EventImport, RepositoryID: r.ID, Redelivery: true,
			Attempts: 7, NextAttemptAt: time.UnixMilli(1), CreatedAt: time.UnixMilli(1), DeliveredAt: time.UnixMilli(1), Duration: 1, Answer: rehome.Answer{Code: 1, Text: "1"},
		},
		Payload: []byte(`{"a":1}`),
	}
	id, err := db.AddDelivery(ctx, wanted)
	must(t, err)
	made, err := db.Delivery(ctx, hook.ID, id)
	must(t, err)
	if made.NextAttemptAt != made.CreatedAt || made.CreatedAt.IsZero() || made.Attempts != 0 || !made.DeliveredAt.IsZero() || made.Duration != 0 || made.Answer != (rehome.Answer{}) {
		t.Errorf("a new delivery: %+v", made)
	}
	if made.GUID != "0b989ba4" || made.Event != rehome.EventImport || made.RepositoryID != r.ID || !made.Redelivery || string(made.Payload) != `{"a":1}` {
		t.Errorf("a new delivery: %+v", made)
	}
	d, h := claim(t, db, id, time.Hour)
	if d.Attempts != 1 || d.GUID != made.GUID || string(d.Payload) != `{"a":1}` || d.NextAttemptAt.Before(made.CreatedAt.Add(time.Hour)) || !reflect.DeepEqual(h, hook) {
		t.Errorf("claimed %+v for %+v", d, h)
	}
	d.URL, d.DeliveredAt, d.Duration = "https://new.example/1?", time.UnixMilli(1700000000123).UTC(), 1234*time.Millisecond
	d.Answer = rehome.Answer{Code: 502, Text: "Bad Gateway"}
	d.RequestHeaders, d.ResponseHeaders = map[string]string{"X-A": "<&>\"ä"}, map[string]string{"X-B": "c", "X-D": ""}
	d.ResponseBody = []byte("\x00\xff")
	must(t, db.FinishDelivery(ctx, d, time.Minute))
	got, err := db.Delivery(ctx, hook.ID, id)
	must(t, err)
	if wait := got.NextAttemptAt.Sub(made.CreatedAt); wait < time.Minute || wait >= time.Hour {
		t.Errorf("tried again %s after it was made", wait)
	}
	d.NextAttemptAt = got.NextAttemptAt
	if !reflect.DeepEqual(got, d) {
		t.Errorf("read back\n%+v, want\n%+v", got, d)
	}
	if _, _, ok, err := db.ClaimDelivery(ctx, id, time.Hour); ok || err != nil {
		t.Errorf("claimed before its time: %v, %v", ok, err)
	}
	for _, at := range [][2]int64{{other.ID, id}, {hook.ID, id + 1}} {
		_, err = db.Delivery(ctx, at[0], at[1])
		wantCode(t, err, rehome.NotFound)
	}
	_, err = db.AddDelivery(ctx, aDelivery(99))
	wantCode(t, err, rehome.NotFound)
	must(t, db.DeleteHook(ctx, hook.Target, hook.ID))
	_, err = db.Delivery(ctx, hook.ID, id)
	wantCode(t, err, rehome.NotFound)
	must(t, db.FinishDelivery(ctx, d, time.Minute)) // an attempt that was under way
	if next := newDelivery(t, db, other.ID); next <= id {
		t.Errorf("id %d follows deleted %d", next, id)
	}
}

// A delivery is stored with what it tells of, or not at all.
func testDeliveryInChange(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	newImport(t, db, r.ID)
	hook := newHook(t, db, aHook(r.ID, "https://new.example/"))
	broken := errors.New("broken")
	for _, want := range []error{broken, nil} {
		_, err := db.ChangeImport(ctx, r.ID, func(tx *store.Tx, _ *store.Import) error {
			_, err := tx.AddDelivery(ctx, aDelivery(hook.ID))
			return errors.Join(err, want)
		})
		all, listErr := db.Deliveries(ctx, hook.ID, 0, 10)
		must(t, listErr)
		if !errors.Is(err, want) || (len(all) == 1) != (want == nil) {
			t.Errorf("a change that returned %v left %d deliveries", err, len(all))
		}
	}
}

func testDeliveryPages(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	hook, other := newHook(t, db, aHook(r.ID, "https://new.example/1")), newHook(t, db, aHook(r.ID, "https://new.example/2"))
	var ids []int64
	for range 5 {
		ids = append(ids, newDelivery(t, db, hook.ID))
		newDelivery(t, db, other.ID)
	}
	slices.Reverse(ids)
	d, _ := claim(t, db, ids[0], time.Hour)
	d.URL, d.Answer, d.ResponseBody = "https://new.example/1", rehome.Answer{Code: 200, Text: "OK"}, []byte("large")
	d.RequestHeaders = map[string]string{"A": "b"}
	must(t, db.FinishDelivery(ctx, d, never))
	for _, c := range []struct {
		before int64
		limit  int
		want   []int64
	}{
		{0, 10, ids},
		{0, 2, ids[:2]},
		{ids[1], 2, ids[2:4]},
		{ids[3], 2, ids[4:]},
		{ids[4], 2, nil},
	} {
		page, err := db.Deliveries(ctx, hook.ID, c.before, c.limit)
		must(t, err)
		var got []int64
		for _, d := range page {
			got = append(got, d.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d before %d: %v, want %v", c.limit, c.before, got, c.want)
		}
	}
	page, err := db.Deliveries(ctx, hook.ID, 0, 1)
	must(t, err)
	whole, err := db.Delivery(ctx, hook.ID, ids[0])
	must(t, err)
	if string(whole.ResponseBody) != "large" || !whole.NextAttemptAt.IsZero() {
		t.Errorf("finished: %+v", whole)
	}
	whole.Payload, whole.ResponseBody, whole.RequestHeaders, whole.ResponseHeaders = nil, nil, nil, nil
	if !reflect.DeepEqual(page[0], whole) {
		t.Errorf("listed\n%+v, want\n%+v", page[0], whole)
	}
}

func testDueDeliveries(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "octocat", "one")
	hooks := make([]int64, 5)
	for n := range hooks {
		hooks[n] = newHook(t, db, aHook(r.ID, fmt.Sprint("https://new.example/", n))).ID
	}
	wantDueDeliveries(t, db, nil, 10)
	finish(t, db, newDelivery(t, db, hooks[3]), rehome.Answer{Code: 200}, never) // nothing follows
	finish(t, db, newDelivery(t, db, hooks[4]), rehome.Answer{}, never)          // fails from now on
	finish(t, db, newDelivery(t, db, hooks[2]), rehome.Answer{Code: 410}, never)
	wantDueDeliveries(t, db, nil, 10)

	newDelivery(t, db, hooks[0])
	first := dueSince(t, db, hooks[0], 3*time.Hour) // its newer delivery is due for longer
	dueSince(t, db, hooks[0], 2*time.Hour)
	second := dueSince(t, db, hooks[1], 4*time.Hour)
	third, fourth := dueSince(t, db, hooks[2], 6*time.Hour), dueSince(t, db, hooks[4], 5*time.Hour)
	a, b, c, d := store.DueDelivery{ID: first, HookID: hooks[0]}, store.DueDelivery{ID: second, HookID: hooks[1]},
		store.DueDelivery{ID: third, HookID: hooks[2], Failing: true}, store.DueDelivery{ID: fourth, HookID: hooks[4], Failing: true}
	wantDueDeliveries(t, db, nil, 10, c, d, b, a)
	wantDueDeliveries(t, db, nil, 1, c, b) // one that fails, one that is well
	wantDueDeliveries(t, db, []int64{hooks[2], hooks[1]}, 1, d, a)
	wantDueDeliveries(t, db, hooks, 10)
	finish(t, db, first, rehome.Answer{Code: 204}, never)
	due, _, err := db.DueDeliveries(t.Context(), []int64{hooks[1], hooks[2], hooks[4]}, 10)
	must(t, err)
	if len(due) != 1 || due[0].HookID != hooks[0] || due[0].ID == first {
		t.Errorf("after the first of a hook: %+v", due)
	}
	same := newHook(t, db, aHook(r.ID, "https://new.example/same")).ID
	low := newDelivery(t, db, same)
	newDelivery(t, db, same)
	due, _, err = db.DueDeliveries(t.Context(), hooks, 10)
	must(t, err)
	if want := (store.DueDelivery{ID: low, HookID: same}); len(due) != 1 || due[0] != want {
		t.Errorf("of two new ones: %+v, want %+v", due, want)
	}
}

func wantDueDeliveries(t *testing.T, db *store.DB, except []int64, limit int, want ...store.DueDelivery) {
	t.Helper()
	got, next, err := db.DueDeliveries(t.Context(), except, limit)
	must(t, err)
	if !slices.Equal(got, want) || !next.IsZero() {
		t.Errorf("due but for hooks %v, limit %d:\n%+v, next %v, want\n%+v, none", except, limit, got, next, want)
	}
}

// Whoever asks for what is due learns when to ask again.
func testNextDelivery(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	one, two := newHook(t, db, aHook(r.ID, "https://new.example/1")).ID, newHook(t, db, aHook(r.ID, "https://new.example/2")).ID
	wantNext := func(wantDue int, hook, id int64, except ...int64) {
		t.Helper()
		var want time.Time
		if id != 0 {
			d, err := db.Delivery(ctx, hook, id)
			must(t, err)
			want = d.NextAttemptAt
		}
		due, next, err := db.DueDeliveries(ctx, except, 10)
		must(t, err)
		if len(due) != wantDue || next != want {
			t.Errorf("%d due, next %v; want %d, %v", len(due), next, wantDue, want)
		}
	}
	far, near, running := newDelivery(t, db, one), newDelivery(t, db, one), newDelivery(t, db, two)
	finish(t, db, far, rehome.Answer{}, 2*time.Hour)
	finish(t, db, near, rehome.Answer{}, time.Hour)
	wantNext(1, one, near)
	claim(t, db, running, time.Minute)
	wantNext(0, two, running)
	wantNext(0, one, near, two)
	wantNext(0, 0, 0, one, two)
	newDelivery(t, db, one) // due before those that wait
	wantNext(1, one, near, two)
}

// Of many that would make the same attempt one does.
func testClaims(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hook := newHook(t, db, aHook(newRepository(t, db, "octocat", "one").ID, "https://new.example/"))
	id := newDelivery(t, db, hook.ID)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, _, ok, err := db.ClaimDelivery(context.Background(), id, time.Hour)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	got, err := db.Delivery(ctx, hook.ID, id)
	must(t, err)
	if won.Load() != 1 || got.Attempts != 1 {
		t.Errorf("%d claims won, %d attempts; want 1", won.Load(), got.Attempts)
	}
	if due, _, err := db.DueDeliveries(ctx, nil, 10); err != nil || len(due) != 0 {
		t.Errorf("due while it is tried: %+v, %v", due, err)
	}
	must(t, db.FinishDelivery(ctx, got, never))
	for _, id := range []int64{id, id + 1} {
		if _, _, ok, err := db.ClaimDelivery(ctx, id, time.Hour); ok || err != nil {
			t.Errorf("delivery %d, which is done or never was, was claimed: %v, %v", id, ok, err)
		}
	}
}

// An attempt that nobody finishes is made again. Should the first come back after all, it is not heard.
func testLostAttempts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hook := newHook(t, db, aHook(newRepository(t, db, "octocat", "one").ID, "https://new.example/"))
	id := newDelivery(t, db, hook.ID)
	slow, _ := claim(t, db, id, -time.Second) // its time is over
	slow.Answer = rehome.Answer{Code: 200, Text: "slow"}
	quick, _ := claim(t, db, id, -time.Second)
	if slow.Attempts != 1 || quick.Attempts != 2 {
		t.Errorf("attempts %d and %d, want 1 and 2", slow.Attempts, quick.Attempts)
	}
	want := func(attempts int, answer rehome.Answer, failing int, due bool) {
		t.Helper()
		d, err := db.Delivery(ctx, hook.ID, id)
		must(t, err)
		h, err := db.Hook(ctx, hook.Target, hook.ID)
		must(t, err)
		if d.Attempts != attempts || d.Answer != answer || d.NextAttemptAt.IsZero() == due || h.Last != answer || h.Failing != failing {
			t.Errorf("delivery %+v of %+v; want %d attempts, answer %+v, due %v, failing %d", d, h, attempts, answer, due, failing)
		}
	}
	must(t, db.FinishDelivery(ctx, slow, never))
	want(2, rehome.Answer{}, 0, true)
	quick.Answer = rehome.Answer{Text: "no route"}
	must(t, db.FinishDelivery(ctx, quick, 0)) // late, but nobody began another
	want(2, quick.Answer, 1, true)
	third, _ := claim(t, db, id, time.Hour)
	must(t, db.FinishDelivery(ctx, quick, never))
	want(3, quick.Answer, 1, true)
	third.Answer = rehome.Answer{Code: 202, Text: "Accepted"}
	must(t, db.FinishDelivery(ctx, third, never))
	want(3, third.Answer, 0, false)
	must(t, db.FinishDelivery(ctx, slow, 0))
	third.Answer = rehome.Answer{Code: 500}
	must(t, db.FinishDelivery(ctx, third, 0)) // it ended once
	want(3, rehome.Answer{Code: 202, Text: "Accepted"}, 0, false)
}

// A hook shows its last answer, whichever delivery it was to, and how long it has failed.
func testHookHealth(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hook := newHook(t, db, aHook(newRepository(t, db, "octocat", "one").ID, "https://new.example/"))
	for _, c := range []struct {
		answer  rehome.Answer
		again   time.Duration
		failing int
	}{
		{rehome.Answer{Text: "timed out"}, time.Hour, 1},
		{rehome.Answer{Code: 302, Text: "Found"}, never, 2},
		{rehome.Answer{Code: 410, Text: "Gone"}, never, 3},
		{rehome.Answer{Code: 204, Text: "No Content"}, never, 0},
		{rehome.Answer{Code: 500, Text: "Internal Server Error"}, never, 1},
	} {
		finish(t, db, newDelivery(t, db, hook.ID), c.answer, c.again)
		h, err := db.Hook(ctx, hook.Target, hook.ID)
		must(t, err)
		if h.Last != c.answer || h.Failing != c.failing || h.UpdatedAt != hook.UpdatedAt {
			t.Errorf("after %+v: %+v, want %d failing", c.answer, h, c.failing)
		}
	}
	h, err := db.ChangeHook(ctx, hook.Target, hook.ID, func(h *store.Hook) error {
		h.URL += "2"
		return nil
	})
	must(t, err)
	if h.Last.Code != 500 || h.Failing != 1 {
		t.Errorf("a change lost the last answer: %+v", h)
	}
}

// Pings and redeliveries that a receiver does not take come to an end; how imports end is told all the same.
func testMostDue(t *testing.T, db *store.DB) {
	const most = 100
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	hook, other := newHook(t, db, aHook(r.ID, "https://new.example/1")), newHook(t, db, aHook(r.ID, "https://new.example/2"))
	first := newDelivery(t, db, hook.ID)
	for range most - 1 {
		newDelivery(t, db, hook.ID)
	}
	refused := func() {
		t.Helper()
		_, err := db.AddDelivery(ctx, aDelivery(hook.ID))
		wantCode(t, err, rehome.LimitPassed)
	}
	refused()
	newDelivery(t, db, other.ID)
	d, _ := claim(t, db, first, time.Hour)
	refused() // one that is tried is not made yet
	d.Answer = rehome.Answer{Code: 200}
	must(t, db.FinishDelivery(ctx, d, never))
	newDelivery(t, db, hook.ID)
	refused()
	newImport(t, db, r.ID)
	_, err := db.ChangeImport(ctx, r.ID, func(tx *store.Tx, _ *store.Import) error {
		_, err := tx.AddDelivery(ctx, aDelivery(hook.ID))
		return err
	})
	must(t, err)
}

func testDropDeliveries(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hook := newHook(t, db, aHook(newRepository(t, db, "octocat", "one").ID, "https://new.example/"))
	done, waits, running, fresh := newDelivery(t, db, hook.ID), newDelivery(t, db, hook.ID), newDelivery(t, db, hook.ID), newDelivery(t, db, hook.ID)
	finish(t, db, done, rehome.Answer{Code: 200}, never)
	finish(t, db, waits, rehome.Answer{}, time.Hour)
	claim(t, db, running, time.Hour)
	n, err := db.DropDeliveries(ctx, time.Hour)
	if n != 0 || err != nil {
		t.Errorf("dropped %d that are young, %v", n, err)
	}
	wantDropped(t, db, 1)
	wantDropped(t, db, 0)
	_, err = db.Delivery(ctx, hook.ID, done)
	wantCode(t, err, rehome.NotFound)
	for _, id := range []int64{waits, running, fresh} {
		_, err := db.Delivery(ctx, hook.ID, id)
		must(t, err)
	}
}

// wantDropped drops whatever is done, however young, and wants so many to be gone.
func wantDropped(t *testing.T, db *store.DB, want int64) {
	t.Helper()
	n, err := db.DropDeliveries(t.Context(), -time.Hour)
	if n != want || err != nil {
		t.Errorf("dropped %d, %v; want %d", n, err, want)
	}
}
