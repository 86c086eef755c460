package importer

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// TestFetched says of a held import what came, and of each run after the first what that one brought.
func TestFetched(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	testenv.Git(t, from, "update-ref", "refs/pull/1/head", "refs/heads/trunk")
	r := w.repository("new")
	if _, err := w.Fetched(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("before there is an import: %v", err)
	}
	yes := true
	w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git", Choices: Choices{Hold: &yes}})
	got, err := w.Fetched(t.Context(), r.ID)
	must(t, err)
	want := FetchedRefs{}
	var names []string
	for _, line := range testenv.ShowRefs(t, from) {
		_, name, _ := strings.Cut(line, " ")
		switch {
		case slices.ContainsFunc(got.Skipped, func(s rehome.SkippedRef) bool { return s.Name == name }):
			continue
		case strings.HasPrefix(name, "refs/heads/"):
			want.Branches++
		case strings.HasPrefix(name, "refs/tags/"):
			want.Tags++
		default:
			want.Others++
		}
		names = append(names, name)
	}
	if want.Branches == 0 || want.Tags == 0 || got.Refs.Branches != want.Branches || got.Refs.Tags != want.Tags || got.Refs.Others != want.Others || got.Refs.Count() != int64(len(names)) {
		t.Errorf("refs %+v, want %+v", got.Refs, want)
	}
	first := slices.Clone(got.Refs.First)
	if first[0] != got.Head || got.Head != "refs/heads/trunk" {
		t.Errorf("the first is %s, the default branch %s", first[0], got.Head)
	}
	slices.Sort(first)
	slices.Sort(names)
	if !slices.Equal(first, names[:min(len(names), maxFirstRefs)]) && len(names) <= maxFirstRefs {
		t.Errorf("named are %v, want %v", first, names)
	}
	if !slices.ContainsFunc(got.Skipped, func(s rehome.SkippedRef) bool { return s.Name == "refs/pull/1/head" && s.Reason != "" }) || got.Last != nil {
		t.Errorf("left behind %+v, last run %+v", got.Skipped, got.Last)
	}
	_, err = w.Approve(t.Context(), r.ID)
	must(t, err)
	w.work()
	last := func() *LastRun {
		t.Helper()
		got, err := w.Fetched(t.Context(), r.ID)
		must(t, err)
		return got.Last
	}
	if n := last(); n != nil {
		t.Errorf("after the first run: %+v", n)
	}
	sync := func() {
		t.Helper()
		_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
		must(t, err)
		w.work()
		wantStatus(t, w.get(r), rehome.Complete, "", "")
	}
	sync()
	if n := last(); n == nil || n.News != (rehome.News{}) || !n.At.Equal(w.get(r).CompletedAt) {
		t.Errorf("after a run that brought nothing: %+v", n)
	}
	testenv.Grow(t, from, "refs/heads/side", "new.txt", 2)
	testenv.Git(t, from, "update-ref", "refs/heads/fresh", "refs/heads/trunk")
	sync()
	if n := last(); n == nil || n.News != (rehome.News{Commits: 2, Made: 1, Moved: 1}) {
		t.Errorf("after two commits and a branch: %+v", n)
	}
}

// TestDamagedReceiptBefore: a run makes it anew. What that brought beside the run before cannot be told, and is by the next.
func TestDamagedReceiptBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, from := serveRich(t, "sha1")
	r := w.repository("new")
	w.start(r, StartRequest{URL: url})
	sync := func() *LastRun {
		t.Helper()
		_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
		must(t, err)
		w.work()
		wantStatus(t, w.get(r), rehome.Complete, "", "")
		got, err := w.Fetched(t.Context(), r.ID)
		must(t, err)
		return got.Last
	}
	if n := sync(); n == nil {
		t.Fatal("nothing is told of a second run")
	}
	_, err := w.DB.ChangeImport(t.Context(), r.ID, func(t *store.Tx, i *store.Import) error {
		return t.SetReceipt(context.Background(), i.ID, []byte(`{"refs": 7}`))
	})
	must(t, err)
	if n := sync(); n != nil {
		t.Errorf("beside what cannot be read: %+v", n)
	}
	testenv.Grow(t, from, "refs/heads/trunk", "new.txt", 2)
	if n := sync(); n == nil || n.News != (rehome.News{Commits: 2, Moved: 1}) {
		t.Errorf("after two commits: %+v", n)
	}
}

// TestFirstRefs names the default branch, other branches, then tags, whatever the order they come in.
func TestFirstRefs(t *testing.T) {
	var refs []repo.Ref
	for n := range 18 {
		refs = append(refs, repo.Ref{Name: fmt.Sprintf("refs/tags/v%02d", 30-n)}, repo.Ref{Name: fmt.Sprintf("refs/heads/b%02d", 17-n)}, repo.Ref{Name: fmt.Sprintf("refs/notes/%d", n)})
	}
	refs = append(refs, repo.Ref{Name: "refs/heads/z-default"})
	want := []string{"refs/heads/z-default"}
	for n := range 18 {
		want = append(want, fmt.Sprintf("refs/heads/b%02d", n))
	}
	want = append(want, "refs/tags/v13")
	got := fetchedRefs(refs, "refs/heads/z-default")
	if !slices.Equal(got.First, want) || got.Branches != 19 || got.Tags != 18 || got.Others != 18 {
		t.Errorf("got %+v, want %v", got, want)
	}
	if got := fetchedRefs(refs[:2], ""); !slices.Equal(got.First, []string{"refs/heads/b17", "refs/tags/v30"}) {
		t.Errorf("of two: %+v", got)
	}
}
