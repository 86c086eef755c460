//lint:file-ignore SA1019 the calls GitHub retired are what is tested here

package e2e

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-github/v89/github"

	"rehome/internal/testenv"
)

// largeOver makes some files of testenv.Rich large, in bytes.
const largeOver = "1000"

// TestGoGitHub lets go-github start, poll, list and map authors, choose what becomes of large files and cancel, at the root and below /api/v3.
func TestGoGitHub(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	origin := testenv.ServeGit(t, root, testenv.Options{})
	s := testServer(t, "--large-files-over", largeOver)
	for name, base := range map[string]string{"root": s.base + "/", "v3": s.base + "/api/v3/"} {
		t.Run(name, func(t *testing.T) {
			client, err := github.NewClient(github.WithAuthToken(adminToken), github.WithURLs(&base, nil))
			if err != nil {
				t.Fatal(err)
			}
			useGoGitHub(t, client, name, origin+"/a.git")
		})
	}
}

func useGoGitHub(t *testing.T, client *github.Client, name, source string) {
	ctx := t.Context()
	made, _, err := client.Repositories.Create(ctx, "", &github.Repository{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	owner := made.GetOwner().GetLogin()
	in := &github.Import{VCS: github.Ptr("git"), VCSURL: &source}
	started, _, err := client.Migrations.StartImport(ctx, owner, name, in)
	if err != nil {
		t.Fatal(err)
	}
	if started.GetVCSURL() != source || started.GetUseLFS() != "undecided" {
		t.Errorf("start: %v", started)
	}
	lfsGoGitHub(t, client, owner, name, "opt_in")
	done := pollGoGitHub(t, client, owner, name)
	if done.GetVCS() != "git" || done.GetAuthorsCount() == 0 || done.GetUseLFS() != "opt_in" || !done.GetHasLargeFiles() {
		t.Errorf("complete: %v", done)
	}
	authors, _, err := client.Migrations.CommitAuthors(ctx, owner, name)
	if err != nil || len(authors) != done.GetAuthorsCount() {
		t.Errorf("authors: %d of %d, %v", len(authors), done.GetAuthorsCount(), err)
	}
	mapGoGitHub(t, client, owner, name, authors)
	files, _, err := client.Migrations.LargeFiles(ctx, owner, name)
	if err != nil || len(files) != done.GetLargeFilesCount() || len(files) == 0 {
		t.Fatalf("large files: %v, %v", files, err)
	}
	if f := files[0]; f.GetSize() <= 1000 || f.GetPath() == "" || f.GetRefName() == "" || len(f.GetOID()) != 40 {
		t.Errorf("large file %v", f)
	}
	if got := lfsGoGitHub(t, client, owner, name, "opt_out"); got.GetStatus() != "mapping" {
		t.Errorf("after opt_out: %v", got)
	}
	if got := pollGoGitHub(t, client, owner, name); got.GetUseLFS() != "opt_out" {
		t.Errorf("complete: %v", got)
	}
	if _, err := client.Migrations.CancelImport(ctx, owner, name); err != nil {
		t.Fatal(err)
	}
	_, _, err = client.Migrations.ImportProgress(ctx, owner, name)
	var refused *github.ErrorResponse
	if !errors.As(err, &refused) || refused.Response.StatusCode != 404 || refused.Message != "Not Found" {
		t.Errorf("after cancel: %v", err)
	}
}

// lfsGoGitHub chooses what becomes of large files.
func lfsGoGitHub(t *testing.T, client *github.Client, owner, name, choice string) *github.Import {
	t.Helper()
	got, _, err := client.Migrations.SetLFSPreference(t.Context(), owner, name, &github.Import{UseLFS: &choice})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetUseLFS() != choice {
		t.Errorf("after %s: %v", choice, got)
	}
	return got
}

// mapGoGitHub maps one author after the import is complete, and back: the import goes once more through mapping and pushing.
func mapGoGitHub(t *testing.T, client *github.Client, owner, name string, authors []*github.SourceImportAuthor) {
	at := slices.IndexFunc(authors, func(a *github.SourceImportAuthor) bool { return a.GetRemoteID() == "ada@example.com" })
	if at < 0 {
		t.Fatalf("no author ada@example.com: %v", authors)
	}
	ada := authors[at]
	for _, to := range []string{"Countess of Lovelace", ada.GetName()} {
		mapped, _, err := client.Migrations.MapCommitAuthor(t.Context(), owner, name, ada.GetID(), &github.SourceImportAuthor{Name: &to})
		if err != nil {
			t.Fatal(err)
		}
		if mapped.GetID() != ada.GetID() || mapped.GetName() != to || mapped.GetEmail() != ada.GetEmail() || mapped.GetRemoteName() != ada.GetRemoteName() {
			t.Errorf("mapped to %s: %v", to, mapped)
		}
		if got, _, err := client.Migrations.ImportProgress(t.Context(), owner, name); err != nil || got.GetStatus() != "mapping" {
			t.Errorf("after mapping to %s: %v, %v", to, got, err)
		}
		pollGoGitHub(t, client, owner, name)
	}
	bad := "line\nfeed"
	_, _, err := client.Migrations.MapCommitAuthor(t.Context(), owner, name, ada.GetID(), &github.SourceImportAuthor{Name: &bad})
	var refused *github.ErrorResponse
	if !errors.As(err, &refused) || refused.Response.StatusCode != 422 || len(refused.Errors) == 0 || refused.Errors[0].Field != "name" {
		t.Errorf("a name with a line feed: %v", err)
	}
}

func pollGoGitHub(t *testing.T, client *github.Client, owner, name string) *github.Import {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got, _, err := client.Migrations.ImportProgress(t.Context(), owner, name)
		if err != nil {
			t.Fatal(err)
		}
		switch got.GetStatus() {
		case "complete":
			return got
		case "detecting", "importing", "mapping", "pushing":
		default:
			t.Fatalf("the import rests: %v", got)
		}
	}
	t.Fatal("the import does not end")
	return nil
}

//go:embed clients/octokit
var octokit embed.FS

// TestOctokitRest lets @octokit/rest 20.1.0 start, poll, list and map authors, choose what becomes of large files and cancel, at the root and below /api/v3.
func TestOctokitRest(t *testing.T) {
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "a.git"), "sha1")
	origin := testenv.ServeGit(t, root, testenv.Options{})
	folder := installOctokit(t)
	s := testServer(t, "--large-files-over", largeOver)
	for name, base := range map[string]string{"root": s.base, "v3": s.base + "/api/v3"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", "imports.mjs")
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "BASE="+base, "TOKEN="+adminToken, "NAME="+name, "SOURCE="+origin+"/a.git")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// installOctokit returns a folder with the script and its packages, in exactly the
// versions of the lock file. It lies in the user's cache and is filled once.
func installOctokit(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	folder := filepath.Join(cache, "rehome-e2e", "octokit-rest-20.1.0")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	copyClient(t, folder)
	if installed(folder) {
		return folder
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return folder
}

func copyClient(t *testing.T, folder string) {
	t.Helper()
	files, err := fs.Sub(octokit, "clients/octokit")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json", "imports.mjs"} {
		text, err := fs.ReadFile(files, name)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// installed reports whether a whole install of the right version lies in folder: npm writes its own lock last.
func installed(folder string) bool {
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err != nil {
		return false
	}
	text, err := os.ReadFile(filepath.Join(folder, "node_modules", "@octokit", "rest", "package.json"))
	var about struct{ Version string }
	return err == nil && json.Unmarshal(text, &about) == nil && about.Version == "20.1.0"
}
