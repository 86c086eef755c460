package web

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// evil are texts that would do something where they are not taken as text.
var evil = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)' autofocus='`, `" onfocus="alert(1)" autofocus="`, `javascript:alert(1)`,
	`</title><script>alert(1)</script>`, `</textarea><script>alert(1)</script>`, `--><script>alert(1)</script>`, `{{.FormKey}}`, `${alert(1)}`, "\u202etxt.exe", "\u2066\u2067isolated",
	"nul\x00nul", "\xff\xfe\xc3", "\x1b[2J", "a\r\nSet-Cookie: a=b", strings.Repeat("w", 64), strings.Repeat("é", 2000), `<svg/onload=alert(1)>`, `\u003cscript\u003e`,
}

// hostileSource serves a repository whose people, refs and paths have evil names.
func hostileSource(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for n, text := range evil {
		person := strings.NewReplacer("<", "", ">", "", "\n", "", "\r", "", "\x00", "").Replace(text)
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter %s <%s@example.com> %d +0000\ndata 2\nx\n", person, strings.ReplaceAll(person, " ", "_"), 1700000000+n)
		path := strings.NewReplacer("\x00", "").Replace(text)
		path = strings.Trim(path, "/")
		b.WriteString(testenv.Inline(path[:min(len(path), 200)], strings.Repeat("large ", 500+n)) + "\n")
	}
	for _, ref := range []string{`<script>alert(1)</script>`, `"onload="alert(1)"`, `'><b>`, "\u202etxt", strings.Repeat("w", 64)} {
		fmt.Fprintf(&b, "reset refs/heads/%s\nfrom refs/heads/main\n\nreset refs/pull/1/%s\nfrom refs/heads/main\n\n", ref, ref)
	}
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "evil.git"), "sha1", b.String())
	return testenv.ServeGit(t, root, testenv.Options{}) + "/evil.git"
}

// TestHostileNames shows what is evil in a repository, and what is sent, on every page there is: checkPage looks at each.
func TestHostileNames(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "evil", hostileSource(t), false)
	x.work(t)
	i, err := x.web.Importer.Get(t.Context(), r.ID)
	if err != nil || i.State.Status != rehome.Complete {
		t.Fatal(i.State, err)
	}
	pages := map[string]string{}
	for _, one := range x.web.routes() {
		method, path, _ := strings.Cut(one.pattern, " ")
		if path = fill(path, "octocat", "evil"); method == "GET" && one.access != administers && one.access != keepsOrgHooks {
			pages[path] = b.get(t, path).body
		}
	}
	for path, wants := range map[string][]string{
		"/octocat/evil/import/authors":     {`scriptalert(1)/script`, `&#34; onfocus=&#34;alert(1)`, "\u202etxt.exe"[3:], strings.Repeat("w", 64), `aria-labelledby="all-title all-desc"`},
		"/octocat/evil/import/large-files": {`&lt;script&gt;alert(1)`, `&#34;&gt;&lt;img src=x`, strings.Repeat("w", 64), `aria-labelledby="folders-title folders-desc"`, `aria-labelledby="largest-title largest-desc"`},
		"/octocat/evil/import/receipt":     {`refs/heads/&lt;script&gt;alert(1)&lt;/script&gt;`, `refs/pull/1/&lt;script&gt;`},
	} {
		for _, want := range wants {
			if !strings.Contains(pages[path], want) {
				t.Errorf("%s lacks %q: %.2000s", path, want, pages[path])
			}
		}
	}
	for _, text := range evil {
		x.sendEverywhere(t, b, text)
	}
}

// sendEverywhere puts a text into every query and field.
func (x *world) sendEverywhere(t *testing.T, b *browser, text string) {
	t.Helper()
	at := "/octocat/evil/import"
	q := url.Values{}
	for _, name := range []string{"q", "status", "mapped", "page", "next", "url", "before"} {
		q.Set(name, text)
	}
	for _, path := range []string{"/", "/-/new", "/-/tokens", "/-/webhooks", "/-/" + url.PathEscape(text), "/octocat/" + url.PathEscape(text), at + "/authors", at + "/large-files", at + "/receipt", at + "/webhooks", at + "/" + url.PathEscape(text)} {
		b.get(t, path+"?"+q.Encode())
	}
	(&browser{x: x}).get(t, "/-/sign-in?"+q.Encode())
	form := url.Values{}
	for _, name := range []string{
		"url", "username", "owner", "name", "destination", "destination_username", "refs", "exclude_refs", "default_branch", "email", "was_name", "was_mail", "shown_name",
		"destination_password", "visibility", "on_divergence", "ssh_key", "private_key", "destination_private_key", "sync_interval", "sync_minutes", "verify", "part", "saved",
		"map", "choice", "match", "content_type", "user", "vcs", "tfvc_project", "do", "next", "token",
	} {
		form.Set(name, text)
	}
	for _, path := range []string{"/-/new", "/-/new/detect", "/-/tokens", at + "/authors", at + "/large-files", at + "/webhooks", at + "/webhooks/1", at + "/project", at + "/authors/1", at + "/options"} {
		b.post(t, path, form)
		b.post(t, path, form, "HX-Request", "true")
	}
	for _, part := range []string{partOptions, partSource, partDestination} {
		form.Set("part", part)
		b.post(t, at+"/options", form)
	}
	form.Set("sync_interval", ownTime)
	b.post(t, at+"/options", form)
	b.get(t, at+"/options?saved="+url.QueryEscape(text))
	b.post(t, at+"/start", url.Values{"destination": {text}, "username": {text}, "password": {"p"}})
	(&browser{x: x}).post(t, "/-/sign-in", url.Values{"next": {text}, "token": {text}})
}

func TestLongURLs(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	long := "http://127.0.0.1:9/" + strings.Repeat("a", 2000)
	a := b.post(t, "/-/new", url.Values{"url": {long}, "name": {strings.Repeat("n", 64)}, "owner": {"octocat"}}).want(t, 303)
	at, _ := strings.CutPrefix(a.Header.Get("Location"), x.URL)
	x.work(t)
	for _, path := range []string{"/", at} {
		if page := b.get(t, path).want(t, 200); !strings.Contains(page.body, long) {
			t.Errorf("%s lacks the URL", path)
		}
	}
}

// TestManyAuthors looks at the authors of an import that has 100,000.
func TestManyAuthors(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "crowd", source1(t), true)
	x.work(t)
	_, err := x.web.DB.ChangeImport(t.Context(), r.ID, func(tx *store.Tx, i *store.Import) error {
		people := make([]rehome.Author, 100_000)
		for n := range people {
			name, mail := fmt.Sprintf("%s person %d", strings.Repeat("long", 10), n), fmt.Sprintf("%d@example.com", n)
			people[n] = rehome.Author{RemoteName: []byte(name), RemoteMail: []byte(mail), Name: name, Email: mail}
		}
		_, err := tx.AddAuthors(t.Context(), i, people)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	at := "/octocat/crowd/import/authors"
	for path, want := range map[string]int{at: perPage, at + "?q=person+99999": 1, at + "?page=2000": perPage, at + "?page=999999999": 0, at + "?page=-1": perPage, at + "?mapped=1": 0, at + "?q=zzzz": 0} {
		page := b.get(t, path).want(t, 200)
		if got := strings.Count(page.body, `id="author-`); got != want {
			t.Errorf("%s has %d rows, want %d", path, got, want)
		}
		if len(page.body) > 200_000 {
			t.Errorf("%s: %d bytes", path, len(page.body))
		}
	}
	var m strings.Builder
	for n := range 100_000 {
		fmt.Fprintf(&m, "New %d <n%d@example.com> <%d@example.com>\n", n, n, n)
	}
	body, kind := inParts(t, map[string]string{"form_key": b.key()}, m.String())
	page := b.do(t, "POST", at, body, "Content-Type", kind).want(t, 200)
	if !strings.Contains(page.body, "100,000 change by this") || !strings.Contains(page.body, "choose its file once more") || strings.Contains(page.body, "n99999@example.com") {
		t.Errorf("the preview: %.3000s", page.body)
	}
	body, kind = inParts(t, map[string]string{"form_key": b.key(), "take": "1"}, m.String())
	b.do(t, "POST", at, body, "Content-Type", kind).want(t, 303)
	if page := b.get(t, at+"?mapped=1"); !strings.Contains(page.body, "100,000 identities") {
		t.Errorf("after it: %.1500s", page.body)
	}
}

// inParts is a form with a file.
func inParts(t *testing.T, fields map[string]string, file string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "authors.txt")
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}
