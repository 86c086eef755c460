package importer

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// cutting serves root and cuts off the first so many pushes.
func cutting(t *testing.T, root string, most int32) (url string, cut *atomic.Int32) {
	cut = new(atomic.Int32)
	s := testenv.NewServer(t, root, testenv.Options{Push: true, Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack") && cut.Add(1) <= most {
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}})
	return s.URL, cut
}

// A push that was cut off is tried again, as a fetch is, and says how often when it comes to nothing.
func TestCutOffPushesAreTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cuts int32
		want rehome.Status
		code rehome.Code
	}{
		"for a while": {4, rehome.Complete, ""},
		"for good":    {1000, rehome.Failed, rehome.DestinationCutOff},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
			testenv.Empty(t, filepath.Join(root, "new.git"), "sha1")
			url, _ := cutting(t, root, c.cuts)
			w := newWorld(t)
			r := w.repository("a")
			_, err := w.SetDestination(t.Context(), r.ID, DestinationRequest{URL: url + "/new.git"})
			must(t, err)
			i := w.start(r, StartRequest{URL: url + "/old.git"})
			step := rehome.Step("")
			if c.want == rehome.Failed {
				step = rehome.StepPush
				if i.State.Err == nil || !strings.HasSuffix(i.State.Err.Message, " It was tried 3 times.") {
					t.Errorf("it says %v", i.State.Err)
				}
			} else {
				wantSame(t, filepath.Join(root, "new.git"), filepath.Join(root, "old.git"))
			}
			wantStatus(t, i, c.want, step, c.code)
			if i.State.Note != "" && c.want == rehome.Complete {
				t.Errorf("a complete import still says %q", i.State.Note)
			}
		})
	}
}

// Credentials that are given while a try waits are tried at once.
func TestWhatIsGivenEndsTheWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Waits.Backoff = []time.Duration{time.Hour, 0} })
	r := w.repository("a")
	w.start(r, StartRequest{URL: "http://127.0.0.1:1/a.git", VCS: rehome.Git})
	wantStatus(t, w.get(r), rehome.Importing, "", "")
	name := "ada"
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{Username: &name})
	must(t, err)
	w.work()
	i := w.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.Unreachable)
	if !strings.HasSuffix(i.State.Err.Message, " It was tried 3 times.") {
		t.Errorf("it says %q", i.State.Err.Message)
	}
}

func TestWaitsBetweenTries(t *testing.T) {
	now := time.Date(2026, 1, 2, 23, 59, 59, 0, time.UTC)
	for n, wait := range defaultBackoff {
		i := store.Import{Queue: store.Queue{Attempts: n}}
		shortest, longest := wait, wait
		for range 1000 {
			i.Attempts = n
			tryLater(&i, &rehome.Error{Message: "Gone."}, now, defaultBackoff)
			shortest, longest = min(shortest, i.DueAt.Sub(now)), max(longest, i.DueAt.Sub(now))
			if want := "Gone. Trying again at " + i.DueAt.Format("15:04:05") + " UTC."; i.State.Note != want || i.Attempts != n+1 {
				t.Fatalf("note %q, want %q; %d attempts", i.State.Note, want, i.Attempts)
			}
		}
		if shortest < wait*3/4 || longest > wait*5/4 || shortest > wait*4/5 || longest < wait*6/5 {
			t.Errorf("waits of %v are between %v and %v", wait, shortest, longest)
		}
	}
}

// Somebody who asks for it ends the wait for the next try; an empty request of the API does not, as scripts send it again and again.
func TestAskingAgainEndsTheWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Waits.Backoff = []time.Duration{time.Hour, time.Hour} })
	r := w.repository("a")
	w.start(r, StartRequest{URL: "http://127.0.0.1:1/a.git", VCS: rehome.Git})
	before, err := w.Turn(t.Context(), r.ID)
	must(t, err)
	if before.Try != 2 || before.Tries != 3 {
		t.Errorf("it waits for try %d of %d, want 2 of 3", before.Try, before.Tries)
	}
	waited := w.get(r)
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	if note := w.get(r).State.Note; note != waited.State.Note {
		t.Errorf("after an empty request it says %q", note)
	}
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{Now: true})
	must(t, err)
	if note := w.get(r).State.Note; note == waited.State.Note || !TriesAgain(note) {
		t.Errorf("it says %q, and said %q", note, waited.State.Note)
	}
	w.work()
	after, err := w.Turn(t.Context(), r.ID)
	must(t, err)
	if after.Try != 3 || after.Tries != 3 {
		t.Errorf("it waits for try %d of %d, want 3 of 3", after.Try, after.Tries)
	}
}

// Where nothing answers there is no progress to tell of.
func TestNoProgressBeforeTheSourceAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("a")
	i, err := w.Start(t.Context(), r, StartRequest{URL: "http://127.0.0.1:1/a.git", VCS: rehome.Git})
	must(t, err)
	events, err := w.Watch(t.Context(), r.ID)
	must(t, err)
	must(t, w.Reconcile(t.Context(), i.ID))
	w.work()
	for _, e := range heard(t, events, rehome.EventError) {
		if e.Kind == rehome.EventProgress {
			t.Errorf("it tells of %+v", e.ProgressEvent)
		}
	}
}
