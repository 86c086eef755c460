package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
	"rehome/internal/testenv/hostile"
)

// canary is the password that every hostile source is read with.
const canary = "canary-9f3a-password"

// TestHostileRepositories imports each of them into a folder, as the command line does, one after the other in
// one process.
func TestHostileRepositories(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	g := newHostileGround(t)
	cases := hostile.Repositories()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { g.run(t, c) })
	}
	wantOnly(t, temporary)
	if g.hits.Load() != 0 {
		t.Errorf("the canary was asked %d times", g.hits.Load())
	}
}

// TestHostileRepositoriesOnOneServer has one server import them all, and then an honest one: each costs one job.
func TestHostileRepositoriesOnOneServer(t *testing.T) {
	t.Parallel()
	var log saidLog
	w := newWorld(t, func(o *Options) { o.Log, o.Waits.Backoff = slog.New(slog.NewTextHandler(&log, nil)), []time.Duration{} })
	g := newHostileGround(t)
	for n, c := range hostile.Repositories() {
		t.Run(c.Name, func(t *testing.T) { g.start(t, w, fmt.Sprintf("r%d", n), c) })
	}
	url, from := serveRich(t, "sha1")
	r := w.repository("honest")
	wantStatus(t, w.start(r, StartRequest{URL: url, VCS: rehome.Git}), rehome.Complete, "", "")
	w.wantMoved(r, from)
	left, err := os.ReadDir(filepath.Join(w.data, "work"))
	must(t, err)
	if len(left) > 0 || strings.Contains(log.String(), canary) {
		t.Errorf("%d folders are left; the log says %s", len(left), log.String())
	}
	if n := g.hits.Load(); n != 0 {
		t.Errorf("the canary was asked %d times", n)
	}
	wantNoCanary(t, w.data)
}

// saidLog is a log. It is safe for concurrent use.
type saidLog struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *saidLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *saidLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start imports one case on a server.
func (g hostileGround) start(t *testing.T, w *world, name string, c hostile.Case) {
	at := g.ground(t)
	defer os.RemoveAll(filepath.Dir(at.Dir))
	from := c.Open(t, at)
	if from.Path != "" {
		t.Skip("a server reads no path")
	}
	l := locate(t, from)
	w.Limits = source.Limits{Pack: c.Limits.Pack, Refs: c.Limits.Refs}
	defer func() { w.Limits = source.Limits{} }()
	r := w.repository(name)
	i := w.start(r, StartRequest{URL: l.String(), VCS: rehome.Git, Username: l.Username, Password: l.Password})
	status, step := rehome.Complete, rehome.Step("")
	if c.Want.Code != "" {
		status, step = rehome.Failed, rehome.StepRaw
	}
	wantStatus(t, i, status, step, c.Want.Code)
	wantNothingRun(t, at)
	if c.Want.Code == "" {
		testenv.Git(t, w.hosted(r), "rev-list", "--objects", "--no-object-names", "--quiet", "--all")
	}
}

// ground is a place for one case.
func (g hostileGround) ground(t *testing.T) hostile.Ground {
	t.Helper()
	dir, err := os.MkdirTemp(g.root, "case-*")
	must(t, err)
	at := hostile.Ground{Dir: filepath.Join(dir, "from"), Marker: filepath.Join(dir, "marker"), Canary: g.canary}
	must(t, os.Mkdir(at.Dir, 0o700))
	return at
}

// hostileGround is where hostile cases are run.
type hostileGround struct {
	root   string
	from   *git.Git
	canary string
	hits   *atomic.Int64
}

func newHostileGround(t *testing.T) hostileGround {
	t.Helper()
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	must(t, err)
	t.Cleanup(client.Close)
	hits := new(atomic.Int64)
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(trap.Close)
	root, err := os.MkdirTemp(fixtures, "hostile-*")
	must(t, err)
	noWait := func(context.Context, time.Duration) error { return nil }
	return hostileGround{root, git.New(git.Options{Client: client, Sleep: noWait, Version: "test"}), trap.URL, hits}
}

// run imports one case and looks at all that came out of it.
func (g hostileGround) run(t *testing.T, c hostile.Case) {
	at := g.ground(t)
	dir := filepath.Dir(at.Dir)
	defer os.RemoveAll(dir)
	from := c.Open(t, at)
	o := OnceOptions{
		Source: g.from, Location: locate(t, from), Dir: filepath.Join(dir, "to", "new.git"), Version: "0.0.0-test",
		Limits: source.Limits{Pack: c.Limits.Pack, Refs: c.Limits.Refs},
	}
	var said []rehome.Event
	o.Event = func(e rehome.Event) { said = append(said, e) }
	receipt, err := Once(t.Context(), o)
	wantOutcome(t, c.Want, from, receipt, err)
	wantQuiet(t, dir, receipt, said, err)
	wantNothingRun(t, at)
	if err != nil {
		wantOnly(t, dir, "from")
		return
	}
	wantOnly(t, filepath.Dir(o.Dir), "new.git")
	wantCarried(t, o.Dir, receipt)
}

// wantNothingRun looks for the marker, and where names without a path would make one.
func wantNothingRun(t *testing.T, at hostile.Ground) {
	t.Helper()
	for _, name := range []string{at.Marker, "marker", "/marker"} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("something of the source was run: %s, %v", name, err)
		}
	}
}

// locate has a server for the source, and the password in its location.
func locate(t *testing.T, from hostile.Source) remote.Location {
	t.Helper()
	url := from.URL
	switch {
	case from.Path != "":
		return remote.Location{Path: from.Path}
	case from.Handler != nil:
		s := httptest.NewServer(from.Handler)
		t.Cleanup(s.Close)
		url = s.URL + "/r.git"
	}
	l, err := remote.Parse("vcs_url", url)
	must(t, err)
	l.Username, l.Password = "ada", canary
	return l
}

// wantOutcome compares how an import ended with how it had to.
func wantOutcome(t *testing.T, want hostile.Outcome, from hostile.Source, receipt rehome.Receipt, err error) {
	t.Helper()
	var got rehome.Code
	var text string
	if err != nil {
		e := rehome.AsError(err)
		got, text = e.Code, e.Message+" "+e.Hint
	}
	if got != want.Code {
		t.Fatalf("got %q (%s: %v), want %q", got, text, err, want.Code)
	}
	for _, word := range want.Says {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	var kinds, objects, skipped []string
	for _, w := range receipt.Body.Warnings {
		kinds, objects = append(kinds, w.Kind), append(objects, string(w.Object))
	}
	for _, s := range receipt.Refs.Skipped {
		skipped = append(skipped, s.Name)
	}
	if got := strings.Join(kinds, " "); err == nil && got != want.Warned {
		t.Errorf("warnings %q, want %q", got, want.Warned)
	}
	if want.Skipped != "" && !slices.Contains(skipped, want.Skipped) {
		t.Errorf("skipped %q, without %q", skipped, want.Skipped)
	}
	for _, id := range from.Names {
		if (err != nil && !strings.Contains(text, id)) || (want.Warned != "" && !slices.Contains(objects, id)) {
			t.Errorf("%q, %q: no word of %s", text, objects, id)
		}
	}
}

// wantQuiet looks for the password in all that was said and written, and for bytes that terminals take for commands.
func wantQuiet(t *testing.T, dir string, receipt rehome.Receipt, said []rehome.Event, err error) {
	t.Helper()
	e := rehome.AsError(err)
	if err != nil && strings.ContainsFunc(e.Message+e.Hint, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		t.Errorf("%q holds control characters", e.Message)
	}
	text, wrong := json.Marshal([]any{receipt, said})
	must(t, wrong)
	if all := fmt.Sprintf("%s %v %+v %+v", text, err, err, e); strings.Contains(all, canary) {
		t.Errorf("the password was told: %s", all)
	}
	wantNoCanary(t, dir)
}

func wantNoCanary(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if bytes.Contains(content, []byte(canary)) {
			t.Errorf("%s holds the password", name)
		}
		return err
	}))
}

// wantCarried has git read what was carried, and compares it with the receipt.
func wantCarried(t *testing.T, dir string, receipt rehome.Receipt) {
	t.Helper()
	var want []string
	for _, ref := range receipt.Refs.Refs {
		name := ref.Name
		if ref.NameBytes != nil {
			name = string(ref.NameBytes)
		}
		if ref.Source != ref.Final || ref.Final != ref.Destination {
			t.Errorf("%s changed: %+v", name, ref)
		}
		want = append(want, string(ref.Source)+" "+name)
	}
	if got := testenv.ShowRefs(t, dir); !slices.Equal(got, want) {
		t.Errorf("refs %q, want %q", got, want)
	}
	testenv.Git(t, dir, "rev-list", "--objects", "--no-object-names", "--quiet", "--all")
}
