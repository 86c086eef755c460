package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// What has another text each time does not fill the pool.
func TestPoolKeepsFewStatements(t *testing.T) {
	db := openHere(t)
	ctx := t.Context()
	kept := func(n int) int {
		except, owners := make([]int64, n), make([]string, n+1)
		if _, _, err := db.DueDeliveries(ctx, except, 10); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.Imports(ctx, Filter{Owners: owners, Limit: 10}); err != nil {
			t.Fatal(err)
		}
		return len(db.read.ready)
	}
	want := kept(0)
	for n := range 2 * maxPrepared {
		if got := kept(n); got != want {
			t.Fatalf("%d statements after %d queries, want %d", got, 2*n, want)
		}
	}
}

// A full pool goes on without keeping more, and a caller that gives up spoils nothing for the next.
func TestPoolUnderLoad(t *testing.T) {
	db := openHere(t)
	gone, stop := context.WithCancel(t.Context())
	stop()
	var wg sync.WaitGroup
	for range 20 { // more than there are connections
		wg.Go(func() {
			for n := range maxPrepared + 20 {
				query, got := fmt.Sprint("SELECT ", n), 0
				if err := db.read.QueryRowContext(gone, query).Scan(&got); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if err := db.read.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != n {
					t.Error(got, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(db.read.ready); n < maxPrepared || n > maxPrepared+20 {
		t.Errorf("%d statements are kept, want %d", n, maxPrepared)
	}
}
