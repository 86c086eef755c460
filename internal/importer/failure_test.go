package importer

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
)

// answers serves one answer to everything.
func answers(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/old.git"
}

func TestFailureTable(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 200})
	testenv.Shallow(t, filepath.Join(root, "old.git"), filepath.Join(root, "shallow.git"))
	open := testenv.ServeGit(t, root, testenv.Options{})
	locked := testenv.ServeGit(t, root, testenv.Options{User: "u", Password: "p"}) + "/old.git"
	html := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>sign in</html>")
	})
	type outcome struct {
		status rehome.Status
		step   rehome.Step
		code   rehome.Code
	}
	raw := func(c rehome.Code) outcome { return outcome{rehome.Failed, rehome.StepRaw, c} }
	for _, c := range []struct {
		name    string
		q       StartRequest
		with    outcome
		without outcome
	}{
		{
			"credentials wanted",
			StartRequest{URL: locked},
			outcome{rehome.AuthFailed, "", rehome.CredentialsWanted},
			outcome{rehome.DetectionNeedsAuth, "", rehome.CredentialsWanted},
		},
		{
			"credentials wrong",
			StartRequest{URL: locked, Username: "u", Password: "wrong"},
			outcome{rehome.AuthFailed, "", rehome.CredentialsRefused},
			outcome{rehome.DetectionNeedsAuth, "", rehome.CredentialsRefused},
		},
		{
			"not found",
			StartRequest{URL: open + "/nothing.git"},
			raw(rehome.NotARepository),
			outcome{rehome.DetectionFoundNothing, "", rehome.NotARepository},
		},
		{
			"html",
			StartRequest{URL: html},
			raw(rehome.NotARepository),
			outcome{rehome.DetectionFoundNothing, "", rehome.NotARepository},
		},
		{
			"nobody listens",
			StartRequest{URL: "http://127.0.0.1:1/old.git"},
			raw(rehome.Unreachable),
			outcome{rehome.Failed, rehome.StepDetection, rehome.Unreachable},
		},
		{
			"no such host",
			StartRequest{URL: "http://name.invalid/old.git"},
			raw(rehome.Unreachable),
			outcome{rehome.Failed, rehome.StepDetection, rehome.Unreachable},
		},
		{"cut off", StartRequest{}, raw(rehome.SourceCutOff), raw(rehome.SourceCutOff)},
		{"shallow", StartRequest{URL: open + "/shallow.git"}, raw(rehome.SourceShallow), raw(rehome.SourceShallow)},
	} {
		for _, vcs := range []rehome.VCS{rehome.Git, ""} {
			t.Run(fmt.Sprintf("%s/vcs=%s", c.name, vcs), func(t *testing.T) {
				w := newWorld(t, func(o *Options) { o.Waits.Backoff = []time.Duration{} })
				q, want := c.q, c.with
				if q.VCS = vcs; vcs == "" {
					want = c.without
				}
				if q.URL == "" { // the server counts what it sent in all
					q.URL = testenv.ServeGit(t, root, testenv.Options{CutAfter: 9000}) + "/old.git"
				}
				i := w.start(w.repository("new"), q)
				wantStatus(t, i, want.status, want.step, want.code)
				if i.State.Err == nil || i.State.Err.Message == "" {
					t.Errorf("no message: %+v", i.State.Err)
				}
				w.wantNothingLeft()
			})
		}
	}
}

func TestPolicyRefusesAName(t *testing.T) {
	t.Parallel()
	strict, err := egress.New(egress.Policy{})
	must(t, err)
	defer strict.Close()
	w := newWorld(t, func(o *Options) {
		o.CheckURL = nil // it knows localhost without asking; other names only the dialer can judge
		o.Source = map[rehome.VCS]source.Source{rehome.Git: git.New(git.Options{Client: strict})}
	})
	for vcs, step := range map[rehome.VCS]rehome.Step{rehome.Git: rehome.StepRaw, "": rehome.StepDetection} {
		i := w.start(w.repository("new-"+string(step)), StartRequest{URL: "http://localhost:1/old.git", VCS: vcs})
		wantStatus(t, i, rehome.Failed, step, rehome.BlockedByPolicy)
	}
	w.CheckURL = strict.CheckURL
	_, err = w.Start(t.Context(), w.repository("literal"), StartRequest{URL: "http://127.0.0.1/old.git"})
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("a literal address: %v", err)
	}
}

func TestDangerousContentIsAnErrorOfTheRawStep(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Empty(t, from, "sha1")
	blob := testenv.GitIn(t, from, strings.NewReader("x"), "hash-object", "-w", "--stdin")
	inner := testenv.GitIn(t, from, strings.NewReader("100644 blob "+blob+"\tconfig\n"), "mktree")
	sum, err := hex.DecodeString(inner)
	must(t, err)
	tree := testenv.GitIn(t, from, strings.NewReader("40000 .GIT\x00"+string(sum)), "hash-object", "-w", "--literally", "-t", "tree", "--stdin")
	testenv.Git(t, from, "update-ref", "refs/heads/trunk", testenv.Git(t, from, "commit-tree", "-m", "x", tree))
	w := newWorld(t)
	i := w.start(w.repository("new"), StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.UnsafePath)
	w.wantNothingLeft()
}

func TestCutOffIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cuts int64
		want rehome.Status
	}{{2, rehome.Complete}, {3, rehome.Failed}} {
		root := t.TempDir()
		testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 20})
		var fetches atomic.Int64
		url := testenv.ServeGit(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				if bytes.Contains(body, []byte("command=fetch")) && fetches.Add(1) <= c.cuts {
					panic(http.ErrAbortHandler)
				}
				h.ServeHTTP(w, r)
			})
		}}) + "/old.git"
		w := newWorld(t)
		i := w.start(w.repository("new"), StartRequest{URL: url})
		if i.State.Status != c.want {
			t.Errorf("cut off %d times: %+v", c.cuts, i.State)
		}
		if c.want == rehome.Complete && i.State.Note != "" {
			t.Errorf("a complete import still says %q", i.State.Note)
		}
	}
}

func TestRetryWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Waits.Backoff = []time.Duration{time.Hour} })
	i := w.start(w.repository("new"), StartRequest{URL: "http://127.0.0.1:1/old.git"})
	wantStatus(t, i, rehome.Detecting, "", "")
	if i.State.Note == "" {
		t.Error("nothing says that the source does not answer")
	}
	must(t, w.Reconcile(t.Context(), i.ID))
	row, err := w.DB.ImportByID(t.Context(), i.ID)
	must(t, err)
	if row.Attempts != 1 {
		t.Errorf("%d attempts before the time had come", row.Attempts)
	}
}

func TestLimitIsAnErrorOfTheRawStep(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 20})
	w := newWorld(t, func(o *Options) { o.Limits.Pack.Objects = 10 })
	i := w.start(w.repository("new"), StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.LimitPassed)
	w.wantNothingLeft()
}

// A panic is one import's failure.
func TestPanicFailsTheImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Source = map[rehome.VCS]source.Source{rehome.Git: nil} })
	w.Source[rehome.Git] = (*panicking)(nil)
	i := w.start(w.repository("new"), StartRequest{URL: "https://old.example/old.git"})
	wantStatus(t, i, rehome.Failed, rehome.StepDetection, rehome.Internal)
	if strings.Contains(i.State.Err.Message, "boom") {
		t.Errorf("the message shows the inside: %s", i.State.Err.Message)
	}
}

type panicking struct{}

func (*panicking) Detect(context.Context, remote.Location) (source.Found, error) { panic("boom") }
func (*panicking) Fetch(context.Context, source.Request) (source.Result, error)  { panic("boom") }

func (*panicking) FetchLFS(context.Context, source.LFSRequest) (source.LFSResult, error) {
	panic("boom")
}

// The log has what outsiders do not see, whoever found words for them.
func TestTheLogHasWhatIsUnderneath(t *testing.T) {
	under := errors.New("write pack: input/output error")
	for want, err := range map[string]error{
		"write pack: input/output error":                    under,
		"It failed.: write pack: input/output error":        &rehome.Error{Code: rehome.Internal, Message: "It failed.", Err: under},
		"fetch: It failed.: write pack: input/output error": fmt.Errorf("fetch: %w", &rehome.Error{Code: rehome.Internal, Message: "It failed.", Err: under}),
		"It failed.": &rehome.Error{Code: rehome.Internal, Message: "It failed."},
	} {
		if got := forLog(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
