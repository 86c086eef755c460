package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

func TestSignInAndOut(t *testing.T) {
	x := newWorld(t)
	_, token := x.token(t, auth.Grant{User: "octocat"})
	b := &browser{x: x}
	if a := b.get(t, "/?status=failed").want(t, 303); a.Header.Get("Location") != x.URL+"/-/sign-in?next=%2F%3Fstatus%3Dfailed" {
		t.Errorf("nobody is led to %s", a.Header.Get("Location"))
	}
	b.get(t, "/-/sign-in?next=/-/new").want(t, 200)
	a := b.post(t, "/-/sign-in", url.Values{"token": {" " + token + "\n"}, "next": {"/-/new?url=x"}}).want(t, 303)
	if got := a.Header.Get("Location"); got != x.URL+"/-/new?url=x" {
		t.Errorf("led to %s", got)
	}
	c := a.Cookies()[0]
	if c.Name != "rehome" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	first := b.cookie
	b.signIn(t, token)
	if b.cookie == first {
		t.Error("the second session has the secret of the first")
	}
	if a := (&browser{x, first}).get(t, "/"); a.StatusCode != 303 {
		t.Errorf("the session before: %d", a.StatusCode)
	}
	second := b.cookie
	out := b.post(t, "/-/sign-out", nil).want(t, 303)
	if b.cookie != "" || out.Header.Get("Clear-Site-Data") == "" {
		t.Errorf("after signing out the cookie is %q", b.cookie)
	}
	if a := (&browser{x, second}).get(t, "/"); a.StatusCode != 303 {
		t.Errorf("the session that was signed out of: %d", a.StatusCode)
	}
	if strings.Contains(x.log.String(), token) || strings.Contains(x.log.String(), second) {
		t.Error("a secret is in the log")
	}
}

func TestNobodyPreparesASession(t *testing.T) {
	x := newWorld(t)
	_, token := x.token(t, auth.Grant{User: "octocat"})
	b := &browser{x, "rhs_chosen"}
	b.do(t, "POST", "/-/sign-in", url.Values{"token": {token}}.Encode(), "Content-Type", "application/x-www-form-urlencoded").want(t, 303)
	if b.cookie == "rhs_chosen" || !strings.HasPrefix(b.cookie, "rhs_") {
		t.Errorf("the session's secret is %q", b.cookie)
	}
}

func TestCookieOnHTTPS(t *testing.T) {
	x := newWorld(t)
	x.base.Store("https://new.example")
	_, token := x.token(t, auth.Grant{User: "octocat"})
	b := &browser{x: x}
	a := b.signIn(t, token)
	c := a.Cookies()[0]
	if c.Name != "__Host-rehome" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	b.get(t, "/").want(t, 200)
	if a := b.get(t, "/", "Cookie", "rehome="+b.cookie); a.StatusCode != 200 {
		t.Errorf("with both: %d", a.StatusCode)
	}
	b.cookie = ""
	if a := b.get(t, "/", "Cookie", "rehome="+c.Value); a.StatusCode != 303 {
		t.Errorf("a cookie of http counts on https: %d", a.StatusCode)
	}
}

func TestSessionEnds(t *testing.T) {
	x := newWorld(t)
	token, secret := x.token(t, auth.Grant{User: "octocat"})
	b := &browser{x: x}
	b.signIn(t, secret)
	x.late.Store(int64(11 * time.Hour))
	b.get(t, "/").want(t, 200)
	x.late.Store(int64(25 * time.Hour)) // the look before counts by the database's clock
	b.get(t, "/").want(t, 303)
	x.late.Store(0)
	b.get(t, "/").want(t, 200)
	if err := x.web.DB.RevokeToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	b.get(t, "/").want(t, 303)
	if a := b.post(t, "/-/sign-in", url.Values{"token": {secret}, "form_key": {""}}); a.StatusCode != 422 || !strings.Contains(a.body, "does not work") {
		t.Errorf("a revoked token: %d %s", a.StatusCode, a.body)
	}
}

func TestOpenRedirects(t *testing.T) {
	x := newWorld(t)
	_, token := x.token(t, auth.Grant{User: "octocat"})
	for _, next := range []string{
		"//evil.example", "https://evil.example/", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", "evil.example", "@evil.example", ":80/x", ".evil.example",
		"/\r\nSet-Cookie: a=b", "/\x00", "/\u202e", "/a b", "/" + strings.Repeat("a", 3000), "",
	} {
		b := &browser{x: x}
		page := b.get(t, "/-/sign-in?"+url.Values{"next": {next}}.Encode()).want(t, 200)
		if strings.Contains(page.body, `href="javascript`) {
			t.Errorf("%q is a link", next)
		}
		a := b.post(t, "/-/sign-in", url.Values{"token": {token}, "next": {next}}).want(t, 303)
		if got := a.Header.Get("Location"); got != x.URL+"/" {
			t.Errorf("next %q leads to %s", next, got)
		}
		if len(a.Cookies()) != 1 {
			t.Errorf("next %q: cookies %v", next, a.Cookies())
		}
	}
}

func TestGuessesAreRefusedForTheirNumber(t *testing.T) {
	x := newWorld(t)
	b := &browser{x: x}
	for range 60 {
		b.post(t, "/-/sign-in", url.Values{"token": {"rht_guess"}}).want(t, 422)
	}
	a := b.post(t, "/-/sign-in", url.Values{"token": {"rht_guess"}}).want(t, 429)
	if a.Header.Get("Retry-After") == "" {
		t.Error("nobody is told when to come again")
	}
	_, token := x.token(t, auth.Grant{User: "octocat"})
	b.signIn(t, token)
}

func TestForgedForms(t *testing.T) {
	x := newWorld(t)
	mine, other := x.signedIn(t, auth.Grant{User: "octocat"}), x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", "", false)
	const form = "application/x-www-form-urlencoded"
	key := url.Values{"form_key": {formKey("")}}
	for name, c := range map[string]struct {
		body    string
		headers []string
	}{
		"from another site":         {"form_key=" + mine.key(), []string{"Sec-Fetch-Site", "cross-site"}},
		"from a sibling":            {"form_key=" + mine.key(), []string{"Sec-Fetch-Site", "same-site"}},
		"from another origin":       {"form_key=" + mine.key(), []string{"Origin", "https://evil.example"}},
		"from nowhere":              {"form_key=" + mine.key(), []string{"Origin", "null"}},
		"without a key":             {"", nil},
		"with the key of nobody":    {key.Encode(), nil},
		"with another session's":    {"form_key=" + other.key(), nil},
		"with two, the wrong first": {"form_key=" + other.key() + "&form_key=" + mine.key(), nil},
		"as text":                   {"form_key=" + mine.key(), []string{"Content-Type", "text/plain"}},
	} {
		for _, r := range x.web.routes() {
			method, path, _ := strings.Cut(r.pattern, " ")
			if method != "POST" || r.access == keepsOrgHooks {
				continue
			}
			a := mine.do(t, method, fill(path, "octocat", "socm"), c.body, append([]string{"Content-Type", form}, c.headers...)...)
			if a.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %d, want 403", r.pattern, name, a.StatusCode)
			}
		}
	}
	in := mine.do(t, "POST", "/-/sign-out", "form_key=wrong&x="+mine.key()+"?form_key="+mine.key(), "Content-Type", form)
	if in.StatusCode != 403 {
		t.Errorf("a key in another field: %d", in.StatusCode)
	}
	if a := mine.do(t, "POST", "/-/sign-out?form_key="+mine.key(), "", "Content-Type", form); a.StatusCode != 403 {
		t.Errorf("a key in the URL: %d", a.StatusCode)
	}
	mine.get(t, "/").want(t, 200)
	nobody := &browser{x: x}
	_, token := x.token(t, auth.Grant{User: "mallory"})
	if a := nobody.post(t, "/-/sign-in", url.Values{"token": {token}}, "Sec-Fetch-Site", "cross-site"); a.StatusCode != 403 || len(a.Cookies()) != 0 {
		t.Errorf("somebody is signed in by another site: %d", a.StatusCode)
	}
}

func (b *browser) key() string { return formKeyOf(b.cookie) }

// TestFormOfASessionThatEnded is not taken, and whoever sent it is told so and led back to its page.
func TestFormOfASessionThatEnded(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", "", false)
	key := b.key()
	b.post(t, "/-/sign-out", nil).want(t, 303)
	for from, next := range map[string]string{
		x.URL + "/octocat/socm/import/authors?page=2": "/octocat/socm/import/authors?page=2",
		x.URL + "/-/new#url":                          "/-/new",
		x.URL + "//evil.example/":                     "/",
		x.URL + ".evil.example/-/new":                 "/",
		"https://evil.example/-/new":                  "/",
		x.URL[len("http:"):] + "/-/new":               "/",
		x.URL + "/" + strings.Repeat("a", 3000):       "/",
		"":                                            "/",
	} {
		a := b.post(t, "/octocat/socm/import/authors", url.Values{"form_key": {key}}, "Referer", from).want(t, 303)
		if want := x.URL + "/-/sign-in?" + (url.Values{"lost": {"1"}, "next": {next}}).Encode(); a.Header.Get("Location") != want {
			t.Errorf("from %.100q: led to %s, want %s", from, a.Header.Get("Location"), want)
		}
		page := b.get(t, strings.TrimPrefix(a.Header.Get("Location"), x.URL)).want(t, 200).body
		if !strings.Contains(page, "You were signed out, and nothing was done.") || strings.Contains(page, "evil") {
			t.Errorf("from %.100q: %s", from, page)
		}
	}
	if a := b.post(t, "/-/sign-out", url.Values{"form_key": {key}}).want(t, 303); strings.Contains(a.Header.Get("Location"), "lost") {
		t.Errorf("whoever signs out twice is led to %s", a.Header.Get("Location"))
	}
	if page := b.get(t, "/-/sign-in?next=%2F").want(t, 200).body; strings.Contains(page, "signed out") {
		t.Errorf("whoever comes first is told of signing out: %s", page)
	}
}
