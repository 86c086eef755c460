package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome/internal/testenv"
)

// author: author VAR OWNER/REPO MAIL sets a variable to the id of the identity with this mail.
func author(ts *testscript.TestScript, _ bool, args []string) {
	got, err := call(ts.Getenv("API"), adminToken, "GET", "/repos/"+args[1]+"/import/authors", "", nil)
	ts.Check(err)
	var authors []struct {
		ID   int64
		Mail string `json:"remote_id"`
	}
	ts.Check(json.Unmarshal(got.body, &authors))
	for _, a := range authors {
		if a.Mail == args[2] {
			ts.Setenv(args[0], strconv.FormatInt(a.ID, 10))
			return
		}
	}
	ts.Fatalf("no author %s: %s", args[2], got.body)
}

// rewritten: rewritten SOURCE DIR MAP [OLD NEW]… wants DIR to be the history of SOURCE with the identities OLD replaced, commit
// by commit and byte for byte, MAP to be its commit map, and git fsck to be content. The counts are stdout.
func rewritten(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[2])
	commits, err := testenv.ReadCommitMap([]byte(text))
	ts.Check(err)
	if lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n"); !slices.IsSorted(lines[1:]) {
		ts.Fatalf("%s is not sorted", args[2])
	}
	people := map[string]string{}
	for pair := range slices.Chunk(args[3:], 2) {
		people[latin1(pair[0])] = pair[1]
	}
	source, dir := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	got, err := testenv.Rewritten{People: people, Commits: commits}.Compare(context.Background(), source, dir)
	ts.Check(err)
	testenv.Git(stateOf(ts).tb, dir, "fsck", "--full", "--no-dangling")
	fmt.Fprintf(ts.Stdout(), "%d of %d commits, %d tags, %d signatures\n", got.CommitsChanged, got.Commits, got.TagsChanged, got.SignaturesDropped)
}

// latin1 turns \xNN into the byte, since a script is UTF-8.
func latin1(s string) string {
	if unquoted, err := strconv.Unquote(`"` + s + `"`); err == nil {
		return unquoted
	}
	return s
}

// lacks: lacks DIR ID… waits until a repository has none of the objects.
func lacks(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d folders are %s", len(found), args[0])
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := testenv.Run(context.Background(), found[0], strings.NewReader(strings.Join(args[1:], "\n")), "cat-file", "--batch-check")
		ts.Check(err)
		if strings.Count(out, " missing") == len(args)-1 {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("still there:\n%s", out)
		}
	}
}

// TestFilterRepoAgrees maps authors of a history that git filter-repo can represent: it gives every commit and tag the same id.
func TestFilterRepoAgrees(t *testing.T) {
	const mailmap = "Mapped Person <mapped@example.com> <author3@example.com>\nOther Name <author7@example.com>\n"
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.git"), filepath.Join(dir, "to.git")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 700})
	if err := os.WriteFile(filepath.Join(dir, "authors"), []byte(mailmap), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "import", "--quiet", "--authors", "authors", "--commit-map", "map", from, to)
	cmd.Dir, cmd.Env = dir, testenv.Env()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	theirs := testenv.FilterRepo(t, from, mailmap)
	if got, want := testenv.ShowRefs(t, to), testenv.ShowRefs(t, theirs); !slices.Equal(got, want) {
		t.Errorf("refs\n%s\nwith git filter-repo\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := sortedLines(t, filepath.Join(dir, "map")), sortedLines(t, filepath.Join(theirs, "filter-repo", "commit-map")); !slices.Equal(got, want) {
		t.Errorf("commit map\n%s\nwith git filter-repo\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
}

func sortedLines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(strings.Lines(string(text)))
}
