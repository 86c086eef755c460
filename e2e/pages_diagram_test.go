package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"rehome/internal/testenv"
)

// diagram is a source and a destination that each want a password, and somebody who moves one to the other.
type diagram struct {
	*person
	source, home string           // folders
	from, to     string           // URLs
	hooked       chan http.Header // of each webhook that came
}

const (
	sourcePassword = "enigma-source-7"
	homePassword   = "enigma-home-7"
)

// TestTheDiagramByClicking goes every way that the pages have from one forge to another: other credentials, a held import, a map
// that is pasted, files that leave history, approval, a webhook sent again, a sync, the end.
func TestTheDiagramByClicking(t *testing.T) {
	browser := chromium(t)
	s := testServer(t, "--large-files-over", "300B")
	d := &diagram{person: newPerson(t, browser, s.base), hooked: make(chan http.Header, 16)}
	d.source, d.home = filepath.Join(t.TempDir(), "old.git"), filepath.Join(t.TempDir(), "new.git")
	testenv.FromStream(t, d.source, "sha1", diagramStream)
	testenv.Empty(t, d.home, "sha1")
	d.from = testenv.ServeGit(t, filepath.Dir(d.source), testenv.Options{User: "ada", Password: sourcePassword}) + "/old.git"
	d.to = testenv.ServeGit(t, filepath.Dir(d.home), testenv.Options{User: "ada", Password: homePassword, Push: true}) + "/new.git"
	d.signIn(tokenOf(t, s, "ada"))
	d.start()
	d.otherCredentials()
	d.hook()
	d.change()
	d.approveIt()
	d.deliveries()
	d.sync()
	d.end()
}

var diagramStream = `commit refs/heads/main
mark :1
author lovelace <root@laptop> 1600000000 +0000
committer lovelace <root@laptop> 1600000000 +0000
data 6
first
M 100644 inline README
data 6
hello

commit refs/heads/main
mark :2
author Charles Babbage <charles@example.com> 1610000000 +0000
committer Charles Babbage <charles@example.com> 1610000000 +0000
data 7
second
M 100644 inline art/film.bin
data 400
` + strings.Repeat("0123456789", 40) + `
tag v1.0
from :2
tagger lovelace <root@laptop> 1620000000 +0000
data 4
one

`

// start fills in the form, with a password that is wrong.
func (d *diagram) start() {
	d.goTo("/-/new")
	d.types("#url", d.from+kb.Tab)
	d.sees("It wants credentials before it says what it is")
	d.await(`document.querySelector("#username").closest("details").open`) // by itself
	d.types("#username", "ada")
	d.types("#password", "wrong"+kb.Tab)
	d.types("#name", "engine")
	d.unfold("To a repository on another forge")
	d.types("#destination", d.to)
	d.types("#destination_username", "ada")
	d.types("#destination_password", homePassword)
	d.await(`document.querySelector("input[name=hold_there]").checked`) // to a forge nothing goes unseen
	d.button("Start the import")
	d.await(`location.pathname == "/ada/engine/import"`)
}

// otherCredentials gives the ones that are asked for, twice.
func (d *diagram) otherCredentials() {
	d.sees("Credentials for the source")
	d.types("#password", "wrong, too")
	d.button("Try again with these")
	d.sees("Credentials for the source")
	d.lacks("wrong, too")
	d.types("#username", "ada")
	d.types("#password", sourcePassword)
	d.button("Try again with these")
	d.sees("What will be pushed")
	d.sees("2 commits")
	if refs := testenv.Git(d.t, d.home, "for-each-ref"); refs != "" {
		d.t.Errorf("nobody approved, and the destination has\n%s", refs)
	}
}

// hook makes a webhook.
func (d *diagram) hook() {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { d.hooked <- r.Header }))
	d.t.Cleanup(receiver.Close)
	d.click(`.tabs a[href$="/webhooks"]`)
	d.sees("New webhook")
	d.types("#url", receiver.URL)
	d.types("#secret", hookSecret)
	d.button("Make it")
	d.await(`document.querySelector("tbody th a")`)
}

// change maps somebody by a pasted map and has large files leave.
func (d *diagram) change() {
	d.click(`.tabs a[href$="/authors"]`)
	d.unfold("Paste or upload a mailmap")
	d.types("#map", "Ada Lovelace <ada@new.example> lovelace <root@laptop>\nNobody <nobody@new.example> <never@seen.example>")
	d.button("Show what it would do")
	d.sees("1 identity becomes another")
	d.sees("Lines for nobody")
	d.button("Take this map")
	d.await(`document.querySelector("tr.changed") && !document.body.innerText.includes("Take this map")`)
	d.click(`.tabs a[href$="/large-files"]`)
	d.sees("art/film.bin")
	d.click(`input[value=opt_out]`)
	d.button("Save")
	d.await(`document.querySelector("input[value=opt_out]").checked && document.readyState == "complete"`)
	d.click(`.tabs a[href$="/import"]`)
	d.sees("not in history any more")
	d.sees("2 of the commits get new ids")
}

// approveIt lets the push begin, and looks at what came.
func (d *diagram) approveIt() {
	d.button("Approve and push")
	d.sees("It is there")
	d.await(fmt.Sprintf(`document.querySelector("#clone").value.endsWith(%q)`, d.to))
	if got, want := testenv.Git(d.t, d.home, "log", "--format=%an <%ae>", "refs/heads/main"), "Charles Babbage <charles@example.com>\nAda Lovelace <ada@new.example>"; got != want {
		d.t.Errorf("the authors there are\n%s\nwant\n%s", got, want)
	}
	if files := testenv.Git(d.t, d.home, "log", "--all", "--name-only", "--format="); files != "README" {
		d.t.Errorf("the files there are %q", files)
	}
	if tag := testenv.Git(d.t, d.home, "cat-file", "tag", "v1.0"); !strings.Contains(tag, "Ada Lovelace <ada@new.example>") {
		d.t.Errorf("the tag there is\n%s", tag)
	}
}

// deliveries sends again what the receiver got.
func (d *diagram) deliveries() {
	first := <-d.hooked
	for first.Get("X-GitHub-Event") == "ping" {
		first = <-d.hooked
	}
	d.click(`.tabs a[href$="/webhooks"]`)
	d.click("tbody th a")
	d.sees(first.Get("X-GitHub-Delivery"))
	d.button("Send again")
	if again := <-d.hooked; again.Get("X-Hub-Signature-256") != first.Get("X-Hub-Signature-256") {
		d.t.Errorf("sent again it is signed %q, not %q", again.Get("X-Hub-Signature-256"), first.Get("X-Hub-Signature-256"))
	}
}

// sync brings a commit that is new.
func (d *diagram) sync() {
	testenv.Grow(d.t, d.source, "refs/heads/main", "later.txt", 1)
	d.goTo("/ada/engine/import")
	d.button("Bring what is new at the source")
	d.sees("3 commits")
	d.sees("It is there")
	if n := testenv.Git(d.t, d.home, "rev-list", "--count", "refs/heads/main"); n != "3" {
		d.t.Errorf("the destination has %s commits", n)
	}
}

// end finishes the import, and deletes it.
func (d *diagram) end() {
	d.unfold("Finish this import")
	d.button("Sync once more and finish")
	d.sees("The import is finished")
	d.unfold("Stop and delete this import")
	d.check("sure")
	d.button("Delete the import")
	d.await(`location.pathname == "/"`)
	d.goTo("/ada/engine/import")
	d.sees("This repository has no import")
}

// button clicks the button with a label, and waits for the page that answers.
func (p *person) button(label string) {
	p.t.Helper()
	p.await(`window.left = true`)
	defer p.await(`!window.left`)
	p.act(fmt.Sprintf(`Array.prototype.filter.call(document.querySelectorAll("main button"), function (b) { return b.checkVisibility() && b.innerText == %q })[0]`, label))
}

// unfold opens the details with a summary.
func (p *person) unfold(summary string) {
	p.t.Helper()
	p.act(fmt.Sprintf(`Array.prototype.filter.call(document.querySelectorAll("details:not([open]) > summary"), function (s) { return s.innerText.trim() == %q })[0]`, summary))
}

// check ticks a box, unless it is ticked.
func (p *person) check(name string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`(function (b) { if (b && !b.checked) { b.click() } return b && b.checked })(document.querySelector("input[name=%s]"))`, name))
}

// act waits for an element and clicks it.
func (p *person) act(element string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`document.readyState == "complete" && (function (e) { if (e) { e.click() } return e })(%s)`, element))
}
