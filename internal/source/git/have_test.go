package git

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

// fetchOnto fetches l onto what have has.
func fetchOnto(t testing.TB, g *Git, l remote.Location, have *repo.Repo) (source.Result, string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "raw")
	res, err := g.Fetch(t.Context(), source.Request{Location: l, Dir: dir, Have: have})
	return res, dir, err
}

// A source that grows, forces, deletes and tags is followed by what is new alone, over every protocol.
func TestFetchBringsWhatIsNew(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		root := t.TempDir()
		from := filepath.Join(root, "old.git")
		testenv.Rich(t, from, format)
		g := newGit(t, egress.Policy{})
		at := transports(t, root, "old.git")
		before := map[string]*repo.Repo{}
		for how, l := range at {
			res, _, err := fetch(t, g, l)
			if err != nil {
				t.Fatal(err)
			}
			before[how] = res.Repo
		}
		for _, step := range []struct {
			name    string
			change  func()
			objects int64 // that come at least: git may send some that are here already
			most    int64
		}{
			{"nothing", func() {}, 0, 0},
			{"new commits", func() { testenv.Grow(t, from, "refs/heads/trunk", "README", 3) }, 9, 9},
			{"a new branch", func() { testenv.Grow(t, from, "refs/heads/new", "new.txt", 1) }, 3, 3},
			{"a tag on an old commit", func() { testenv.Git(t, from, "tag", "-a", "-m", "late", "late", "refs/heads/trunk~2") }, 1, 1},
			{"a branch at an old commit", func() { testenv.Git(t, from, "branch", "again", "refs/heads/trunk~4") }, 0, 0},
			{"a deleted branch", func() { testenv.Git(t, from, "branch", "-D", "side") }, 0, 0},
			{"a forced branch", func() {
				testenv.Git(t, from, "update-ref", "refs/heads/trunk", "refs/heads/trunk~2")
				testenv.Grow(t, from, "refs/heads/trunk", "other.txt", 2)
			}, 5, 6},
			{"another default branch", func() { testenv.Git(t, from, "symbolic-ref", "HEAD", "refs/heads/other") }, 0, 0},
			{"an old tip again", func() {
				testenv.Git(t, from, "tag", "old", "refs/heads/new")
				testenv.Git(t, from, "branch", "-D", "new")
			}, 0, 0},
		} {
			step.change()
			for how, l := range at {
				all := t // whose folders stay for the next step
				t.Run(format+"/"+step.name+"/"+how, func(t *testing.T) {
					res, dir, err := fetchOnto(all, g, l, before[how])
					if err != nil {
						t.Fatal(err)
					}
					wantGrown(t, from, dir, res)
					if n := res.Received.Objects(); n < step.objects || n > step.most {
						t.Errorf("%d objects came, want %d to %d", n, step.objects, step.most)
					}
					before[how] = res.Repo
				})
			}
		}
	}
}

// wantGrown compares what a fetch made of dir, which holds what was there before as well.
func wantGrown(t *testing.T, from, dir string, res source.Result) {
	t.Helper()
	if !res.Added {
		t.Error("everything was fetched")
	}
	check(t, from, dir, res)
	if head := testenv.Git(t, from, "symbolic-ref", "HEAD"); res.Head != head {
		t.Errorf("head is %q, want %q", res.Head, head)
	}
}

func TestNothingNewAsksForNoPack(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "old.git"), "sha1")
	s := testenv.NewServer(t, root, testenv.Options{})
	g, l := newGit(t, egress.Policy{}), location(t, s.URL+"/old.git")
	first, _, err := fetch(t, g, l)
	if err != nil {
		t.Fatal(err)
	}
	asked := len(s.Requests())
	got, _, err := fetchOnto(t, g, l, first.Repo)
	if err != nil || got.Received.Objects() != 0 || got.Received.HistoryName != "" || len(got.Refs) != len(first.Refs) || len(got.Skipped) != len(first.Skipped) {
		t.Errorf("%+v, %v", got, err)
	}
	if more := s.Requests()[asked:]; len(more) != 2 {
		t.Errorf("asked %s", more)
	}
}

func TestHaveOfAnotherFormatIsPassedOver(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	testenv.Rich(t, filepath.Join(root, "b.git"), "sha256")
	g := newGit(t, egress.Policy{})
	a, _, err := fetch(t, g, remote.Location{Path: filepath.Join(root, "a.git")})
	if err != nil {
		t.Fatal(err)
	}
	got, dir, err := fetchOnto(t, g, remote.Location{Path: filepath.Join(root, "b.git")}, a.Repo)
	if err != nil || got.Added {
		t.Fatalf("%+v, %v", got, err)
	}
	check(t, filepath.Join(root, "b.git"), dir, got)
}

// What was here and what comes count together, and after an error nothing is left.
func TestLimitsCountWhatWasHere(t *testing.T) {
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Rich(t, from, "sha1")
	g, l := newGit(t, egress.Policy{}), remote.Location{Path: from}
	first, _, err := fetch(t, g, l)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Grow(t, from, "refs/heads/trunk", "README", 2)
	bytes, err := first.Repo.PackBytes()
	if err != nil {
		t.Fatal(err)
	}
	objects := first.Received.Objects()
	for _, c := range []struct {
		limits pack.Limits
		passed bool
	}{
		{pack.Limits{Objects: objects + 6}, false},
		{pack.Limits{Objects: objects + 5}, true},
		{pack.Limits{Objects: 1}, true},
		{pack.Limits{PackBytes: bytes + 10_000}, false},
		{pack.Limits{PackBytes: bytes + 100}, true},
	} {
		dir := filepath.Join(t.TempDir(), "raw")
		_, err := g.Fetch(t.Context(), source.Request{Location: l, Dir: dir, Have: first.Repo, Limits: source.Limits{Pack: c.limits}})
		if got := rehome.CodeOf(err) == rehome.LimitPassed; got != c.passed || err != nil && !c.passed {
			t.Errorf("%+v: %v", c.limits, err)
		}
		if _, gone := os.Stat(dir); c.passed && !errors.Is(gone, fs.ErrNotExist) {
			t.Errorf("%+v: %v", c.limits, gone)
		}
	}
}

// A damaged repository is told by an error, and so is one that lacks what it should have.
func TestDamagedHave(t *testing.T) {
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Rich(t, from, "sha1")
	g, l := newGit(t, egress.Policy{}), remote.Location{Path: from}
	first, dir, err := fetch(t, g, l)
	if err != nil {
		t.Fatal(err)
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.idx"))
	if err != nil || len(indexes) != 2 {
		t.Fatal(indexes, err)
	}
	for _, name := range indexes {
		if err := errors.Join(os.Chmod(name, 0o600), os.Truncate(name, 100)); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = fetchOnto(t, g, l, first.Repo)
	if code := rehome.CodeOf(err); code != rehome.Internal && code != rehome.CorruptObject {
		t.Errorf("%v", err)
	}
}

func TestFetchChosenRefs(t *testing.T) {
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.Rich(t, from, "sha1")
	g := newGit(t, egress.Policy{})
	dir := filepath.Join(t.TempDir(), "raw")
	res, err := g.Fetch(t.Context(), source.Request{
		Location: remote.Location{Path: from}, Dir: dir,
		Choose: source.RefChoice{Include: []string{"side", "refs/pull/*/head"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, from, dir, res)
	if got := strings.Fields(refNames(res.Refs)); len(got) != 2 || res.Head != "" {
		t.Errorf("%s, default branch %q", got, res.Head)
	}
	for _, s := range res.Skipped {
		if s.Name == "HEAD" {
			t.Error("HEAD is listed beside the branch that it names")
		}
	}
}
