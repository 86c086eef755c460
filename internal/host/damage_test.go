package host

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// literally writes an object as it is, right or wrong, and returns its id.
func literally(t *testing.T, dir, kind, content string) string {
	t.Helper()
	return testenv.GitIn(t, dir, strings.NewReader(content), "hash-object", "-t", kind, "-w", "--stdin", "--literally")
}

// A push brings damage of old tools along as an import does, and nothing that is dangerous.
func TestPushOfDamage(t *testing.T) {
	hm := newHome(t)
	hm.create(7, object.SHA1)
	dir := hm.worktree(7)
	testenv.Git(t, dir, "checkout", "-q", "-b", "first")
	first := commit(t, dir, "a", []byte("a"))
	blob := testenv.Git(t, dir, "rev-parse", "HEAD:a")
	entry := func(mode, name string) string { return mode + " " + name + "\x00" + string(hexBytes(t, blob)) }
	empty := literally(t, dir, "tree", "")
	sub := "40000 .git\x00" + string(hexBytes(t, empty))
	const by = "A <a@example.com> 1000000000 +0000"
	line := func(name, who string) string { return name + " " + who + "\n" }
	good := "tree " + empty + "\n" + "parent " + first + "\n"
	for name, tt := range map[string]struct {
		kind, content, refused string // "" where it passes
	}{
		"time zone":            {"commit", good + line("author", "A <a@example.com> 1000000000 +051800") + line("committer", by) + "\nm\n", ""},
		"no date":              {"commit", good + line("author", "A <a@example.com>") + line("committer", by) + "\nm\n", ""},
		"date too large":       {"commit", good + line("author", "A <a@example.com> 18446744073709551616 +0000") + line("committer", by) + "\nm\n", ""},
		"zero-padded date":     {"commit", good + line("author", "A <a@example.com> 01000000000 +0000") + line("committer", by) + "\nm\n", ""},
		"no mail":              {"commit", good + line("author", "nobody") + line("committer", "nobody") + "\nm\n", ""},
		"mail in mail":         {"commit", good + line("author", "A <a<b> 1000000000 +0000") + line("committer", by) + "\nm\n", ""},
		"no space before mail": {"commit", good + line("author", "A<a@example.com> 1000000000 +0000") + line("committer", by) + "\nm\n", ""},
		"no author":            {"commit", good + line("committer", by) + "\nm\n", ""},
		"two authors":          {"commit", good + line("author", by) + line("author", by) + line("committer", by) + "\nm\n", ""},
		"NUL in a message":     {"commit", good + line("author", by) + line("committer", by) + "\na\x00b\n", ""},
		"zero-padded mode":     {"tree", entry("0100644", "a"), ""},
		"mode of a group":      {"tree", entry("100664", "a"), ""},
		"no tagger":            {"tag", "object " + first + "\ntype commit\ntag t\n\nm\n", ""},

		"NUL in a header":    {"commit", good + "author A\x00 <a@example.com> 1 +0000\n" + line("committer", by) + "\nm\n", "nulInHeader"},
		"dot":                {"tree", entry("100644", "."), "hasDot"},
		"dot dot":            {"tree", entry("100644", ".."), "hasDotdot"},
		"git folder":         {"tree", sub, "hasDotgit"},
		"in capitals":        {"tree", entry("100644", ".GIT"), "hasDotgit"},
		"short for Windows":  {"tree", entry("100644", "git~1"), "hasDotgit"},
		"unseen on a Mac":    {"tree", entry("100644", ".g\u200cit"), "hasDotgit"},
		"a path":             {"tree", entry("100644", "a/b"), "fullPathname"},
		"twice the same":     {"tree", entry("100644", "a") + entry("100644", "a"), "duplicateEntries"},
		"out of order":       {"tree", entry("100644", "b") + entry("100644", "a"), "treeNotSorted"},
		"link to submodules": {"tree", entry("120000", ".gitmodules"), "gitmodulesSymlink"},
	} {
		t.Run(name, func(t *testing.T) {
			id := literally(t, dir, tt.kind, tt.content)
			if tt.kind == "tree" {
				id = testenv.Git(t, dir, "commit-tree", "-m", "m", id)
			}
			to := "refs/heads/" + strings.ReplaceAll(name, " ", "-")
			if tt.kind == "tag" {
				to = "refs/tags/t"
			}
			_, err := testenv.Run(t.Context(), dir, nil, "push", hm.url(7), id+":"+to)
			_, there := testenv.Run(t.Context(), hm.path(7), nil, "cat-file", "-e", id)
			switch {
			case tt.refused == "" && (err != nil || there != nil):
				t.Errorf("refused: %v, %v", err, there)
			case tt.refused != "" && (err == nil || there == nil || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("got %v, want %s; %v", err, tt.refused, there)
			}
		})
	}
}

// A repository on the host whose bytes were damaged is told of, with its id, by whoever clones it.
func TestDamageIsTold(t *testing.T) {
	hm := newHome(t)
	told := make(chan int64, 10)
	hm.o.Damaged = func(_ context.Context, id int64, err error) { told <- id }
	hm.create(7, object.SHA1)
	dir := hm.worktree(7)
	testenv.Git(t, dir, "checkout", "-q", "-b", "first")
	commit(t, dir, "a", []byte(strings.Repeat("a long file ", 1000)))
	testenv.Git(t, dir, "push", "-q", "origin", "first")
	blob := testenv.Git(t, dir, "rev-parse", "HEAD:a")
	clone := func() error {
		return exec.Command("git", "clone", "-q", "--bare", hm.server.URL+"/7.git", filepath.Join(t.TempDir(), "clone.git")).Run()
	}
	if err := clone(); err != nil || len(told) > 0 {
		t.Fatalf("before: %v, told %d times", err, len(told))
	}
	testenv.Git(t, hm.path(7), "fetch", "-q", dir, "+refs/heads/first:refs/heads/loose")
	loose := filepath.Join(hm.path(7), "objects", blob[:2], blob[2:])
	if _, err := os.Stat(loose); err != nil { // it lies in a pack
		packs, _ := filepath.Glob(filepath.Join(hm.path(7), "objects", "pack", "*.pack"))
		loose = packs[0]
	}
	whole, err := os.ReadFile(loose)
	if err == nil {
		err = errors.Join(os.Chmod(loose, 0o600), os.WriteFile(loose, append(whole[:len(whole)/2:len(whole)/2], make([]byte, len(whole)-len(whole)/2)...), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := clone(); err == nil {
		t.Fatal("it was cloned")
	}
	hm.server.Close() // which waits for requests to end
	if len(told) == 0 || <-told != 7 {
		t.Errorf("told %d times", len(told))
	}
}
