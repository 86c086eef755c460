package importer

import (
	"context"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

func TestImportEndsComplete(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format string
		vcs          rehome.VCS
	}{
		{"named", "sha1", rehome.Git},
		{"detected", "sha1", ""},
		{"sha256", "sha256", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, root := newWorld(t), t.TempDir()
			from := filepath.Join(root, "old.git")
			richAt(t, from, c.format)
			r := w.repository("new")
			i := w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git", VCS: c.vcs})
			wantStatus(t, i, rehome.Complete, "", "")
			w.wantMoved(r, from)
			if i.Done != i.Wanted || i.Progress.Percent != 100 || i.Progress.PushPercent != 100 || i.CompletedAt.IsZero() || i.Source.VCS != rehome.Git {
				t.Errorf("a complete import: %+v", i)
			}
			got, err := w.DB.RepositoryByID(t.Context(), r.ID)
			must(t, err)
			if got.DefaultBranch != "trunk" || got.PushedAt.IsZero() {
				t.Errorf("the repository after it: %+v", got)
			}
		})
	}
}

func TestAuthorsAreListed(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	richAt(t, filepath.Join(root, "old.git"), "sha1")
	r := w.repository("new")
	i := w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	first, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	want := strings.Split(strings.TrimSuffix(testenv.Git(t, filepath.Join(root, "old.git"), "log", "--no-use-mailmap", "--exclude=refs/pull/*", "--exclude=refs/changes/*",
		"--exclude=refs/replace/*", "--all", "--format=%an%x00%ae%n%cn%x00%ce"), "\n"), "\n")
	seen := map[string]bool{}
	for _, a := range first {
		seen[string(a.RemoteName)+"\x00"+string(a.RemoteMail)] = true
	}
	for _, one := range want {
		if !seen[one] && !strings.Contains(one, "rg\x00joerg") { // git prints that one in UTF-8
			t.Errorf("author %q is missing", one)
		}
	}
	if int64(len(first)) != i.Found.Authors || len(first) == 0 {
		t.Errorf("%d authors listed, %d counted", len(first), i.Found.Authors)
	}
	// A second raw run finds the same identities under the same ids.
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	second, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	if !slices.EqualFunc(first, second, func(a, b rehome.Author) bool { return a.ID == b.ID && string(a.RemoteName) == string(b.RemoteName) }) {
		t.Errorf("after a second run:\n%v\nwas\n%v", second, first)
	}
	rest, err := w.Authors(t.Context(), r.ID, first[0].ID, 1)
	must(t, err)
	if len(rest) != 1 || rest[0].ID != first[1].ID {
		t.Errorf("since the first, one: %v", rest)
	}
}

func TestEmptySourceIsComplete(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	testenv.Empty(t, filepath.Join(root, "old.git"), "sha1")
	r := w.repository("new")
	i := w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	wantStatus(t, i, rehome.Complete, "", "")
	if i.State.Note == "" {
		t.Error("nothing says that the source is empty")
	}
	text, err := w.Receipt(t.Context(), r.ID)
	must(t, err)
	if !strings.Contains(string(text), `"kind":"empty_source"`) {
		t.Errorf("the receipt does not say that the source is empty: %s", text)
	}
	testenv.Git(t, w.hosted(r), "fsck")
}

func TestManyReconcilesDoTheWorkOnce(t *testing.T) {
	t.Parallel()
	root, asked := t.TempDir(), sync.Map{}
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 5})
	s := testenv.NewServer(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := asked.LoadOrStore(r.Method, new(int))
			*n.(*int)++
			h.ServeHTTP(w, r)
		})
	}})
	w := newWorld(t)
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: s.URL + "/old.git", VCS: rehome.Git})
	must(t, err)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := w.Reconcile(context.Background(), i.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	discoveries := 0
	for _, line := range s.Requests() {
		if strings.Contains(line, "info/refs") {
			discoveries++
		}
	}
	if discoveries != 1 {
		t.Errorf("the source was asked %d times, want once: %v", discoveries, s.Requests())
	}
}

func TestRestartTakesUpWhatIsNew(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	r := w.repository("new")
	first := w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	testenv.Git(t, from, "update-ref", "refs/heads/other", "refs/heads/trunk")
	testenv.Git(t, from, "update-ref", "refs/heads/fresh", "refs/heads/side")
	testenv.Git(t, w.hosted(r), "update-ref", "refs/heads/users-own", "refs/heads/side")
	restarted, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	if restarted.State.Status != rehome.Importing || restarted.Wanted.Raw != first.Wanted.Raw+1 {
		t.Errorf("restarted: %+v", restarted)
	}
	running, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	if !reflect.DeepEqual(running, restarted) {
		t.Errorf("an update while it runs changed\n%+v to\n%+v", restarted, running)
	}
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	testenv.Git(t, w.hosted(r), "update-ref", "-d", "refs/heads/users-own")
	w.wantMoved(r, from)
}

func TestOthersRefsAreNotTouched(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	r := w.repository("new")
	w.start(r, StartRequest{URL: url})
	side := testenv.Git(t, from, "rev-parse", "refs/heads/side")
	wrote := testenv.Git(t, from, "rev-parse", "refs/heads/other")
	testenv.Git(t, w.hosted(r), "update-ref", "refs/heads/other", side) // somebody pushes there
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "") // what is new at the source does not move it
	if got := testenv.Git(t, w.hosted(r), "rev-parse", "refs/heads/other"); got != side {
		t.Errorf("the ref is at %s, not where somebody left it", got)
	}
	before := testenv.ShowRefs(t, w.hosted(r))
	testenv.Git(t, from, "update-ref", "refs/heads/fresh", side)
	onward := testenv.Git(t, from, "commit-tree", "-p", wrote, "-m", "onward", wrote+"^{tree}")
	testenv.Git(t, from, "update-ref", "refs/heads/other", onward)
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	i := w.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	if !strings.Contains(i.State.Err.Message, "refs/heads/other") {
		t.Errorf("the message does not name the ref: %s", i.State.Err.Message)
	}
	if after := testenv.ShowRefs(t, w.hosted(r)); !slices.Equal(before, after) {
		t.Errorf("refs were touched: %v, were %v", after, before)
	}
	testenv.Git(t, w.hosted(r), "update-ref", "refs/heads/other", wrote)
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantMoved(r, from)
}

func TestLostRawRepositoryIsFetchedAgain(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 5})
	r := w.repository("new")
	i, err := w.Start(t.Context(), r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	must(t, err)
	lost := false
	w.fault = func(point string) {
		if point == "after a change" && !lost && w.get(r).State.Status == rehome.Mapping {
			lost = true
			w.lose(i.ID, kindRaw)
		}
	}
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if !lost {
		t.Error("nothing was lost")
	}
	w.wantMoved(r, from)
}
