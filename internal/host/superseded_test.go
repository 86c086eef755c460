package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// generation is one history of the same content: another mail is another generation.
type generation struct {
	*repo.Repo
	history string
	content string
	tip     string // of trunk
}

// shelf keeps the generations that were made, for all tests: nobody changes them.
var shelf struct {
	dir  string
	made map[string]generation
}

// made returns the generation of a mail. Its first two commits are the same for every mail.
func made(t *testing.T, f object.Format, mail string) generation {
	t.Helper()
	return onShelf(f.String()+" "+mail, func(dir string) generation { return newGeneration(t, f, mail, dir) })
}

// onShelf returns the generation of a name, which make makes in a folder.
func onShelf(name string, make func(dir string) generation) generation {
	if g, ok := shelf.made[name]; ok {
		return g
	}
	g := make(filepath.Join(shelf.dir, name))
	if shelf.made == nil {
		shelf.made = map[string]generation{}
	}
	shelf.made[name] = g
	return g
}

func newGeneration(t *testing.T, f object.Format, mail, dir string) generation {
	t.Helper()
	var s strings.Builder
	for i := range 6 {
		who := "same@example.com"
		if i > 1 {
			who = mail
		}
		message := fmt.Sprintf("commit %d\n", i)
		content := strings.Repeat(fmt.Sprintf("line of %d\n", i), 50)
		fmt.Fprintf(&s, "commit refs/heads/trunk\ncommitter Somebody <%s> %d +0000\ndata %d\n%sM 100644 inline file\ndata %d\n%s\n",
			who, 1700000000+i, len(message), message, len(content), content)
	}
	fmt.Fprintf(&s, "tag v1\nfrom refs/heads/trunk\ntagger Somebody <%s> 1700000100 +0000\ndata 4\none\n\n", mail)
	return fromStream(t, f, s.String(), dir)
}

// fromStream makes a generation in dir of what git fast-import makes of a stream.
func fromStream(t *testing.T, f object.Format, stream, dir string) generation {
	t.Helper()
	loose := filepath.Join(t.TempDir(), "made.git")
	testenv.FromStream(t, loose, f.String(), stream)
	r, err := repo.Init(dir, f)
	if err != nil {
		t.Fatal(err)
	}
	packed := testenv.GitIn(t, loose, strings.NewReader(""), "pack-objects", "--all", "--stdout", "-q")
	got, err := r.Receive(t.Context(), strings.NewReader(packed), repo.ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	refs := testenv.Git(t, loose, "for-each-ref", "--format=create %(refname) %(objectname)")
	testenv.GitIn(t, dir, strings.NewReader(refs+"\n"), "update-ref", "--stdin")
	return generation{r, got.HistoryName, got.ContentName, testenv.Git(t, loose, "rev-parse", "trunk")}
}

// become publishes a generation instead of others: its refs are moved from wherever they are.
func (hm *home) become(g generation, instead ...generation) error {
	hm.t.Helper()
	there, _, err := hm.Refs(hm.t.Context(), 7)
	if err != nil {
		return err
	}
	p := Publication{From: g.Repo, Head: "refs/heads/trunk", History: []string{g.history}, Content: []string{g.content}, Updates: creations(hm.t, g.Repo)}
	for i, u := range p.Updates {
		if at := slices.IndexFunc(there, func(r repo.Ref) bool { return r.Name == u.Name }); at >= 0 {
			p.Updates[i].Old = there[at].ID
		}
	}
	for _, other := range instead {
		p.Replaces = append(p.Replaces, other.history, other.content)
	}
	return hm.Publish(hm.t.Context(), 7, p)
}

// mustBecome is become; git must find nothing wrong afterwards.
func (hm *home) mustBecome(g generation, instead ...generation) {
	hm.t.Helper()
	if err := hm.become(g, instead...); err != nil {
		hm.t.Fatal(err)
	}
	hm.sound()
}

// sound lets git judge the repository.
func (hm *home) sound() {
	hm.t.Helper()
	testenv.Git(hm.t, hm.path(7), "fsck", "--strict", "--full")
}

// clones lets git clone the repository.
func (hm *home) clones() {
	hm.t.Helper()
	testenv.Git(hm.t, hm.t.TempDir(), "clone", "-q", "--mirror", hm.url(7), filepath.Join(hm.t.TempDir(), "clone"))
}

// has reports whether the repository has an object.
func (hm *home) has(id string) bool {
	hm.t.Helper()
	_, err := testenv.Run(hm.t.Context(), hm.path(7), nil, "cat-file", "-e", id)
	return err == nil
}

func (hm *home) expect(when, id string, want bool) {
	hm.t.Helper()
	if got := hm.has(id); got != want {
		hm.t.Errorf("%s: %s is there: %v, want %v", when, id, got, want)
	}
}

// generations returns a home and three histories, the first of which is published.
func generations(t *testing.T, f object.Format) (hm *home, a, b, c generation) {
	t.Helper()
	hm, a, b, c = newHome(t), made(t, f, "a@example.com"), made(t, f, "b@example.com"), made(t, f, "c@example.com")
	hm.quiet = 10 * time.Millisecond
	hm.create(7, object.SHA1)
	if err := hm.become(a); err != nil {
		t.Fatal(err)
	}
	return hm, a, b, c
}

func TestSupersededPackGoes(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			hm, a, b, c := generations(t, f)
			tag := testenv.Git(t, a.Dir(), "rev-parse", "v1")
			same := testenv.Git(t, a.Dir(), "rev-parse", "trunk~4")
			hm.mustBecome(b, a)
			hm.expect("mapped", a.tip, false)
			hm.expect("mapped", tag, false)
			hm.expect("mapped", same, true)
			hm.mustBecome(b, a)
			hm.expect("again", b.tip, true)
			hm.mustBecome(c) // an earlier history need not be named
			hm.expect("mapped anew", b.tip, false)
			hm.mustBecome(a, b, c)
			hm.expect("undone", a.tip, true)
			hm.expect("undone", c.tip, false)
			hm.clones()
			m, err := remember(hm.path(7))
			if diff := cmp.Diff(remembered{History: []string{a.history}, Content: []string{a.content}}, m); diff != "" || err != nil {
				t.Errorf("%v, remembered (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestUsersRefsKeepPacks(t *testing.T) {
	tests := []struct {
		name string
		ref  func(t *testing.T, dir string, a generation) string // makes something in a clone; what is pushed
		stay bool
	}{
		{"old tip", func(_ *testing.T, _ string, a generation) string { return a.tip + ":refs/heads/mine" }, true},
		{"own commits on an old one", func(t *testing.T, dir string, _ generation) string {
			commit(t, dir, "one", []byte("1"))
			return commit(t, dir, "two", []byte("2")) + ":refs/heads/mine"
		}, true},
		{"tag of an old commit", func(t *testing.T, dir string, _ generation) string {
			testenv.Git(t, dir, "tag", "-a", "-m", "mine", "mine", "HEAD~1")
			return "refs/tags/mine"
		}, true},
		{"merge of an unrelated and an old commit", func(t *testing.T, dir string, a generation) string {
			tree := testenv.Git(t, dir, "rev-parse", "HEAD^{tree}")
			root := testenv.Git(t, dir, "commit-tree", "-m", "root", tree)
			return testenv.Git(t, dir, "commit-tree", "-m", "merge", "-p", root, "-p", a.tip, tree) + ":refs/heads/mine"
		}, true},
		{"unchanged commit", func(t *testing.T, dir string, _ generation) string { return "HEAD~4:refs/heads/mine" }, false},
		{"own commits on an unchanged one", func(t *testing.T, dir string, _ generation) string {
			testenv.Git(t, dir, "checkout", "-q", "HEAD~4")
			return commit(t, dir, "one", []byte("1")) + ":refs/heads/mine"
		}, false},
		{"unrelated history", func(t *testing.T, dir string, _ generation) string {
			return testenv.Git(t, dir, "commit-tree", "-m", "root", testenv.Git(t, dir, "rev-parse", "HEAD^{tree}")) + ":refs/heads/mine"
		}, false},
		{"tag of a blob", func(t *testing.T, dir string, _ generation) string {
			testenv.Git(t, dir, "tag", "-a", "-m", "mine", "mine", "HEAD:file")
			return "refs/tags/mine"
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hm, a, b, c := generations(t, object.SHA1)
			dir := hm.worktree(7)
			pushed := tt.ref(t, dir, a)
			testenv.Git(t, dir, "push", "-q", "origin", pushed)
			hm.mustBecome(b, a)
			hm.expect("after the map", a.tip, tt.stay)
			hm.mustBecome(c, b, a)
			hm.expect("after another", a.tip, tt.stay)
			hm.expect("after another", b.tip, false)
			_, name, ok := strings.Cut(pushed, ":")
			if !ok {
				name = pushed
			}
			testenv.Git(t, dir, "push", "-q", "origin", ":"+name)
			hm.expect("without the ref", a.tip, false)
			hm.sound()
			testenv.Git(t, dir, "push", "-q", "origin", pushed) // their own commits are there still, what those are based on is not
			hm.sound()
		})
	}
}

// TestWhoIsInKeepsPacks publishes while others are in: the pack goes when the last of them leaves.
func TestWhoIsInKeepsPacks(t *testing.T) {
	hm, a, b, _ := generations(t, object.SHA1)
	leave := hm.hold()
	e, err := hm.entry(7)
	if err != nil {
		t.Fatal(err)
	}
	_, leaveToo, err := e.enter(t.Context(), hm.path(7))
	if err != nil {
		t.Fatal(err)
	}
	if err := hm.become(b, a); err != nil {
		t.Fatal(err)
	}
	hm.expect("two are in", a.tip, true)
	leave()
	for hm.users(7) > 1 {
		time.Sleep(time.Millisecond)
	}
	hm.clones()
	hm.expect("one is in", a.tip, true)
	leaveToo()
	hm.expect("nobody is in", a.tip, false)
	hm.sound()
}

// users returns how many use a repository.
func (hm *home) users(id int64) int {
	e, err := hm.entry(id)
	if err != nil {
		hm.t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.stop)
}

// TestPushUnderWayLosesNothing publishes in the middle of a push that is based on the history replaced.
func TestPushUnderWayLosesNothing(t *testing.T) {
	hm, a, b, c := generations(t, object.SHA1)
	dir := hm.worktree(7)
	id := commit(t, dir, "mine", noise(1<<20))
	hm.pushAround(dir, id, a.tip, func() {
		if err := hm.become(b, a); err != nil {
			t.Error(err)
		}
	})
	hm.sound()
	hm.expect("pushed", a.tip, true)
	hm.mustBecome(c, b)
	hm.expect("pushed", id+"~1", true)
	testenv.Git(t, dir, "push", "-q", "origin", ":mine")
	hm.expect("deleted", a.tip, false)
}

// pushAround pushes a commit to the branch mine, on the commit base that the repository has, and does
// something when half of the pack is there.
func (hm *home) pushAround(dir, id, base string, middle func()) {
	t := hm.t
	t.Helper()
	thin := testenv.GitIn(t, dir, strings.NewReader(id+"\n^"+base+"\n"), "pack-objects", "--revs", "--thin", "--stdout", "-q")
	in, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", hm.url(7)+"/git-receive-pack", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	go func() {
		out := protocol.NewWriter(feed)
		out.Data([]byte(strings.Repeat("0", 40) + " " + id + " refs/heads/mine\x00 report-status"))
		out.Flush()
		io.WriteString(feed, thin[:len(thin)/2])
		middle()
		io.WriteString(feed, thin[len(thin)/2:])
		feed.Close()
	}()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || !bytes.Contains(said, []byte("ok refs/heads/mine")) {
		t.Fatalf("the push: %q, %v", said, err)
	}
}

// TestCrashesOfAPublication leaves off in the middle; the next process mends what is there.
func TestCrashesOfAPublication(t *testing.T) {
	publication := func(b, a generation) Publication {
		return Publication{From: b.Repo, History: []string{b.history}, Replaces: []string{a.history}}
	}
	idx := func(r *repo.Repo, g generation) string {
		return filepath.Join(r.Dir(), "objects/pack", g.history+".idx")
	}
	tests := []struct {
		name  string
		crash func(e *entry, r *repo.Repo, b, a generation) error
		stays bool // a, with its refs
	}{
		{"noted", func(e *entry, r *repo.Repo, b, a generation) error { return e.supersede(r, publication(b, a)) }, true},
		{"linked", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(e.supersede(r, publication(b, a)), r.Link(b.Repo))
		}, true},
		{"half noted", func(_ *entry, r *repo.Repo, _, _ generation) error {
			return os.WriteFile(filepath.Join(r.Dir(), packsFile+".new"), []byte(`{"his`), 0o666)
		}, true},
		{"moved", func(e *entry, r *repo.Repo, b, a generation) error { return moveTo(e, r, b, a) }, false},
		{"half removed", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(moveTo(e, r, b, a), os.Remove(idx(r, a)))
		}, false},
		{"removed", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(moveTo(e, r, b, a), r.RemovePack(a.history))
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hm, a, b, c := generations(t, object.SHA1)
			r, err := hm.open(7)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.crash(&entry{}, r, b, a); err != nil {
				t.Fatal(err)
			}
			next, err := New(Options{Dir: hm.o.Dir, Log: testLog(t)})
			if err != nil {
				t.Fatal(err)
			}
			if err := next.Close(); err != nil {
				t.Fatal(err)
			}
			hm.sound()
			hm.expect("after the start", a.tip, tt.stays)
			hm.mustBecome(b, a)
			hm.expect("published", a.tip, false)
			hm.mustBecome(a, b)
			hm.mustBecome(c, a)
			hm.expect("in the end", b.tip, false)
			hm.expect("in the end", a.tip, false)
			if left, _ := filepath.Glob(filepath.Join(hm.path(7), "objects/pack", a.history+"*")); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

// moveTo does what Publish does, but removes nothing.
func moveTo(e *entry, r *repo.Repo, b, a generation) error {
	p := Publication{From: b.Repo, History: []string{b.history}, Replaces: []string{a.history}}
	if err := errors.Join(e.supersede(r, p), r.Link(b.Repo)); err != nil {
		return err
	}
	refs, err := b.Refs()
	if err != nil {
		return err
	}
	there, err := r.Refs()
	if err != nil {
		return err
	}
	for i, ref := range refs {
		p.Updates = append(p.Updates, repo.Update{Name: ref.Name, Old: there[i].ID, New: ref.ID})
	}
	return r.Update(p.Updates)
}

func TestFailedPublicationLosesNothing(t *testing.T) {
	hm, a, b, c := generations(t, object.SHA1)
	p := Publication{From: b.Repo, History: []string{b.history}, Replaces: []string{a.history}, Updates: creations(t, b.Repo)}
	var moved *repo.MovedError
	if err := hm.Publish(t.Context(), 7, p); !errors.As(err, &moved) {
		t.Errorf("got %v", err)
	}
	hm.sound()
	hm.expect("failed", a.tip, true)
	hm.mustBecome(c, a)
	hm.expect("published", a.tip, false)
	hm.expect("published", b.tip, false)
}

// TestUnreadableObjectKeepsPacks publishes where a user's commit is damaged: nobody knows what it needs.
func TestUnreadableObjectKeepsPacks(t *testing.T) {
	hm, a, b, _ := generations(t, object.SHA1)
	dir := hm.worktree(7)
	id := commit(t, dir, "mine", []byte("mine"))
	testenv.Git(t, dir, "push", "-q", "origin", id+":refs/heads/mine")
	loose := filepath.Join(hm.path(7), "objects", id[:2], id[2:])
	if err := errors.Join(os.Remove(loose), os.WriteFile(loose, []byte("no zlib"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := hm.become(b, a); err != nil {
		t.Fatal(err)
	}
	hm.expect("published", a.tip, true)
	hm.expect("published", b.tip, true)
}

// TestDamagedNotes publishes where nobody knows any more what was superseded.
func TestDamagedNotes(t *testing.T) {
	hm, a, b, c := generations(t, object.SHA1)
	dir := hm.worktree(7)
	testenv.Git(t, dir, "push", "-q", "origin", commit(t, dir, "mine", []byte("mine"))+":refs/heads/mine")
	hm.mustBecome(b, a)
	if err := os.WriteFile(filepath.Join(hm.path(7), packsFile), []byte(`{"history":"pack-1`), 0o666); err != nil {
		t.Fatal(err)
	}
	hm.mustBecome(c)
	hm.expect("published", a.tip, true)
	hm.expect("published", b.tip, false)
	testenv.Git(t, dir, "push", "-q", "origin", ":mine")
	hm.expect("without the ref", a.tip, false)
	hm.sound()
}

// TestContentInUseStays names packs among those replaced whose content refs reach.
func TestContentInUseStays(t *testing.T) {
	hm, a, _, _ := generations(t, object.SHA1)
	packs, err := a.PackNames()
	if err != nil || len(packs) != 2 {
		t.Fatal(packs, err)
	}
	if err := hm.Publish(t.Context(), 7, Publication{From: raw(t, object.SHA1), Replaces: packs}); err != nil {
		t.Fatal(err)
	}
	hm.sound()
}
