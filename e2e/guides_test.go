package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rehome/internal/testenv"
)

// command runs something as the reader of a page would, and returns what it prints on either output.
func (s *stage) command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.here()
	home := filepath.Join(s.dir, "home")
	cmd.Env = append(testenv.Env(), "HOME="+home, "GIT_CONFIG_GLOBAL="+filepath.Join(home, ".gitconfig"), "no_proxy=127.0.0.1",
		"PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		cmd.Env = append(cmd.Env, name+"="+s.env[name])
	}
	out, err := cmd.CombinedOutput()
	return string(out), errors.Join(err, ctx.Err())
}

// rehome starts a server that is to be a host of the page and returns its data folder.
func (s *stage) rehome(page string, flags ...string) (at *server, data string) {
	s.t.Helper()
	data = filepath.Join(s.dir, strconv.Itoa(len(s.as)))
	env := append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken, "REHOME_DEST_PASSWORD="+s.env["REHOME_DEST_PASSWORD"])
	at, err := start(s.dir, env, append([]string{"--data", data, "--allow-network", "127.0.0.1"}, flags...))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { at.stop(syscall.SIGTERM) })
	s.means(page, at.base)
	return at, data
}

// token makes one at a server.
func (s *stage) token(data, user string) string {
	s.t.Helper()
	cmd := exec.Command(program, "token", "create", "--data", data, "--user", user, "--owners", "engines")
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// signsIn lets the reader's git sign in at a server, as people's git does.
func (s *stage) signsIn(base, user, token string) {
	s.t.Helper()
	config := filepath.Join(s.dir, "home", ".gitconfig")
	helper := fmt.Sprintf("!f() { echo username=%s; echo password=%s; }; f", user, token)
	testenv.Git(s.t, s.dir, "config", "--file", config, "credential."+base+".helper", helper)
}

// socm is a history of five commits: Ada's, with a picture, and a branch of Charles's.
func socm(t *testing.T, dir string) {
	t.Helper()
	const ada, charles = "Ada Lovelace <ada@old.example> %d +0000\n", "Charles <charles@old.example> %d +0000\n"
	var stream strings.Builder
	commit := func(n int, who, branch, from string, files ...string) {
		fmt.Fprintf(&stream, "commit %s\nmark :%d\nauthor "+who+"committer "+who+"data 7\nchange\n%s", branch, n, 1700000000+n, 1700000000+n, from)
		for _, path := range files {
			stream.WriteString(testenv.Inline(path, strings.Repeat(fmt.Sprintln(path, n), 400)))
		}
	}
	commit(1, ada, "refs/heads/trunk", "", "README")
	commit(2, ada, "refs/heads/trunk", "from :1\n", "README")
	commit(3, ada, "refs/heads/trunk", "from :2\n", "README", "art/cover.psd")
	commit(4, ada, "refs/heads/trunk", "from :3\n", "README")
	commit(5, charles, "refs/heads/wheels", "from :4\n", "wheels")
	stream.WriteString("reset refs/tags/v1\nfrom :3\n\n")
	testenv.FromStream(t, dir, "sha1", stream.String())
}

func TestGuideOneRepository(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	root := filepath.Join(s.dir, "old")
	socm(t, filepath.Join(root, "socm.git"))
	origin := testenv.ServeGit(t, root, testenv.Options{})
	s.means("https://old.example", origin)
	at, data := s.rehome("https://new.example")
	s.env["REHOME_DEST_PASSWORD"] = s.token(data, "ada")
	s.signsIn(at.base, "ada", s.env["REHOME_DEST_PASSWORD"])
	testenv.Git(t, s.here(), "clone", "-q", origin+"/socm.git", "socm") // a colleague's, with unpushed work
	testenv.Git(t, filepath.Join(s.here(), "socm"), "switch", "-q", "-c", "topic", "v1")
	testenv.Git(t, filepath.Join(s.here(), "socm"), "commit", "-q", "--allow-empty", "-m", "mine")
	g := readGuide(t, "one-repository.md")
	s.run(g)
	s.refusals(g, at.base)
	got, err := call(at.base, adminToken, "GET", "/repos/ada/socm", "", nil)
	if err != nil || got.code != 200 {
		t.Fatalf("%v, %d: %s", err, got.code, got.body)
	}
	if refs := testenv.ShowRefs(t, filepath.Join(s.here(), "socm")); !slices.ContainsFunc(refs, func(r string) bool { return strings.Contains(r, "refs/remotes/origin/topic") }) {
		t.Errorf("topic is not at the new home: %s", refs)
	}
}

var refusal = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ")

// refusals makes the mistakes of the first rows of a page's table of errors and wants the words that stand there.
func (s *stage) refusals(g guide, forge string) {
	s.t.Helper()
	if out, err := s.command("git", "-C", "socm", "push", "-q", "--force", forge+"/ada/socm.git", "topic:trunk"); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	_, table, _ := strings.Cut(g.text, "| it says | do |")
	rows := refusal.FindAllStringSubmatch(table, -1)
	for n, mistake := range []string{
		"REHOME_DEST_PASSWORD=wrong rehome import https://old.example/socm.git https://new.example/ada/socm.git --dest-user ada",
		"rehome import https://old.example/socm.git https://new.example/ada/none.git --dest-user ada",
		"rehome import https://new.example/ada/socm.git elsewhere",
		"rehome import https://old.example/socm.git https://new.example/ada/socm.git --dest-user ada",
	} {
		out, err := s.command("sh", "-c", s.put(mistake))
		if want := strings.ReplaceAll(regexp.QuoteMeta(rows[n][1]), "…", ".*"); err == nil || !regexp.MustCompile(want).MatchString(out) {
			s.t.Errorf("%s: %v: want %q of\n%s", mistake, err, rows[n][1], out)
		}
	}
}

// listed answers as a forge lists repositories, two on a page, to who signs in.
func listed(t *testing.T, path, header, token, field string, urls []string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Header.Get(header) != token {
			http.Error(w, "not here", http.StatusNotFound)
			return
		}
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		found := []map[string]string{}
		for n := 2 * (page - 1); err == nil && n < min(2*page, len(urls)); n++ {
			found = append(found, map[string]string{field: urls[n]})
		}
		json.NewEncoder(w).Encode(found)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestGuideThousandRepositories(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	old, oldData := s.rehome("https://api.github.com")
	token := s.token(oldData, "bot")
	s.env["OLD_TOKEN"], s.env["REHOME_SOURCE_PASSWORD"] = token, token
	s.signsIn(old.base, "bot", token)
	at, data := s.rehome("https://new.example")
	s.env["REHOME_DEST_PASSWORD"] = s.token(data, "bot")
	rehome, data := s.rehome("https://rehome.example", "--destination", at.base+"/{owner}/{repo}.git", "--dest-user", "bot", "--create")
	s.env["TOKEN"] = s.token(data, "ada")
	var urls []string
	source := filepath.Join(s.dir, "socm.git")
	socm(t, source)
	for _, name := range []string{"analytical", "difference", "socm"} {
		url := old.base + "/engines/" + name + ".git"
		if got, err := call(old.base, token, "POST", "/orgs/engines/repos", fmt.Sprintf(`{"name": %q}`, name), nil); err != nil || got.code != 201 {
			t.Fatalf("%v, %d: %s", err, got.code, got.body)
		}
		if out, err := s.command("git", "-C", source, "push", "-q", url, "trunk", "wheels", "v1"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		urls = append(urls, url)
	}
	s.means("https://gitlab.example", listed(t, "/api/v4/groups/engines/projects", "Private-Token", token, "http_url_to_repo", urls))
	s.means("https://gitea.example", listed(t, "/api/v1/orgs/engines/repos", "Authorization", "token "+token, "clone_url", urls))
	s.run(readGuide(t, "a-thousand-repositories.md"))
	for _, name := range []string{"gitlab.txt", "github.txt", "gitea.txt"} {
		if got, err := os.ReadFile(filepath.Join(s.here(), name)); err != nil || strings.TrimSpace(string(got)) != strings.Join(urls, "\n") {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	for _, name := range []string{"unread.txt", "differs.txt"} {
		if got, err := os.ReadFile(filepath.Join(s.here(), name)); err == nil {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	if _, err := pollFor(rehome.base, "engines/socm", "complete"); err != nil {
		t.Error(err)
	}
}

func TestGuideOperator(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	g := readGuide(t, "operator-of-a-forge.md")
	root := filepath.Join(s.dir, "old")
	socm(t, filepath.Join(root, "socm.git"))
	s.means("https://old.example", testenv.ServeGit(t, root, testenv.Options{}))
	forge, data := s.rehome("https://new.example")
	s.env["REHOME_DEST_PASSWORD"] = s.token(data, "bot")
	s.means("/var/lib/rehome", filepath.Join(s.dir, "rehome"))
	s.means("sudo -u rehome ", "")
	if err := os.Mkdir(filepath.Join(s.dir, "rehome-backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	units := g.in(t, "ini")
	command, ok := strings.CutPrefix(execStart(t, units[0]), "/usr/local/bin/rehome serve ")
	if !ok {
		t.Fatalf("the unit starts something else: %s", command)
	}
	flags := strings.NewReplacer("--listen 127.0.0.1:8080", "", "--min-free 20GiB", "--min-free 0").Replace(s.put(command)) // this machine may have less
	at, _ := s.rehome("https://rehome.example", strings.Fields(flags)...)
	s.run(g)
	if _, err := pollFor(at.base, "engines/socm", "complete"); err != nil {
		t.Error(err)
	}
	if got, err := call(forge.base, adminToken, "GET", "/repos/engines/socm", "", nil); err != nil || got.code != 200 {
		t.Errorf("nothing came to the forge: %v, %d", err, got.code)
	}
	out, err := s.command("sh", "-c", strings.ReplaceAll(strings.Trim(s.put(strings.TrimPrefix(execStart(t, units[1]), "/bin/sh -c ")), "'"), "%%", "%"))
	if err != nil {
		t.Errorf("the backup of the timer: %v\n%s", err, out)
	}
}

// execStart is the command of a unit.
func execStart(t *testing.T, unit block) string {
	t.Helper()
	_, command, ok := strings.Cut(strings.ReplaceAll(unit.text, "\\\n", ""), "ExecStart=")
	if !ok {
		t.Fatalf("line %d: no ExecStart", unit.line)
	}
	command, _, _ = strings.Cut(command, "\n")
	return command
}

func TestGuideFromAPIGitHub(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	root := filepath.Join(s.dir, "old")
	socm(t, filepath.Join(root, "socm.git"))
	s.means("https://old.example", testenv.ServeGit(t, root, testenv.Options{}))
	at, data := s.rehome("https://rehome.example")
	s.env["TOKEN"] = s.token(data, "ada")
	g := readGuide(t, "from-api-github-com.md")
	s.run(g)
	if _, err := pollFor(at.base, "ada/socm", "complete"); err != nil {
		t.Error(err)
	}
	packages, err := installOctokit()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages, filepath.Join(s.here(), "node_modules")); err != nil {
		t.Fatal(err)
	}
	s.goAsHere()
	own := t.TempDir()
	python := interpreter(t, "python3-github", "import github", "/usr/bin/python3", "python3")
	ruby := interpreter(t, "ruby-octokit", `require "octokit"`, "/usr/bin/ruby", "ruby")
	for lang, said := range map[string]string{
		"go":     s.program(g.in(t, "go")[0], own, "main.go", "go", "run", "-C", mustAbs(t, ".")),
		"js":     s.program(g.in(t, "js")[0], s.here(), "start.mjs", "node"),
		"python": s.program(g.in(t, "python")[0], own, "start.py", python),
		"ruby":   s.program(g.in(t, "ruby")[0], own, "start.rb", ruby),
	} {
		if status := lastWord(said); !slices.Contains(append(running, "complete"), status) {
			t.Errorf("%s: %s", lang, said)
		}
	}
}

// goAsHere lets the reader's go use what this one has built, and whatever it is told by its environment.
func (s *stage) goAsHere() {
	names := []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOWORK", "CGO_ENABLED"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	for n, value := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		s.env[names[n]] = value
	}
}

func lastWord(said string) string {
	words := strings.Fields(said)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
