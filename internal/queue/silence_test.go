package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/internal/testenv"
)

// A queue whose server falls silent says so to those who wake, and can be closed while River waits for answers.
func TestQueueFallsSilent(t *testing.T) {
	way, where := testenv.NewStall(t, testenv.Postgres(t).NewDatabase(t))
	woken := make(chan int64, 1)
	work := func(_ context.Context, id int64) error {
		woken <- id
		return nil
	}
	s, err := openShared(t.Context(), where, settings(2, work, slog.New(slog.DiscardHandler)), patience{statements: 4 * time.Second, silence: 5 * time.Second, closing: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.insert(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	<-woken
	way.Stop()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := s.insert(context.Background(), 8); err == nil {
				t.Error("a wake-up was taken")
			}
		})
	}
	wg.Wait()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := s.stop(ctx); err == nil {
		t.Error("River told a server goodbye that says nothing")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-s.client.Stopped() // no connection keeps it from that
}

// Who waits for another process to prepare the queue can be told to stop.
func TestWaitsToPrepare(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	other, err := pgx.Connect(t.Context(), where)
	if err == nil {
		_, err = other.Exec(t.Context(), "SELECT pg_advisory_lock(7220182)")
	}
	if err != nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context) error {
		q, err := Open(ctx, where, 0, nil, nil, slog.New(slog.DiscardHandler))
		if err == nil {
			err = q.Close(ctx)
		}
		return err
	}
	ctx, stop := context.WithCancel(t.Context())
	opened := make(chan error)
	go func() { opened <- open(ctx) }()
	stop()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
	go func() { opened <- open(context.Background()) }()
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
