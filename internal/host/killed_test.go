package host

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/testenv"
)

// servedDir makes this test binary a server of its own, for the folder of a host.
const servedDir = "HOST_TEST_SERVED"

func serveFolder(dir string) {
	h, err := New(Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
		n, _ := strconv.ParseInt(id, 10, 64)
		h.Serve(w, r, n, path, true)
	}))
	fmt.Println(s.URL)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// elsewhere serves the folder of a host from another process, which kill ends at once.
func elsewhere(t *testing.T, h *Host) (hm *home, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), servedDir+"="+h.o.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // ends with us, and the process with it
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &home{t: t, Host: h, server: &httptest.Server{URL: strings.TrimSpace(url)}}, func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// A server that is killed leaves no git behind.
func TestNothingRunsOnAfterAKill(t *testing.T) {
	h, err := New(Options{Dir: filepath.Join(t.TempDir(), "host")})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Create(t.Context(), 7, object.SHA1); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(t.TempDir(), "work")
	testenv.Git(t, t.TempDir(), "init", "-q", work)
	commit(t, work, "noise", noise(12<<20)) // more than a connection and the pipes in between hold
	testenv.Git(t, work, "push", "-q", h.Dir(7), "HEAD:refs/heads/main")
	for name, begin := range map[string]func(*home) (leave func()){"push": (*home).hold, "clone": (*home).holdClone} {
		t.Run(name, func(t *testing.T) {
			hm, kill := elsewhere(t, h)
			leave := begin(hm)
			kill()
			for i := 0; len(children(t, hm.path(7))) > 0; i++ {
				if i == 500 {
					t.Fatalf("still running: %q", children(t, hm.path(7)))
				}
				time.Sleep(10 * time.Millisecond)
			}
			leave()
		})
	}
	testenv.Git(t, h.Dir(7), "fsck", "--strict")
	if _, _, err := h.Refs(t.Context(), 7); err != nil { // the first use after a start clears away what is left
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(h.Dir(7), "objects", "tmp_*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

// holdClone begins a clone of repository 7 that takes nothing of the answer, and waits for its children.
func (hm *home) holdClone() (leave func()) {
	hm.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(hm.server.URL, "http://"))
	if err != nil {
		hm.t.Fatal(err)
	}
	var body bytes.Buffer
	out := protocol.NewWriter(&body)
	out.Line("command=fetch")
	out.Delim()
	out.Line("want %s", testenv.Git(hm.t, hm.path(7), "rev-parse", "main"))
	out.Line("done")
	out.Flush()
	fmt.Fprintf(conn, "POST /7.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\nContent-Length: %d\r\n\r\n%s", body.Len(), &body)
	for i := 0; !strings.Contains(strings.Join(children(hm.t, hm.path(7)), "\n"), "pack-objects"); i++ {
		if i == 1000 {
			hm.t.Fatal("no pack is being made")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() { conn.Close() }
}

// What is asked for of a part of history needs git to read its own repository, and nothing to be written.
func TestShallowClones(t *testing.T) {
	for _, version := range versions {
		t.Run("v"+version, func(t *testing.T) {
			hm := newHome(t)
			hm.publish(7, raw(t, object.SHA1))
			dir := filepath.Join(t.TempDir(), "clone")
			git := func(args ...string) string {
				return testenv.Git(t, dir, append([]string{"-c", "protocol.version=" + version}, args...)...)
			}
			testenv.Git(t, t.TempDir(), "-c", "protocol.version="+version, "clone", "-q", "--depth", "1", hm.url(7), dir)
			if n := git("rev-list", "--count", "HEAD"); n != "1" {
				t.Errorf("%s commits", n)
			}
			git("fetch", "-q", "--deepen", "1")
			git("fetch", "-q", "--shallow-since", "2001-01-01", "origin")
			git("fetch", "-q", "--shallow-exclude", "side", "origin", "trunk")
			commit(t, dir, "new", []byte("new"))
			git("push", "-q", "origin", "HEAD:refs/heads/from-shallow")
			git("fetch", "-q", "--unshallow")
			git("fsck", "--strict")
			if got, want := git("rev-parse", "HEAD"), testenv.Git(t, hm.path(7), "rev-parse", "from-shallow"); got != want {
				t.Errorf("pushed %s, want %s", want, got)
			}
			if got, want := git("rev-list", "--count", "origin/trunk"), testenv.Git(t, hm.path(7), "rev-list", "--count", "trunk"); got != want {
				t.Errorf("%s commits, want %s", got, want)
			}
		})
	}
}
