package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// short is patience that tests have, and servers that live do not need.
var short = patience{answers: 5 * time.Second, reads: 4 * time.Second, writes: 4 * time.Second, spoken: 2 * time.Second}

// Whatever is under way when a server falls silent, with all connections open, ends by itself and says what is known.
func TestServerFallsSilent(t *testing.T) {
	way, where := testenv.NewStall(t, testenv.Postgres(t).NewDatabase(t))
	db, err := openPostgres(t.Context(), where, short)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User}); err != nil {
		t.Fatal(err)
	}
	stopped, begun := make(chan struct{}), make(chan struct{})
	change := func(then func(*Tx) error) error {
		return db.inTx(context.Background(), func(tx *Tx) error {
			begun <- struct{}{}
			<-stopped
			return then(tx)
		})
	}
	reads := func(tx *Tx) error { return tx.lockOwner(context.Background(), 1) }
	fails := errors.New("no use")
	var wg sync.WaitGroup
	look := func(name string, want func(error) bool, do func() error) {
		wg.Go(func() {
			if err := do(); !want(err) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	unknown := func(err error) bool { return errors.Is(err, ErrOutcomeUnknown) && Unavailable(err) }
	known := func(err error) bool { return Unavailable(err) && !errors.Is(err, ErrOutcomeUnknown) }
	look("a statement", known, func() error { return change(reads) })
	look("the commit", unknown, func() error { return change(func(*Tx) error { return nil }) })
	look("the end of what failed", func(err error) bool { return errors.Is(err, fails) }, func() error { return change(func(*Tx) error { return fails }) })
	for range 3 {
		<-begun
	}
	way.Stop()
	close(stopped)
	look("a read", known, func() error {
		_, err := db.OwnerByLogin(context.Background(), "ada")
		return err
	})
	look("a beginning", known, func() error { return db.Ping(context.Background()) })
	look("a start", known, func() error {
		_, err := Open(context.Background(), where)
		return err
	})
	wg.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// Who waits for another process to migrate can be told to stop, and goes on when that one is done or dead.
func TestWaitsToMigrate(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	config, err := parsePostgres(where)
	if err != nil {
		t.Fatal(err)
	}
	other := openLines(config, 1, 0, 0)
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err == nil {
		err = lockAlone(t.Context(), conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	opened := make(chan error)
	go func() {
		_, err := Open(ctx, where)
		opened <- err
	}()
	stop()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
	go func() {
		db, err := Open(t.Context(), where)
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	other.Cut()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
