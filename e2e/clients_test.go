package e2e

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rehome/internal/api/described"
	"rehome/internal/testenv"
)

// clients are the programs people have that speak the Source Imports API. Each goes
// through the whole of it: it makes a repository and a webhook on it, imports, polls,
// lists and maps authors, has large files converted, restarts, cancels, fails, hears of
// each end by webhook, and shows the errors the way its users know them.
var clients = map[string]func(*testing.T, visit){
	"go-github":    goGitHub,
	"octokit-rest": octokit("rest.mjs"),
	"octokit":      octokit("octokit.mjs"),
	"octokit-core": octokit("core.mjs"),
	"pygithub":     pyGithub,
	"octokit.rb":   octokitRuby,
}

// visit is one client's turn: where it goes and what it finds there.
type visit struct {
	base    string // of the API, without slash at the end
	limited string // the same of a server whose rate limit is soon reached
	name    string // of the repository it makes; its own
	source  string // URL of testenv.Rich
	hanging string // URL of a source that begins to answer and never ends
	missing string // URL where no repository is
	hooks   *receiver
}

// largeOver makes some files of testenv.Rich large, in bytes.
const largeOver = "1000"

// TestClients lets all clients use one server at once, at the root and below /api/v3. Every answer is as the OpenAPI description has it.
func TestClients(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	origin := testenv.ServeGit(t, root, testenv.Options{})
	hanging := testenv.ServeGit(t, root, testenv.Options{Wrap: hang})
	base := described.Proxy(t, testServer(t, "--large-files-over", largeOver, "--workers", "16", "--rate-limit", "1000000").base)
	limited := described.Proxy(t, testServer(t, "--rate-limit", "2").base)
	description := describe(t, base)
	var visits sync.WaitGroup
	for client, run := range clients {
		for place, path := range map[string]string{"root": "", "v3": "/api/v3"} {
			visits.Go(func() { // and not t.Parallel: they mostly wait, and more of them can than there are processors
				t.Run(client+"/"+place, func(t *testing.T) {
					run(t, visit{
						base: base + path, limited: limited + path, name: client + "-" + place, hooks: newReceiver(t, description),
						source: origin + "/a.git", hanging: hanging + "/a.git", missing: origin + "/missing.git",
					})
				})
			})
		}
	}
	visits.Wait()
}

// hang lets a source say what it has, and then nothing until the client has had enough.
func hang(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			next.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body) // only then the server notices that the client is gone
		<-r.Context().Done()
	})
}

//go:embed clients
var scripts embed.FS

// copyScripts puts the files of clients/NAME into a folder of the test.
func copyScripts(t *testing.T, name string) string {
	t.Helper()
	folder := t.TempDir()
	files, err := fs.Sub(scripts, "clients/"+name)
	if err == nil {
		err = os.CopyFS(folder, files)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// runScript runs a client's script, which fails by its exit code, and checks which webhooks came meanwhile.
func (v visit) runScript(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1", "TOKEN="+adminToken,
		"BASE="+v.base, "LIMITED="+v.limited, "NAME="+v.name,
		"SOURCE="+v.source, "HANGING="+v.hanging, "MISSING="+v.missing,
		"HOOK="+v.hooks.hook(), "EVENTS="+v.hooks.events(), "SECRET="+hookSecret)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", errors.Join(err, ctx.Err()), out)
	}
	if len(out) > 0 {
		t.Logf("%s", out)
	}
	v.hooks.only(ends, 0)
}

// ends are the webhooks of a visit: the import completes four times, one is cancelled, one fails.
var ends = map[string]int{"ping": 1, "success": 4, "cancelled": 1, "failure": 1}
