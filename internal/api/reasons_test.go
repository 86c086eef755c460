package api

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// sources are what can be at an address, real servers on loopback all of them.
type sources struct {
	repositories string // old.git, shallow.git, empty.git, dangerous.git, pointer.git
	locked       string
	cut          string
}

func serveSources(t *testing.T) sources {
	t.Helper()
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	testenv.Synthetic(t, at("old.git"), "sha1", testenv.Size{Commits: 20})
	testenv.Shallow(t, at("old.git"), at("shallow.git"))
	testenv.Empty(t, at("empty.git"), "sha1")

	commit := func(dir, tree string) {
		testenv.Git(t, dir, "update-ref", "refs/heads/trunk", testenv.Git(t, dir, "commit-tree", "-m", "x", tree))
	}
	testenv.Empty(t, at("dangerous.git"), "sha1")
	blob := testenv.GitIn(t, at("dangerous.git"), strings.NewReader("x"), "hash-object", "-w", "--stdin")
	inner := testenv.GitIn(t, at("dangerous.git"), strings.NewReader("100644 blob "+blob+"\tconfig\n"), "mktree")
	sum, err := hex.DecodeString(inner)
	if err != nil {
		t.Fatal(err)
	}
	tree := "40000 .GIT\x00" + string(sum)
	commit(at("dangerous.git"), testenv.GitIn(t, at("dangerous.git"), strings.NewReader(tree), "hash-object", "-w", "--literally", "-t", "tree", "--stdin"))

	testenv.Empty(t, at("pointer.git"), "sha1")
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("5a", 32) + "\nsize 12\n"
	blob = testenv.GitIn(t, at("pointer.git"), strings.NewReader(pointer), "hash-object", "-w", "--stdin")
	commit(at("pointer.git"), testenv.GitIn(t, at("pointer.git"), strings.NewReader("100644 blob "+blob+"\tbig.bin\n"), "mktree"))

	return sources{
		repositories: testenv.ServeGit(t, root, testenv.Options{}),
		locked:       testenv.ServeGit(t, root, testenv.Options{User: "mona", Password: "secret"}) + "/old.git",
		cut: testenv.ServeGit(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&cutWriter{w, 600}, r) })
		}}) + "/old.git",
	}
}

// cutWriter cuts an answer off after so many bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

// says serves one answer to everything.
func says(t *testing.T, status int, header, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // the other side has enough
	}))
	t.Cleanup(s.Close)
	return s.URL + "/old.git"
}

// greets serves what speaks another protocol.
func greets(t *testing.T, words string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, words)                          //nolint:errcheck // a test's server
			io.ReadFull(c, make([]byte, 1))                   //nolint:errcheck // closing before would reset
			io.CopyN(io.Discard, c, 20)                       //nolint:errcheck
			go func() { io.Copy(io.Discard, c); c.Close() }() //nolint:errcheck
		}
	}()
	return "http://" + l.Addr().String() + "/old.git"
}

const (
	signIn  = " PATCH the import with vcs_username and vcs_password."
	again   = " To start it again, PATCH the import."
	address = " Check the address; it is the one git clone takes."
	other   = " Only Git can be read yet. For another address, DELETE the import and PUT it again."
)

// reasons are the rows of the table of what can go wrong: what clients are told with vcs, and without.
// HOST is the server that was asked.
func reasons(t *testing.T, from sources) []reason {
	t.Helper()
	pkt := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	const git = "Content-Type: application/x-git-upload-pack-advertisement"
	const plain = "Content-Type: text/plain"
	const hostile = "ERR \x1b[31mno \u202erepo\u202c\x07 here,\r\n\tmona:\xff"
	both := func(status, step, text string) [2]told { return [2]told{{status, step, text}, {status, step, text}} }
	failed := func(text string) [2]told { return [2]told{{"error", "raw", text}, {"error", "detection", text}} }
	raw := func(text string) [2]told { return both("error", "raw", text) }
	auth := func(text string) [2]told {
		return [2]told{{"auth_failed", "", text}, {"detection_needs_auth", "", text}}
	}
	nothing := func(text string) [2]told {
		text = "There is no Git repository at this address: " + text + "." + address
		return [2]told{{"error", "raw", text}, {"detection_found_nothing", "", text + other}}
	}
	return []reason{
		{"credentials wanted", from.locked, auth(`The source wants a user name and password (status 401): "sign in first". Many forges also do where there is no repository.` + signIn)},
		{"credentials wrong", strings.Replace(from.locked, "http://", "http://mona:canary@", 1), auth(`The source refuses the user name and password (status 401): "sign in first". Check them; many forges want an access token in place of the password.` + signIn)},
		{"forbidden", says(t, 403, "", ""), auth("The source refuses this (status 403)." + signIn)},
		{"forbidden, with a reason", says(t, 403, plain, "Forbidden: your IP is banned\ncanary"), auth(`The source refuses this (status 403): "Forbidden: your IP is banned".` + signIn)},
		{"forbidden, as a page", says(t, 403, "Content-Type: text/html", "<b>canary</b>"), auth("The source refuses this (status 403)." + signIn)},
		{"forbidden, no more than the status", says(t, 403, plain, "403 Forbidden\n"), auth("The source refuses this (status 403)." + signIn)},
		{"forbidden, with hostile words", says(t, 403, plain, "\r\n\x1b[31mno \u202eway\u202c\x07 in,\tmona:\xff"), auth(`The source refuses this (status 403): "[31mno way in, mona:` + "\uFFFD" + `".` + signIn)},
		{"forbidden, with endless words", says(t, 403, plain, strings.Repeat("a", 60_000)), auth(`The source refuses this (status 403): "` + strings.Repeat("a", 200) + `…".` + signIn)},
		{"refused with the password", strings.Replace(says(t, 401, plain, "no such password: canary"), "http://", "http://mona:canary@", 1), auth("The source refuses the user name and password (status 401). Check them; many forges want an access token in place of the password." + signIn)},
		{"refused with what was sent", strings.Replace(says(t, 403, plain, "who is bW9uYTpjYW5hcnk=?"), "http://", "http://mona:canary@", 1), auth("The source refuses the user name and password (status 403). Check them; many forges want an access token in place of the password." + signIn)},
		{"not found", from.repositories + "/none.git", nothing("the server answers with status 404")},
		{"a web page", says(t, 200, "Content-Type: text/html", "<html>sign in</html>"), nothing(`it is "text/html"`)},
		{"a web page of hostile type", says(t, 200, "Content-Type: a/b\u202e\u009b31m; x=canary", "{}"), nothing("the answer does not say what it is")},
		{"another API", says(t, 200, "Content-Type: application/json", "{}"), nothing(`it is "application/json"`)},
		{"another service", greets(t, "SSH-2.0-\x1b[31mcanary\r\n"), nothing("what answers does not speak HTTP")},
		{"not Git's protocol", says(t, 200, git, strings.Repeat("hello ", 50)), nothing("what answers does not speak Git's protocol")},
		{"hostile words", says(t, 200, git, pkt("# service=git-upload-pack\n")+"0000"+pkt(hostile)), nothing(`the server says "[31mno repo here, mona:` + "\uFFFD" + `"`)},
		{"endless words", says(t, 200, git, pkt("# service=git-upload-pack\n")+"0000"+pkt("ERR "+strings.Repeat("a", 60_000))), nothing(`the server says "` + strings.Repeat("a", 300) + `…"`)},
		{"maintenance", says(t, 503, plain, "\x1b[31mback at noon\r\ncanary"), failed(`The source answers with status 503: "[31mback at noon". It was tried 3 times. Try again later.` + again)},
		{"maintenance, as a page", says(t, 503, "Content-Type: text/html", "canary"), failed("The source answers with status 503. It was tried 3 times. Try again later." + again)},
		{"leads to what is dead", says(t, 302, "Location: http://127.0.0.1:1/old.git/info/refs?canary", ""), failed("Cannot connect to 127.0.0.1:1, where HOST leads: the connection is refused. It was tried 3 times. Check the address, and that the server is up.")},
		{"nobody listens", "http://127.0.0.1:1/old.git", failed("Cannot connect to HOST: the connection is refused. It was tried 3 times. Check the address, and that the server is up.")},
		{"no such name", "http://name.invalid/old.git", failed("Cannot connect to HOST: the name cannot be resolved. It was tried 3 times. Check the address, and that the server is up.")},
		{"no TLS", strings.Replace(says(t, 200, "", "x"), "http:", "https:", 1), failed("Cannot connect to HOST: it does not speak TLS. Check the address, and that the server is up.")},
		{"leads to what is forbidden", says(t, 302, "Location: http://169.254.169.254/latest?canary", ""), failed("This server may not connect to that address. The server's operator can allow it with --allow-network.")},
		{"leads in circles", says(t, 302, "Location: /old.git/info/refs?service=git-upload-pack", ""), failed("Cannot connect to HOST: it redirects too often. Check the address, and that the server is up.")},
		{"cut off", from.cut, raw("The source stopped sending before the end. It was tried 3 times. Try again; nothing of the broken transfer was kept." + again)},
		{"shallow", from.repositories + "/shallow.git", raw("The source is a shallow clone: its history is cut off. Import the full repository it was cloned from, or run git fetch --unshallow in it.")},
		{"dangerous content", from.repositories + "/dangerous.git", raw(`The source's tree 313f7959009f41022117a5fe7aad21acdcaf1cd3 has a dangerous fault at ".GIT" (refs/heads/trunk): has_dotgit. Mend the source's history and try again, or accept such objects as they are: --allow-faults has_dotgit of rehome serve.` + again)},
		{"Git LFS objects are missing", from.repositories + "/pointer.git", raw("The source lacks 1 of its 1 Git LFS objects: big.bin in refs/heads/trunk (" + strings.Repeat("5a", 32) + "). " +
			"Push them there from a clone that has them (git lfs push --all) and try again, or go on without them: \"allow_missing_lfs\": true." + again)},
		{"empty", from.repositories + "/empty.git", both("complete", "", "")},
	}
}

type reason struct {
	name, url string
	want      [2]told // with vcs, without
}

// told is what clients read of an import that came to rest.
type told struct{ status, step, message string }

// TestReasons holds the messages against the words they are meant to have: the real cause and what to do,
// nothing foreign that could do harm, and no secret.
func TestReasons(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	for n, c := range reasons(t, serveSources(t)) {
		host, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		for i, vcs := range []string{`"git"`, "null"} {
			name := fmt.Sprintf("r%d-%d", n, i)
			s.create(t, token, name, "")
			at := "/repos/octocat/" + name + "/import"
			s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + c.url + `", "vcs": ` + vcs + `}`})
			s.work(t)
			r := s.want(t, 200, request{method: "GET", path: at, token: token})
			checkReason(t, c.name+", vcs "+vcs, r, c.want[i], host.Host)
			s.want(t, 204, request{method: "DELETE", path: at, token: token})
		}
	}
	if strings.Contains(s.log.String(), "canary") || strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("the log has what is nobody's business: %s", s.log)
	}
}

func checkReason(t *testing.T, name string, r response, want told, host string) {
	t.Helper()
	o := r.object(t)
	got := told{status: o["status"].(string)}
	got.step, _ = o["failed_step"].(string)
	got.message, _ = o["message"].(string)
	want.message = strings.ReplaceAll(want.message, "HOST", host)
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", name, got, want)
	}
	if o["error_message"] != o["message"] {
		t.Errorf("%s: error_message is %v, message %v", name, o["error_message"], o["message"])
	}
	if text, ok := o["status_text"].(string); !ok || text == "" {
		t.Errorf("%s: status_text %v", name, o["status_text"])
	}
	if strings.Contains(string(r.body), "canary") || !utf8.Valid(r.body) || strings.ContainsAny(got.message, "\x1b\x07\r\n\t\u202e\u009b") {
		t.Errorf("%s: the answer holds what it may not: %q", name, r.body)
	}
}

// TestReasonsOfThePush makes the destination refuse.
func TestReasonsOfThePush(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	from := serveSources(t).repositories + "/old.git"
	for n, c := range []struct {
		name  string
		there func(dir string)
		want  string
	}{
		{"somebody's branch", func(dir string) {
			tree := testenv.GitIn(t, dir, strings.NewReader(""), "mktree")
			testenv.Git(t, dir, "update-ref", "refs/heads/trunk", testenv.Git(t, dir, "commit-tree", "-m", "x", tree))
		}, `The ref "refs/heads/trunk" of the destination was made or moved by somebody else. Rename or remove it there, then start the import again.` + again},
		{"a branch in the way", func(dir string) {
			tree := testenv.GitIn(t, dir, strings.NewReader(""), "mktree")
			testenv.Git(t, dir, "update-ref", "refs/heads/trunk/old", testenv.Git(t, dir, "commit-tree", "-m", "x", tree))
		}, `A ref of the destination stands in the way: ref "refs/heads/trunk" cannot stand beside "refs/heads/trunk/old". Rename or remove it there, then start the import again.` + again},
	} {
		repo := s.create(t, token, fmt.Sprintf("p%d", n), "")
		c.there(filepath.Join(s.dir, "host", fmt.Sprintf("%d.git", repo.ID)))
		at := "/repos/octocat/" + repo.Name + "/import"
		s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
		s.work(t)
		checkReason(t, c.name, s.want(t, 200, request{method: "GET", path: at, token: token}), told{"error", "push", c.want}, "")
	}
}

// TestOtherWays takes up what a git daemon serves, and says what is wrong with an SSH server that nobody knows.
func TestOtherWays(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 20})
	ssh := testenv.ServeSSH(t, root, testenv.SSHOptions{})
	for name, c := range map[string]struct{ url, status, words string }{
		"daemon": {testenv.ServeDaemon(t, root) + "/old.git", "complete", ""},
		"ssh":    {ssh.URL + "/old.git", "auth_failed", fmt.Sprintf("The host key of [127.0.0.1]:%d is not known", ssh.Addr.Port)},
	} {
		s.create(t, token, name, "")
		at := "/repos/octocat/" + name + "/import"
		s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + c.url + `"}`})
		s.work(t)
		r := s.want(t, 200, request{method: "GET", path: at, token: token})
		if got := r.object(t); got["status"] != c.status || got["vcs_url"] != c.url || !strings.Contains(string(r.body), c.words) {
			t.Errorf("%s: %s", name, r.body)
		}
	}
}

// TestReasonsAtOnce are those for which no import is made.
func TestReasonsAtOnce(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	for url, want := range map[string]string{
		"http://169.254.169.254/x":         "This server may not connect to that address. The server's operator can allow it with --allow-network.",
		"ssh://git@169.254.169.254/x":      "This server may not connect to that address. The server's operator can allow it with --allow-network.",
		"git@169.254.169.254:x":            "This server may not connect to that address. The server's operator can allow it with --allow-network.",
		"git://169.254.169.254/x":          "This server may not connect to that address. The server's operator can allow it with --allow-network.",
		"ftp://old.example/canary":         "vcs_url must begin with https://, http://, ssh:// or git://, or be USER@HOST:PATH",
		"http://u:canary@old.example:0/x":  "vcs_url has a port that is not one",
		"http://u:canary@[::1/x":           "vcs_url is not a URL",
		"https://old.example/x?key=canary": "vcs_url has a query, which a repository's URL does not",
		"git@-old.example:canary.git":      "vcs_url has a host that begins with a dash",
		"http:///canary":                   "vcs_url names no host",
	} {
		for _, vcs := range []string{`"git"`, "null"} {
			r := s.want(t, 422, request{method: "PUT", path: "/repos/octocat/socm/import", token: token, body: `{"vcs_url": "` + url + `", "vcs": ` + vcs + `}`})
			fault := r.object(t)["errors"].([]any)[0].(map[string]any)
			if fault["message"] != want || fault["field"] != "vcs_url" || fault["code"] != "invalid" || strings.Contains(string(r.body), "canary") {
				t.Errorf("%s: %s, want %q", url, r.body, want)
			}
		}
	}
}
