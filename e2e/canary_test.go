package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome/internal/testenv"
)

// canaries are the secrets a server is given here, each of which may be in one place only.
type canaries struct {
	admin, source, wrong, dest, hook string
	key                              string // PEM
	all                              []string
}

func newCanaries(t *testing.T) canaries {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	c := canaries{
		admin: "rht_canary_admin_admin_admin", source: "canary-source-password", wrong: "canary-wrong-password", dest: "canary-dest-password",
		hook: "canary-hook-secret", key: string(pem.EncodeToMemory(block)),
	}
	c.all = []string{c.admin, c.source, c.wrong, c.dest, c.hook, strings.Split(c.key, "\n")[2]}
	return c
}

// search wants none of the secrets in a text, as they are or as HTTP sends them.
func (c canaries) search(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, secret := range c.all {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds %q", where, secret)
		}
	}
	for _, basic := range basics(c) {
		if bytes.Contains(text, []byte(basic)) {
			t.Errorf("%s holds a secret as HTTP Basic sends it", where)
		}
	}
}

// searchFiles looks into every file below dir.
func (c canaries) searchFiles(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		c.search(t, name, text)
		files++
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%s: %d files, %v", dir, files, err)
	}
}

func basics(c canaries) (all []string) {
	for user, password := range map[string]string{"ada": c.source, "eve": c.dest} {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		all = append(all, strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	}
	return all
}

// children notes command lines and environments of what a process starts, until stop.
type children struct {
	mu   sync.Mutex
	said map[string]bool
}

func (k *children) watch(ctx context.Context, pid int) {
	for ctx.Err() == nil {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, task := range tasks {
			list, _ := os.ReadFile(task)
			for child := range strings.FieldsSeq(string(list)) {
				k.look(child)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// look notes a child, once it is another program: until then it shows what its parent is.
func (k *children) look(pid string) {
	if runs, err := os.Readlink("/proc/" + pid + "/exe"); err != nil || runs == program {
		return
	}
	args, _ := os.ReadFile("/proc/" + pid + "/cmdline")
	env, _ := os.ReadFile("/proc/" + pid + "/environ")
	k.mu.Lock()
	defer k.mu.Unlock()
	if bytes.Contains(args, []byte("upload-pack")) && len(env) > 0 && !bytes.Contains(env, []byte("REHOME_")) {
		k.said["git"] = true
	}
	k.said[string(args)+"\x00"+string(env)] = true
}

func (k *children) saw(what string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.said[what]
}

// strangers are servers that no secret may reach, and what they are asked.
type strangers struct {
	mu   sync.Mutex
	said bytes.Buffer
	came int
}

func (s *strangers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came++
	r.Write(&s.said)
	w.WriteHeader(http.StatusTeapot)
}

// TestSecretsStayInside gives a server secrets of every kind, and looks for them wherever they must not be.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	c, dir := newCanaries(t), t.TempDir()
	testenv.Rich(t, filepath.Join(dir, "src", "a.git"), "sha1")
	testenv.Empty(t, filepath.Join(dir, "dst", "a.git"), "sha1")
	elsewhere, hook := &strangers{}, &strangers{}
	other, receives := httptest.NewServer(elsewhere), httptest.NewServer(hook)
	t.Cleanup(other.Close)
	t.Cleanup(receives.Close)
	source := testenv.ServeGit(t, filepath.Join(dir, "src"), testenv.Options{User: "ada", Password: c.source, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/leads.git") {
				http.Redirect(w, r, other.URL+r.URL.RequestURI(), http.StatusFound)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	dest := testenv.ServeGit(t, filepath.Join(dir, "dst"), testenv.Options{User: "eve", Password: c.dest, Push: true})

	env := append(testenv.Env(), "REHOME_ADMIN_TOKEN="+c.admin, "REHOME_SOURCE_PASSWORD="+c.source, "REHOME_DEST_PASSWORD="+c.dest)
	s, err := start(dir, env, []string{"--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1", "--log-level", "debug", "--log-requests"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	pid := s.cmd.Process.Pid
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	c.search(t, "the server's command line", args)
	kids := &children{said: map[string]bool{}}
	watching, unwatch := context.WithCancel(t.Context())
	var watches sync.WaitGroup
	watches.Go(func() { kids.watch(watching, pid) })

	ask := func(code int, method, path, body string) answer {
		t.Helper()
		got, err := call(s.base, c.admin, method, path, body, nil)
		if err != nil || code != 0 && got.code != code {
			t.Fatalf("%s %s: %d %s, %v", method, path, got.code, got.body, err)
		}
		c.search(t, method+" "+path, got.body)
		for name, values := range got.header {
			c.search(t, method+" "+path+" "+name, []byte(strings.Join(values, " ")))
		}
		return got
	}
	key, _ := json.Marshal(c.key)
	wait := func(name string) string {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			body := ask(200, "GET", "/repos/admin/"+name+"/import", "").body
			if rests(t, body) {
				return string(body)
			}
		}
		t.Fatalf("%s does not come to rest", name)
		return ""
	}
	begin := func(name, url, more string) string {
		t.Helper()
		ask(201, "POST", "/user/repos", `{"name": "`+name+`"}`)
		ask(201, "POST", "/repos/admin/"+name+"/hooks", `{"config": {"url": "`+receives.URL+`/hook", "secret": "`+c.hook+`", "content_type": "json"}, "events": ["*"]}`)
		ask(201, "PUT", "/repos/admin/"+name+"/import", `{"vcs": "git", "vcs_url": "`+url+`"`+more+`}`)
		return "/repos/admin/" + name + "/import"
	}
	signIn := func(password string) string { return `, "vcs_username": "ada", "vcs_password": "` + password + `"` }
	host := begin("host", source+"/a.git", signIn(c.source))
	begin("leads", source+"/leads.git", signIn(c.source))
	begin("wrong", source+"/a.git", signIn(c.wrong))
	begin("inurl", strings.Replace(source, "http://", "http://ada:"+c.source+"@", 1)+"/a.git", "")
	begin("keyed", "ssh://git@127.0.0.1:1/a.git", `, "ssh_key": `+string(key))
	ask(201, "POST", "/user/repos", `{"name": "away"}`)
	ask(0, "PUT", "/repos/admin/away/import/destination", `{"url": "`+dest+`/a.git", "username": "eve", "password": "`+c.dest+`"}`)
	ask(201, "PUT", "/repos/admin/away/import", `{"vcs": "git", "vcs_url": "`+source+`/a.git"`+signIn(c.source)+`}`)
	for _, name := range []string{"host", "inurl", "away"} {
		if got := wait(name); !strings.Contains(got, `"complete"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := wait("wrong"); !strings.Contains(got, "auth_failed") {
		t.Error(got)
	}
	for _, name := range []string{"host", "away", "wrong", "leads", "keyed"} {
		at := "/repos/admin/" + name
		for _, path := range []string{"", "/import", "/import/authors", "/import/receipt", "/import/destination", "/import/large_files", "/hooks", "/hooks/1", "/hooks/1/config", "/hooks/1/deliveries"} {
			ask(0, "GET", at+path, "")
		}
	}
	ask(200, "GET", host+"/events", "")
	for _, path := range []string{"/imports", "/metrics", "/user", "/rate_limit"} {
		ask(200, "GET", path, "")
	}
	for end := time.Now().Add(patience); !kids.saw("git"); {
		if time.Now().After(end) {
			t.Fatal("no child of the server was ever seen")
		}
		testenv.Git(t, dir, "-c", "http.extraHeader=Authorization: token "+c.admin, "ls-remote", s.base+"/admin/host.git")
	}
	unwatch()
	watches.Wait()
	for said := range kids.said {
		c.search(t, "a child's command line or environment", []byte(said))
	}

	backup := exec.Command(program, "backup", "--data", filepath.Join(dir, "data"), filepath.Join(dir, "backup"))
	backup.Env = env
	out, err := backup.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.search(t, "rehome backup", out)
	c.searchFiles(t, filepath.Join(dir, "backup"))
	c.searchFiles(t, filepath.Join(dir, "data"))

	if s.stop(syscall.SIGTERM); hook.came == 0 || elsewhere.came == 0 {
		t.Errorf("%d deliveries, %d requests were led elsewhere: there is nothing to look through", hook.came, elsewhere.came)
	}
	c.search(t, "the log", s.said.Bytes())
	c.search(t, "a webhook", hook.said.Bytes())
	c.search(t, "what was sent to another origin", elsewhere.said.Bytes())
	c.searchFiles(t, filepath.Join(dir, "data"))
}

// TestRefusedStartsRepeatNoSecret: what a server cannot use it names, without the secrets in it.
func TestRefusedStartsRepeatNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-canary-canary"
	for name, pairs := range map[string][]string{
		"database": {"REHOME_DATABASE=postgres://ada:" + canary + "@127.0.0.1:1/rehome"},
		"odd":      {"REHOME_DATABASE=postgres://ada:" + canary + "@127.0.0.1:x/rehome"},
		"bucket":   {"REHOME_BUCKET=s3://b?endpoint=http://127.0.0.1:1&region=x", "AWS_ACCESS_KEY_ID=AK", "AWS_SECRET_ACCESS_KEY=" + canary},
		"proxy":    {"REHOME_PROXY=http://ada:" + canary + "@127.0.0.1:1/path"},
		"token":    {"REHOME_ADMIN_TOKEN=" + canary + "\u00e9"},
		"dest":     {"REHOME_DESTINATION=https://ada:" + canary + "@forge.example/{owner}", "REHOME_DEST_PASSWORD=" + canary},
		"rate":     {"REHOME_RATE_LIMIT=" + "-1", "REHOME_DEST_PASSWORD=" + canary},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := start(dir, append(testenv.Env(), pairs...), []string{"--data", filepath.Join(dir, "data")})
			if err == nil {
				s.stop(syscall.SIGKILL)
				t.Fatal("it started")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("it said %v", err)
			}
		})
	}
}

// TestPasswordInAFlagIsWarnedOf: others see it in the list of processes.
func TestPasswordInAFlagIsWarnedOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := start(dir, testenv.Env(), []string{"--data", filepath.Join(dir, "data"), "--database", "postgres://ada:canary@127.0.0.1:1/rehome"})
	if err == nil || !strings.Contains(err.Error(), "REHOME_DATABASE") || strings.Contains(err.Error(), "canary") {
		t.Errorf("it said %v", err)
	}
}

// TestManyIdleConnections opens more connections than the server may have files, and asks all the same.
func TestManyIdleConnections(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	few := filepath.Join(dir, "few")
	if err := os.WriteFile(few, []byte("#!/bin/sh\nulimit -n 256\nexec "+strconv.Quote(program)+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := startBy(few, dir, append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken), []string{"--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGTERM) })
	testenv.Rich(t, filepath.Join(dir, "src", "a.git"), "sha1")
	source := testenv.ServeGit(t, filepath.Join(dir, "src"), testenv.Options{})
	idle(t, s, 500)
	for _, q := range [][3]string{
		{"POST", "/user/repos", `{"name": "a"}`},
		{"PUT", "/repos/admin/a/import", `{"vcs": "git", "vcs_url": "` + source + `/a.git"}`},
	} {
		if got, err := call(s.base, adminToken, q[0], q[1], q[2], nil); err != nil || got.code != 201 {
			t.Fatalf("%s: %d %s, %v", q[1], got.code, got.body, err)
		}
	}
	if _, err := pollFor(s.base, "admin/a", "complete"); err != nil {
		t.Error(err)
	}
	idle(t, s, 500)
	testenv.Git(t, dir, "-c", "http.extraHeader=Authorization: token "+adminToken, "clone", "-q", "--mirror", s.base+"/admin/a.git", "clone.git")
}

// idle opens connections, on which nothing is asked, until the test ends.
func idle(t *testing.T, s *server, n int) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
}
