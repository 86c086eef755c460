package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// busy is a server that imports, maps and is pushed to all the time.
type busy struct {
	t     *testing.T
	root  string // of the sources
	dir   string
	env   []string
	flags []string
	base  string
	names []string
	over  atomic.Bool
	work  sync.WaitGroup
}

// TestBackupsOfABusyServer backs up again and again while imports are mapped anew and go on with what is new at their sources,
// and others push. Each backup is whole, what is restored of it goes on by itself, and ends as its receipts say.
func TestBackupsOfABusyServer(t *testing.T) {
	b := &busy{t: t, root: t.TempDir(), dir: t.TempDir(), names: []string{"one", "two", "three"}}
	b.env = append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken)
	for n, name := range b.names {
		testenv.Synthetic(t, filepath.Join(b.root, name+".git"), "sha1", testenv.Size{Commits: 150, Files: 30, Seed: uint64(n + 1)})
	}
	origin := testenv.ServeGit(t, b.root, testenv.Options{})
	b.flags = []string{"--data", filepath.Join(b.dir, "data"), "--allow-network", "127.0.0.1"}
	s, err := start(b.dir, b.env, b.flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	b.base = s.base
	for _, name := range b.names {
		want(t, 201)(call(b.base, adminToken, "POST", "/user/repos", fmt.Sprintf(`{"name": %q}`, name), nil))
		want(t, 201)(call(b.base, adminToken, "PUT", "/repos/admin/"+name+"/import", fmt.Sprintf(`{"vcs_url": "%s/%s.git"}`, origin, name), nil))
		b.work.Go(func() { b.change(name) })
		b.work.Go(func() { b.push(name) })
	}
	var saved []string
	for n := range 6 {
		dir := filepath.Join(b.dir, fmt.Sprint("saved", n))
		b.run(0, "backup", "--data", filepath.Join(b.dir, "data"), "--quiet", dir)
		b.run(0, "check", "--data", filepath.Join(b.dir, "data"), "--quiet")
		saved = append(saved, dir)
		time.Sleep(700 * time.Millisecond) // for other moments: nothing is expected by then
	}
	b.over.Store(true)
	b.work.Wait()
	s.stop(syscall.SIGKILL)
	for _, dir := range saved {
		b.restore(dir)
	}
}

// run wants an exit code of the program.
func (b *busy) run(code int, args ...string) {
	b.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = b.env, b.dir
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		b.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		b.t.Errorf("rehome %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
}

// change maps authors anew and lets the source grow, in turn.
func (b *busy) change(name string) {
	at := "/repos/admin/" + name + "/import"
	for n := 0; !b.over.Load(); n++ {
		if n%2 == 0 {
			header := http.Header{"Content-Type": {"text/plain"}}
			call(b.base, adminToken, "PUT", at+"/authors", fmt.Sprintf("Later Name %d <later%d@example.com> <later@example.com>\n", n, n), header)
		} else {
			testenv.Grow(b.t, filepath.Join(b.root, name+".git"), "refs/heads/trunk", fmt.Sprintf("grown-%d.txt", n), 2)
			call(b.base, adminToken, "PATCH", at, "", nil)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// push pushes branches of somebody's own, and deletes some.
func (b *busy) push(name string) {
	clone := filepath.Join(b.dir, "clone-"+name)
	testenv.Git(b.t, "", "init", "-q", clone)
	for n := 0; !b.over.Load(); n++ {
		testenv.Git(b.t, clone, "commit", "-q", "--allow-empty", "-m", fmt.Sprint(n))
		args := []string{"-c", "http.extraHeader=Authorization: token " + adminToken, "push", "-q", b.base + "/admin/" + name + ".git", fmt.Sprintf("HEAD:refs/heads/own-%d", n)}
		if n > 2 {
			args = append(args, fmt.Sprintf(":refs/heads/own-%d", n-2))
		}
		testenv.Git(b.t, clone, args...)
	}
}

// restore checks a backup, serves it, and holds what its imports come to against their receipts.
func (b *busy) restore(dir string) {
	b.t.Helper()
	data := dir + "-data"
	b.run(0, "restore", dir, "--data", data, "--quiet")
	b.run(0, "check", "--data", data, "--read-data", "--quiet")
	s, err := start(b.dir, b.env, append([]string{"--data", data}, b.flags[2:]...))
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.stop(syscall.SIGKILL)
	for _, name := range b.names {
		if _, err := pollFor(s.base, "admin/"+name, "complete"); err != nil {
			b.t.Errorf("%s: %v\n%s", dir, err, s.said)
			continue
		}
		b.asReceipt(s.base, name)
	}
	if code, err := s.stop(syscall.SIGTERM); code != 0 || err != nil {
		b.t.Errorf("the server of %s ended with %d, %v", dir, code, err)
	}
	b.run(0, "check", "--data", data, "--read-data", "--quiet")
	if err := os.RemoveAll(data); err != nil {
		b.t.Error(err)
	}
}

// asReceipt compares the refs of a repository with those that the receipt of its import has.
func (b *busy) asReceipt(base, name string) {
	b.t.Helper()
	got := want(b.t, 200)(call(base, adminToken, "GET", "/repos/admin/"+name+"/import/receipt", "", nil))
	var receipt struct {
		Refs []struct{ Name, Destination string }
	}
	if err := json.Unmarshal(got.body, &receipt); err != nil {
		b.t.Fatal(err)
	}
	have := map[string]string{}
	listed := testenv.Git(b.t, "", "-c", "http.extraHeader=Authorization: token "+adminToken, "ls-remote", base+"/admin/"+name+".git")
	for line := range strings.Lines(listed + "\n") {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			have[ref] = id
		}
	}
	if len(receipt.Refs) == 0 {
		b.t.Errorf("the receipt of %s has no refs", name)
	}
	for _, ref := range receipt.Refs {
		if have[ref.Name] != ref.Destination {
			b.t.Errorf("%s of %s is %q, the receipt says %s", ref.Name, name, have[ref.Name], ref.Destination)
		}
	}
}
