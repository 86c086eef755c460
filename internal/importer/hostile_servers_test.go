package importer

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/pack"
	"rehome/internal/git/transport"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/testenv/hostile"
)

// serversSecret is the password in the URL of every hostile server.
const serversSecret = "canary-7c1e-secret"

// TestHostileServers imports from each of them as a server does, with everything it writes looked at afterwards. It runs
// where canaries listen at every address.
func TestHostileServers(t *testing.T) {
	if !hostile.Alone(t) {
		return
	}
	before := log.Writer()
	log.SetOutput(io.Discard) // net/http's, as in main
	t.Cleanup(func() { log.SetOutput(before) })
	g := newServersGround(t)
	if hostile.IsAlone() {
		g.wantTraps()
	}
	cases := hostile.Servers()
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) { g.run(t, c, fmt.Sprint("r", i)) })
	}
	t.Logf("%d cases", len(cases))
}

// serversGround is where imports from hostile servers run: one server, two readers of sources.
type serversGround struct {
	*world
	at    hostile.Ground
	usual source.Source
	hasty source.Source // waits for a moment only
	log   *logged
	spare *rehome.Repository // one that has no import
}

// logged is a log. Safe for concurrent use.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// taken returns what was written since it was called last.
func (l *logged) taken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func newServersGround(t *testing.T) *serversGround {
	t.Helper()
	g := &serversGround{log: &logged{}}
	g.at = hostile.Ground{Canaries: hostile.Watch(t), Names: hostile.NewNames(t), Stranger: stranger(t)}
	g.at.Canary = "http://127.0.0.2:" + g.at.Canaries.Port
	rule, err := egress.ParseRule("127.0.0.1")
	must(t, err)
	policy := egress.Policy{Allow: []egress.Rule{rule}, Lookup: g.at.Names.Lookup}
	client := newGuarded(t, policy)
	policy.Idle = time.Second / 4
	g.hasty = g.reader(t, newGuarded(t, policy), time.Second/4)
	g.usual = g.reader(t, client, 0)
	g.world = newWorld(t, func(o *Options) {
		o.Source = map[rehome.VCS]source.Source{rehome.Git: g.usual}
		o.CheckURL = client.CheckURL
		o.Log = slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Waits.Backoff = []time.Duration{}
		o.Limits = source.Limits{Refs: 10_000, LFS: 1 << 20, Pack: pack.Limits{PackBytes: 1 << 20, Objects: 1000}}
	})
	return g
}

func newGuarded(t *testing.T, p egress.Policy) *egress.Client {
	t.Helper()
	c, err := egress.New(p)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// reader reads sources; wait is how long they may say nothing, 0 for as long as usual.
func (g *serversGround) reader(t *testing.T, client *egress.Client, wait time.Duration) source.Source {
	noWait := func(context.Context, time.Duration) error { return nil }
	return git.New(git.Options{
		Client: client, Sleep: noWait, Silence: git.Silence{Detect: wait, Fetch: wait}, Patience: 2 * wait, Words: time.Second / 10,
		SSH: transport.SSH{Pins: filepath.Join(t.TempDir(), "known_hosts"), Shared: true},
	})
}

// stranger is an honest server of another origin, at which every request is looked at for the password.
func stranger(t *testing.T) string {
	honest := hostile.Honest(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// In a path a server that redirects may have put it, which was sent it.
		if said := fmt.Sprint(r.Header, r.URL.RawQuery); tells(said) || r.Header.Get("Authorization") != "" {
			t.Errorf("the password came to another origin: %s", said)
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/closed/"):
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/back":
			http.Redirect(w, r, r.URL.Query().Get("to")+"?service=git-upload-pack&back", http.StatusFound)
		default:
			honest.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// tells reports whether a text holds the password, in a spelling that servers find it in.
func tells(text string) bool {
	return strings.Contains(text, serversSecret) || strings.Contains(text, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("ada:"+serversSecret)), "="))
}

// wantTraps checks that canaries would sing: here every address is this machine.
func (g *serversGround) wantTraps() {
	open := newGuarded(g.t.(*testing.T), egress.Policy{Unrestricted: true})
	for _, host := range []string{"140.82.121.3", "169.254.169.254", "fd00:ec2::254", "10.0.0.5", "127.0.0.2"} {
		conn, err := open.Dial(g.t.Context(), host, "80")
		must(g.t, err)
		conn.Read(make([]byte, 1)) //nolint:errcheck // it closes once it has sung
		conn.Close()
		if hits := g.at.Canaries.Hits(); len(hits) != 1 {
			g.t.Errorf("%s was reached, and %q were hit", host, hits)
		}
	}
}

// run imports from one.
func (g *serversGround) run(t *testing.T, c hostile.Case, name string) {
	g.world.t = t
	dir := t.TempDir()
	at := g.at
	at.Dir, at.Marker = dir, filepath.Join(dir, "marker")
	from := c.Open(t, at)
	g.Source[rehome.Git] = g.usual
	if c.Impatient {
		g.Source[rehome.Git] = g.hasty
	}
	if g.spare == nil {
		r := g.repository(name)
		g.spare = &r
	}
	r, q, before := *g.spare, StartRequest{URL: g.locate(t, from), VCS: rehome.Git}, time.Now()
	if c.Want.Code == rehome.NotARepository {
		q.VCS = "" // what is none is detected before anything is fetched
	}
	_, err := g.Start(t.Context(), r, q)
	var receipt []byte
	if err == nil {
		g.spare = nil
		g.work()
		err = g.get(r).State.Err
		if err == (*rehome.Error)(nil) {
			err = nil
		}
		receipt, _ = g.Receipt(t.Context(), r.ID)
		g.wantTidy(t, r, c.Want.Code)
	}
	wantEnd(t, c.Want, err, receipt)
	g.wantQuiet(t, err, receipt, before)
	if hits := at.Canaries.Hits(); hits != nil {
		t.Errorf("reached %q", hits)
	}
	if _, missing := os.Stat(at.Marker); !errors.Is(missing, fs.ErrNotExist) {
		t.Error("something of the source was run")
	}
}

// wantTidy checks that a fetch that failed left nothing, and no import its work.
func (g *serversGround) wantTidy(t *testing.T, r rehome.Repository, code rehome.Code) {
	t.Helper()
	i, err := g.DB.ImportOf(t.Context(), r.ID)
	must(t, err)
	left, err := os.ReadDir(filepath.Join(g.data, "work"))
	must(t, err)
	if _, err := os.Stat(g.Folder.place(kindRaw, i.ID)); len(left) > 0 || code != "" && code != rehome.LFSMissing && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v are left in the work folder, raw: %v", left, err)
	}
}

// locate is the source's URL with the password in it.
func (g *serversGround) locate(t *testing.T, from hostile.Source) string {
	t.Helper()
	url := from.URL
	if from.Handler != nil {
		s := httptest.NewServer(from.Handler)
		t.Cleanup(func() {
			s.CloseClientConnections()
			s.Close()
		})
		url = s.URL + "/r.git"
	}
	if scheme, rest, ok := strings.Cut(url, "://"); ok && scheme != "git" && !strings.Contains(rest, "@") {
		url = scheme + "://ada:" + serversSecret + "@" + rest
	}
	return url
}

// wantEnd compares how an import ended with how it had to.
func wantEnd(t *testing.T, want hostile.Outcome, err error, receipt []byte) {
	t.Helper()
	var got rehome.Code
	text := ""
	if err != nil {
		e := rehome.AsError(err)
		got, text = e.Code, e.Message+" "+e.Hint
	}
	if got != want.Code || got == "" && receipt == nil {
		t.Fatalf("got %q (%v), want %q", got, err, want.Code)
	}
	for _, word := range want.Says {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	if !bytes.Contains(receipt, []byte(want.Skipped)) {
		t.Errorf("the receipt does not list %q: %s", want.Skipped, receipt)
	}
	if unfit := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }; strings.ContainsFunc(text, unfit) || len(text) > 2000 {
		t.Errorf("%q is not fit to show", text)
	}
}

// wantQuiet looks for the password wherever an import leaves something, in files that changed since then.
func (g *serversGround) wantQuiet(t *testing.T, err error, receipt []byte, since time.Time) {
	t.Helper()
	if err != nil && tells(fmt.Sprintf("%v %+v %v", err, err, rehome.AsError(err).Err)) {
		t.Errorf("the error tells the password: %+v", err)
	}
	if said := g.log.taken(); tells(said) {
		t.Errorf("the log tells the password: %s", said)
	}
	if tells(string(receipt)) {
		t.Errorf("the receipt tells the password: %s", receipt)
	}
	must(t, filepath.WalkDir(g.data, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if now, err := d.Info(); err != nil || now.ModTime().Before(since.Add(-time.Second)) {
			return err
		}
		text, err := os.ReadFile(name)
		if tells(string(text)) {
			t.Errorf("%s tells the password", name)
		}
		return err
	}))
}
