package web

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/disk"
	"rehome/internal/importer"
	"rehome/internal/store"
)

// maxPage is the most bytes of a page.
const maxPage = 2 << 20

// check looks at what every answer has to have, whatever it says.
func (a answer) check(t testing.TB, what string) {
	t.Helper()
	if a.StatusCode == http.StatusTeapot {
		return // it is for the API
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%s: the policy %q lacks %q", what, csp, part)
		}
	}
	if strings.Contains(csp, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: policy %q, nosniff %q", what, csp, a.Header.Get("X-Content-Type-Options"))
	}
	isAsset := a.StatusCode == http.StatusOK && strings.HasPrefix(a.Request.URL.Path, assetsAt)
	if cache := a.Header.Get("Cache-Control"); !isAsset && !strings.HasPrefix(a.Request.URL.Path, assetsAt) && cache != "no-store" {
		t.Errorf("%s: Cache-Control %q", what, cache)
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		page := a.body
		if a.Header.Get("Content-Encoding") == "gzip" {
			page = unpacked(t, page)
		}
		checkPage(t, what, page)
	}
}

// checkPage looks at a page, or a part of one: nothing runs that is in it, no link leads into code, inputs have labels.
func checkPage(t testing.TB, what, page string) {
	t.Helper()
	if len(page) > maxPage {
		t.Errorf("%s: %d bytes", what, len(page))
	}
	if !utf8.ValidString(page) || strings.ContainsRune(page, 0) {
		t.Errorf("%s: not UTF-8, or with NUL", what)
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if wrong := oneOfMany.FindString(textOf(root)); wrong != "" {
		t.Errorf("%s: it says %q", what, wrong)
	}
	labels, ids := map[string]bool{}, map[string]int{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "label" {
			labels[attr(n, "for")] = true
		}
		if id := attr(n, "id"); id != "" {
			if ids[id]++; ids[id] > 1 {
				t.Errorf("%s: two elements are called %q", what, id)
			}
		}
		if why := runs(n); why != "" {
			t.Errorf("%s: <%s> %s", what, n.Data, why)
		}
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && isField(n) && !named(n, labels) {
			t.Errorf("%s: <%s name=%q> has no label", what, n.Data, attr(n, "name"))
		}
		if n.Type == html.ElementNode && n.Data == "form" && attr(n, "method") == "post" && !hasKey(n) {
			t.Errorf("%s: the form to %s has no key", what, attr(n, "action"))
		}
	}
}

// oneOfMany is one of something, in the word for several.
var oneOfMany = regexp.MustCompile(`(^|[^0-9.,/:-])1\s+(commits|refs|tags|branches|identities|files|lines|areas|versions|objects|authors|minutes|attempts|folders|tokens|that work|change by|stay as|become others)\b`)

func textOf(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// runs says what of an element would run, or load from elsewhere, "" for nothing.
func runs(n *html.Node) string {
	switch n.Data {
	case "script":
		if n.FirstChild != nil || !strings.Contains(attr(n, "src"), assetsAt) {
			return "is a script that is not ours"
		}
	case "style", "iframe", "object", "embed", "base", "math", "img":
		return "is on a page"
	}
	if n.Namespace != "" || n.Data == "svg" {
		if why := draws(n); why != "" {
			return why
		}
	}
	for _, a := range n.Attr {
		name, value := strings.ToLower(a.Key), strings.ToLower(strings.TrimSpace(a.Val))
		switch {
		case strings.HasPrefix(name, "on"), name == "style", strings.HasPrefix(name, "hx-on"), name == "hx-vals":
			return "has the attribute " + name
		case (name == "href" || name == "src" || name == "action" || name == "formaction") && !strings.HasPrefix(value, "http") && !strings.HasPrefix(value, "#"):
			return name + " leads to " + value
		}
	}
	return ""
}

// drawn are the elements of pictures, and what they may have: nothing that leads anywhere, loads or runs.
var drawn = map[string][]string{
	"svg": {"viewbox", "role", "aria-labelledby"}, "title": {"id"}, "desc": {"id"}, "g": {"class", "transform"}, "path": {"class", "d"}, "circle": {"r"},
	"rect": {"class", "x", "y", "width", "height", "rx"}, "text": {"class", "x", "y", "dx", "dy", "text-anchor"},
}

// draws says what of an element of a picture is not to be in one, or that a picture has no words; "" for nothing.
func draws(n *html.Node) string {
	allowed, known := drawn[n.Data]
	if !known {
		return "is in a picture"
	}
	for _, a := range n.Attr {
		if !slices.Contains(allowed, strings.ToLower(a.Key)) {
			return "has the attribute " + a.Key + " in a picture"
		}
	}
	if n.Data != "svg" {
		return ""
	}
	if attr(n, "role") != "img" {
		return "is a picture of no role"
	}
	names := strings.Fields(attr(n, "aria-labelledby"))
	for c := range n.ChildNodes() {
		if c.Data == "title" || c.Data == "desc" {
			if len(names) == 0 || attr(c, "id") != names[0] || c.FirstChild == nil {
				return "has a " + c.Data + " that does not name it"
			}
			names = names[1:]
		}
	}
	if len(names) > 0 || attr(n, "aria-labelledby") == "" {
		return "is a picture without words"
	}
	return ""
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func isField(n *html.Node) bool {
	switch n.Data {
	case "input":
		return attr(n, "type") != "hidden"
	case "select", "textarea":
		return !has(n, "hidden")
	}
	return false
}

// named reports whether whoever does not see a field hears what it is.
func named(n *html.Node, labels map[string]bool) bool {
	if attr(n, "aria-label") != "" || attr(n, "id") != "" && labels[attr(n, "id")] {
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "label" {
			return true
		}
	}
	return false
}

func hasKey(form *html.Node) bool {
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") == "form_key" {
			return true
		}
	}
	return false
}

// TestNothingCallsOutAgainAndAgain: what is fetched anew by itself holds no alert, and no page loads itself again under somebody's pen.
func TestNothingCallsOutAgainAndAgain(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat", Admin: true})
	x.repository(t, "octocat", "socm", source1(t), false)
	_, err := x.web.DB.ChangeImport(t.Context(), 1, func(_ *store.Tx, i *store.Import) error {
		i.State.Status = rehome.Importing
		return nil
	})
	must(t, err)
	x.web.Importer.Folder.Keep(importer.Keeping{Floor: disk.Floor{Dir: x.dir, Least: 1 << 62}}) // there is no room
	for path, fresh := range map[string]bool{"/-/server": true, "/": true, "/octocat/socm/import": true, "/octocat/socm/import/authors": false} {
		page := b.get(t, path).want(t, 200)
		if strings.Contains(page.body, "http-equiv") != fresh || !fresh && !strings.Contains(page.body, `<noscript><p><a href="`+x.URL+path) {
			t.Errorf("%s: loads itself again: %t, want %t", path, !fresh, fresh)
		}
		if path == "/-/server" && !strings.Contains(page.body, "nearly full") {
			t.Error("administrators do not see that there is no room")
		}
		if strings.Contains(page.body, `<section class="problem" role="alert"`) {
			t.Errorf("%s has an alert", path)
		}
	}
}
