package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome/internal/queue"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func idle(context.Context) error { return nil }

// onEach runs a test on both engines, with a new queue of its own.
func onEach(t *testing.T, test func(t *testing.T, where string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "queue.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, testenv.Postgres(t).NewDatabase(t)) })
}

func openQueue(t *testing.T, path string, workers int, work func(context.Context, int64) error, sweep func(context.Context) error) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), path, workers, work, sweep, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func closeQueue(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestWakeReachesAWorker(t *testing.T) { onEach(t, wakeReachesAWorker) }

func wakeReachesAWorker(t *testing.T, where string) {
	woken := make(chan int64, 10)
	q := openQueue(t, where, 2, func(_ context.Context, id int64) error {
		woken <- id
		return errors.New("an error changes nothing")
	}, idle)
	defer closeQueue(t, q)
	for _, want := range []int64{7, 8, 7} { // 7 is woken again once it has been worked on
		wakeUntil(t, q, want, woken)
	}
}

// wakeUntil wakes id until a worker got it: a wake-up that comes while the worker's
// last one is being finished counts as doubled.
func wakeUntil(t *testing.T, q *queue.Queue, id int64, woken <-chan int64) {
	t.Helper()
	for {
		if err := q.Wake(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-woken:
			if got == id {
				return
			} // else it is one that came twice
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestSweepRunsAtStart(t *testing.T) { onEach(t, sweepRunsAtStart) }

func sweepRunsAtStart(t *testing.T, where string) {
	swept := make(chan struct{}, 1)
	q := openQueue(t, where, 1, func(context.Context, int64) error { return nil },
		func(context.Context) error {
			select {
			case swept <- struct{}{}:
			default:
			}
			return nil
		})
	defer closeQueue(t, q)
	<-swept
}

func TestCloseStopsRunningWork(t *testing.T) { onEach(t, closeStopsRunningWork) }

func closeStopsRunningWork(t *testing.T, where string) {
	started := make(chan struct{})
	q := openQueue(t, where, 1, func(ctx context.Context, _ int64) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}, idle)
	if err := q.Wake(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	<-started
	closeQueue(t, q)
}

func TestNoMoreWorkersThanAsked(t *testing.T) { onEach(t, noMoreWorkersThanAsked) }

func noMoreWorkersThanAsked(t *testing.T, where string) {
	var running, most atomic.Int64
	done := make(chan struct{}, 10)
	q := openQueue(t, where, 2, func(context.Context, int64) error {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(20 * time.Millisecond)
		done <- struct{}{}
		return nil
	}, idle)
	defer closeQueue(t, q)
	for id := range int64(6) {
		if err := q.Wake(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for range 6 {
		<-done
	}
	if got := most.Load(); got > 2 {
		t.Errorf("%d ran at once, want at most 2", got)
	}
}

func TestReopenDropsOldWakeUps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	block := make(chan struct{})
	first := openQueue(t, path, 1, func(ctx context.Context, _ int64) error {
		close(block)
		<-ctx.Done()
		return nil
	}, idle)
	for id := range int64(3) {
		if err := first.Wake(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	<-block
	closeQueue(t, first)

	woken := make(chan int64, 10)
	second := openQueue(t, path, 1, func(_ context.Context, id int64) error { woken <- id; return nil }, idle)
	defer closeQueue(t, second)
	wakeUntil(t, second, 9, woken)
}

// Without workers it takes wake-ups and hands out none.
func TestNoWorkers(t *testing.T) { onEach(t, noWorkers) }

func noWorkers(t *testing.T, where string) {
	never := func(context.Context, int64) error {
		t.Error("somebody works, or sweeps")
		return nil
	}
	q := openQueue(t, where, 0, never, func(ctx context.Context) error { return never(ctx, 0) })
	if err := q.Wake(t.Context(), 1); err != nil {
		t.Error(err)
	}
	closeQueue(t, q)
}

// A worker that is busy for long with what it was woken for keeps nobody from being woken for the same.
func TestWakeWhileItRuns(t *testing.T) { onEach(t, wakeWhileItRuns) }

func wakeWhileItRuns(t *testing.T, where string) {
	started, release := make(chan struct{}, 2), make(chan struct{})
	q := openQueue(t, where, 2, func(context.Context, int64) error {
		started <- struct{}{}
		<-release
		return nil
	}, idle)
	defer closeQueue(t, q)
	for range 2 {
		if err := q.Wake(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		<-started
	}
	close(release)
}

// What waits already is added once, however often it is woken.
func TestWakesAreOne(t *testing.T) { onEach(t, wakesAreOne) }

func wakesAreOne(t *testing.T, where string) {
	woken, release := make(chan int64, 100), make(chan struct{})
	q := openQueue(t, where, 1, func(_ context.Context, id int64) error {
		woken <- id
		<-release
		return nil
	}, idle)
	defer closeQueue(t, q)
	for _, id := range []int64{7, 8, 8, 8, 9} {
		if err := q.Wake(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if id == 7 && <-woken != 7 {
			t.Fatal("another was woken")
		}
	}
	close(release)
	if first, second := <-woken, <-woken; first != 8 || second != 9 {
		t.Errorf("woken %d, %d, want 8, 9", first, second)
	}
	if n := len(woken); n > 0 {
		t.Errorf("woken %d times more", n)
	}
}
