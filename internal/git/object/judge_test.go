package object

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// git runs git in dir without anybody's configuration and returns both outputs.
func git(t testing.TB, dir, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_DIR="+dir, "LC_ALL=C")
	cmd.Stdin = strings.NewReader(stdin)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil && args[0] != "fsck" {
		t.Fatalf("git %v: %v: %s", args, e, err.String())
	}
	return out.String(), err.String()
}

// unreadable is judge's word for an object git does not get as far as checking.
const unreadable = "unreadable"

// judge writes objects of one type as they are and returns what git fsck says of each, in our spelling.
func judge(t testing.TB, typ Type, objects [][]byte) []map[string]bool {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "", "init", "-q", "--bare")
	var paths strings.Builder
	for i, o := range objects {
		p := filepath.Join(dir, fmt.Sprintf("in%d", i))
		if err := os.WriteFile(p, o, 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&paths, p)
	}
	out, _ := git(t, dir, paths.String(), "hash-object", "-w", "--literally", "-t", typ.String(), "--stdin-paths")
	ids := strings.Fields(out)
	_, said := git(t, dir, "", "fsck", "--no-dangling")
	line := regexp.MustCompile(`(?m)^(?:error|warning) in ` + typ.String() + ` ([0-9a-f]+): ([A-Za-z0-9]+):`)
	byID := map[string]map[string]bool{}
	for _, m := range line.FindAllStringSubmatch(said, -1) {
		if byID[m[1]] == nil {
			byID[m[1]] = map[string]bool{}
		}
		byID[m[1]][snake(m[2])] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^error: ([0-9a-f]+): object could not be parsed`).FindAllStringSubmatch(said, -1) {
		byID[m[1]] = map[string]bool{unreadable: true}
	}
	verdicts := make([]map[string]bool, len(objects))
	for i, id := range ids {
		verdicts[i] = byID[id]
	}
	return verdicts
}

// snake turns git's badDateOverflow into bad_date_overflow.
func snake(camel string) string {
	s := regexp.MustCompile(`[A-Z]`).ReplaceAllStringFunc(camel, func(c string) string { return "_" + strings.ToLower(c) })
	return strings.NewReplacer("null_sha1", "null_sha1", "_n_u_l", "_nul", "_s_h_a", "_sha").Replace(s)
}

func names(s Faults) []string {
	list := []string{}
	for f := range s.All() {
		list = append(list, f.String())
	}
	return list
}

// compare asserts that what we find holds what git finds, and that one finds something only if
// the other does. Git stops at the first fault of most kinds.
func compare(t *testing.T, name string, got Faults, git map[string]bool) {
	t.Helper()
	ours := map[string]bool{}
	for _, n := range names(got) {
		ours[n] = true
	}
	if git[unreadable] {
		if got.Dangerous() == NoFault {
			t.Errorf("%s: we find %v, git cannot read it", name, names(got))
		}
		return
	}
	if git["bad_date_overflow"] && got.Has(BadDate) {
		return // negative dates: git changed its word for them
	}
	for n := range git {
		if !ours[n] {
			t.Errorf("%s: we find %v, git fsck %v", name, names(got), git)
		}
	}
	if len(git) == 0 && got != 0 {
		t.Errorf("%s: we find %v, git fsck nothing", name, names(got))
	}
}
