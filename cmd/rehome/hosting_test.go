package main

import (
	"errors"
	"log/slog"
	"testing"

	"rehome/internal/testenv"
)

// Of two servers with a host of their own and the same database the second is refused, until the first is gone.
func TestOneHost(t *testing.T) {
	t.Parallel()
	where := testenv.Postgres(t).NewDatabase(t)
	begin := func(dir, role string) (*parts, error) {
		p := &parts{told: told{log: slog.New(slog.DiscardHandler)}}
		p.flags.role.role, p.flags.places = role, placesFlags{dir: data(dir), database: where}
		err := errors.Join(p.openFolder(t.Context()), p.openRows(t.Context()))
		if err == nil {
			err = p.holdHost(t.Context(), func(error) {})
		}
		t.Cleanup(p.close)
		return p, err
	}
	one, other := t.TempDir(), t.TempDir()
	first, err := begin(one, roleAll)
	if err != nil {
		t.Fatal(err)
	}
	second, err := begin(other, roleAll)
	if !errors.Is(err, errOtherHost) {
		t.Errorf("the second: %v", err)
	}
	second.close()
	worker, err := begin(other, roleWorker)
	if err != nil {
		t.Errorf("a worker: %v", err)
	}
	worker.close()
	first.close()
	if _, err := begin(other, roleAll); err != nil {
		t.Errorf("after the first: %v", err)
	}
}
