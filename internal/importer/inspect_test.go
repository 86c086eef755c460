package importer

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/mailmap"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
)

// onceSource reads from paths and from loopback.
func onceSource(t testing.TB) source.Source {
	t.Helper()
	client, err := egress.New(egress.Policy{Unrestricted: true})
	must(t, err)
	t.Cleanup(client.Close)
	return git.New(git.Options{Client: client})
}

func parsed(t testing.TB, text string) *mailmap.Map {
	t.Helper()
	m, err := mailmap.Parse([]byte(text))
	must(t, err)
	return m
}

// What inspect says a map changes is what the import then changes.
func TestInspectForetellsOnce(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		root := t.TempDir()
		from, dir, work := filepath.Join(root, "old.git"), filepath.Join(root, "new.git"), t.TempDir()
		richAt(t, from, format)
		o := onceFrom(from, work)
		var left []mailmap.Line
		var ids bytes.Buffer
		o.Plan = OncePlan{
			Authors:   parsed(t, "Ada K <ada@new> Ada Lovelace <ada@example.com>\nX <x@x> <gone@x>\n"),
			Unmatched: func(l []mailmap.Line) { left = l }, CommitMap: &ids,
		}
		said, err := Inspect(t.Context(), o)
		must(t, err)
		wantOnly(t, work)
		if len(left) != 1 || left[0].Number != 2 || ids.Len() > 0 {
			t.Errorf("unmatched %v, commit map %q", left, ids.String())
		}
		o.Dir = dir
		r, err := Once(t.Context(), o)
		must(t, err)
		want := rehome.InspectedChanges{
			CommitsChanged: r.Head.Changed, TagsChanged: r.Head.TagsChanged, SignaturesDropped: r.Body.SignaturesDropped, AuthorsMapped: r.Body.Authors.Mapped,
		}
		who := []rehome.InspectedAuthor{{Name: "Ada Lovelace", Email: "ada@example.com", ToName: "Ada K", ToEmail: "ada@new", Commits: 2}}
		if diff := cmp.Diff(who, said.Plan.Authors); diff != "" {
			t.Errorf("who becomes whom (-want +got):\n%s", diff)
		}
		said.Plan.Refused = nil
		if said.Plan.CommitsChanged == 0 || said.Plan.AuthorsMapped != 1 || !equalChanges(said.Plan, want) {
			t.Errorf("said %+v, did %+v", said.Plan, want)
		}
		commits, err := testenv.ReadCommitMap(ids.Bytes())
		must(t, err)
		_, err = testenv.Rewritten{People: map[string]string{"Ada Lovelace <ada@example.com>": "Ada K <ada@new>"}, Commits: commits}.Compare(t.Context(), from, dir)
		must(t, err)
		testenv.Git(t, dir, "fsck", "--full")
		if log := testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check"); strings.Contains(log, "missing") {
			t.Error(log)
		}
		for _, ref := range r.Refs.Refs {
			if ref.Final != ref.Destination {
				t.Errorf("receipt: %+v", ref)
			}
		}
	}
}

func equalChanges(a, b rehome.InspectedChanges) bool {
	return a.CommitsChanged == b.CommitsChanged && a.TagsChanged == b.TagsChanged && a.SignaturesDropped == b.SignaturesDropped && a.AuthorsMapped == b.AuthorsMapped
}

// No object of the old history is left in the destination.
func TestOnceLeavesNoOldIdentity(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from, dir := filepath.Join(root, "old.git"), filepath.Join(root, "new.git")
	richAt(t, from, "sha1")
	o := onceFrom(from, dir)
	o.Plan.Authors = parsed(t, "New <new@x> <ada@example.com>\nNew <new@x> <charles@example.com>\n")
	_, err := Once(t.Context(), o)
	must(t, err)
	for _, id := range testenv.Objects(t, dir) {
		kind := testenv.Git(t, dir, "cat-file", "-t", id)
		if kind != "commit" && kind != "tag" {
			continue
		}
		if text := testenv.Git(t, dir, "cat-file", kind, id); strings.Contains(text, "ada@example.com") || strings.Contains(text, "charles@") {
			t.Errorf("%s %s:\n%s", kind, id, text)
		}
	}
	packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*"))
	must(t, err)
	if len(packs) != 4 {
		t.Errorf("packs: %v", packs)
	}
	wantOnly(t, root, "new.git", "old.git")
}

func TestInspectLeavesNothingAfterAnError(t *testing.T) {
	work := t.TempDir()
	if _, err := Inspect(t.Context(), onceFrom(filepath.Join(work, "missing"), work)); rehome.CodeOf(err) != rehome.NotARepository {
		t.Errorf("a missing source: %v", err)
	}
	wantOnly(t, work)
	t.Setenv("TMPDIR", work)
	from := filepath.Join(t.TempDir(), "old.git")
	testenv.Empty(t, from, "sha1")
	got, err := Inspect(t.Context(), onceFrom(from, ""))
	must(t, err)
	if got.Commits != 0 || got.Authors == nil || got.LargeFiles == nil || got.Submodules == nil || got.Skipped == nil || got.Faults == nil {
		t.Errorf("an empty source: %+v", got)
	}
	wantOnly(t, os.TempDir())
}
