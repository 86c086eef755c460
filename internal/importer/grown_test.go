package importer

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// more commits to a branch of the source, by somebody.
func more(t *testing.T, from, branch, who string, commits int) {
	t.Helper()
	tip := testenv.Git(t, from, "rev-parse", branch)
	for n := range commits {
		var s strings.Builder
		fmt.Fprintf(&s, "commit %s\ncommitter %s %d +0000\ndata 4\nmore\nfrom %s\nM 100644 inline more-%s\ndata 2\n%d\n\n", branch, who, 1700009000+n, tip, tip[:8], n)
		testenv.GitIn(t, from, strings.NewReader(s.String()), "fast-import", "--quiet", "--force")
		tip = testenv.Git(t, from, "rev-parse", branch)
	}
}

// again takes up what is new at the source.
func (w *world) again(r rehome.Repository) {
	w.t.Helper()
	_, err := w.Update(w.t.Context(), r.ID, UpdateRequest{})
	must(w.t, err)
	w.work()
	wantStatus(w.t, w.get(r), rehome.Complete, "", "")
}

// packsOf returns how many packs of history and of content a repository has.
func packsOf(t *testing.T, dir string) [2]int {
	t.Helper()
	r, err := repo.Open(dir)
	must(t, err)
	f := finished{raw: r, repo: r}
	must(t, f.readPacks())
	return [2]int{len(f.history), len(f.content)}
}

func (w *world) wholeCommitMap(r rehome.Repository) string {
	w.t.Helper()
	in, _, err := w.CommitMap(w.t.Context(), r.ID)
	must(w.t, err)
	defer in.Close()
	text, err := io.ReadAll(in)
	must(w.t, err)
	return string(text)
}

// wantAsAnew compares a repository with one that the source is moved to at once.
func (w *world) wantAsAnew(when string, r rehome.Repository, url string, remap func(r rehome.Repository)) {
	w.t.Helper()
	anew := w.repository("anew-" + when)
	w.start(anew, StartRequest{URL: url})
	remap(anew)
	if got, want := testenv.ShowRefs(w.t, w.hosted(r)), testenv.ShowRefs(w.t, w.hosted(anew)); !slices.Equal(got, want) {
		w.t.Errorf("refs:\n%s\nmoved at once:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := w.wholeCommitMap(r), w.wholeCommitMap(anew); got != want {
		w.t.Errorf("commit map:\n%s\nmoved at once:\n%s", got, want)
	}
	testenv.Git(w.t, w.hosted(r), "fsck", "--full", "--strict")
}

// TestGrownSource maps an author and follows what comes: only that is rewritten, into packs beside those there are,
// until another map makes one of them.
func TestGrownSource(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	r := w.repository("new")
	w.start(r, StartRequest{URL: url})
	final := w.Folder.final(w.get(r).ID)
	mapAda := func(r rehome.Repository) { w.remap(r, "Ada Lovelace", "Ada King", "king@example.com"); w.work() }
	mapAda(r)
	for n := range 3 {
		more(t, from, "refs/heads/trunk", ada, 2)
		testenv.Git(t, from, "update-ref", fmt.Sprintf("refs/heads/old-%d", n), "refs/heads/trunk~3")
		w.again(r)
		if got, want := packsOf(t, final), [2]int{2 + n, 2 + n}; got != want {
			t.Errorf("after %d syncs packs of history and content are %v, want %v", n+1, got, want)
		}
		if got, want := packsOf(t, w.hosted(r)), packsOf(t, final); got != want {
			t.Errorf("the host has %v, want %v", got, want)
		}
	}
	w.wantAsAnew("grown", r, url, mapAda)
	mapBoth := func(r rehome.Repository) { w.remap(r, "Ada Lovelace", "Ada", "a@example.com"); w.work() }
	mapBoth(r)
	if got, want := packsOf(t, final), [2]int{1, 4}; got != want {
		t.Errorf("mapped anew, packs are %v, want %v", got, want)
	}
	if got, want := packsOf(t, w.hosted(r)), packsOf(t, final); got != want {
		t.Errorf("mapped anew, the host has %v, want %v", got, want)
	}
	w.wantAsAnew("mapped", r, url, mapBoth)
}

// TestGrownSourceUnmapped follows what comes where nobody is mapped.
func TestGrownSourceUnmapped(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	r := w.repository("new")
	w.start(r, StartRequest{URL: url})
	for n := range 2 {
		more(t, from, "refs/heads/trunk", ada, 2)
		w.again(r)
		if got, want := packsOf(t, w.hosted(r)), [2]int{2 + n, 2 + n}; got != want {
			t.Errorf("after %d syncs packs of history and content are %v, want %v", n+1, got, want)
		}
	}
	w.wantAsAnew("grown", r, url, func(rehome.Repository) {})
}

// TestGrownFilms has large files become Git LFS objects once their trees lie in several packs.
func TestGrownFilms(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	more(t, from, "refs/heads/trunk", ada, 2)
	w.again(r)
	optIn := func(r rehome.Repository) { w.setLFS(r, rehome.LFSOptIn) }
	optIn(r)
	w.wantAsAnew("converted", r, url, optIn)
	more(t, from, "refs/heads/side", ada, 2)
	w.again(r)
	w.wantAsAnew("grown", r, url, optIn)
	if blob := testenv.Git(t, from, "rev-parse", "refs/heads/trunk:film.bin"); w.has(r, blob) {
		t.Errorf("%s is still there", blob)
	}
}
