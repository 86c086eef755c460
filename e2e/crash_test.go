package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// TestKilledInEachStep kills the server with SIGKILL as soon as it tells of a status.
// After a restart the import ends complete without being asked.
func TestKilledInEachStep(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	for _, status := range []string{"detecting", "importing", "mapping", "pushing", "complete"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			origin := testenv.ServeGit(t, root, testenv.Options{Throttle: 30 * time.Millisecond})
			dir := t.TempDir()
			env := append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken)
			flags := []string{"--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1"}
			first, err := start(dir, env, flags)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { first.stop(syscall.SIGKILL) })
			want(t, 201)(call(first.base, adminToken, "POST", "/user/repos", `{"name": "home"}`, nil))
			want(t, 201)(call(first.base, adminToken, "PUT", "/repos/admin/home/import", fmt.Sprintf(`{"vcs_url": %q}`, origin+"/a.git"), nil))
			waitForEvent(t, first.base, status)
			if _, err := first.stop(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			second, err := start(dir, env, flags)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { second.stop(syscall.SIGTERM) })
			if _, err := pollFor(second.base, "admin/home", "complete"); err != nil {
				t.Fatalf("%v\nthe server said:\n%s", err, second.said)
			}
			compare(t, filepath.Join(root, "a.git"), second.base+"/admin/home.git")
		})
	}
}

// waitForEvent listens to an import until it has the status; the listening ends with the test's patience.
func waitForEvent(t *testing.T, base, status string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", base+"/repos/admin/home/import/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token "+adminToken)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	for lines := bufio.NewScanner(got.Body); lines.Scan(); {
		line := strings.ReplaceAll(lines.Text(), `": "`, `":"`)
		if strings.Contains(line, `"status":"`+status+`"`) || strings.Contains(line, `"event":"done"`) {
			return
		}
	}
	t.Fatalf("the events ended before the status was %s", status)
}

// want returns a check that an answer has the code.
func want(t *testing.T, code int) func(answer, error) answer {
	return func(got answer, err error) answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got.code != code {
			t.Fatalf("got %d, want %d: %s", got.code, code, got.body)
		}
		return got
	}
}

// compare clones what stands at url and wants the refs of source in it.
func compare(t *testing.T, source, url string) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone.git")
	testenv.Git(t, "", "-c", "http.extraHeader=Authorization: token "+adminToken, "clone", "-q", "--mirror", url, clone)
	want, have := carried(t, source), carried(t, clone)
	if strings.Join(want, "\n") != strings.Join(have, "\n") {
		t.Fatalf("refs differ\nsource:\n%s\nhere:\n%s", strings.Join(want, "\n"), strings.Join(have, "\n"))
	}
	testenv.Git(t, clone, "fsck", "--full", "--strict")
}
