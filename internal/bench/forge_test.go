package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

func TestForgeTakesPushesAndCountsThem(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from.git")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 120})
	to, err := serveForge(filepath.Join(dir, "forge"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.close()
	at, err := to.empty(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, from, "push", "-q", "--mirror", at.url)
	refs := testenv.ShowRefs(t, from)
	if got, want := testenv.ShowRefs(t, at.dir), refs; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("arrived %q, want %q", got, want)
	}
	var lines int // 4 digits, two ids, two spaces, the name
	for _, ref := range refs {
		lines += 4 + 40 + 1 + len(ref)
	}
	if told := int(to.told.Load()); told < lines || told > lines+300 {
		t.Errorf("%d bytes of commands for %d refs, want %d and a few for capabilities", told, len(refs), lines)
	}
	if got, told := to.got.Load(), to.told.Load(); got <= told {
		t.Errorf("%d bytes in all, %d of commands", got, told)
	}
}

func TestGoBackLeavesWaysForward(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "moving.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 300})
	end := testenv.Git(t, dir, "rev-parse", "trunk")
	testenv.Git(t, dir, "update-ref", "refs/heads/besides", end)
	testenv.Git(t, dir, "notes", "add", "-m", "old", "trunk~200")
	about := testenv.Git(t, dir, "rev-parse", "refs/notes/commits")
	testenv.Git(t, dir, "notes", "add", "-m", "new", end)
	tips, err := goBack(t.Context(), dir, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := testenv.Git(t, dir, "rev-parse", "refs/notes/commits"); got != about {
		t.Errorf("notes are at %s, want %s, before there is one about what is to be new", got, about)
	}
	at := testenv.Git(t, dir, "rev-parse", "trunk")
	for n, tip := range tips {
		got := testenv.Git(t, dir, "rev-list", "--count", at+".."+tip.id)
		if want := fmt.Sprint(tip.commits); got != want || tip.commits < resyncCommits {
			t.Errorf("tip %d brings %s commits, want %s, %d or more", n, got, want, resyncCommits)
		}
		at = tip.id
	}
	before := testenv.Git(t, dir, "rev-parse", "trunk")
	for _, ref := range testenv.ShowRefs(t, dir) {
		id, name, _ := strings.Cut(ref, " ")
		if strings.Contains(testenv.Git(t, dir, "rev-list", id), tips[0].id) {
			t.Errorf("%s has what is to be new after %s", name, before)
		}
	}
}
