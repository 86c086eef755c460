package attributes

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// odd are paths that are hard to write into a line.
var odd = []string{
	"plain", "d/plain", "a b", " lead", "trail ", "trail\t", "\ttab", "a\tb", "line\nfeed", "\n", "return\r", "\r", "[a]", "a[", "a]", "]", "[", "[!a]", "[[:alpha:]]",
	`"`, `"quoted"`, `a"b`, `\`, `a\b`, `\\`, `a\`, `\"`, `\[`, `[\]`, "#hash", "!bang", "-dash", "--", "é", "日本/語.bin", "e\u0301", "\xff", "d/\xe9t\xe9", "é\xff", "é [\xff]\\\"*",
	"*", "**", "?", "a*b?c", "d/*/x", "**/x", "d/**", "[attr]x", "[attr]", "[attr] x", "a=b", "a -text", "a filter=lfs", "\ufeffmark", "\u00a0", "a\u00a0", "\u0085", "\u2028", "\x7f", "\x01", "\x1b[0m",
	"\v", "\f", "...", ".x", "~", "$HOME", "%41", "{a,b}", "(a)", "a;b", "a'b", "`", "^a", "[^a]", "a|b", "<a>", "a&b", "a,b", ":", ":(glob)a", "@", "d d/e e/f f", "D/UPPER", "d/upper", " ", "  ", "\u3000", "a\\ b", "x#", `d\/e`, `\x41`, `\u00e9`, `\303`, "a\\\nb",
}

// neighbours are paths near one, that its line must not be for.
func neighbours(path string) []string {
	swap := strings.NewReplacer("*", "x", "?", "x", "[", "x", "]", "x", `\`, "x", " ", "x", "\t", " ", `"`, "'", "!", "x", "#", "x", "\xff", "\xfe", "é", "e")
	return []string{path + "x", "x" + path, "x/" + path, path + "/x", swap.Replace(path), strings.ReplaceAll(path, `\`, ""), strings.TrimSpace(path), strings.ReplaceAll(path, `\`, "/"), "\ufffd", "a", "b", "x"}
}

// commit is what a branch of a test's repository has: each path has content that is no pointer, or
// one where pointers has it, and the root has the text as its .gitattributes.
type commit struct {
	paths    []string
	text     []byte
	pointers map[string]bool
}

// lfsRepo makes a repository with branches 0, 1 … for the commits.
func lfsRepo(t *testing.T, commits ...commit) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Empty(t, dir, "sha1")
	var s strings.Builder
	add := func(path, content string) { s.WriteString(testenv.Inline(path, content)) }
	for i, c := range commits {
		fmt.Fprintf(&s, "commit refs/heads/%d\ncommitter C <c@x> 1 +0000\ndata 0\n", i)
		add(".gitattributes", string(c.text))
		for _, path := range c.paths {
			content := "no pointer\n"
			if c.pointers[path] {
				content = "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 5\n"
			}
			add(path, content)
		}
	}
	testenv.GitIn(t, dir, strings.NewReader(s.String()), "fast-import", "--quiet")
	return dir
}

// unexpected gives what git-lfs says of a branch's paths where it wants a pointer and finds none,
// one text for each.
func unexpected(t *testing.T, dir string, branch int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "lfs", "fsck", "--pointers", fmt.Sprint("refs/heads/", branch))
	cmd.Dir, cmd.Env = dir, testenv.Env()
	out, err := cmd.CombinedOutput()
	list := strings.Split(string(out), "pointer: unexpectedGitObject: ")
	if err == nil && string(out) == "Git LFS fsck OK\n" {
		return nil
	}
	if err == nil || list[0] != "" {
		t.Fatalf("git lfs fsck: %v: %s", err, out)
	}
	return list[1:]
}

func TestAppendLineForGit(t *testing.T) {
	paths := slices.Clone(odd)
	for _, path := range odd {
		for _, near := range neighbours(path) {
			if fit(near) {
				paths = append(paths, near)
			}
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	dir := t.TempDir()
	testenv.Git(t, dir, "init", "-q")
	for _, path := range odd {
		checkLine(t, dir, AppendLine(nil, []byte(path)), path, paths)
	}
}

// fit tells whether git takes a path as it is.
func fit(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !strings.Contains(path, "\x00")
}

// checkLine fails when text, the line for path, is not for it alone among paths, for git or
// for us.
func checkLine(t *testing.T, dir string, text []byte, path string, paths []string) {
	t.Helper()
	if bytes.Count(text, []byte{'\n'}) != 1 || text[len(text)-1] != '\n' {
		t.Fatalf("path %q: line %q", path, text)
	}
	must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), text, 0o644))
	in := strings.NewReader(strings.Join(paths, "\x00") + "\x00")
	out := strings.Split(testenv.GitIn(t, dir, in, "check-attr", "-z", "--stdin", "filter", "diff", "merge", "text"), "\x00")
	rules := Parse(text)
	for i := 0; i+12 <= len(out); i += 12 {
		want := "unspecified unspecified unspecified unspecified"
		if out[i] == path {
			want = "lfs lfs lfs unset"
		}
		if got := strings.Join([]string{out[i+2], out[i+5], out[i+8], out[i+11]}, " "); got != want {
			t.Errorf("line %q, path %q: git says %s", text, out[i], got)
		}
		if v, _ := rules.Value(nil, []byte(out[i]), "filter"); v.String() != strings.Fields(want)[0] {
			t.Errorf("line %q, path %q: we say %s", text, out[i], v)
		}
	}
}

// git-lfs has no answer for one path, so each is asked for in a commit where it and its
// neighbours are no pointers: exactly it must be missed.
func TestAppendLineForGitLFS(t *testing.T) {
	var commits []commit
	for _, path := range odd {
		c := commit{paths: []string{path}, text: AppendLine(nil, []byte(path))}
		for _, near := range neighbours(path) {
			if fit(near) && !clash(near, path) && near != path {
				c.paths = append(c.paths, near)
			}
		}
		commits = append(commits, c)
	}
	dir := lfsRepo(t, commits...)
	for i, path := range odd {
		if got := unexpected(t, dir, i); len(got) != 1 {
			t.Errorf("path %q: git-lfs misses pointers at %q", path, got)
		}
	}
}

// clash tells whether one of the paths is a folder of the other.
func clash(a, b string) bool {
	return strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

func TestAppendLineRandom(t *testing.T) {
	letters := []string{"a", "b", "/", "*", "?", "[", "]", `\`, `"`, " ", "\t", "\n", "\r", "!", "#", "-", "é", "\xff", "日", "=", "\x01", "~", "x"}
	for seed := range uint64(4) {
		checkRandomLines(t, random{rand.New(rand.NewPCG(seed, 6))}, letters)
	}
}

// checkRandomLines has git-lfs read lines for half of some paths.
func checkRandomLines(t *testing.T, r random, letters []string) {
	t.Helper()
	var paths []string
	var text []byte
	want := map[string]bool{}
	for range 300 {
		path := r.of(7, letters...)
		if !strings.Contains(path, "/") {
			path = "d/" + path // of the root: see TestAppendLineAtTheRoot
		}
		if !fit(path) || slices.ContainsFunc(paths, func(p string) bool { return clash(p, path) || p == path }) {
			continue
		}
		paths = append(paths, path)
		if len(paths)%2 == 0 {
			text = AppendLine(text, []byte(path))
			want[path] = true
		}
	}
	dir := lfsRepo(t, commit{paths, text, nil}, commit{paths, text, want})
	if got := unexpected(t, dir, 0); len(got) != len(want) {
		t.Errorf("git-lfs misses %d pointers, there are %d lines", len(got), len(want))
	}
	if got := unexpected(t, dir, 1); len(got) != 0 {
		t.Errorf("git-lfs misses pointers at %q", got)
	}
	rules := Parse(text)
	for _, path := range paths {
		if v, _ := rules.Value(nil, []byte(path), "filter"); (v.String() == "lfs") != want[path] {
			t.Errorf("path %q: %s", path, v)
		}
	}
}

func TestAppendLineAtTheRoot(t *testing.T) {
	work := t.TempDir()
	testenv.Git(t, work, "init", "-q")
	for _, path := range []string{"x", "a b", "[é]"} {
		paths := []string{path, "d/" + path}
		both, alone := AppendLine(nil, []byte(path)), AppendGitLine(nil, []byte(path))
		dir := lfsRepo(t, commit{paths, both, map[string]bool{path: true}}, commit{paths, alone, nil})
		if got := unexpected(t, dir, 0); len(got) != 1 {
			t.Errorf("line %q: git-lfs misses pointers at %q; if it has learned of slashes, AppendGitLine is not needed", both, got)
		}
		if got := unexpected(t, dir, 1); len(got) != 0 {
			t.Errorf("line %q: git-lfs misses pointers at %q", alone, got)
		}
		checkLine(t, work, alone, path, paths)
	}
}
