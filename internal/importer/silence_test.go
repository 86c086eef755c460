package importer

import (
	"context"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
)

// withSilence makes a world in which sources may say nothing for so long.
func withSilence(t *testing.T, wait time.Duration) func(*Options) {
	t.Helper()
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	must(t, err)
	t.Cleanup(client.Close)
	noWait := func(context.Context, time.Duration) error { return nil }
	return func(o *Options) {
		o.Source = map[rehome.VCS]source.Source{rehome.Git: git.New(git.Options{
			Client: client, Sleep: noWait, Silence: git.Silence{Detect: wait, Fetch: wait},
		})}
	}
}

// TestSilentSourceIsTriedTwice: no more, and nothing else of a try is repeated.
func TestSilentSourceIsTriedTwice(t *testing.T) {
	t.Parallel()
	for vcs, step := range map[rehome.VCS]rehome.Step{rehome.Git: rehome.StepRaw, "": rehome.StepDetection} {
		var asked atomic.Int64
		url := answers(t, func(_ http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			<-r.Context().Done()
		})
		w := newWorld(t, withSilence(t, 200*time.Millisecond))
		i := w.start(w.repository("new"), StartRequest{URL: url, VCS: vcs})
		wantStatus(t, i, rehome.Failed, step, rehome.Unreachable)
		if asked.Load() != 2 {
			t.Errorf("vcs %q: asked %d times", vcs, asked.Load())
		}
	}
}

// TestNoteOfAnotherTry: what went wrong is told while it is tried again.
func TestNoteOfAnotherTry(t *testing.T) {
	t.Parallel()
	busy := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "back at \x1b[31mnoon", http.StatusServiceUnavailable)
	})
	silent := answers(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for url, want := range map[string]string{
		busy:                         `The source answers with status 503: "back at [31mnoon". Trying again at `,
		silent:                       strings.TrimSuffix(strings.TrimPrefix(silent, "http://"), "/old.git") + " does not answer in time. Trying again at ",
		"http://127.0.0.1:1/old.git": "Cannot connect to 127.0.0.1:1: the connection is refused. Trying again at ",
	} {
		w := newWorld(t, withSilence(t, 200*time.Millisecond), func(o *Options) { o.Waits.Backoff = []time.Duration{time.Hour} })
		i := w.start(w.repository("new"), StartRequest{URL: url})
		wantStatus(t, i, rehome.Detecting, "", "")
		if when, ok := strings.CutPrefix(i.State.Note, want); !ok || !regexp.MustCompile(`^\d\d:\d\d:\d\d UTC\.$`).MatchString(when) {
			t.Errorf("%s: note %q, want %q", url, i.State.Note, want)
		}
	}
}

// TestNoTryThatIsInVain: a server that does not speak TLS will not a little later.
func TestNoTryThatIsInVain(t *testing.T) {
	t.Parallel()
	plain := answers(t, func(http.ResponseWriter, *http.Request) {})
	w := newWorld(t, func(o *Options) { o.Waits.Backoff = []time.Duration{time.Hour} })
	i := w.start(w.repository("new"), StartRequest{URL: strings.Replace(plain, "http:", "https:", 1)})
	wantStatus(t, i, rehome.Failed, rehome.StepDetection, rehome.Unreachable)
}

// TestWaitingIsTold: an import that no worker takes says so, once that has lasted.
func TestWaitingIsTold(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	var later atomic.Int64 // seconds
	w := newWorld(t, func(o *Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(later.Load()) * time.Second) }
	})
	note := func(r rehome.Repository) string {
		t.Helper()
		listed, _, err := w.List(t.Context(), Filter{})
		must(t, err)
		i := w.get(r)
		if got := listed[0].State.Note; got != i.State.Note {
			t.Errorf("the list says %q, the import %q", got, i.State.Note)
		}
		return i.State.Note
	}
	r := w.repository("new")
	later.Store(-60)
	_, err := w.Start(t.Context(), r, StartRequest{URL: url})
	must(t, err)
	if got := note(r); got != "" {
		t.Errorf("at once: %q", got)
	}
	later.Store(60)
	if got := note(r); got != waitingText(1) {
		t.Errorf("a minute later: %q", got)
	}
	lease, ok, err := w.DB.Acquire(t.Context(), w.get(r).ID, "somebody", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := note(r); got != "" {
		t.Errorf("while somebody works on it: %q", got)
	}
	must(t, w.DB.Release(t.Context(), lease))
	w.work()
	if i := w.get(r); i.State.Status != rehome.Complete || i.State.Note != "" {
		t.Errorf("at the end: %+v", i.State)
	}
}
