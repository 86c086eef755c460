package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// TestForgeServe moves repositories to a real forge by the server's API.
func TestForgeServe(t *testing.T) {
	f := newForge(t)
	testenv.Rich(t, f.source("rich"), "sha1")
	testenv.Synthetic(t, f.source("steps"), "sha1", testenv.Size{Commits: 300})
	origin := testenv.ServeGit(t, f.root, testenv.Options{})
	for _, c := range []struct {
		name string
		run  func(t *testing.T, f *forge, origin string)
	}{
		{"destination of a repository", forgePut},
		{"destination of a server", forgeTemplate},
		{"stays in step", forgePatch},
		{"protected", forgeFailure},
		{"killed while it pushes", forgeKilled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, f, origin) })
	}
}

// caller asks the API of one server as the administrator. It wants an answer never to hold the token of the forge.
type caller struct {
	*server
	t      *testing.T
	secret string
}

func (c caller) call(code int, method, path, body string) []byte {
	c.t.Helper()
	got := want(c.t, code)(call(c.base, adminToken, method, path, body, nil))
	if strings.Contains(string(got.body), c.secret) {
		c.t.Errorf("%s %s: the answer holds the token: %s", method, path, got.body)
	}
	return got.body
}

// begin makes a repository and sends its imports to url.
func (c caller) begin(name, url string, more string) {
	c.t.Helper()
	c.call(201, "POST", "/user/repos", fmt.Sprintf(`{"name": %q}`, name))
	c.call(200, "PUT", "/repos/admin/"+name+"/import/destination", fmt.Sprintf(`{"url": %q, "username": "ada", "password": %q%s}`, url, c.secret, more))
}

func (c caller) poll(name, status string) []byte {
	c.t.Helper()
	got, err := pollFor(c.base, "admin/"+name, status)
	if err != nil {
		c.t.Fatal(err)
	}
	if strings.Contains(string(got), c.secret) {
		c.t.Errorf("the import holds the token: %s", got)
	}
	return got
}

// forgePut sets the destination before the import, hears of its end, and finishes it.
func forgePut(t *testing.T, f *forge, origin string) {
	c := caller{testServer(t), t, f.token}
	c.begin("rich", f.at("ada/by-api"), `, "create": true`)
	r := newReceiver(t, describe(t, c.base))
	c.call(201, "POST", "/repos/admin/rich/hooks", fmt.Sprintf(`{"config": {"url": %q, "content_type": "json", "secret": %q}}`, r.hook(), hookSecret))
	c.call(201, "PUT", "/repos/admin/rich/import", fmt.Sprintf(`{"vcs_url": %q}`, origin+"/rich.git"))
	c.poll("rich", "complete")
	f.has(t, "ada/by-api", f.source("rich"))
	if _, err := r.wait(t.Context(), "success", 1); err != nil {
		t.Error(err)
	}
	var receipt struct{ Destination struct{ URL string } }
	if err := json.Unmarshal(c.call(200, "GET", "/repos/admin/rich/import/receipt", ""), &receipt); err != nil || receipt.Destination.URL != f.at("ada/by-api") {
		t.Errorf("the receipt says %q, %v", receipt.Destination.URL, err)
	}
	c.call(422, "PUT", "/repos/admin/rich/import/destination", fmt.Sprintf(`{"url": %q}`, f.at("ada/elsewhere")))
	c.call(200, "GET", "/repos/admin/rich/import/destination", "")

	c.call(200, "POST", "/repos/admin/rich/import/finish", "")
	closed := c.waitFor("rich", `"closed_at":"`)
	if !strings.Contains(closed, `"status":"complete"`) {
		t.Errorf("finished: %s", closed)
	}
	c.call(200, "POST", "/repos/admin/rich/import/finish", "")
	c.call(422, "PATCH", "/repos/admin/rich/import", "")
	c.call(422, "PUT", "/repos/admin/rich/import/destination", fmt.Sprintf(`{"url": %q}`, f.at("ada/by-api")))
	if _, err := c.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(c.said.String(), f.token) {
		t.Errorf("the server logs the token:\n%s", c.said)
	}
	holdsNowhere(t, filepath.Join(c.cmd.Dir, "data"), f.token)
}

// waitFor waits until an import's answer holds some text.
func (c caller) waitFor(name, text string) string {
	c.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got := strings.ReplaceAll(string(c.call(200, "GET", "/repos/admin/"+name+"/import", "")), `": "`, `":"`)
		if strings.Contains(got, text) {
			return got
		}
		if time.Now().After(end) {
			c.t.Fatalf("no %s: %s", text, got)
		}
	}
}

// holdsNowhere wants no file below dir to have a text.
func holdsNowhere(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), text) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// forgeTemplate sends all imports of a server to the forge.
func forgeTemplate(t *testing.T, f *forge, origin string) {
	dir := t.TempDir()
	env := append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken, "REHOME_DEST_PASSWORD="+f.token)
	f.Organisation(t, f.user, "school")
	s, err := start(dir, env, []string{
		"--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1",
		"--destination", f.URL + "/{owner}/{repo}.git", "--dest-user", "ada", "--create",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	c := caller{s, t, f.token}
	for name, private := range map[string]bool{"secret": true, "open": false} {
		c.call(201, "POST", "/orgs/school/repos", fmt.Sprintf(`{"name": %q, "private": %t}`, name, private))
		c.call(201, "PUT", "/repos/school/"+name+"/import", fmt.Sprintf(`{"vcs_url": %q}`, origin+"/rich.git"))
		if _, err := pollFor(s.base, "school/"+name, "complete"); err != nil {
			t.Fatalf("%v\n%s", err, s.said)
		}
		f.has(t, "school/"+name, f.source("rich"))
		if f.setting(t, "school/"+name, "private") != private {
			t.Errorf("%s: private is not %t", name, private)
		}
	}
}

// forgePatch takes up what is new, maps authors, and sends little for it.
func forgePatch(t *testing.T, f *forge, origin string) {
	c, g := caller{testServer(t), t, f.token}, newGate(t, f)
	c.begin("steps", g.at("ada/in-step"), `, "create": true, "visibility": "public"`)
	c.call(201, "PUT", "/repos/admin/steps/import", fmt.Sprintf(`{"vcs_url": %q, "vcs": "git"}`, origin+"/steps.git"))
	c.poll("steps", "complete")
	whole := g.take()
	testenv.Grow(t, f.source("steps"), "refs/heads/trunk", "new.txt", 2)
	c.call(200, "PATCH", "/repos/admin/steps/import", "")
	c.poll("steps", "complete")
	f.has(t, "ada/in-step", f.source("steps"))
	if sent := g.take(); sent > 8<<10 || whole < 5*sent {
		t.Errorf("%d bytes were sent for two commits, %d for all", sent, whole)
	}
	header := http.Header{"Content-Type": {"text/plain"}}
	want(t, 200)(call(c.base, adminToken, "PUT", "/repos/admin/steps/import/authors", people("Person"), header))
	c.poll("steps", "complete")
	if sent := g.take(); sent > whole/2 {
		t.Errorf("%d bytes were sent for a map, %d for all", sent, whole)
	}
	if out := testenv.Git(t, f.clone(t, "ada/in-step"), "log", "--all", "--format=%an"); strings.Contains(out, "Author") {
		t.Errorf("the authors are not mapped:\n%.300s", out)
	}
}

// forgeFailure tells by webhook and in words what the forge refused; what is mended there goes on by a PATCH.
func forgeFailure(t *testing.T, f *forge, origin string) {
	c := caller{testServer(t), t, f.token}
	f.Repository(t, "ada", "guarded")
	f.Protect(t, "ada", "guarded", "trunk")
	c.begin("guarded", f.at("ada/guarded"), "")
	r := newReceiver(t, describe(t, c.base))
	c.call(201, "POST", "/repos/admin/guarded/hooks", fmt.Sprintf(`{"config": {"url": %q, "content_type": "json", "secret": %q}}`, r.hook(), hookSecret))
	c.call(201, "PUT", "/repos/admin/guarded/import", fmt.Sprintf(`{"vcs_url": %q}`, origin+"/rich.git"))
	failed := string(c.poll("guarded", "error"))
	for _, word := range []string{`"failed_step"`, `"push"`, "refs/heads/trunk", "Not allowed to push to protected branch trunk", "Unprotect"} {
		if !strings.Contains(failed, word) {
			t.Errorf("it does not say %s: %s", word, failed)
		}
	}
	if _, err := r.wait(t.Context(), "failure", 1); err != nil {
		t.Error(err)
	}
	f.Unprotect(t, "ada", "guarded", "trunk")
	c.call(200, "PATCH", "/repos/admin/guarded/import", "")
	c.poll("guarded", "complete")
	f.has(t, "ada/guarded", f.source("rich"))
	if _, err := r.wait(t.Context(), "success", 1); err != nil {
		t.Error(err)
	}
}

// forgeKilled kills the server in the middle of a push; after a restart the push completes without being asked.
func forgeKilled(t *testing.T, f *forge, origin string) {
	g := newGate(t, f)
	g.hold(20 << 10)
	dir := t.TempDir()
	env := append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken)
	flags := []string{"--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1"}
	first, err := start(dir, env, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.stop(syscall.SIGKILL) })
	c := caller{first, t, f.token}
	c.begin("killed", g.at("ada/killed"), `, "create": true`)
	c.call(201, "PUT", "/repos/admin/killed/import", fmt.Sprintf(`{"vcs_url": %q}`, origin+"/steps.git"))
	select {
	case <-g.held:
	case <-time.After(patience):
		t.Fatalf("nothing was pushed: %s\n%s", c.call(200, "GET", "/repos/admin/killed/import", ""), first.said)
	}
	if _, err := first.stop(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if refs := testenv.Git(t, "", "ls-remote", f.signed("ada/killed")); refs != "" {
		t.Errorf("half a push is there: %s", refs)
	}
	g.release()
	second, err := start(dir, env, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.stop(syscall.SIGTERM) })
	caller{second, t, f.token}.poll("killed", "complete")
	f.has(t, "ada/killed", f.source("steps"))
}
