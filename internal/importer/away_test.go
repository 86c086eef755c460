package importer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/shelf"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

// logLines calls a function for each line of the log.
type logLines struct {
	slog.Handler
	line func(text string)
}

// Enabled fills slog.Handler.
func (h logLines) Enabled(context.Context, slog.Level) bool { return true }

// Handle fills slog.Handler.
func (h logLines) Handle(_ context.Context, r slog.Record) error {
	h.line(r.Message)
	return nil
}

// WithAttrs fills slog.Handler.
func (h logLines) WithAttrs([]slog.Attr) slog.Handler { return h }

// An object store that goes away when a repository was fetched, and comes back, costs no other fetch.
func TestObjectStoreGoneForAMoment(t *testing.T) {
	t.Parallel()
	v := testenv.NewVersity(t, "files")
	in, err := bucket.OpenURL(t.Context(), "s3://files?endpoint="+v.URL, bucket.S3Options{Keys: bucket.Keys{ID: v.Key, Secret: v.Secret}})
	must(t, err)
	t.Cleanup(in.(*bucket.S3).Close)
	var fetched, away atomic.Int32
	var note string
	var w *world
	var r rehome.Repository
	w = newWorld(t, func(o *Options) {
		o.Folder.KeepOn(shelf.New(in, t.TempDir()))
		o.Log = slog.New(logLines{slog.DiscardHandler, func(text string) {
			if text == "the object store is away" && away.Add(1) == 1 {
				note = w.get(r).State.Note
				v.Start(t)
			}
		}})
		real := o.Source[rehome.Git]
		o.Source = map[rehome.VCS]source.Source{rehome.Git: fetching{real, func(ctx context.Context, q source.Request) (source.Result, error) {
			fetched.Add(1)
			return real.Fetch(ctx, q)
		}}}
	})
	w.fault = func(point string) {
		if point == "raw received" {
			v.Stop()
		}
	}
	var url, from string
	r, url, from = w.rich("sha1")
	i := w.start(r, StartRequest{URL: url, VCS: rehome.Git})
	wantStatus(t, i, rehome.Complete, "", "")
	if note != storeNote || i.State.Note != "" {
		t.Errorf("it says %q, and at the end %q", note, i.State.Note)
	}
	w.wantMoved(r, from)
	if fetched.Load() != 1 || away.Load() == 0 {
		t.Errorf("fetched %d times, the object store was away %d times", fetched.Load(), away.Load())
	}
}

// A step that fails with what a database that is away says, too, fails the import in the end: the database answers.
func TestCutThatIsNotTheDatabase(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int32
	w := newWorld(t, func(o *Options) {
		o.Source = map[rehome.VCS]source.Source{rehome.Git: fetching{o.Source[rehome.Git], func(context.Context, source.Request) (source.Result, error) {
			fetched.Add(1)
			return source.Result{}, fmt.Errorf("read a file: %w", io.ErrUnexpectedEOF)
		}}}
	})
	w.holding = holding{leaseFor: time.Minute, renewEvery: 10 * time.Millisecond}
	r, url, _ := w.rich("sha1")
	i := w.start(r, StartRequest{URL: url, VCS: rehome.Git})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.Internal)
	if fetched.Load() != maxOutages+1 {
		t.Errorf("fetched %d times", fetched.Load())
	}
}
