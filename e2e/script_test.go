package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome/internal/testenv"
)

// state is what one script has running.
type state struct {
	tb      testing.TB
	servers map[string]*server

	receivers map[string]*scriptReceiver // by their names
}

type stateKey struct{}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

func stopAll(s *state) {
	for _, one := range s.servers {
		one.stop(syscall.SIGKILL)
	}
}

func cutPair(pair string) (name, value string, ok bool) { return strings.Cut(pair, "=") }

// makeRepository: repository KIND DIR [FORMAT]. KIND is rich, empty, shallow or a number of commits.
func makeRepository(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: repository KIND DIR [FORMAT]")
	}
	tb, dir, format := stateOf(ts).tb, ts.MkAbs(args[1]), "sha1"
	if len(args) > 2 {
		format = args[2]
	}
	switch args[0] {
	case "rich":
		testenv.Rich(tb, dir, format)
	case "empty":
		testenv.Empty(tb, dir, format)
	case "shallow":
		testenv.Rich(tb, dir+".deep", format)
		testenv.Shallow(tb, dir+".deep", dir)
	default:
		commits, err := strconv.Atoi(args[0])
		ts.Check(err)
		testenv.Synthetic(tb, dir, format, testenv.Size{Commits: commits})
	}
}

// startOrigin: origin DIR [ssh] [daemon] [user=U] [password=P] [cut=BYTES] [push] [slow[=WAIT]] [html] serves the repositories below DIR; the URL is $ORIGIN.
func startOrigin(ts *testscript.TestScript, _ bool, args []string) {
	var o testenv.Options
	for _, arg := range args[1:] {
		name, value, _ := cutPair(arg)
		switch name {
		case "ssh", "daemon":
			startOther(ts, name, ts.MkAbs(args[0]))
			return
		case "user":
			o.User = value
		case "password":
			o.Password = value
		case "protocol":
			o.Protocol = value
		case "cut":
			n, err := strconv.ParseInt(value, 10, 64)
			ts.Check(err)
			o.CutAfter = n
		case "push":
			o.Push = true
		case "slow":
			o.Throttle = 200 * time.Millisecond
			if value != "" {
				wait, err := time.ParseDuration(value)
				ts.Check(err)
				o.Throttle = wait
			}
		case "html":
			o.Wrap = func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/html")
					fmt.Fprintln(w, "<!doctype html><title>Sign in</title>")
				})
			}
		default:
			ts.Fatalf("origin: unknown %q", arg)
		}
	}
	url := testenv.ServeGit(stateOf(ts).tb, ts.MkAbs(args[0]), o)
	ts.Setenv("ORIGIN", url)
	ts.Setenv("ORIGIN_HOST", strings.TrimPrefix(url, "http://"))
}

// startOther serves a folder over SSH or by git daemon. KEY and KNOWN_HOSTS are files for SSH.
func startOther(ts *testscript.TestScript, way, dir string) {
	tb := stateOf(ts).tb
	if way == "daemon" {
		ts.Setenv("ORIGIN", testenv.ServeDaemon(tb, dir))
		return
	}
	s := testenv.ServeSSH(tb, dir, testenv.SSHOptions{})
	ts.Setenv("ORIGIN", s.URL)
	ts.Setenv("KEY", s.KeyFile)
	ts.Setenv("KNOWN_HOSTS", s.KnownHosts)
	ts.Setenv("SSH_SERVER", fmt.Sprintf("[127.0.0.1]:%d", s.Addr.Port))
}

// startServer: serve [FLAGS…] starts a server on the folder data; its URL is $API. ! serve wants it to refuse, with the reason as stderr.
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	state := stateOf(ts)
	env := []string{}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "REHOME_ADMIN_TOKEN"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	s, err := start(ts.MkAbs("."), env, append([]string{"--data", ts.MkAbs("data")}, args...))
	if neg {
		if err == nil {
			s.stop(syscall.SIGKILL)
			ts.Fatalf("the server started")
		}
		fmt.Fprintln(ts.Stderr(), err)
		return
	}
	ts.Check(err)
	state.servers[s.base] = s
	ts.Setenv("API", s.base)
	ts.Setenv("API_HOST", strings.TrimPrefix(s.base, "http://"))
}

// stopServer: halt [SIGNAL] ends the server at $API; what it logged is stderr.
func stopServer(ts *testscript.TestScript, _ bool, args []string) {
	signal := syscall.SIGTERM
	if len(args) > 0 && args[0] == "KILL" {
		signal = syscall.SIGKILL
	}
	s := stateOf(ts).servers[ts.Getenv("API")]
	if s == nil {
		ts.Fatalf("no server is running")
	}
	code, err := s.stop(signal)
	ts.Check(err)
	if signal == syscall.SIGTERM && code != 0 {
		ts.Fatalf("the server ended with %d: %s", code, s.said)
	}
	delete(stateOf(ts).servers, s.base)
	ts.Stderr().Write(s.said.Bytes())
}

// request: http CODE METHOD PATH [BODY] [Name:value…] wants CODE; the body is stdout, status and some headers are stderr.
// PATH is below $API; $TOKEN signs in, unless it is empty.
func request(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: http CODE METHOD PATH [BODY] [Name:value…]")
	}
	header, body := http.Header{}, ""
	for _, arg := range args[3:] {
		name, value, ok := strings.Cut(arg, ":")
		if ok && !strings.ContainsAny(name, "{[\" ") {
			header.Set(name, value)
		} else {
			body = arg
		}
	}
	got, err := call(ts.Getenv("API"), ts.Getenv("TOKEN"), args[1], args[2], body, header)
	ts.Check(err)
	ts.Stdout().Write(got.body)
	fmt.Fprintln(ts.Stderr(), got.code)
	for _, name := range []string{"Location", "Link", "Content-Type", "Retry-After", "Www-Authenticate"} {
		if value := got.header.Get(name); value != "" {
			fmt.Fprintf(ts.Stderr(), "%s: %s\n", name, value)
		}
	}
	if want := args[0]; want != strconv.Itoa(got.code) {
		ts.Fatalf("%s %s: got %d, want %s: %s", args[1], args[2], got.code, want, got.body)
	}
}

// poll: poll OWNER/REPO STATUS waits until its import has the status, and fails when it rests at another. The answer is stdout.
func poll(ts *testscript.TestScript, _ bool, args []string) {
	body, err := pollFor(ts.Getenv("API"), args[0], args[1])
	ts.Check(err)
	ts.Stdout().Write(body)
}

var running = []string{"detecting", "importing", "mapping", "pushing"}

func pollFor(base, name, want string) ([]byte, error) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got, err := call(base, adminToken, "GET", "/repos/"+name+"/import", "", nil)
		if err != nil {
			return nil, err
		}
		var status struct{ Status string }
		if err := json.Unmarshal(got.body, &status); err != nil {
			return nil, fmt.Errorf("%d: %w: %s", got.code, err, got.body)
		}
		switch {
		case status.Status == want:
			return got.body, nil
		case !slices.Contains(running, status.Status):
			return nil, fmt.Errorf("import of %s rests, want %q: %s", name, want, got.body)
		case time.Now().After(end):
			return nil, fmt.Errorf("import of %s still runs, want %q: %s", name, want, got.body)
		}
	}
}

// same: same SOURCE DIR wants every carried ref of SOURCE in DIR, with the same id, no other, and git fsck to be content.
func same(ts *testscript.TestScript, _ bool, args []string) {
	tb := stateOf(ts).tb
	source, dir := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	want, have := carried(tb, source), carried(tb, dir)
	if !slices.Equal(want, have) {
		ts.Fatalf("refs differ\nsource:\n%s\nhere:\n%s", strings.Join(want, "\n"), strings.Join(have, "\n"))
	}
	if out, err := testenv.Run(context.Background(), dir, nil, "fsck", "--full", "--strict", "--no-dangling"); err != nil {
		ts.Fatalf("git fsck: %v\n%s", err, out)
	}
}

// carried lists the refs of a repository that an import carries, with their ids, and where HEAD points.
func carried(tb testing.TB, dir string) []string {
	tb.Helper()
	refs := []string{"HEAD " + testenv.Git(tb, dir, "symbolic-ref", "HEAD")}
	skipped := testenv.RichSkipped(tb, dir)
	for line := range strings.Lines(testenv.Git(tb, dir, "for-each-ref", "--format=%(refname) %(objectname)") + "\n") {
		if name, _, _ := strings.Cut(line, " "); strings.TrimSpace(line) != "" && !slices.Contains(skipped, name) {
			refs = append(refs, strings.TrimSpace(line))
		}
	}
	return refs
}

var receiptSum = regexp.MustCompile(`, ?"sha256": ?"([0-9a-f]{64})"`)

// checkReceipt: receipt FILE wants the sum in a receipt to be that of its own text. "stdout" is the last output.
func checkReceipt(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	found := receiptSum.FindAllStringSubmatchIndex(text, -1)
	if len(found) == 0 {
		ts.Fatalf("the receipt has no sum: %s", text)
	}
	last := found[len(found)-1]
	said := text[last[2]:last[3]]
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(text[:last[0]]+text[last[1]:]))); got != said {
		ts.Fatalf("the receipt says %s and sums to %s", said, got)
	}
}

// exits: exits CODE PROGRAM [ARG…] wants the exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// readInto: read NAME FILE sets a variable to what a file holds, without the last newline.
func readInto(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
}

// empties: empties DIR… waits until the folders hold nothing, or are gone.
func empties(ts *testscript.TestScript, _ bool, args []string) {
	for _, arg := range args {
		dir, end := ts.MkAbs(arg), time.Now().Add(patience)
		for {
			entries, err := os.ReadDir(dir)
			if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
				break
			}
			ts.Check(err)
			if time.Now().After(end) {
				ts.Fatalf("%s still holds %s", arg, entries[0])
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
