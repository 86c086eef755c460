package testenv

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompare holds Compare against git filter-repo on a history that it can represent.
func TestCompare(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from.git")
	Synthetic(t, from, "sha1", Size{Commits: 300})
	to := FilterRepo(t, from, "Mapped Person <mapped@example.com> <author0@example.com>\n")
	text, err := os.ReadFile(filepath.Join(to, "filter-repo", "commit-map"))
	if err != nil {
		t.Fatal(err)
	}
	commits, err := ReadCommitMap(text)
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]string{"Author 0 <author0@example.com>": "Mapped Person <mapped@example.com>"}
	got, err := Rewritten{People: people, Commits: commits}.Compare(t.Context(), from, to)
	if err != nil || got.Commits != 300 || got.CommitsChanged < 100 || got.TagsChanged == 0 {
		t.Errorf("got %+v, %v", got, err)
	}

	wrong := maps.Clone(people)
	wrong["Author 1 <author1@example.com>"] = "Nobody <nobody@example.com>"
	if _, err := (Rewritten{People: wrong, Commits: commits}).Compare(t.Context(), from, to); err == nil {
		t.Error("a person that was not mapped goes unnoticed")
	}
	Git(t, to, "update-ref", "refs/heads/more", Git(t, to, "rev-parse", "trunk"))
	if _, err := (Rewritten{People: people, Commits: commits}).Compare(t.Context(), from, to); err == nil || !strings.Contains(err.Error(), "refs") {
		t.Errorf("one ref more: %v", err)
	}
}

// TestCompareUnchanged compares a history with one of everything with itself.
func TestCompareUnchanged(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "to.git")
	Rich(t, from, "sha256")
	Git(t, "", "clone", "-q", "--mirror", from, to)
	for _, name := range RichSkipped(t, to) {
		Git(t, to, "update-ref", "-d", name)
	}
	commits := map[string]string{}
	for id := range strings.FieldsSeq(Git(t, from, "rev-list", "--all")) {
		commits[id] = id
	}
	got, err := Rewritten{Commits: commits}.Compare(t.Context(), from, to)
	if err != nil || got.CommitsChanged != 0 || got.TagsChanged != 0 || got.Commits == 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}
