package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newGit returns a reader that may reach loopback and does not wait between attempts.
func newGit(t testing.TB, p egress.Policy) *Git {
	t.Helper()
	return newGitWith(t, p, Options{})
}

func newGitWith(t testing.TB, p egress.Policy, o Options) *Git {
	t.Helper()
	p.AllowPrivate = true
	client, err := egress.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if o.SSH.Pins == "" {
		o.SSH.Pins = filepath.Join(t.TempDir(), "known_hosts")
	}
	o.Client, o.Version, o.Sleep = client, "test", func(context.Context, time.Duration) error { return nil }
	return New(o)
}

func location(t testing.TB, raw string) remote.Location {
	t.Helper()
	l, err := remote.Parse("vcs_url", raw)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fetch fetches l into a new folder and returns the folder too.
func fetch(t testing.TB, g *Git, l remote.Location) (source.Result, string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "raw")
	res, err := g.Fetch(t.Context(), source.Request{Location: l, Dir: dir})
	return res, dir, err
}

// check compares what a fetch brought into dir with the repository at from.
func check(t *testing.T, from, dir string, res source.Result) {
	t.Helper()
	testenv.Git(t, dir, "fsck", "--full")
	skipped := map[string]bool{}
	for _, s := range res.Skipped {
		skipped[s.Name] = true
	}
	var want []string
	for _, line := range testenv.ShowRefs(t, from) {
		if _, name, _ := strings.Cut(line, " "); !skipped[name] {
			want = append(want, line)
		}
	}
	if diff := cmp.Diff(testenv.ShowRefs(t, dir), want); diff != "" {
		t.Errorf("refs differ (-got +want):\n%s", diff)
	}
	var told []string
	for _, ref := range res.Refs {
		told = append(told, ref.ID.String()+" "+ref.Name)
	}
	if diff := cmp.Diff(told, want); diff != "" {
		t.Errorf("Result.Refs (-got +want):\n%s", diff)
	}
	if len(want) > 0 {
		reach := func(dir string) string {
			return testenv.GitIn(t, dir, strings.NewReader(refNames(res.Refs)), "rev-list", "--objects", "--no-object-names", "--stdin")
		}
		if diff := cmp.Diff(reach(dir), reach(from)); diff != "" {
			t.Errorf("objects differ:\n%s", diff)
		}
	}
	if res.Head != "" {
		if got := testenv.Git(t, dir, "symbolic-ref", "HEAD"); got != res.Head {
			t.Errorf("HEAD is %s, Result.Head %s", got, res.Head)
		}
	}
}

func refNames(refs []repo.Ref) string {
	var b strings.Builder
	for _, ref := range refs {
		b.WriteString(ref.Name + "\n")
	}
	return b.String()
}

// transports are the ways to reach the repository root/name.
func transports(t *testing.T, root, name string) map[string]remote.Location {
	m := map[string]remote.Location{"local": {Path: filepath.Join(root, name)}}
	for _, p := range []string{"", "v0", "v1", "v2"} {
		m["http "+p] = location(t, testenv.ServeGit(t, root, testenv.Options{Protocol: p})+"/"+name)
	}
	m["git"] = location(t, testenv.ServeDaemon(t, root)+"/"+name)
	for _, old := range []bool{false, true} {
		s := testenv.ServeSSH(t, root, testenv.SSHOptions{Old: old})
		l := location(t, s.URL+"/"+name)
		l.Key = rehome.Secret(s.Key)
		m[fmt.Sprintf("ssh, old %v", old)] = l
	}
	return m
}

func TestFetchBringsEverything(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "sha1.git"), "sha1")
	testenv.Rich(t, filepath.Join(root, "sha256.git"), "sha256")
	testenv.Synthetic(t, filepath.Join(root, "many.git"), "sha1", testenv.Size{Commits: 150})
	g := newGit(t, egress.Policy{})
	for _, name := range []string{"sha1.git", "sha256.git", "many.git"} {
		from := filepath.Join(root, name)
		for how, l := range transports(t, root, name) {
			t.Run(name+" "+how, func(t *testing.T) {
				res, dir, err := fetch(t, g, l)
				if err != nil {
					t.Fatal(err)
				}
				check(t, from, dir, res)
				if res.Head != "refs/heads/trunk" {
					t.Errorf("head is %q", res.Head)
				}
				var skipped []string
				for _, s := range res.Skipped {
					skipped = append(skipped, s.Name)
				}
				slices.Sort(skipped)
				if diff := cmp.Diff(skipped, testenv.RichSkipped(t, from)); diff != "" {
					t.Errorf("skipped (-got +want):\n%s", diff)
				}
				if found, err := g.Detect(t.Context(), l); err != nil || found.VCS != rehome.Git {
					t.Errorf("detect: %v, %v", found, err)
				}
			})
		}
	}
}

func TestEmptySource(t *testing.T) {
	root := t.TempDir()
	testenv.Empty(t, filepath.Join(root, "e.git"), "sha256")
	g := newGit(t, egress.Policy{})
	for how, l := range transports(t, root, "e.git") {
		res, dir, err := fetch(t, g, l)
		if err != nil {
			t.Errorf("%s: %v", how, err)
			continue
		}
		check(t, filepath.Join(root, "e.git"), dir, res)
		if len(res.Refs)+len(res.Skipped) > 0 || (res.Head != "" && res.Head != "refs/heads/trunk") {
			t.Errorf("%s: %+v", how, res)
		}
		// An empty repository of git's before 2.41 says nothing at all in version 0 and 1.
		format := testenv.Git(t, dir, "rev-parse", "--show-object-format")
		if format != "sha256" && how != "http v0" && how != "http v1" && how != "ssh, old true" {
			t.Errorf("%s: object format %s", how, format)
		}
	}
}

func TestUnbornAndDetachedHead(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"unborn.git", "detached.git", "lost.git"} {
		testenv.Synthetic(t, filepath.Join(root, name), "sha1", testenv.Size{Commits: 5})
	}
	testenv.Git(t, filepath.Join(root, "unborn.git"), "symbolic-ref", "HEAD", "refs/heads/later")
	testenv.Git(t, filepath.Join(root, "detached.git"), "update-ref", "--no-deref", "HEAD", "refs/heads/trunk~1")
	lost := filepath.Join(root, "lost.git")
	id := testenv.Git(t, lost, "commit-tree", "-m", "nowhere", "HEAD^{tree}")
	testenv.Git(t, lost, "update-ref", "--no-deref", "HEAD", id)
	g := newGit(t, egress.Policy{})
	for _, c := range []struct{ name, how, head, skipped string }{
		{"unborn.git", "http v2", "refs/heads/later", ""},
		{"unborn.git", "local", "refs/heads/later", ""},
		{"detached.git", "http v2", "", ""},
		{"detached.git", "http v0", "", ""},
		{"lost.git", "http v2", "", "HEAD"},
	} {
		res, _, err := fetch(t, g, transports(t, root, c.name)[c.how])
		if err != nil {
			t.Fatal(err)
		}
		skipped := ""
		for _, s := range res.Skipped {
			skipped += s.Name
		}
		if res.Head != c.head || skipped != c.skipped {
			t.Errorf("%s %s: head %q, skipped %q; want %q, %q", c.name, c.how, res.Head, skipped, c.head, c.skipped)
		}
	}
}

func TestShallowSourceIsRefused(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "full.git"), "sha1", testenv.Size{Commits: 20})
	testenv.Shallow(t, filepath.Join(root, "full.git"), filepath.Join(root, "s.git"))
	g := newGit(t, egress.Policy{})
	for how, l := range transports(t, root, "s.git") {
		_, dir, err := fetch(t, g, l)
		wantFailure(t, how, dir, err, rehome.SourceShallow)
	}
}

// wantFailure checks the code of err and that dir is gone.
func wantFailure(t *testing.T, what, dir string, err error, code rehome.Code) {
	t.Helper()
	if err == nil || rehome.CodeOf(err) != code {
		t.Errorf("%s: %v (%s), want %s", what, err, rehome.CodeOf(err), code)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s left %s behind", what, dir)
	}
}

func TestLimits(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "r.git"), "sha1")
	g := newGit(t, egress.Policy{})
	for how, l := range transports(t, root, "r.git") {
		for what, limits := range map[string]source.Limits{
			"refs":    {Refs: 3},
			"objects": {Pack: pack.Limits{Objects: 5}},
			"bytes":   {Pack: pack.Limits{PackBytes: 100}},
		} {
			dir := filepath.Join(t.TempDir(), "raw")
			_, err := g.Fetch(t.Context(), source.Request{Location: l, Dir: dir, Limits: limits})
			wantFailure(t, how+" "+what, dir, err, rehome.LimitPassed)
		}
	}
}

func TestVisitorAndProgress(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "r.git"), "sha256")
	l := transports(t, root, "r.git")["http v2"]
	g := newGit(t, egress.Policy{})
	var seen, refs int
	var last source.Progress
	var texts []string
	r := source.Request{
		Location: l, Dir: filepath.Join(t.TempDir(), "raw"), Workers: 1,
		Visit: func(f object.Format) pack.Visit {
			if f != object.SHA256 {
				t.Errorf("format %s", f)
			}
			return func(*pack.Object) error { seen++; return nil }
		},
		Refs: func(r []repo.Ref) { refs = len(r) },
		Progress: func(p source.Progress) {
			last = p
			if p.Text != "" {
				texts = append(texts, p.Text)
			}
		},
	}
	res, err := g.Fetch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if int64(seen) != res.Received.Objects() || refs != len(res.Refs) || last.Objects != int64(seen) || len(texts) == 0 {
		t.Errorf("saw %d of %d objects, %d of %d refs, last %+v, texts %q", seen, res.Received.Objects(), refs, len(res.Refs), last, texts)
	}
	r.Dir = filepath.Join(t.TempDir(), "raw")
	r.Visit = func(object.Format) pack.Visit {
		return func(o *pack.Object) error { return &rehome.Error{Code: rehome.UnsafePath, Message: "bad"} }
	}
	_, err = g.Fetch(t.Context(), r)
	wantFailure(t, "visitor", r.Dir, err, rehome.UnsafePath)
}

func TestCancelLeavesNothing(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 400})
	slow := testenv.ServeGit(t, root, testenv.Options{Throttle: 20 * time.Millisecond}) + "/r.git"
	g := newGit(t, egress.Policy{})
	for how, l := range map[string]remote.Location{"http": location(t, slow), "local": {Path: filepath.Join(root, "r.git")}} {
		ctx, cancel := context.WithCancel(t.Context())
		dir := filepath.Join(t.TempDir(), "raw")
		_, err := g.Fetch(ctx, source.Request{
			Location: l, Dir: dir,
			Visit: func(object.Format) pack.Visit {
				return func(*pack.Object) error { cancel(); return nil }
			},
		})
		wantFailure(t, how, dir, err, rehome.Cancelled)
		cancel()
	}
	if left := childrenOn(t, root); len(left) > 0 {
		t.Errorf("children are left: %q", left)
	}
}

// childrenOn returns the command lines of upload-pack processes on a repository below
// root that are ours, not a server's.
func childrenOn(t *testing.T, root string) (left []string) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, _ := os.ReadFile(file)
		line := strings.ReplaceAll(string(b), "\x00", " ")
		if strings.Contains(line, "upload-pack "+root) {
			left = append(left, line)
		}
	}
	return left
}

func TestFolderInTheWayIsNotTouched(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	testenv.Rich(t, filepath.Join(root, "r.git"), "sha1")
	keep := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := newGit(t, egress.Policy{}).Fetch(t.Context(), source.Request{Location: remote.Location{Path: filepath.Join(root, "r.git")}, Dir: dir})
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
}

// A repository of another user's may be read when its path was named, and nothing it
// configures is run.
func TestLocalPathOfAnotherUserRunsNothing(t *testing.T) {
	root := t.TempDir()
	from, marker := filepath.Join(root, "work", ".git"), filepath.Join(root, "marker")
	testenv.Rich(t, from, "sha1")
	testenv.Git(t, from, "config", "uploadpack.packObjectsHook", "touch "+marker+"; false")
	testenv.Git(t, from, "config", "core.fsmonitor", "touch "+marker)
	testenv.Git(t, from, "config", "core.bare", "false")
	if os.Getuid() == 0 {
		filepath.WalkDir(filepath.Join(root, "work"), func(path string, _ os.DirEntry, _ error) error { return os.Chown(path, 12345, 12345) })
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(filepath.Join(root, "work"), link); err != nil {
		t.Fatal(err)
	}
	res, dir, err := fetch(t, newGit(t, egress.Policy{}), remote.Location{Path: link})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Refs) == 0 || dir == "" {
		t.Error("nothing came")
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the repository's configuration was executed")
	}
}
