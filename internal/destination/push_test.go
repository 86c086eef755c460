package destination

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
	"rehome/internal/testenv"
)

// TestFirstPush brings everything to an empty destination, once.
func TestFirstPush(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, format)
			w.hook("pre-receive", "cat > order")
			res := w.mustPush(w.first())
			w.arrived()
			if want := len(testenv.Objects(t, w.source)); res.Objects != int64(want) {
				t.Errorf("%d objects, want %d", res.Objects, want)
			}
			order, err := os.ReadFile(filepath.Join(w.to, "order"))
			must(t, err)
			if first, _, _ := strings.Cut(string(order), "\n"); !strings.HasSuffix(first, " refs/heads/trunk") {
				t.Errorf("the first ref is %q", first)
			}
			if n := w.pushes(); len(n) != 1 || n[0] < res.Bytes || n[0] > res.Bytes+10_000 {
				t.Errorf("pushes of %d bytes, and a pack of %d", n, res.Bytes)
			}
			if res = w.mustPush(w.first()); res.Objects != 0 || len(w.pushes()) != 0 {
				t.Errorf("once more: %+v", res)
			}
			s, err := w.Read(t.Context(), w.at)
			must(t, err)
			if s.Head != "refs/heads/trunk" || s.Format.String() != format || len(s.Refs) != len(refsIn(t, w.source)) {
				t.Errorf("read back: %+v", s)
			}
		})
	}
}

// TestSync brings only what is new: commits that go on, others that replace, tags, and refs that go.
func TestSync(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		w := newWorld(t, format)
		w.mustPush(w.first())
		w.pushes()
		known, err := w.from.PackNames()
		must(t, err)
		had := testenv.Objects(t, w.source)
		testenv.Grow(t, w.source, "refs/heads/trunk", "src/new.txt", 3)
		testenv.Git(t, w.source, "tag", "-a", "-m", "late", "late", "refs/heads/trunk")
		testenv.Git(t, w.source, "tag", "light", "refs/heads/trunk~5")
		testenv.Git(t, w.source, "update-ref", "refs/heads/topic-1", "refs/heads/trunk~20")
		testenv.Git(t, w.source, "update-ref", "-d", "refs/heads/topic-0")
		w.take(w.from, "refs/heads/trunk", "refs/tags/late", "^refs/heads/trunk~3")
		p := w.first()
		p.Whole, p.Known = false, known
		p.Has = func(id []byte) bool {
			_, is := slices.BinarySearch(had, object.FromBytes(w.from.Format(), id).String())
			return is
		}
		res := w.mustPush(p)
		w.arrived()
		if want := len(testenv.Objects(t, w.source)) - len(had); res.Objects != int64(want) {
			t.Errorf("%s: %d objects went, %d are new", format, res.Objects, want)
		}
		if n := w.pushes(); len(n) != 1 || n[0] > 4000 {
			t.Errorf("%s: pushes of %d bytes", format, n)
		}
	}
}

// TestRemap moves all refs to new commits over old trees: only commits and tags go.
func TestRemap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.mustPush(w.first())
	had := testenv.Objects(t, w.source)
	stream := testenv.Git(t, w.source, "fast-export", "--all", "--signed-tags=strip")
	testenv.GitIn(t, w.source, strings.NewReader(strings.ReplaceAll(stream, "author0@example.com", "hubot@example.com")), "fast-import", "--quiet", "--force")
	known, err := w.from.PackNames()
	must(t, err)
	w.pushes()
	p := w.first()
	revisions := []string{"--all"}
	for _, u := range p.Updates {
		revisions = append(revisions, "^"+u.Old.String())
	}
	w.take(w.from, revisions...)
	p.Known, p.Whole = known, false
	p.Has = func(id []byte) bool {
		_, is := slices.BinarySearch(had, object.FromBytes(w.from.Format(), id).String())
		return is
	}
	res := w.mustPush(p)
	w.arrived()
	if want := len(testenv.Objects(t, w.source)) - len(had); res.Objects != int64(want) || want < 100 {
		t.Errorf("%d objects went, %d are new", res.Objects, want)
	}
	if n := w.pushes(); len(n) != 1 || n[0] > int64(len(p.Updates))*200+res.Objects*220 {
		t.Errorf("pushes of %d bytes for %d objects", n, res.Objects)
	}
}

// TestHasThatLies finds that the destination lost what it should have: everything is sent once more.
func TestHasThatLies(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"index-pack", "unpack-objects"} {
		w := newWorld(t, "sha1")
		if how == "index-pack" {
			w.config("receive.unpackLimit", "1")
		}
		known, err := w.from.PackNames()
		must(t, err)
		testenv.Grow(t, w.source, "refs/heads/trunk", "src/d0/p0/file0.txt", 3)
		w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~3")
		p := w.first()
		p.Known, p.Has = known, func([]byte) bool { return true }
		w.mustPush(p)
		w.arrived()
		if n := w.pushes(); len(n) != 2 {
			t.Errorf("%s: pushes of %d bytes", how, n)
		}
	}
}

// TestRefusedRefs has a hook of the destination refuse one ref. Without all or nothing the others move.
func TestRefusedRefs(t *testing.T) {
	t.Parallel()
	const hook = `case $1 in refs/heads/topic-1) echo "branch is protected, ask \033[31mhubot"; exit 1;; esac`
	for _, c := range []struct {
		name    string
		whole   bool
		offered bool
		moved   bool // the others
	}{
		{"per ref", false, true, true},
		{"all or nothing", true, true, false},
		{"all or nothing, not offered", true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sha1")
			w.hook("update", hook)
			w.config("receive.advertiseAtomic", fmt.Sprint(c.offered))
			p := w.first()
			p.Whole = c.whole
			res, err := w.Push(t.Context(), p)
			must(t, err)
			if got := names(res.Refused); !slices.Equal(got, []string{"refs/heads/topic-1"}) {
				t.Fatalf("refused: %+v", res.Refused)
			}
			r := res.Refused[0]
			if r.Moved || !strings.Contains(r.Words, "hook declined") || !strings.Contains(r.Words, "branch is protected, ask") || strings.Contains(r.Words, "\033") || r.Hint == "" {
				t.Errorf("%+v", r)
			}
			if have := len(refsIn(t, w.to)); c.moved != (have == len(p.Updates)-1) || !c.moved && have > 0 {
				t.Errorf("%d refs moved of %d", have, len(p.Updates))
			}
			must(t, os.Remove(filepath.Join(w.to, "hooks", "update")))
			w.mustPush(w.first())
			w.arrived()
		})
	}
}

// TestMovedRefs leaves alone what somebody else moved, and moves the others.
func TestMovedRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.mustPush(w.first())
	testenv.Grow(t, w.source, "refs/heads/trunk", "a.txt", 1)
	testenv.Grow(t, w.source, "refs/heads/topic-0", "a.txt", 1)
	w.take(w.from, "refs/heads/trunk", "refs/heads/topic-0", "^refs/heads/trunk~1")
	p := w.first()
	p.Whole = false
	testenv.Git(t, w.to, "update-ref", "refs/heads/trunk", "refs/heads/trunk~4")
	res, err := w.Push(t.Context(), p)
	must(t, err)
	if got := names(res.Refused); !slices.Equal(got, []string{"refs/heads/trunk"}) || !res.Refused[0].Moved {
		t.Errorf("refused: %+v", res.Refused)
	}
	if u := w.updates(); len(u) != 1 {
		t.Errorf("left to do: %+v", u)
	}
	if got := testenv.Git(t, w.to, "rev-parse", "refs/heads/trunk"); got != testenv.Git(t, w.source, "rev-parse", "refs/heads/trunk~5") {
		t.Errorf("trunk is at %s", got)
	}
}

// TestMovedMeanwhile is a ref that somebody moves between our look and our push.
func TestMovedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.mustPush(w.first())
	testenv.Grow(t, w.source, "refs/heads/trunk", "a.txt", 1)
	w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~1")
	p := w.first()
	p.Whole = false
	w.push = before(func() { testenv.Git(t, w.to, "update-ref", "refs/heads/trunk", "refs/heads/trunk~4") })
	res, err := w.Push(t.Context(), p)
	must(t, err)
	if len(res.Refused) != 1 || !res.Refused[0].Moved {
		t.Errorf("refused: %+v", res.Refused)
	}
}

// TestHiddenRefs are refused by name.
func TestHiddenRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.config("transfer.hideRefs", "refs/pull")
	testenv.Git(t, w.source, "update-ref", "refs/pull/1/head", "refs/heads/trunk~1")
	p := w.first()
	p.Whole = false
	res, err := w.Push(t.Context(), p)
	must(t, err)
	if got := names(res.Refused); !slices.Equal(got, []string{"refs/pull/1/head"}) || !strings.Contains(res.Refused[0].Hint, "exclude") {
		t.Errorf("refused: %+v", res.Refused)
	}
}

// TestTooLargeForTheDestination is an error with its words.
func TestTooLargeForTheDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.config("receive.maxInputSize", "5000")
	_, err := w.Push(t.Context(), w.first())
	e := rehome.AsError(err)
	if e.Code != rehome.DestinationRefused || !strings.Contains(e.Message, "pack exceeds maximum allowed size") || !strings.Contains(e.Hint, "{push_limit}") {
		t.Errorf("%+v", e)
	}
	if len(refsIn(t, w.to)) > 0 {
		t.Error("something moved")
	}
	known, err := w.from.PackNames()
	must(t, err)
	testenv.Grow(t, w.source, "refs/heads/trunk", "src/new.txt", 100)
	w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~100")
	w.pushes()
	p := w.first()
	p.Known = known
	if _, err = w.Push(t.Context(), p); rehome.CodeOf(err) != rehome.DestinationRefused {
		t.Error(err)
	}
	if n := w.pushes(); len(n) != 1 {
		t.Errorf("what is too large is sent larger: %d", n)
	}
}

// TestAnotherFormat refuses a destination of another object format, unless it is empty and says nothing.
func TestAnotherFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.empty("sha256")
	for range 2 {
		p := Push{Location: w.at, From: w.from, Head: "refs/heads/trunk"}
		for name, id := range refsIn(t, w.source) {
			p.Updates = append(p.Updates, repo.Update{Name: name, New: id})
		}
		_, err := w.Push(t.Context(), p)
		if e := rehome.AsError(err); e.Code != rehome.DestinationRefused || !strings.Contains(e.Message, "sha256") {
			t.Errorf("%+v", e)
		}
		tree := testenv.GitIn(t, w.to, strings.NewReader(""), "mktree")
		testenv.Git(t, w.to, "update-ref", "refs/heads/other", testenv.Git(t, w.to, "commit-tree", "-m", "x", tree))
	}
}

// TestThousandsOfRefs go in portions.
func TestThousandsOfRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	var all strings.Builder
	trunk := testenv.Git(t, w.source, "rev-parse", "refs/heads/trunk")
	for n := range 2000 {
		fmt.Fprintf(&all, "create refs/heads/many/%d %s\n", n, trunk)
	}
	testenv.GitIn(t, w.source, strings.NewReader(all.String()), "update-ref", "--stdin")
	w.hook("pre-receive", `wc -l >> portions`)
	w.mustPush(w.first())
	if got := len(refsIn(t, w.to)); got < 2000 {
		t.Errorf("%d refs", got)
	}
	got, err := os.ReadFile(filepath.Join(w.to, "portions"))
	must(t, err)
	if sizes := strings.Fields(string(got)); len(sizes) != 3 || sizes[0] != "1000" || sizes[1] != "1000" {
		t.Errorf("portions of %v", sizes)
	}
}

// TestPushOptions are sent where a forge has some for it.
func TestPushOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.config("receive.advertisePushOptions", "true")
	w.hook("pre-receive", `echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" > options`)
	w.sites.put(w.at.URL.Host, "gitlab")
	w.mustPush(w.first())
	got, err := os.ReadFile(filepath.Join(w.to, "options"))
	must(t, err)
	if string(got) != "1 ci.skip\n" {
		t.Errorf("options: %q", got)
	}
}

// TestLocalPath pushes to a repository of this machine.
func TestLocalPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.at = remote.Location{Path: w.to}
	w.mustPush(w.first())
	w.arrived()
	testenv.Git(t, w.source, "update-ref", "-d", "refs/heads/topic-0")
	p := w.first()
	p.Has = func([]byte) bool { return true }
	w.mustPush(p)
	w.arrived()
	w.at = remote.Location{Path: w.to + "-not"}
	if _, err := w.Push(t.Context(), w.first()); rehome.CodeOf(err) != rehome.DestinationMissing {
		t.Error(err)
	}
}

// TestSSH pushes over SSH.
func TestSSH(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	s := testenv.ServeSSH(t, filepath.Dir(w.to), testenv.SSHOptions{})
	l, err := remote.Parse("url", s.URL+"/new.git")
	must(t, err)
	l.Key = rehome.Secret(s.Key)
	w.reach(egress.Policy{}, transport.SSH{KnownHosts: []string{s.KnownHosts}})
	w.at = l
	w.hook("update", `case $1 in refs/heads/topic-1) echo "not this one"; exit 1;; esac`)
	p := w.first()
	p.Whole = false
	res, err := w.Push(t.Context(), p)
	must(t, err)
	if len(res.Refused) != 1 || !strings.Contains(res.Refused[0].Words, "not this one") {
		t.Errorf("%+v", res.Refused)
	}
	must(t, os.Remove(filepath.Join(w.to, "hooks", "update")))
	w.mustPush(w.first())
	w.arrived()
}
