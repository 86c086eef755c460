package web

import (
	"bufio"
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/testenv"
)

const plainForm = "application/x-www-form-urlencoded"

func TestPagesThatAreNot(t *testing.T) {
	x := newWorld(t)
	b, nobody := x.signedIn(t, auth.Grant{User: "octocat"}), &browser{x: x}
	x.repository(t, "octocat", "socm", "", false)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/-/nothing", 404, ""},
		{"GET", "/octocat/nothing", 404, ""},
		{"GET", "/octocat/socm/import/nothing", 404, ""},
		{"GET", "/octocat/socm/import/authors/1/2", 404, ""},
		{"GET", "/-/webhooks/nobody", 404, ""},
		{"GET", assetsAt + "x/htmx.min.js", 404, ""},
		{"GET", assetsAt + "../pages/problem.html", 404, ""},
		{"GET", "/-/sign-out", 405, "POST"},
		{"PUT", "/-/sign-in", 405, "GET, POST"},
		{"DELETE", "/octocat/socm/import", 405, "GET"},
		{"DELETE", "/octocat/nothing/import", 405, "GET"},
		{"GET", "/octocat/socm/import/approve", 405, "POST"},
		{"OPTIONS", "/-/tokens", 405, "GET, POST"},
		{"PATCH", "/-/nothing", 404, ""},
	} {
		a := b.do(t, c.method, c.path, "")
		if a.StatusCode != c.status || a.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", c.method, c.path, a.StatusCode, a.Header.Get("Allow"), c.status, c.allow)
		}
		if !strings.HasPrefix(c.path, assetsAt) && !strings.Contains(a.body, "<h1>") {
			t.Errorf("%s %s: no page for people: %s", c.method, c.path, a.body)
		}
		nobody.do(t, c.method, c.path, "")
	}
	if a := b.do(t, "HEAD", "/", ""); a.StatusCode != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.StatusCode, a.body)
	}
}

func TestOutage(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.web.DB.Close()
	a := b.get(t, "/")
	if a.StatusCode < 500 || strings.Contains(a.body, "sql") || !strings.Contains(a.body, "<h1>") {
		t.Errorf("%d: %s", a.StatusCode, a.body)
	}
	if !strings.Contains(x.log.String(), "database is closed") {
		t.Errorf("the log says %q", x.log)
	}
}

func TestForms(t *testing.T) {
	x := newWorld(t)
	b, nobody := x.signedIn(t, auth.Grant{User: "octocat"}), &browser{x: x}
	r := x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	key := "form_key=" + b.key() + "&"
	inside, kind := inParts(t, map[string]string{"form_key": b.key()}, strings.Repeat("# x\n", 3<<20))
	map10, kind10 := inParts(t, map[string]string{"form_key": b.key()}, strings.Repeat("# a comment of a map\n", 300_000))
	authors := "/octocat/socm/import/authors"
	for name, c := range map[string]struct {
		b                *browser
		path, body, kind string
		status           int
	}{
		"over the limit":         {b, "/-/tokens", key + "x=" + strings.Repeat("a", maxForm), plainForm, 413},
		"over it by a map":       {b, authors, key + "map=" + strings.Repeat("a", maxMap), plainForm, 413},
		"over it in parts":       {b, authors, inside, kind, 413},
		"a long map":             {b, authors, map10, kind10, 200},
		"a map where none is":    {b, "/-/tokens", map10, kind10, 413},
		"of nobody":              {nobody, "/-/sign-in", "token=" + strings.Repeat("a", maxAnonymous), plainForm, 413},
		"of nobody to elsewhere": {nobody, authors, strings.Repeat("a", maxMap), plainForm, 303},
		"of a stranger":          {x.signedIn(t, auth.Grant{User: "mona"}), authors, strings.Repeat("a", maxMap), plainForm, 404},
		"not escaped":            {b, "/-/tokens", key + "x=%zz", plainForm, 400},
		"parts without an end":   {b, authors, inside[:500], kind, 400},
		"parts without a line":   {b, authors, inside[:500], "multipart/form-data", 400},
		"no kind":                {b, authors, key, "", 403},
		"JSON":                   {b, authors, `{"form_key": "` + b.key() + `"}`, "application/json", 403},
	} {
		a := c.b.do(t, "POST", c.path, c.body, "Content-Type", c.kind)
		if a.StatusCode != c.status {
			t.Errorf("%s: %d, want %d: %.300s", name, a.StatusCode, c.status, a.body)
		}
	}
	if got, err := x.web.Importer.Get(t.Context(), r.ID); err != nil || got.State.Status != rehome.Complete {
		t.Errorf("%v, %v", got.State, err)
	}
}

// TestMoveWithoutJavaScript takes an import through its pages by forms alone.
func TestMoveWithoutJavaScript(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	from := source1(t)
	if a := b.post(t, "/-/new", url.Values{"url": {"https:// bad"}, "owner": {"octocat"}, "name": {"socm"}, "password": {"not-repeated"}}); a.StatusCode != 422 || strings.Contains(a.body, "not-repeated") || !strings.Contains(a.body, "https:// bad") {
		t.Errorf("a bad URL: %d %s", a.StatusCode, a.body)
	}
	started := b.post(t, "/-/new", url.Values{"url": {from}, "owner": {"octocat"}, "name": {"socm"}, "hold": {"1"}}).want(t, 303)
	at, ok := strings.CutPrefix(started.Header.Get("Location"), x.URL)
	if !ok || at != "/octocat/socm/import" {
		t.Fatalf("led to %s", started.Header.Get("Location"))
	}
	if page := b.get(t, at).want(t, 200); !strings.Contains(page.body, `<noscript><meta http-equiv="refresh"`) {
		t.Error("the page is not loaded again without JavaScript")
	}
	x.work(t)
	if page := b.get(t, at); !strings.Contains(page.body, "Approve and push") || strings.Contains(page.body, "http-equiv") {
		t.Errorf("held: %s", page.body)
	}
	found, _ := x.web.DB.Repository(t.Context(), "octocat", "socm")
	people, err := x.web.Importer.Authors(t.Context(), found.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	row := at + "/authors/" + itoa(people[0].ID)
	if a := b.post(t, row, url.Values{"name": {"A\nB"}, "email": {"x@y"}}); a.StatusCode != 422 {
		t.Errorf("a name of two lines: %d", a.StatusCode)
	}
	b.post(t, row, url.Values{"name": {"New Name"}, "shown_name": {people[0].Name}, "email": {people[0].Email}, "shown_email": {people[0].Email}}).want(t, 303)
	b.post(t, at+"/large-files", url.Values{"choice": {"opt_out"}, "match": {"*.iso"}}).want(t, 303)
	x.work(t)
	b.post(t, at+"/approve", nil).want(t, 303)
	x.work(t)
	if page := b.get(t, at); !strings.Contains(page.body, "It is there") || !strings.Contains(page.body, "git clone "+x.URL+"/octocat/socm.git") {
		t.Errorf("complete: %s", page.body)
	}
	if page := b.get(t, at+"/receipt").want(t, 200); !strings.Contains(page.body, "refs/heads/trunk") {
		t.Errorf("receipt: %s", page.body)
	}
	if file := b.get(t, at+"/commit-map").want(t, 200); file.Header.Get("Content-Disposition") != `attachment; filename="socm-commit-map.txt"` || len(file.body) == 0 {
		t.Errorf("commit map: %v", file.Header)
	}
	if list := b.get(t, at+"/authors.mailmap").want(t, 200); !strings.Contains(list.body, "New Name <"+people[0].Email+">") {
		t.Errorf("mailmap: %s", list.body)
	}
	b.post(t, at+"/cancel", nil).want(t, 422)
	b.post(t, at+"/finish", nil).want(t, 303)
	x.work(t)
	b.post(t, at+"/cancel", url.Values{"sure": {"1"}}).want(t, 303)
	if page := b.get(t, at); !strings.Contains(page.body, "has no import") {
		t.Errorf("deleted: %s", page.body)
	}
}

// TestBytesThatCannotBeShownStay maps the mail of somebody whose name is not UTF-8.
func TestBytesThatCannotBeShownStay(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "evil", hostileSource(t), true)
	x.work(t)
	people, err := x.web.Importer.Authors(t.Context(), r.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range people {
		v := &visit{repo: r}
		row := rowOf(v, a)
		b.post(t, "/octocat/evil/import/authors/"+itoa(a.ID), url.Values{
			"name": {row.ToName}, "shown_name": {row.Shown[0]}, "email": {"mapped@example.com"}, "shown_email": {row.Shown[1]},
		}).want(t, 303)
	}
	after, err := x.web.Importer.Authors(t.Context(), r.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n, a := range after {
		if a.Name != people[n].Name || a.Email != "mapped@example.com" {
			t.Errorf("%q <%s> became %q <%s>", people[n].Name, people[n].Email, a.Name, a.Email)
		}
	}
}

// stream begins to follow an import, and returns its lines.
func (b *browser) stream(t *testing.T, path string) *bufio.Scanner {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // before a test gives up; nothing is measured by it
	t.Cleanup(stop)
	resp, err := http.DefaultTransport.RoundTrip(b.request(t, "GET", path, "").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("stream: %d %v", resp.StatusCode, resp.Header)
	}
	return bufio.NewScanner(resp.Body)
}

func until(t *testing.T, s *bufio.Scanner, line string) (before string) {
	t.Helper()
	for s.Scan() {
		if before += s.Text() + "\n"; s.Text() == line {
			return before
		}
	}
	t.Fatalf("the stream ends without %q: %s", line, before)
	return ""
}

// TestStreams end with the session, the token, the right to the repository, and the import.
func TestStreams(t *testing.T) {
	x := newWorld(t)
	ticks := make(chan time.Time)
	x.web.beat = func() (<-chan time.Time, func()) { return ticks, func() {} }
	x.token(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	at := "/octocat/socm/import/live"
	for name, end := range map[string]func(b *browser, token rehome.Token){
		"signed out":    func(b *browser, _ rehome.Token) { b.post(t, "/-/sign-out", nil).want(t, 303) },
		"token revoked": func(_ *browser, token rehome.Token) { must(t, x.web.DB.RevokeToken(t.Context(), token.ID)) },
		"a month later": func(*browser, rehome.Token) { x.late.Store(int64(31 * 24 * time.Hour)) },
		"idle":          func(*browser, rehome.Token) { x.late.Store(int64(13 * time.Hour)) },
	} {
		token, secret := x.token(t, auth.Grant{User: "octocat"})
		b := &browser{x: x}
		b.signIn(t, secret)
		s := b.stream(t, at)
		until(t, s, "event: changed")
		ticks <- time.Time{}
		until(t, s, ": still here")
		end(b, token)
		ticks <- time.Time{}
		if got := until(t, s, "event: end"); !strings.Contains(got, "event: changed") {
			t.Errorf("%s: the page is not told to look: %s", name, got)
		}
		for s.Scan() {
			if s.Text() != "data: " && s.Text() != "" {
				t.Errorf("%s: then came %q", name, s.Text())
			}
		}
		x.late.Store(0)
	}
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	s := b.stream(t, at)
	until(t, s, "event: changed")
	x.work(t)
	until(t, s, "event: end")
	if s := b.stream(t, at); !strings.Contains(until(t, s, "event: end"), "event: changed") {
		t.Error("a stream of what is complete does not say so")
	}
	if a := b.do(t, "HEAD", at, ""); a.StatusCode != 200 {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
	must(t, x.web.Importer.DeleteRepository(t.Context(), r.ID, 1))
	b.get(t, at).want(t, 404)
}

// A stream does not keep a session: nobody looks at a page that was left open.
func TestStreamsDoNotLook(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.dir, "db"))
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "UPDATE sessions SET seen_at = seen_at - 600000")
	must(t, err)
	seen := func() string { return testenv.Column(t, db, "SELECT seen_at FROM sessions")[0] }
	before := seen()
	if _, err := x.web.Auth.StillInSession(t.Context(), rehome.Secret(b.cookie), x.web.Clock()); err != nil {
		t.Fatal(err)
	}
	if now := seen(); now != before {
		t.Errorf("seen at %s, before %s", now, before)
	}
	b.get(t, "/").want(t, 200)
	if now := seen(); now == before {
		t.Error("a look does not count")
	}
}

func TestStreamsOfATokenAreLimited(t *testing.T) {
	x := newWorld(t)
	x.web.watched = auth.NewTally[int64](2)
	x.token(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", source1(t), false)
	_, secret := x.token(t, auth.Grant{User: "octocat"})
	one, two := &browser{x: x}, &browser{x: x}
	one.signIn(t, secret)
	two.signIn(t, secret)
	at := "/octocat/socm/import/live"
	for _, b := range []*browser{one, two} {
		until(t, b.stream(t, at), "event: changed")
	}
	if a := two.get(t, at); a.StatusCode != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %v", a.StatusCode, a.Header)
	}
	until(t, x.signedIn(t, auth.Grant{User: "octocat"}).stream(t, at), "event: changed")
}

func TestDetect(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	for at, want := range map[string]string{source1(t): "A git repository answers", "http://127.0.0.1:1/x": "class=\"hint warn\"", "file:///etc/passwd": "class=\"hint warn\"", "": ""} {
		if a := b.post(t, "/-/new/detect", url.Values{"url": {at}}); a.StatusCode != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%q: %d %s", at, a.StatusCode, a.body)
		}
	}
	page := b.get(t, "/-/new").body
	if !strings.Contains(page, `hx-params="url,form_key"`) {
		t.Error("a password goes to a host whose name is typed just now")
	}
	x.web.detected = auth.NewTally[int64](0)
	if a := b.post(t, "/-/new/detect", url.Values{"url": {"http://127.0.0.1:1/x"}}); !strings.Contains(a.body, "under way") {
		t.Errorf("one too many: %s", a.body)
	}
}

// TestPagesAreLight weighs what a browser loads to show the heaviest first page.
func TestPagesAreLight(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	weight := len(b.get(t, "/-/new").body)
	for name := range assets() {
		path := assetURL("", name)
		a := b.get(t, path, "Accept-Encoding", "gzip").want(t, 200)
		if a.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") || a.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %v", name, a.Header)
		}
		weight += len(a.body)
		if plain := b.get(t, path, "Accept-Encoding", "identity"); plain.Header.Get("Content-Encoding") != "" || len(plain.body) != len(assets()[name].plain) {
			t.Errorf("%s without gzip: %v", name, plain.Header)
		}
	}
	if weight > 100_000 {
		t.Errorf("%d bytes on the wire", weight)
	}
	t.Logf("%d bytes on the wire", weight)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
