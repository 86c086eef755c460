package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome/internal/testenv"
)

// lfsSettings are those of git lfs install, and somebody to commit as.
const lfsSettings = `[filter "lfs"]
	clean = git-lfs clean -- %f
	smudge = git-lfs smudge -- %f
	process = git-lfs filter-process
	required = true
[user]
	name = Ada Lovelace
	email = ada@example.com
[init]
	defaultBranch = trunk
`

// useLFS: lfs has git run git-lfs's filters from here on, and send the token to the server at $API.
func useLFS(ts *testscript.TestScript, _ bool, _ []string) {
	settings := lfsSettings
	if api := ts.Getenv("API"); api != "" {
		settings += "[http \"" + api + "/\"]\n\textraHeader = Authorization: token " + adminToken + "\n"
	}
	file := filepath.Join(ts.Getenv("TMPDIR"), "gitconfig")
	ts.Check(os.WriteFile(file, []byte(settings), 0o600))
	ts.Setenv("GIT_CONFIG_GLOBAL", file)
}

// TestLargeFileInLittleMemory makes a file of 300 MiB a Git LFS object. It is never held whole.
func TestLargeFileInLittleMemory(t *testing.T) {
	const size, most = 300 << 20, 96 << 20
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.git"), filepath.Join(dir, "to.git")
	testenv.Empty(t, from, "sha1")
	testenv.Git(t, from, "config", "core.compression", "1")
	testenv.Git(t, from, "config", "fastimport.unpackLimit", "0") // git itself would hold a loose one whole
	testenv.GitIn(t, from, filmStream(size), "fast-import", "--quiet")
	cmd := exec.Command(program, "import", "--quiet", "--large-files", "lfs", from, to)
	cmd.Env = testenv.Env()
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := testenv.WatchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	if used := peak(); err != nil || used > most {
		t.Fatalf("%v, %d MiB of memory at most\n%s", err, used>>20, said.String())
	}
	objects, _ := filepath.Glob(filepath.Join(to, "lfs", "objects", "*", "*", "*"))
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	in, err := os.Open(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	sum := sha256.New()
	if n, err := io.Copy(sum, in); err != nil || n != size || fmt.Sprintf("%x", sum.Sum(nil)) != filepath.Base(objects[0]) {
		t.Errorf("%d bytes that hash to %x, %v", n, sum.Sum(nil), err)
	}
}

// filmStream is the fast-import stream of a file that is mostly zeros.
func filmStream(size int) io.Reader {
	const block = 1 << 20
	head := fmt.Sprintf("commit refs/heads/trunk\ncommitter A <a> 1 +0000\ndata 1\nm\nM 100644 inline film.bin\ndata %d\n", size)
	parts := []io.Reader{strings.NewReader(head)}
	zeros := make([]byte, block)
	for n := range size / block {
		text := fmt.Sprintf("this is block %d\n", n)
		parts = append(parts, strings.NewReader(text), bytes.NewReader(zeros[len(text):]))
	}
	return io.MultiReader(append(parts, strings.NewReader("\n"))...)
}
