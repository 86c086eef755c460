package host

import (
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// mapped rewrites a raw repository whose refs are given: everybody gets the mail.
func mapped(t *testing.T, raw *repo.Repo, history string, mail string) (generation, []repo.Ref) {
	t.Helper()
	into, err := repo.Init(filepath.Join(t.TempDir(), "into.git"), raw.Format())
	if err != nil {
		t.Fatal(err)
	}
	var refs []repo.Ref
	for _, u := range creations(t, raw) {
		refs = append(refs, repo.Ref{Name: u.Name, ID: u.New})
	}
	plan := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{
		{Name: "Ada Lovelace", Mail: "ada@example.com"}:        {Name: "Ada", Mail: mail},
		{Name: "Charles Babbage", Mail: "charles@example.com"}: {Name: "Charles", Mail: mail},
	}}
	got, err := rewrite.Run(t.Context(), rewrite.Options{From: raw, Refs: refs, Into: into, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if err := into.Link(raw); err != nil {
		t.Fatal(err)
	}
	if err := into.RemovePack(history); err != nil {
		t.Fatal(err)
	}
	g := generation{Repo: into, history: got.Pack}
	for i, ref := range got.Refs {
		refs[i].ID = ref.Final
		if ref.Name == "refs/heads/trunk" {
			g.tip = ref.Final.String()
		}
	}
	return g, refs
}

// moves returns the updates from refs as they are to refs as they are to be.
func (hm *home) moves(to []repo.Ref) []repo.Update {
	hm.t.Helper()
	there, _, err := hm.Refs(hm.t.Context(), 7)
	if err != nil {
		hm.t.Fatal(err)
	}
	at := map[string]object.ID{}
	for _, ref := range there {
		at[ref.Name] = ref.ID
	}
	var updates []repo.Update
	for _, ref := range to {
		updates = append(updates, repo.Update{Name: ref.Name, Old: at[ref.Name], New: ref.ID})
	}
	return updates
}

// TestNotesInHistory supersedes packs that hold trees, because they were made with notes in them:
// a tree that a user's own commit took from there keeps its pack.
func TestNotesInHistory(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from.git")
	testenv.Rich(t, from, "sha1")
	raw, err := repo.Init(filepath.Join(t.TempDir(), "raw.git"), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	packed := testenv.GitIn(t, from, strings.NewReader(""), "pack-objects", "--all", "--stdout", "-q")
	got, err := raw.Receive(t.Context(), strings.NewReader(packed), repo.ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	testenv.GitIn(t, raw.Dir(), strings.NewReader(testenv.Git(t, from, "for-each-ref", "--format=create %(refname) %(objectname)")+"\n"), "update-ref", "--stdin")
	hm := newHome(t)
	hm.publish(7, raw)
	var olds []string // notes of the generations before
	for _, mail := range []string{"one@example.com", "two@example.com", "three@example.com"} {
		next, refs := mapped(t, raw, got.HistoryName, mail)
		p := Publication{From: next.Repo, History: []string{next.history}, Updates: hm.moves(refs), Replaces: []string{got.HistoryName}}
		if err := hm.Publish(t.Context(), 7, p); err != nil {
			t.Fatal(err)
		}
		hm.sound()
		for i, old := range olds {
			hm.expect("published "+mail, old, i == 1)
		}
		dir := hm.worktree(7)
		testenv.Git(t, dir, "fetch", "-q", "origin", "refs/notes/commits")
		olds = append(olds, testenv.Git(t, dir, "rev-parse", "FETCH_HEAD"))
		if len(olds) == 2 {
			own := testenv.Git(t, dir, "commit-tree", "-m", "own", "FETCH_HEAD^{tree}")
			testenv.Git(t, dir, "push", "-q", "origin", own+":refs/heads/own")
		}
	}
}
