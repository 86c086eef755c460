//lint:file-ignore SA1019 the calls GitHub retired are what is tested here

package e2e

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-github/v89/github"

	"rehome/internal/api/described"
	"rehome/internal/testenv"
)

// TestClassroom imports as a classroom does: one webhook on an organisation hears how the imports of all its
// repositories end, and a repository's own hears it as well.
func TestClassroom(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	source := testenv.ServeGit(t, root, testenv.Options{}) + "/a.git"
	s := testServer(t)
	base := described.Proxy(t, s.base)
	teacher := newGoGitHub(t, base, newToken(t, s, "--user", "teacher", "--owners", "class"))
	description := describe(t, base)
	all, one := newReceiver(t, description), newReceiver(t, description)
	hook := func(r *receiver, contentType string) *github.Hook {
		return &github.Hook{
			Name: github.Ptr("web"), Events: []string{"repository_import"}, Active: github.Ptr(true),
			Config: &github.HookConfig{URL: github.Ptr(r.hook()), ContentType: &contentType, Secret: github.Ptr(hookSecret)},
		}
	}
	ctx := t.Context()
	ofAll := must[*github.Hook](t)(teacher.Organizations.CreateHook(ctx, "class", hook(all, "form")))
	if ping := event[*github.PingEvent](t, all, "ping", 1); ping.GetHookID() != ofAll.GetID() || ping.GetOrg().GetLogin() != "class" {
		t.Errorf("ping: %v", ping)
	}
	names := []string{"ada", "charles"}
	for n, name := range names {
		repo := must[*github.Repository](t)(teacher.Repositories.Create(ctx, "class", &github.Repository{Name: &name, Private: github.Ptr(true)}))
		if n == 0 {
			must[*github.Hook](t)(teacher.Repositories.CreateHook(ctx, "class", name, hook(one, "json")))
			event[*github.PingEvent](t, one, "ping", 1)
		}
		must[*github.Import](t)(teacher.Migrations.StartImport(ctx, "class", name, &github.Import{VCSURL: &source}))
		got := event[*github.RepositoryImportEvent](t, all, "success", n+1)
		if got.GetRepo().GetID() != repo.GetID() || got.GetOrg().GetLogin() != "class" || got.GetSender().GetLogin() != "teacher" {
			t.Errorf("webhook of %s: %v", name, got)
		}
	}
	event[*github.RepositoryImportEvent](t, one, "success", 1)
	pupil := newGoGitHub(t, base, newToken(t, s, "--user", "pupil", "--owners", "pupils"))
	_, _, err := pupil.Organizations.ListHooks(ctx, "class", nil)
	if refused := (*github.ErrorResponse)(nil); !errors.As(err, &refused) || refused.Response.StatusCode != 404 || refused.Message != "Not Found" {
		t.Errorf("a stranger lists the organisation's webhooks: %v", err)
	}
	all.only(map[string]int{"ping": 1, "success": 2}, 0)
	one.only(map[string]int{"ping": 1, "success": 1}, 0)
}

// newToken makes a token beside a running server.
func newToken(t *testing.T, s *server, flags ...string) string {
	t.Helper()
	args := append([]string{"token", "create", "--data", filepath.Join(s.cmd.Dir, "data")}, flags...)
	cmd := exec.Command(program, args...)
	cmd.Env = testenv.Env()
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return strings.TrimSpace(string(out))
}
