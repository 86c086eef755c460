package testenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// GiteaVersion is the forge that .ci/forge builds.
const GiteaVersion = "1.26.0"

// giteaPassword is that of every user here.
const giteaPassword = "a long pass phrase"

// nobody runs the forge when the tests are root's: Gitea refuses to be that.
const nobody = 65534

// Gitea is a real forge on loopback with an empty database, and with Git LFS. Safe for concurrent use.
type Gitea struct {
	URL   string // as http://127.0.0.1:PORT, no slash at the end
	Admin string // the name of the user who may do everything
	Token string // of Admin, for everything

	dir string
	log string
}

// GiteaUser is somebody at the forge.
type GiteaUser struct{ Name, Password string }

// NewGitea starts a forge that ends with the test. Without REHOME_TEST_FORGE in the environment, or without a program, it skips
// the test and says what is missing. The program is that of REHOME_TEST_GITEA or the one that .ci/forge built; the folder
// beside it that is called the same with .files has what Gitea reads at run time.
func NewGitea(t testing.TB) *Gitea {
	t.Helper()
	if os.Getenv("REHOME_TEST_FORGE") == "" {
		t.Skip("a real forge is tested with make test-forge")
	}
	program := giteaProgram(t)
	g := &Gitea{Admin: "root-of-all", dir: giteaFolder(t)}
	g.URL = "http://" + freeAddress(t)
	g.log = filepath.Join(g.dir, "log", "out")
	must(t, linkOrCopy(program, g.program()))
	must(t, os.CopyFS(filepath.Join(g.dir, "files"), os.DirFS(program+".files")))
	must(t, os.MkdirAll(filepath.Dir(g.log), 0o755))
	must(t, os.WriteFile(g.config(), []byte(g.settings()), 0o644))
	must(t, giveAway(g.dir))
	g.run(t, "migrate")
	g.run(t, "admin", "user", "create", "--admin", "--username", g.Admin, "--password", giteaPassword, "--email", "root@example.com", "--must-change-password=false")
	g.Token = lastLine(g.run(t, "admin", "user", "generate-access-token", "--username", g.Admin, "--scopes", "all", "--raw"))
	g.start(t)
	return g
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func giteaProgram(t testing.TB) string {
	t.Helper()
	program := os.Getenv("REHOME_TEST_GITEA")
	if program == "" {
		cache, err := os.UserCacheDir()
		must(t, err)
		program = filepath.Join(cache, "rehome-forge", "gitea-"+GiteaVersion)
	}
	for _, part := range []string{program, program + ".files"} {
		if _, err := os.Stat(part); err != nil {
			t.Skipf("there is no Gitea to test with (%v): .ci/forge builds one", err)
		}
	}
	return program
}

// giteaFolder is a folder that the forge's user can reach, as t.TempDir is not.
func giteaFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rehome-gitea-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// giveAway makes everything below dir, but for the program, the forge's user's.
func giveAway(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "gitea" {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
}

func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := freePort()
	must(t, err)
	return address
}

// freePort is an address of loopback on which nobody listens.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (g *Gitea) program() string { return filepath.Join(g.dir, "gitea") }
func (g *Gitea) config() string  { return filepath.Join(g.dir, "app.ini") }

// settings are those of a forge that reaches nobody, tells nobody and does nothing by the clock.
func (g *Gitea) settings() string {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(g.URL, "http://"))
	return fmt.Sprintf(`WORK_PATH = %[1]s
[server]
HTTP_ADDR = %[2]s
HTTP_PORT = %[3]s
ROOT_URL = %[4]s/
STATIC_ROOT_PATH = %[1]s/files
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = true
[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
[repository]
ROOT = %[1]s/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2_v1
[service]
DISABLE_REGISTRATION = true
[log]
MODE = console
LEVEL = warn
[session]
PROVIDER = memory
[cron]
ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = false
[oauth2]
ENABLED = false
[indexer]
REPO_INDEXER_ENABLED = false
`, g.dir, host, port, g.URL)
}

func (g *Gitea) command(args ...string) *exec.Cmd {
	cmd := exec.Command(g.program(), append(args, "--config", g.config())...)
	cmd.Dir = g.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "GITEA_WORK_DIR=" + g.dir, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		cmd.Env = append(cmd.Env, "USER=nobody")
	}
	return cmd
}

func (g *Gitea) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := g.command(args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("gitea %s: %v\n%s%s", args[0], err, out.String(), said.String())
	}
	return out.String()
}

// start starts the server and waits until it answers.
func (g *Gitea) start(t testing.TB) {
	t.Helper()
	log, err := os.Create(g.log)
	must(t, err)
	cmd := g.command("web")
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
		<-ended
		log.Close()
		if t.Failed() {
			t.Logf("the forge said:\n%s", g.Log())
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(g.URL + "/api/v1/version"); err == nil {
			resp.Body.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the forge ended: %v\n%s", err, g.Log())
		default:
		}
	}
	t.Fatalf("the forge does not answer:\n%s", g.Log())
}

// Log returns the end of what the forge logged.
func (g *Gitea) Log() string {
	data, _ := os.ReadFile(g.log) //nolint:errcheck // it is for people
	return string(data[max(0, len(data)-8<<10):])
}

// Call sends in, as JSON, to path below /api/v1 as Admin and reads the answer into out; either may be nil. What is not 2xx ends
// the test.
func (g *Gitea) Call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	status, err := g.call(method, path, "token "+g.Token, in, out)
	if err != nil || status > 299 {
		t.Fatalf("%s %s: status %d, %v", method, path, status, err)
	}
}

// Status returns that of path below /api/v1, asked by Admin.
func (g *Gitea) Status(t testing.TB, path string) int {
	t.Helper()
	status, err := g.call(http.MethodGet, path, "token "+g.Token, nil, nil)
	if status == 0 {
		t.Fatal(err)
	}
	return status
}

func (g *Gitea) call(method, path, sign string, in, out any) (int, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequest(method, g.URL+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", sign)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return resp.StatusCode, err
	case resp.StatusCode > 299:
		return resp.StatusCode, errors.New(string(answer))
	case out != nil:
		return resp.StatusCode, json.Unmarshal(answer, out)
	}
	return resp.StatusCode, nil
}

// User makes somebody.
func (g *Gitea) User(t testing.TB, name string) GiteaUser {
	t.Helper()
	g.Call(t, http.MethodPost, "/admin/users", map[string]any{
		"username": name, "email": name + "@example.com", "password": giteaPassword, "must_change_password": false,
	}, nil)
	return GiteaUser{name, giteaPassword}
}

// NewToken makes a token of u with those scopes, as write:repository.
func (g *Gitea) NewToken(t testing.TB, u GiteaUser, scopes ...string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, g.URL, nil)
	must(t, err)
	r.SetBasicAuth(u.Name, u.Password)
	var made struct {
		SHA1 string `json:"sha1"`
	}
	status, err := g.call(http.MethodPost, "/users/"+u.Name+"/tokens", r.Header.Get("Authorization"),
		map[string]any{"name": strings.Join(scopes, " "), "scopes": scopes}, &made)
	if err != nil || made.SHA1 == "" {
		t.Fatalf("make a token: status %d, %v", status, err)
	}
	return made.SHA1
}

// Organisation makes one that belongs to u.
func (g *Gitea) Organisation(t testing.TB, u GiteaUser, name string) {
	t.Helper()
	g.Call(t, http.MethodPost, "/admin/users/"+u.Name+"/orgs", map[string]any{"username": name}, nil)
}

// Repository makes an empty private one; owner is a user.
func (g *Gitea) Repository(t testing.TB, owner, name string) {
	t.Helper()
	g.Call(t, http.MethodPost, "/admin/users/"+owner+"/repos", map[string]any{"name": name, "private": true}, nil)
}

// Edit changes the settings of a repository, as {"archived": true} (docs.gitea.com/api, repoEdit).
func (g *Gitea) Edit(t testing.TB, owner, name string, settings map[string]any) {
	t.Helper()
	g.Call(t, http.MethodPatch, "/repos/"+owner+"/"+name, settings, nil)
}

// Protect protects the branches that rule names from every push but of those named in pushers, of whom there may be none.
func (g *Gitea) Protect(t testing.TB, owner, name, rule string, pushers ...string) {
	t.Helper()
	g.Call(t, http.MethodPost, "/repos/"+owner+"/"+name+"/branch_protections", map[string]any{
		"rule_name": rule, "enable_push": len(pushers) > 0, "enable_push_whitelist": len(pushers) > 0, "push_whitelist_usernames": pushers,
	}, nil)
}

// Unprotect ends what Protect did.
func (g *Gitea) Unprotect(t testing.TB, owner, name, rule string) {
	t.Helper()
	g.Call(t, http.MethodDelete, "/repos/"+owner+"/"+name+"/branch_protections/"+rule, nil, nil)
}
