package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"rehome/internal/testenv"
)

// sluice keeps what a source sends back while it is shut.
type sluice struct{ shut atomic.Pointer[chan struct{}] }

func (g *sluice) close() (open func()) {
	c := make(chan struct{})
	g.shut.Store(&c)
	return func() { close(c) }
}

func (g *sluice) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := g.shut.Load(); c != nil {
			select {
			case <-*c:
			case <-r.Context().Done():
			}
		}
		next.ServeHTTP(w, r)
	})
}

// TestPagesInABrowser moves repositories by clicking, by keys alone and without scripts, in one browser.
func TestPagesInABrowser(t *testing.T) {
	browser := chromium(t)
	s := testServer(t, "--large-files-over", largeOver)
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "rich.git"), "sha1")
	testenv.FromStream(t, filepath.Join(root, "evil.git"), "sha1", evilStream())
	var g sluice
	origin := testenv.ServeGit(t, root, testenv.Options{Wrap: g.wrap})
	ada, bob := tokenOf(t, s, "ada"), tokenOf(t, s, "bob")
	t.Run("clicking", func(t *testing.T) {
		clicking(newPerson(t, browser, s.base), newPerson(t, browser, s.base), &g, origin+"/rich.git", ada, bob)
	})
	t.Run("keys alone", func(t *testing.T) { keysAlone(newPerson(t, browser, s.base), origin+"/rich.git", ada) })
	t.Run("without scripts", func(t *testing.T) { withoutScripts(newPerson(t, browser, s.base), origin+"/rich.git", ada) })
	t.Run("hostile names", func(t *testing.T) { hostileNames(newPerson(t, browser, s.base), s, origin+"/evil.git", ada) })
	t.Run("looks", func(t *testing.T) { looks(newPerson(t, browser, s.base), ada) })
}

// clicking takes an import through its pages while somebody else is signed in beside.
func clicking(p, other *person, g *sluice, from, token, others string) {
	p.signIn(token)
	other.signIn(others)
	p.sees("There are no imports yet")
	p.click(`a[role=button]`)
	p.sees("Where it comes from")
	p.types("#url", from)
	p.sees("A git repository answers.")
	p.types("#name", "clicked")
	open := g.close()
	p.click(`main form button[type=submit]`)
	p.await(`location.pathname == "/ada/clicked/import" && document.readyState == "complete"`)
	p.lacks("It is there")
	staysInFocus(p)
	p.await(`window.stayed = true`)
	open()
	p.sees("It is there")
	p.await("window.stayed")
	p.await(`document.querySelector("#clone").value == "git clone " + location.origin + "/ada/clicked.git"`)
	mapInPlace(p)
	p.click(`.tabs a[href$="/receipt"]`)
	p.sees("refs/heads/trunk")

	other.goTo("/ada/clicked/import")
	other.sees("There is no such page")
	other.goTo("/")
	other.lacks("clicked")
	p.click(`header form button`)
	p.await(`location.pathname == "/-/sign-in"`)
	p.goTo("/ada/clicked/import")
	p.await(`location.pathname == "/-/sign-in"`)
	other.goTo("/")
	other.sees("There are no imports yet")
}

// staysInFocus looks at a list and a page that fetch themselves anew: who works by keys stays where they were, and what is folded open stays open.
func staysInFocus(p *person) {
	p.goTo("/")
	const link = `th a[href$="/ada/clicked/import"]`
	p.await(`(document.querySelector("#list").was = true)`)
	p.await(fmt.Sprintf(`(document.querySelector(%q).focus(), true)`, link))
	p.await(fmt.Sprintf(`!document.querySelector("#list").was && document.activeElement.matches(%q)`, link))
	p.press(kb.Enter)
	p.await(`location.pathname == "/ada/clicked/import" && document.readyState == "complete"`)
	p.await(`(document.querySelector(".danger summary").focus(), document.querySelector(".danger").open = true, document.querySelector(".flow").was = true)`)
	p.await(`(htmx.trigger("#body", "sse:changed"), true)`)
	p.await(`!document.querySelector(".flow").was && document.querySelector(".danger").open && document.activeElement == document.querySelector(".danger summary")`)
}

// mapInPlace changes an author where the row stands, and then a name that cannot be.
func mapInPlace(p *person) {
	p.click(`.tabs a[href$="/authors"]`)
	p.await(`document.querySelector("tr[id^=author-]") && document.readyState == "complete"`)
	p.await(`window.stayed = true`)
	const name = `tbody tr:first-child input[name=name]`
	p.await(fmt.Sprintf(`(document.querySelector(%q).value = "", true)`, name))
	p.types(name, "Grace <Hopper")
	p.click(`tbody tr:first-child button`)
	p.sees("holds < or >")
	p.await(fmt.Sprintf(`(document.querySelector(%q).value = "", true)`, name))
	p.types(name, "Grace Hopper")
	p.click(`tbody tr:first-child button`)
	p.await(`document.querySelector("tbody tr:first-child.changed button") === document.activeElement && !document.body.innerText.includes("holds <")`)
	p.await(`document.querySelectorAll("#pictures svg").length == 2 && document.querySelector("#pictures figure:last-child .legend").innerText.includes("Grace Hopper")`)
	p.await("window.stayed")
	p.types("#q", "grace hop")
	p.sees("1 identity")
}

// keysAlone signs in and starts an import without a mouse.
func keysAlone(p *person, from, token string) {
	p.goTo("/-/new")
	p.await(`document.activeElement.id == "token"`)
	p.press(token + kb.Enter)
	p.await(`location.pathname == "/-/new" && document.activeElement.id == "url"`)
	p.press(from)
	p.tabTo("#name")
	p.press("keys")
	p.tabTo(`main form button[type=submit]`)
	p.press(kb.Enter)
	p.await(`location.pathname == "/ada/keys/import"`)
	p.sees("It is there")
	p.goTo("/")
	p.press(kb.Tab)
	p.await(`document.activeElement.className == "skip"`)
	p.press(kb.Enter)
	p.tabTo(`th a[href$="/ada/keys/import"]`)
	p.press(kb.Enter)
	p.sees("It is there")
}

// withoutScripts moves a repository with forms and links alone.
func withoutScripts(p *person, from, token string) {
	p.goTo("/-/sign-in")
	p.withoutScripts()
	p.signIn(token)
	p.goTo("/-/new")
	p.types("#url", from)
	p.types("#name", "plain")
	p.click(`main form button[type=submit]`)
	p.await(`location.pathname == "/ada/plain/import"`)
	p.sees("It is there") // the page loads itself again
	p.click(`.tabs a[href$="/authors"]`)
	p.await(`document.querySelector("tr[id^=author-]")`)
	p.types(`tbody tr:first-child input[name=email]`, "x")
	p.click(`tbody tr:first-child button`)
	p.await(`document.querySelector("tr.changed")`)
	if ran, err := look[bool](p, "!!window.htmx"); err != nil || ran {
		p.t.Errorf("scripts run: %t, %v", ran, err)
	}
	p.click(`header form button`)
	p.sees("Token")
}

// evilNames are names that would do something where they are not taken as names.
var evilNames = []string{
	`" onfocus="alert(1)" autofocus="`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `{{constructor.constructor("alert(1)")()}}`, "\u202etxt.exe", "\xff\xfe", strings.Repeat("w", 64), `scriptalert(1)/script`,
}

func evilStream() string {
	var b strings.Builder
	for n, name := range evilNames {
		fmt.Fprintf(&b, "commit refs/heads/trunk\ncommitter %s <%s@example.com> %d +0000\ndata 2\nx\n", name, strings.ReplaceAll(name, " ", "_"), 1700000000+n)
		b.WriteString(testenv.Inline("<img src=x onerror=alert(1)>"+strings.Trim(name, "/")+".bin", strings.Repeat("large ", 500+n)) + "\n")
	}
	for n, ref := range []string{`<img/src=x/onerror=alert(1)>`, `"><script>alert(1)</script>`, `'onload='alert(1)`} {
		fmt.Fprintf(&b, "reset refs/heads/%s\nfrom refs/heads/trunk\n\nreset refs/pull/%d/%s\nfrom refs/heads/trunk\n\n", ref, n, ref)
	}
	return b.String()
}

// hostileNames looks at every page of an import whose names are hostile, and at pages whose URLs are: calm says what came of it.
func hostileNames(p *person, s *server, from, token string) {
	for _, q := range []struct{ method, path, body string }{
		{"POST", "/user/repos", `{"name": "evil", "description": "<script>alert(1)</script>"}`},
		{"PUT", "/repos/ada/evil/import", `{"vcs_url": "` + from + `"}`},
	} {
		if got, err := call(s.base, token, q.method, q.path, q.body, nil); err != nil || got.code != 201 {
			p.t.Fatalf("%s %s: %d %s %v", q.method, q.path, got.code, got.body, err)
		}
	}
	if _, err := pollFor(s.base, "ada/evil", "complete"); err != nil {
		p.t.Fatal(err)
	}
	p.signIn(token)
	at := "/ada/evil/import"
	for path, text := range map[string]string{
		at: "It is there", at + "/authors": "scriptalert(1)/script", at + "/large-files": "<img src=x onerror=alert(1)>", at + "/receipt": `refs/heads/"><script>alert(1)</script>`, at + "/webhooks": "There are none", "/": "ada/evil",
		"/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E": "No import is like that", "/-/new?url=javascript:alert(1)//%22autofocus%20onfocus=alert(1)": "Where it comes from", "/-/%3Cscript%3Ealert(1)%3C%2Fscript%3E": "There is no such page",
		at + "/authors?q=%3Cimg%20src=x%20onerror=alert(1)%3E": "Nobody is like that",
	} {
		p.goTo(path)
		p.sees(text)
		p.calm()
		p.fits(path)
	}
	p.goTo(at + "/authors")
	for n := range evilNames { // each field in focus once: what waits for that would run
		p.do(clickNth(n))
	}
	p.types("#q", "alert(1)")
	p.sees("5 identities")
}

// looks measures what a page looks like to those who see little, or on a phone.
func looks(p *person, token string) {
	p.signIn(token)
	for _, path := range []string{"/", "/-/new", "/-/tokens", "/-/webhooks", "/ada/clicked/import", "/ada/clicked/import/authors", "/ada/clicked/import/large-files", "/ada/clicked/import/options", "/ada/clicked/import/receipt", "/ada/clicked/import/webhooks", "/-/nothing"} {
		p.goTo(path)
		if n := pictures[path[strings.LastIndex(path, "/")+1:]]; n > 0 {
			p.await(fmt.Sprintf(`document.querySelectorAll("svg[role=img] desc").length == %d`, n))
			p.await(`(document.querySelectorAll(".picture details, .flow details").forEach(function (d) { d.open = true; }), true)`)
		}
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{390, 1280, 1920} {
				p.size(width, scheme)
				p.fits(path)
				if out, err := look[[]string](p, outgrown); err != nil || len(out) > 0 {
					p.t.Errorf("%s at %d: words in pictures that do not fit: %v %q", path, width, err, out)
				}
			}
			if pale, err := look[[]string](p, paleTexts); err != nil || len(pale) > 0 {
				p.t.Errorf("%s in %s: too little contrast: %v %q", path, scheme, err, pale)
			}
		}
	}
}

// pictures are how many the pages of an import have, of one whose authors are mapped.
var pictures = map[string]int{"import": 1, "authors": 2, "large-files": 2}

// fits wants nothing to reach out of the window sideways.
func (p *person) fits(path string) {
	p.t.Helper()
	if out, err := look[[]string](p, outside); err != nil || len(out) > 0 {
		p.t.Errorf("%s is too wide: %v %q", path, err, out)
	}
}

// outside lists what reaches out of the window, where the page can be scrolled sideways.
const outside = `(function () {
  var wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) { return []; }
  return ["the page to " + document.documentElement.scrollWidth].concat(Array.prototype.filter.call(document.querySelectorAll("body *"), function (e) { return e.getBoundingClientRect().right > wide && !e.closest(".wide"); })
    .map(function (e) { return e.tagName + "." + e.className + " to " + e.getBoundingClientRect().right + " of " + wide; }));
})()`

// outgrown lists words in pictures that reach out of their area, or out of the picture, or are too small to read.
const outgrown = `(function () {
  var out = [];
  document.querySelectorAll("svg text").forEach(function (e) {
    if (!e.checkVisibility()) { return; }
    var frame = (e.parentElement.querySelector(":scope > rect") || e.ownerSVGElement).getBoundingClientRect(), own = e.getBoundingClientRect();
    if (own.left < frame.left - 1 || own.right > frame.right + 1 || own.top < frame.top - 2 || own.bottom > frame.bottom + 2) { out.push(e.textContent + " of " + own.width.toFixed(0) + " in " + frame.width.toFixed(0)); }
    if (own.height < 9) { out.push(e.textContent + " is " + own.height.toFixed(1) + " high"); }
  });
  return out;
})()`

// paleTexts lists the texts on a page whose contrast is below 4.5, as WCAG 2.2 measures it.
const paleTexts = `(function () {
  function parts(c) { var m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? m.concat(1) : m; }
  function light(c) { var l = c.slice(0, 3).map(function (v) { v /= 255; return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); }); return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; }
  function over(a, b) { return [0, 1, 2].map(function (n) { return a[n] * a[3] + b[n] * (1 - a[3]); }).concat(1); }
  function behind(e) { var all = []; for (; e; e = e.parentElement) { all.push(parts(getComputedStyle(e).backgroundColor)); } return all.reduceRight(function (below, c) { return over(c, below); }, matchMedia("(prefers-color-scheme: dark)").matches ? [19, 23, 31, 1] : [255, 255, 255, 1]); }
  var pale = [];
  document.querySelectorAll("body *").forEach(function (e) {
    var own = Array.prototype.some.call(e.childNodes, function (n) { return n.nodeType == 3 && n.data.trim(); }) || e.matches("input:not([type=hidden], [type=checkbox], [type=radio]), textarea") && e.value;
    if (!own || !e.checkVisibility() || e.matches(".skip, option, .quiet")) { return; }
    var b = behind(e), style = getComputedStyle(e), area = e.matches("svg text") && e.parentElement.querySelector(":scope > rect");
    if (area && getComputedStyle(area).fill != "none") { b = over(parts(getComputedStyle(area).fill), b); }
    var one = light(over(parts(e.matches("svg text") ? style.fill : style.color), b)), two = light(b);
    var ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) { pale.push(e.tagName + "." + e.className + " " + (e.innerText || e.textContent || e.value).slice(0, 30) + ": " + ratio.toFixed(2)); }
  });
  return pale;
})()`
