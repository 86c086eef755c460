package importer

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/survey"
	"rehome/internal/testenv"
)

// Credentials that come while the raw step runs with others are tried before it fails.
func TestCredentialsGivenWhileItFails(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
	asked, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	url := testenv.ServeGit(t, root, testenv.Options{User: "u", Password: "p", Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
			if first.CompareAndSwap(false, true) {
				close(asked)
				<-goOn
			}
			h.ServeHTTP(rw, q)
		})
	}}) + "/old.git"
	w := newWorld(t)
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git, Username: "u", Password: "wrong"})
	must(t, err)
	ended := make(chan error)
	go func() { ended <- w.Reconcile(context.Background(), i.ID) }()
	<-asked
	password := rehome.Secret("p")
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{Password: &password})
	must(t, err)
	close(goOn)
	must(t, <-ended)
	wantStatus(t, w.get(r), rehome.Complete, "", "")
}

// A push that had begun ends before DELETE answers, so that nothing of a deleted import
// shows up later or meets the push of its successor.
func TestCancelWaitsForAPush(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"one", "two"} {
		testenv.Synthetic(t, filepath.Join(root, name+".git"), "sha1", testenv.Size{Commits: len(name) + int(name[0])%5})
	}
	url := testenv.ServeGit(t, root, testenv.Options{})
	w := newWorld(t)
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: url + "/one.git", VCS: rehome.Git})
	must(t, err)
	atPush, goOn := make(chan struct{}), make(chan struct{})
	w.fault = func(point string) {
		if point == "before publishing" {
			close(atPush)
			<-goOn
		}
	}
	ended := make(chan error)
	go func() { ended <- w.Reconcile(context.Background(), i.ID) }()
	<-atPush
	cancelled := make(chan error, 1)
	go func() { cancelled <- w.Cancel(context.Background(), r.ID, 0) }()
	for { // until nobody sees it any more
		if _, err := w.Get(t.Context(), r.ID); rehome.CodeOf(err) == rehome.NotFound && err != nil {
			break
		}
	}
	select {
	case <-cancelled:
		t.Error("DELETE answered while a push was under way")
	default:
	}
	close(goOn)
	must(t, <-cancelled)
	before := testenv.ShowRefs(t, w.hosted(r))
	must(t, <-ended)
	if after := testenv.ShowRefs(t, w.hosted(r)); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("after DELETE had answered the refs became\n%v, were\n%v", after, before)
	}
	w.fault = func(string) {}
	wantStatus(t, w.start(r, StartRequest{URL: url + "/two.git"}), rehome.Complete, "", "")
	w.wantMoved(r, filepath.Join(root, "two.git"))
}

// babbling tells of identities and then fails in the worst way.
type babbling struct{ panicking }

func (*babbling) Fetch(_ context.Context, q source.Request) (source.Result, error) {
	q.Progress(source.Progress{})
	panic("boom")
}

// A panic in the raw step leaves nobody waiting to record more of it (goleak sees that).
func TestPanicInTheRawStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Source[rehome.Git] = &babbling{}
	i := w.start(w.repository("new"), StartRequest{URL: "https://old.example/old.git", VCS: rehome.Git})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.Internal)
	w.wantNothingLeft()
}

// Whoever tells too late is not heard and hurts nobody.
func TestRecorderTakesLateWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git", VCS: rehome.Git})
	must(t, err)
	lease, _, err := w.DB.Acquire(t.Context(), i.ID, "test", time.Hour)
	must(t, err)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	rec := startRecorder(ctx, &worker{Importer: w.Importer, lease: lease}, stop)
	must(t, rec.close())
	for range 3 {
		rec.identities([]survey.Identity{{Name: []byte("n")}})
		rec.progress(source.Progress{})
	}
	must(t, rec.close())
	if got := w.get(r).Found.Authors; got != 0 {
		t.Errorf("%d authors were written", got)
	}
}

// The row of a repository is there before its folder is: a process killed in between
// leaves one that can be filled all the same.
func TestOpenMakesAMissingFolder(t *testing.T) {
	root, data := t.TempDir(), t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	w, err := openWorld(t.Context(), data)
	must(t, err)
	w.t = t
	fresh, filled := w.repository("fresh"), w.repository("filled")
	w.start(filled, StartRequest{URL: url})
	w.close()
	must(t, os.RemoveAll(w.hosted(fresh)))
	must(t, os.RemoveAll(w.hosted(filled)))
	w, err = openWorld(t.Context(), data)
	must(t, err)
	w.t = t
	defer w.close()
	wantStatus(t, w.start(fresh, StartRequest{URL: url}), rehome.Complete, "", "")
	if w.Host.Exists(filled.ID) {
		t.Error("a repository that had been pushed to came back empty")
	}
}

// An import deleted by somebody else, as with its repository, ends its watchers when it
// is cleaned up.
func TestCleaningUpEndsWatchers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	_, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git"})
	must(t, err)
	events, err := w.Watch(t.Context(), r.ID)
	must(t, err)
	_, err = w.DB.DeleteRepository(t.Context(), r.ID, nil)
	must(t, err)
	w.work()
	for range events { //nolint:revive // it has to end
	}
}

// What the row says about a silent source goes when the source speaks again.
func TestNoteGoesWhenTheSourceAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: "https://old.example/old.git", VCS: rehome.Git})
	must(t, err)
	lease, _, err := w.DB.Acquire(t.Context(), i.ID, "test", time.Hour)
	must(t, err)
	one := &worker{Importer: w.Importer, lease: lease}
	one.row, err = w.DB.ImportByID(t.Context(), i.ID)
	must(t, err)
	must(t, one.fail(t.Context(), &rehome.Error{Code: rehome.SourceCutOff}))
	if w.get(r).State.Note == "" {
		t.Fatal("nothing says that it is tried again")
	}
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	rec := startRecorder(ctx, one, stop)
	p := source.Progress{}
	p.Bytes = 1
	rec.progress(p)
	must(t, rec.close())
	if note := w.get(r).State.Note; note != "" {
		t.Errorf("while it streams the import says %q", note)
	}
}
