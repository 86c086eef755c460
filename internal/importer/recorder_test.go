package importer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/survey"
)

// More identities than fit into one transaction, told while the clock stands still,
// are all there in their order at the end.
func TestRecorderStoresEverythingInOrder(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	w := newWorld(t, func(o *Options) { o.Clock = func() time.Time { return now } })
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git", VCS: rehome.Git})
	must(t, err)
	lease, ok, err := w.DB.Acquire(t.Context(), i.ID, "test", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	rec := startRecorder(ctx, &worker{Importer: w.Importer, lease: lease}, stop)
	const count = maxBatch + 500
	for n := range count {
		rec.identities([]survey.Identity{{Name: fmt.Appendf(nil, "%d", n), Mail: []byte("m")}})
		rec.progress(source.Progress{})
	}
	must(t, rec.close())
	all, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	for n, a := range all {
		if string(a.RemoteName) != fmt.Sprint(n) {
			t.Fatalf("author %d is %q", n, a.RemoteName)
		}
	}
	if len(all) != count || w.get(r).Found.Authors != count {
		t.Errorf("%d authors, %d counted, want %d", len(all), w.get(r).Found.Authors, count)
	}
}

// A step whose lease is lost ends, and what it told last is not written.
func TestRecorderStopsWithTheLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git", VCS: rehome.Git})
	must(t, err)
	lease, _, err := w.DB.Acquire(t.Context(), i.ID, "test", time.Hour)
	must(t, err)
	lease.Fence--
	ctx, stop := context.WithCancelCause(t.Context())
	rec := startRecorder(ctx, &worker{Importer: w.Importer, lease: lease}, stop)
	rec.identities([]survey.Identity{{Name: []byte("n"), Mail: []byte("m")}})
	<-ctx.Done()
	if err := rec.close(); err == nil {
		t.Error("a write without the lease passed")
	}
	if got := w.get(r).Found.Authors; got != 0 {
		t.Errorf("%d authors were written", got)
	}
}
