package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// SubmoduleID is the commit the submodule of Rich points at, in SHA-1; it is in no repository.
const SubmoduleID = "1111111111111111111111111111111111111111"

// Empty makes a bare repository without any ref at dir. format is "sha1" or
// "sha256"; HEAD points at refs/heads/trunk.
func Empty(t testing.TB, dir, format string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	Git(t, filepath.Dir(dir), "init", "-q", "--bare", "--object-format="+format, "--initial-branch=trunk", dir)
	Git(t, dir, "config", "core.logAllRefUpdates", "false")
}

// Inline is the line of a fast-import stream that puts a file at a path of any bytes, with its text.
func Inline(path, text string) string {
	var quoted strings.Builder
	for _, c := range []byte(path) {
		fmt.Fprintf(&quoted, `\%03o`, c)
	}
	return fmt.Sprintf("M 100644 inline \"%s\"\ndata %d\n%s\n", quoted.String(), len(text), text)
}

// FromStream makes a bare repository at dir out of a fast-import stream.
func FromStream(t testing.TB, dir, format, stream string) {
	t.Helper()
	Empty(t, dir, format)
	GitIn(t, dir, strings.NewReader(stream), "fast-import", "--quiet")
}

// Rich makes a small repository at dir with one of everything: branches, a merge with
// three parents, a default branch called trunk, a branch with an odd name, annotated,
// nested and lightweight tags, tags of a tree and of a blob, notes, the ref prefixes of
// forges, a replace ref, an executable, a symlink, a submodule, a name that is not
// UTF-8, odd identities, and files stored as deltas.
func Rich(t testing.TB, dir, format string) {
	t.Helper()
	FromStream(t, dir, format, richStream(format))
	trunk := Git(t, dir, "rev-parse", "refs/heads/trunk")
	first := Git(t, dir, "rev-list", "--max-parents=0", "refs/heads/trunk")
	blob := Git(t, dir, "rev-parse", "refs/heads/trunk:README")
	tree := Git(t, dir, "rev-parse", "refs/heads/trunk^{tree}")
	refs := []string{
		"create refs/tags/light " + trunk,
		"create refs/tags/a-blob " + blob,
		"create refs/tags/a-tree " + tree,
		"create refs/merge-requests/7/head " + first,
		"create refs/pull-requests/3/from " + first,
		"create refs/keep-around/" + first + " " + first,
		"create refs/custom/deploy " + trunk,
		"create refs/replace/" + trunk + " " + first,
	}
	GitIn(t, dir, strings.NewReader(strings.Join(refs, "\n")+"\n"), "update-ref", "--stdin")
	Git(t, dir, "repack", "-q", "-a", "-d", "-f")
	Git(t, dir, "pack-refs", "--all")
}

// RichSkipped returns the names of the refs of Rich that a fetch leaves out, sorted.
func RichSkipped(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	for _, prefix := range []string{"changes", "keep-around", "merge-requests", "pull", "pull-requests", "replace"} {
		names = append(names, strings.Fields(Git(t, dir, "for-each-ref", "--format=%(refname)", "refs/"+prefix+"/"))...)
	}
	slices.Sort(names)
	return names
}

// Shallow makes a shallow bare repository at dir out of the one at from.
func Shallow(t testing.TB, from, dir string) {
	t.Helper()
	Git(t, filepath.Dir(dir), "clone", "-q", "--bare", "--depth=1", "file://"+from, dir)
}

func richStream(format string) string {
	var s stream
	s.commit("trunk", "first\n", "", file("100644", "README", text(1)), file("100755", "run.sh", "#!/bin/sh\necho hi\n"))
	s.commit("trunk", "second\n", "", file("100644", "README", text(2)), file("120000", "link", "README"), file("100644", "dir/sub/deep.txt", text(3)))
	s.commit("side", "on the side\n", "from refs/heads/trunk\n", file("100644", "side.txt", text(4)), file("100644", "\"caf\\351.txt\"", "latin-1\n"))
	s.commit("other", "another\n", "from refs/heads/trunk\n", file("100644", "other.txt", text(5)), "M 160000 "+submodule(format)+" vendor/lib\n")
	s.commit("trunk", "merge two\n", "merge refs/heads/side\nmerge refs/heads/other\n", file("100644", "README", text(6)))
	s.commit("feature/#1-\xc3\xbc", "odd name\n", "from refs/heads/side\n", file("100644", "side.txt", text(7)))
	s.WriteString("tag v1.0\nmark :100\nfrom refs/heads/trunk\ntagger Ada Lovelace <ada@example.com> 1700000300 +0100\n" + data("one\n"))
	s.WriteString("tag nested\nfrom :100\ntagger No Mail <> 1700000400 -0330\n" + data("a tag of a tag\n"))
	s.WriteString("commit refs/notes/commits\ncommitter Noter <n@example.com> 1700000500 +0000\n" + data("note\n") + "N inline refs/heads/trunk\n" + data("well done\n"))
	for _, name := range []string{"refs/pull/1/head", "refs/pull/1/merge", "refs/changes/01/1/1"} {
		fmt.Fprintf(&s, "commit %s\ncommitter Guest <guest@example.com> 1700000600 +0000\n%sfrom refs/heads/trunk\n%s", name, data(name+"\n"), file("100644", "only-here", name))
	}
	return s.String()
}

// stream builds a fast-import stream.
type stream struct {
	strings.Builder
	n int
}

// commit adds a commit on branch whose people and dates follow from its number. parents
// holds from and merge lines; without them it follows the branch's last commit.
func (s *stream) commit(branch, message, parents string, changes ...string) {
	people := []string{"Ada Lovelace <ada@example.com>", "Charles Babbage <charles@example.com>", "J\xf6rg <joerg@example.com>", " <nobody>"}
	author, committer := people[s.n%len(people)], people[s.n/2%2]
	s.n++
	fmt.Fprintf(s, "commit refs/heads/%s\nauthor %s %d +0200\ncommitter %s %d +0000\n%s%s%s\n",
		branch, author, 1700000000+s.n*60, committer, 1700000001+s.n*60, data(message), parents, strings.Join(changes, ""))
}

func data(s string) string { return fmt.Sprintf("data %d\n%s\n", len(s), s) }

func file(mode, path, content string) string {
	return "M " + mode + " inline " + path + "\n" + data(content)
}

// text returns some KB that differ little between one n and the next, so that git makes deltas.
func text(n int) string {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "line %d of a file that changes now and then, %d\n", i, i%7*(n/(i+1)))
	}
	return b.String()
}

func submodule(format string) string {
	if format == "sha256" {
		return SubmoduleID + SubmoduleID[:24]
	}
	return SubmoduleID
}
