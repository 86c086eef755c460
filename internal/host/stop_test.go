package host

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/testenv"
)

// children returns the command lines of all processes that work in dir.
func children(t *testing.T, dir string) []string {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, folder := range folders {
		if cwd, _ := os.Readlink(folder); cwd != dir { // the process may be gone by now
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(folder), "cmdline"))
		found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
	}
	return found
}

// hold begins a push to repository 7 that never ends by itself, and waits for its children.
// leave lets go of the client's side, which net/http waits for.
func (hm *home) hold() (leave func()) {
	hm.t.Helper()
	in, feed := io.Pipe()
	req, err := http.NewRequestWithContext(hm.t.Context(), "POST", hm.url(7)+"/git-receive-pack", in)
	if err != nil {
		hm.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		done <- err
	}()
	out := protocol.NewWriter(feed)
	out.Data([]byte(strings.Repeat("0", 40) + " " + strings.Repeat("1", 40) + " refs/heads/x\x00 report-status side-band-64k"))
	out.Flush()
	feed.Write([]byte("PACK\x00\x00\x00\x02\x00\x00\x27\x10"))
	// index-pack is a child of receive-pack: both must be there to be killed.
	for !strings.Contains(strings.Join(children(hm.t, hm.path(7)), "\n"), "index-pack") {
		select {
		case err := <-done:
			hm.t.Fatalf("the push ended by itself: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return func() {
		feed.Close()
		<-done
	}
}

func TestNothingRunsOn(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, hm *home)
	}{
		{"after Close", func(t *testing.T, hm *home) {
			if err := hm.Close(); err != nil {
				t.Error(err)
			}
		}},
		{"after Remove", func(t *testing.T, hm *home) {
			if err := hm.Remove(context.Background(), 7); err != nil {
				t.Error(err)
			}
			if hm.Exists(7) {
				t.Error("it is still there")
			}
		}},
		{"after the client left", func(t *testing.T, hm *home) {
			hm.server.CloseClientConnections()
			e, err := hm.entry(7)
			if err != nil {
				t.Fatal(err)
			}
			_, leave, err := e.enterAlone(t.Context(), hm.path(7))
			if err != nil {
				t.Fatal(err)
			}
			leave()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hm := newHome(t)
			hm.publish(7, raw(t, object.SHA1))
			leave := hm.hold()
			tt.end(t, hm)
			if left := children(t, hm.path(7)); len(left) != 0 {
				t.Errorf("still running: %q", left)
			}
			leave()
			if left, _ := filepath.Glob(filepath.Join(hm.path(7), "objects/tmp_objdir*")); len(left) != 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestCage(t *testing.T) {
	hm := newHome(t)
	from := raw(t, object.SHA1)
	hm.publish(7, from)
	marker := filepath.Join(t.TempDir(), "marker")
	hook := filepath.Join(hm.path(7), "hooks", "post-receive")
	if err := os.MkdirAll(filepath.Dir(hook), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), ".gitconfig")
	if err := os.WriteFile(settings, []byte("[uploadpack]\n\tpackObjectsHook = touch "+marker+";\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", filepath.Dir(settings))
	t.Setenv("GIT_CONFIG_GLOBAL", settings)
	t.Setenv("GIT_DIR", from.Dir())
	dir := hm.worktree(7)
	commit(t, dir, "x", []byte("x"))
	testenv.Git(t, dir, "push", "-q", "origin", "HEAD:trunk")
	if _, err := os.Stat(marker); err == nil {
		t.Error("a hook or a user's setting ran")
	}
}

// A request that is ended from outside before its answer began must not look like an empty one.
func TestEndedRequestIsNoEmptyAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		end    func(*home) error
		status int
	}{
		{"Close", func(hm *home) error { return hm.Close() }, http.StatusServiceUnavailable},
		{"Remove", func(hm *home) error { return hm.Remove(context.Background(), 7) }, http.StatusNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hm := newHome(t)
			hm.publish(7, raw(t, object.SHA1))
			status := hm.halfRequest(func() {
				if err := tt.end(hm); err != nil {
					t.Error(err)
				}
			})
			if status != tt.status {
				t.Errorf("got status %d, want %d", status, tt.status)
			}
		})
	}
}

// A client that sends a byte now and then never idles, and still must not stay for ever.
func TestRequestThatNeverEnds(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	hm.patience = 100 * time.Millisecond
	if status := hm.halfRequest(func() {}); status != http.StatusRequestTimeout {
		t.Errorf("got status %d", status)
	}
}

// A client that sends nothing more of a push, or takes nothing of a clone, holds git for a while only.
func TestClientThatIsSilent(t *testing.T) {
	for name, begin := range map[string]func(*home) (leave func()){"push": (*home).hold, "clone": (*home).holdClone} {
		t.Run(name, func(t *testing.T) {
			hm := newHome(t)
			hm.create(7, object.SHA1)
			work := filepath.Join(t.TempDir(), "work")
			testenv.Git(t, t.TempDir(), "init", "-q", work)
			commit(t, work, "noise", noise(12<<20)) // more than a connection and the pipes in between hold
			testenv.Git(t, work, "push", "-q", hm.path(7), "HEAD:refs/heads/main")
			hm.idle = 3 * time.Second
			leave := begin(hm)
			for hm.inUse(7) { // for five minutes, were it not for the line above
				time.Sleep(10 * time.Millisecond)
			}
			if left := children(t, hm.path(7)); len(left) > 0 {
				t.Errorf("still running: %q", left)
			}
			leave()
		})
	}
}

// A push that comes byte by byte is silent for no long time, and ends all the same.
func TestPushThatCrawls(t *testing.T) {
	hm := newHome(t)
	hm.create(7, object.SHA1)
	hm.idle = 200 * time.Millisecond
	in, feed := io.Pipe()
	defer feed.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", hm.url(7)+"/git-receive-pack", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	go func() { // ends with the request
		for text := "fff0"; ; text = "x" { // of a packet that takes minutes to come
			if _, err := feed.Write([]byte(text)); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d", res.StatusCode)
	}
}

// halfRequest sends the beginning of an upload-pack request and calls then when it is being read.
// It returns the status of the answer.
func (hm *home) halfRequest(then func()) int {
	hm.t.Helper()
	in, feed := io.Pipe()
	defer feed.Close()
	req, err := http.NewRequestWithContext(hm.t.Context(), "POST", hm.url(7)+"/git-upload-pack", in)
	if err != nil {
		hm.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	go func() {
		feed.Write([]byte("0014command=ls-refs\n"))
		for !hm.inUse(7) {
			time.Sleep(time.Millisecond)
		}
		then()
	}()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		hm.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// inUse reports whether somebody uses repository id.
func (hm *home) inUse(id int64) bool {
	e, err := hm.entry(id)
	if err != nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.stop) > 0
}
