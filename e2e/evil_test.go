package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"rehome/internal/testenv"
)

// What people and servers say to have terminals and readers obey: a title, colours by U+009B, text that runs backwards. evil also
// stands where Git wants no ASCII controls, evilText where it takes any.
const (
	evil     = "e\u009b31m\u202egnp\u2066\xff\x9b"
	evilText = "\x1b]0;PWN\x07\x1b[2J\x08\x7f\r" + evil
)

// evilRepository makes a bare repository with such words in every place Git takes them.
func evilRepository(t *testing.T, dir string) {
	t.Helper()
	testenv.Git(t, "", "init", "-q", "--bare", dir)
	blob := func(text string) string {
		return testenv.GitIn(t, dir, strings.NewReader(text), "hash-object", "-w", "--stdin")
	}
	modules := blob(fmt.Sprintf("[submodule \"%s\"]\n\tpath = \"%s\"\n\turl = \"https://h/%s\"\n", evil, evil, evil))
	entries := []string{
		"100644 blob " + modules + "\t.gitmodules",
		"100644 blob " + blob(strings.Repeat(evilText, 3000)) + "\t" + evilText + "\nlarge",
		"100644 blob " + blob("version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("ab", 32)+"\nsize 7\n") + "\t" + evilText + "\nlfs",
		"160000 commit " + strings.Repeat("ab", 20) + "\t" + evil,
	}
	tree := testenv.GitIn(t, dir, strings.NewReader(strings.Join(entries, "\x00")+"\x00"), "mktree", "-z", "--missing")
	object := func(kind, text string) string {
		return testenv.GitIn(t, dir, strings.NewReader(text), "hash-object", "-w", "--literally", "-t", kind, "--stdin")
	}
	who := evilText + " <" + evilText + "@e> 1700000000 +000000" // a fault, too
	commit := object("commit", "tree "+tree+"\nauthor "+who+"\ncommitter C "+who+"\n\n"+evilText+"\x00\n")
	tag := object("tag", "object "+commit+"\ntype commit\ntag v"+evil+"\ntagger "+who+"\n\n"+evilText+"\n")
	for name, id := range map[string]string{"refs/heads/" + evil: commit, "refs/tags/v" + evil: tag, "refs/pull/" + evil + "/head": commit, "refs/x/" + evil: commit} {
		testenv.Git(t, dir, "update-ref", name, id)
	}
	testenv.Git(t, dir, "symbolic-ref", "HEAD", "refs/heads/"+evil)
}

// evilServer serves the repository, with words beside it; /WAY.git is answered in a way of its own.
func evilServer(t *testing.T, root string) string {
	t.Helper()
	text := evilText + "\x00"
	return testenv.ServeGit(t, root, testenv.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			way, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
			h := w.Header()
			switch way {
			case "title":
				h.Set("Content-Type", "text/html; charset="+evil)
				fmt.Fprintf(w, "<html><title>%s</title>%s</html>", text, text)
			case "type":
				h.Set("Content-Type", evil)
				fmt.Fprint(w, text)
			case "broken", "forbidden", "missing":
				status := map[string]int{"broken": 500, "forbidden": 403, "missing": 404}[way]
				h.Set("Content-Type", "text/plain")
				w.WriteHeader(status)
				fmt.Fprint(w, text)
			case "realm":
				h.Set("WWW-Authenticate", `Basic realm="`+evil+`"`)
				w.WriteHeader(401)
				fmt.Fprint(w, text)
			case "leads":
				h.Set("Location", "http://"+evil+".example/"+evil)
				w.WriteHeader(302)
			case "err":
				h.Set("Content-Type", "application/x-git-upload-pack-advertisement")
				fmt.Fprint(w, packet("# service=git-upload-pack\n")+"0000"+packet("ERR "+text))
			case "name":
				h.Set("Content-Type", "application/x-git-upload-pack-advertisement")
				fmt.Fprint(w, packet("# service=git-upload-pack\n")+"0000"+packet(strings.Repeat("a", 40)+" refs/heads/"+text+"\x00"+text)+"0000")
			default:
				talk(w, r, next)
			}
		})
	}})
}

func packet(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// talk has a server say something before the pack it sends.
func talk(w http.ResponseWriter, r *http.Request, next http.Handler) {
	said := &spoken{ResponseWriter: w}
	next.ServeHTTP(said, r)
	body := said.body.Bytes()
	if at := bytes.Index(body, []byte("packfile\n")); at >= 0 {
		at += len("packfile\n")
		body = slices.Concat(body[:at], []byte(packet("\x02"+evilText+"\x00\n")+packet("\x02"+evilText)), body[at:])
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(max(said.status, 200))
	w.Write(body)
}

// spoken keeps an answer.
type spoken struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (s *spoken) WriteHeader(status int)      { s.status = status }
func (s *spoken) Write(p []byte) (int, error) { return s.body.Write(p) }

// wantPrintable wants a text that no terminal obeys and that shows as what it is.
func wantPrintable(t *testing.T, what string, text []byte) {
	t.Helper()
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 || r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			t.Errorf("%s: %U (%x) is in %q", what, r, text[at:at+size], text[max(0, at-200):min(len(text), at+60)])
			return
		}
		at += size
	}
}

// run runs a command and wants all it says to be printable.
func runPrintable(t *testing.T, dir string, args ...string) (said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, testenv.Env(), &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%q does not end", args)
	}
	wantPrintable(t, fmt.Sprintf("rehome %q, stdout", args), out.Bytes())
	wantPrintable(t, fmt.Sprintf("rehome %q, stderr", args), errs.Bytes())
	return fmt.Sprintf("%v\n%s%s", err, &out, &errs)
}

var evilWays = []string{"title", "type", "broken", "forbidden", "missing", "realm", "leads", "err", "name"}

// TestEvilWordsOnTheCommandLine looks for orders to a terminal in all that commands say and write.
func TestEvilWordsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	evilRepository(t, filepath.Join(dir, "src", "a.git"))
	url := evilServer(t, filepath.Join(dir, "src"))
	list := "source,destination,receipt\n" + url + "/a.git,batch.git,batch.json\n"
	for _, way := range evilWays {
		list += url + "/" + way + ".git," + way + ".git,\n"
		runPrintable(t, dir, "detect", url+"/"+way+".git")
		said := runPrintable(t, dir, "import", url+"/"+way+".git", "none.git")
		if want := map[bool]string{true: "exit status 3", false: "exit status 1"}[way == "name"]; !strings.HasPrefix(said, want) {
			t.Errorf("%s: %s", way, said)
		}
		runPrintable(t, dir, "import", "--json", url+"/"+way+".git", "none.git")
	}
	if err := os.WriteFile(filepath.Join(dir, "list.csv"), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"import", url + "/a.git", "a.git", "--receipt", "a.json", "--commit-map", "a.map", "--large-files-over", "1KiB", "--allow-missing-lfs"},
		{"import", "--json", url + "/a.git", "b.git", "--large-files", "lfs", "--large-files-over", "1KiB", "--allow-missing-lfs", "--receipt", "b.json"},
		{"import", url + "/a.git", "c.git", "--large-files", "remove", "--remove-from-tips", "--large-files-over", "1KiB", "--allow-missing-lfs", "--receipt", "c.json"},
		{"import", url + "/a.git", "d.git", "--dry-run", "--large-files", "remove", "--large-files-over", "1KiB"},
		{"import", url + "/a.git", "d.git"}, // its Git LFS object is missing
		{"import", url + "/a.git", "d.git", "--max-refs", "1"},
		{"import", "src/a.git", "e.git", "--allow-missing-lfs"},
		{"inspect", url + "/a.git", "--large-files-over", "1KiB"},
		{"inspect", "--json", url + "/a.git", "--large-files-over", "1KiB"},
		{"authors", "--json", url + "/a.git"},
		{"verify", url + "/a.git", "a.git"},
		{"verify", "--json", url + "/a.git", "c.git"},
		{"verify", url + "/a.git", "src/a.git", "--receipt", "c.json"},
		{"batch", "--results", "results.csv", "--state", "state", "list.csv"},
		{"batch", "--json", "--state", "state2", "--inspect", "list.csv"},
		{"import", "/" + evil, "x"},
		{"import", "https://" + evil + "/x", "x"},
		{"inspect", "https://h/" + evil, "x", evil},
		{"serve", "--listen", evil},
		{"--" + evil},
		{evil},
	} {
		if said := runPrintable(t, dir, args...); slices.Contains(args, "--receipt") && args[0] == "import" && !strings.HasPrefix(said, "<nil>") && !strings.HasPrefix(said, "exit status 3") {
			t.Errorf("%q: %s", args, said)
		}
	}
	for _, name := range []string{"a.json", "a.map", "b.json", "c.json", "results.csv"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		wantPrintable(t, name, text)
	}
}

// TestEvilWordsOnAServer looks for them in answers, events, webhooks and both kinds of log.
func TestEvilWordsOnAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	evilRepository(t, filepath.Join(dir, "src", "a.git"))
	url := evilServer(t, filepath.Join(dir, "src"))
	for _, format := range []string{"text", "json"} {
		s := testServer(t, "--log-format", format, "--log-level", "debug", "--large-files-over", "1KiB")
		hook := &scriptReceiver{code: http.StatusTeapot}
		receives := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Evil", evil)
			hook.ServeHTTP(w, r)
			io.WriteString(w, evilText)
		}))
		t.Cleanup(receives.Close)
		ask := func(method, path, body string) answer {
			t.Helper()
			got, err := call(s.base, adminToken, method, path, body, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantPrintable(t, method+" "+path, got.body)
			for name, values := range got.header {
				wantPrintable(t, method+" "+path+" "+name, []byte(strings.Join(values, "")))
			}
			if got.code >= 500 {
				t.Errorf("%s %s: %d %s", method, path, got.code, got.body)
			}
			return got
		}
		for _, way := range append([]string{"a"}, evilWays...) {
			ask("POST", "/user/repos", `{"name": "`+way+`", "description": "`+"\u009b\u202e"+`"}`)
			ask("POST", "/user/repos", `{"name": "`+way+`"}`) // the other is refused
			ask("POST", "/repos/admin/"+way+"/hooks", `{"config": {"url": "`+receives.URL+`", "content_type": "json"}, "events": ["*"]}`)
			at := "/repos/admin/" + way + "/import"
			ask("PUT", at, `{"vcs": "git", "vcs_url": "`+url+"/"+way+`.git", "allow_missing_lfs": true}`)
			if way == "a" {
				ask("GET", at+"/events", "")
			}
			for n := 0; !rests(t, ask("GET", at, "").body) && (way == "a" || n < 20); n++ {
				time.Sleep(50 * time.Millisecond) // what fails is tried again for a while: whatever it says until then
			}
			if got := ask("GET", at+"/receipt", ""); way == "a" && got.code != 200 {
				t.Errorf("the import did not arrive: %s", ask("GET", at, "").body)
			}
			for _, path := range []string{"", "/authors", "/large_files", "/receipt", "/commit_map", "/destination"} {
				ask("GET", at+path, "")
			}
			ask("GET", "/repos/admin/"+way, "")
			ask("GET", "/repos/admin/"+way+"/hooks/1/deliveries", "")
			ask("PUT", at+"/authors", "x = \u009b <\u202e@e>")
			ask("PATCH", at+"/lfs", `{"use_lfs": "`+"\u009b"+`"}`)
			ask("PATCH", at, `{"vcs_url": "https://h/`+"\u009b"+`", "refs": ["\u009b\u202e"]}`)
		}
		ask("GET", "/imports", "")
		ask("GET", "/repos/%9b%1b%0d%0aX:%20y/%c2%9b/import", "")
		ask("GET", "/user?page=%0d%0aX:%20y", "")
		s.stop(syscall.SIGTERM)
		for _, one := range hook.all() {
			wantPrintable(t, "a webhook", one.payload)
		}
		wantPrintable(t, "the log as "+format, s.said.Bytes())
	}
}

// rests reports whether an import waits for somebody.
func rests(t *testing.T, body []byte) bool {
	t.Helper()
	var im struct{ Status string }
	if err := json.Unmarshal(body, &im); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return im.Status != "" && !slices.Contains(running, im.Status)
}

func (r *scriptReceiver) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.came)
}
