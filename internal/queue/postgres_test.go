package queue_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome/internal/queue"
	"rehome/internal/testenv"
)

// collected is work that tells of the ids it was called with.
func collected() (chan int64, func(context.Context, int64) error) {
	woken := make(chan int64, 100)
	return woken, func(_ context.Context, id int64) error {
		woken <- id
		return nil
	}
}

// One process wakes, another works. What was woken before that one started, by a process that is gone, is not lost.
func TestOthersWakeUps(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	early := openQueue(t, where, 0, nil, nil)
	for range 3 {
		for id := range int64(3) {
			if err := early.Wake(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeQueue(t, early)
	door := openQueue(t, where, 0, nil, nil)
	defer closeQueue(t, door)
	woken, work := collected()
	worker := openQueue(t, where, 1, work, idle)
	defer closeQueue(t, worker)
	got := []int64{<-woken, <-woken, <-woken}
	if slices.Sort(got); !slices.Equal(got, []int64{0, 1, 2}) {
		t.Errorf("woken %v", got)
	}
	for id := range int64(5) {
		if err := door.Wake(t.Context(), 10+id); err != nil {
			t.Fatal(err)
		}
		if got := <-woken; got != 10+id {
			t.Errorf("woken %d, want %d", got, 10+id)
		}
	}
}

// A worker that was killed leaves its job running for good: others can be woken for the import at once.
func TestDeadWorkersDoNotBlock(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	started, release := make(chan struct{}), make(chan struct{})
	dead := openQueue(t, where, 1, func(context.Context, int64) error {
		close(started)
		<-release
		return nil
	}, idle)
	if err := dead.Wake(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	<-started
	woken, work := collected()
	alive := openQueue(t, where, 1, work, idle)
	defer closeQueue(t, alive)
	for range 2 {
		if err := alive.Wake(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		if got := <-woken; got != 7 {
			t.Errorf("woken %d, want 7", got)
		}
	}
	close(release)
	closeQueue(t, dead)
}

// Wake-ups of one import by many at once are one while it waits, and no error.
func TestWakeAtOnce(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	doors := make([]*queue.Queue, 4)
	var wg sync.WaitGroup
	for n := range doors { // they make the schema together, too
		wg.Go(func() {
			q, err := queue.Open(context.Background(), where, 0, nil, nil, quiet)
			if err != nil {
				t.Error(err)
				return
			}
			doors[n] = q
			for range 10 {
				if err := q.Wake(context.Background(), 7); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	woken, work := collected()
	worker := openQueue(t, where, 1, work, idle)
	<-woken
	closeQueue(t, worker)
	if n := len(woken); n > 0 {
		t.Errorf("woken %d times more", n)
	}
	for _, q := range doors {
		if q != nil {
			closeQueue(t, q)
		}
	}
}

// A server that was killed and started again carries wake-ups without a restart here.
func TestQueueOutlivesItsServer(t *testing.T) {
	server := testenv.OwnPostgres(t)
	woken, work := collected()
	q := openQueue(t, server.NewDatabase(t), 1, work, idle)
	defer closeQueue(t, q)
	wakeUntil(t, q, 1, woken)
	server.Kill(t)
	if err := q.Wake(t.Context(), 2); err == nil {
		t.Error("a killed server took a wake-up")
	}
	server.Start(t)
	if err := q.Wake(t.Context(), 3); err != nil {
		if err = q.Wake(t.Context(), 3); err != nil { // the first found a connection that had been cut
			t.Fatal(err)
		}
	}
	for got := range woken {
		if got == 3 {
			break
		}
	}
}

func TestPasswordOfTheQueueStaysSecret(t *testing.T) {
	good := testenv.Postgres(t).NewDatabase(t)
	for _, where := range []string{good + "_missing", good + "?sslmode=never", strings.Replace(good, "@", "@@:x:", 1)} {
		_, err := queue.Open(t.Context(), where, 1, nil, idle, quiet)
		if err == nil || strings.Contains(err.Error(), testenv.PostgresPassword) {
			t.Errorf("%v", err)
		}
	}
}
