package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/destination"
	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/object"
	"rehome/internal/git/transport"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/lfs"
	"rehome/internal/seal"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/store"
	"rehome/internal/testenv"
	"rehome/internal/webhook"
	"rehome/internal/wire"
)

// world is the pages over real parts in a temporary folder. Nothing works by itself: work does what is due.
type world struct {
	*httptest.Server
	web  *Web
	dir  string
	log  *bytes.Buffer
	late atomic.Int64 // what the pages' clock is ahead by
	base atomic.Value // of URLs, where it is not the server's own

	mu   sync.Mutex
	told []string // who asked, and by which route; guarded by mu
}

func newWorld(t testing.TB) *world {
	t.Helper()
	x := &world{dir: t.TempDir(), log: &bytes.Buffer{}}
	db, err := store.Open(t.Context(), filepath.Join(x.dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	o := Options{DB: db, Auth: auth.New(db), Log: slog.New(slog.NewTextHandler(x.log, nil)), Clock: func() time.Time { return time.Now().Add(time.Duration(x.late.Load())) }}
	x.open(t, &o)
	x.web = New(o)
	x.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		root, _ := x.base.Load().(string)
		if root == "" {
			root = "http://" + r.Host
		}
		if !x.web.Serves(r) {
			http.Error(out, "no page", http.StatusTeapot)
			return
		}
		at := wire.Visit{URLs: wire.URLs{Root: root, API: root}, Client: "127.0.0.1", Tell: x.tell}
		x.web.ServeHTTP(out, r.WithContext(wire.WithVisit(r.Context(), at)))
	}))
	t.Cleanup(x.Close)
	return x
}

func (x *world) tell(user, route string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.told = append(x.told, user+" "+route)
}

// open opens the ends of imports and what is between.
func (x *world) open(t testing.TB, o *Options) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	folder, err := importer.Claim(x.dir)
	must(err)
	t.Cleanup(func() { folder.Close() })
	o.Host, err = host.New(host.Options{Dir: filepath.Join(x.dir, "host")})
	must(err)
	t.Cleanup(func() { o.Host.Close() })
	box, err := seal.Open(filepath.Join(x.dir, "key"))
	must(err)
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	must(err)
	t.Cleanup(client.Close)
	kept, err := lfs.Local(filepath.Join(x.dir, "lfs"))
	must(err)
	noWait := func(context.Context, time.Duration) error { return nil }
	o.Hooks = webhook.New(webhook.Options{DB: o.DB, Client: client, Seal: box, Base: "https://new.example"})
	o.Importer = importer.New(importer.Options{
		DB: o.DB, LFS: kept, Folder: folder, Seal: box, Version: "0.0.0-test", CheckURL: client.CheckURL, LargeOver: 1000,
		Alarms: importer.Alarms{Ended: o.Hooks.ImportEnded},
		Ends: importer.Ends{
			Host:   o.Host,
			Source: map[rehome.VCS]source.Source{rehome.Git: git.New(git.Options{Client: client, Sleep: noWait})},
			Forge: destination.New(destination.Options{
				Transport: transport.New(transport.Options{Client: client, Sleep: noWait, SSH: transport.SSH{Pins: filepath.Join(x.dir, "known_hosts")}}),
				Client:    client, Forges: forge.New(forge.Options{Client: client, Sleep: noWait}), LFS: kept, Version: "0.0.0-test", Sleep: noWait,
			}),
		},
		Waits: importer.Waits{Backoff: []time.Duration{0, 0}, Settle: []time.Duration{0, 0}},
	})
	must(o.Importer.Open(t.Context()))
}

// work does what is due until nothing is.
func (x *world) work(t testing.TB) {
	t.Helper()
	for {
		ids, err := x.web.DB.Due(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			if err := x.web.Importer.Reconcile(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// source1 serves a rich repository.
func source1(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "old.git"), "sha1")
	return testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
}

// repository makes one, with an import of from unless that is "".
func (x *world) repository(t testing.TB, owner, name, from string, hold bool) rehome.Repository {
	t.Helper()
	found, err := x.web.DB.OwnerByLogin(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.web.DB.CreateRepository(t.Context(), rehome.Repository{Name: name, Private: true, Owner: found})
	if err == nil {
		err = x.web.Host.Create(t.Context(), r.ID, object.SHA1)
	}
	if err == nil && from != "" {
		_, err = x.web.Importer.Start(t.Context(), r, importer.StartRequest{URL: from, Choices: importer.Choices{Hold: &hold}, By: found.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (x *world) token(t testing.TB, g auth.Grant) (rehome.Token, string) {
	t.Helper()
	token, secret, err := x.web.Auth.Issue(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return token, string(secret)
}

// browser is one of somebody: it keeps cookies, and follows no redirects.
type browser struct {
	x      *world
	cookie string // the session's secret
}

// answer is what a browser gets.
type answer struct {
	*http.Response
	body string
}

var keys = regexp.MustCompile(`name="form_key" value="[^"]*"`)

// words are what a page says: all but the key of its forms, which never is the same.
func (a answer) words() string { return keys.ReplaceAllString(a.body, "") }

// signedIn returns a browser in which somebody signed in through the page.
func (x *world) signedIn(t testing.TB, g auth.Grant) *browser {
	t.Helper()
	_, secret := x.token(t, g)
	b := &browser{x: x}
	b.signIn(t, secret)
	return b
}

func (b *browser) signIn(t testing.TB, token string) answer {
	t.Helper()
	a := b.post(t, "/-/sign-in", url.Values{"token": {token}})
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in: %d, want 303: %s", a.StatusCode, a.body)
	}
	return a
}

func (b *browser) get(t testing.TB, path string, headers ...string) answer {
	t.Helper()
	return b.do(t, "GET", path, "", headers...)
}

// post sends a form with the key of the session, unless it has one.
func (b *browser) post(t testing.TB, path string, form url.Values, headers ...string) answer {
	t.Helper()
	sent := url.Values{"form_key": {formKey(rehome.Secret(b.cookie))}}
	for k, v := range form {
		sent[k] = v
	}
	return b.do(t, "POST", path, sent.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func (b *browser) request(t testing.TB, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.x.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: b.x.cookieName(), Value: b.cookie})
	}
	return r
}

func (b *browser) do(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(b.request(t, method, path, body, headers...))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.Name == b.x.cookieName() {
			b.cookie = c.Value
		}
	}
	a := answer{resp, string(got)}
	a.check(t, method+" "+path)
	return a
}

func (x *world) cookieName() string {
	root, _ := x.base.Load().(string)
	return cookieName(root)
}

// want does so and stops the test unless the status is the one wanted.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	return a
}

func formKeyOf(cookie string) string { return formKey(rehome.Secret(cookie)) }

// fill puts names into a pattern.
func fill(pattern, owner, repo string) string {
	return strings.NewReplacer("{owner}", owner, "{repo}", repo, "{org}", owner, "{token}", "1", "{hook}", "1", "{delivery}", "1", "{author}", "1", "{$}", "").Replace(pattern)
}
