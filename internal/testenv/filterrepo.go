package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// FilterRepo returns a copy of the repository at dir to which git filter-repo applied a mailmap, with hashes and
// encodings of messages left alone. Its commit map is filter-repo/commit-map in there.
func FilterRepo(t testing.TB, dir, mailmap string) string {
	t.Helper()
	folder := t.TempDir()
	to, file := filepath.Join(folder, "filter-repo.git"), filepath.Join(folder, "mailmap")
	if err := os.WriteFile(file, []byte(mailmap), 0o644); err != nil {
		t.Fatal(err)
	}
	Git(t, "", "clone", "-q", "--mirror", dir, to)
	Git(t, to, "filter-repo", "--quiet", "--force", "--partial", "--mailmap", file, "--preserve-commit-hashes", "--preserve-commit-encoding")
	return to
}
