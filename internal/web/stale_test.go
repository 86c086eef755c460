package web

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/importer"
)

// form is what a browser sends of the first form on a page to a path that has the text in it, with nothing changed.
func (a answer) form(t *testing.T, path, text string) url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(a.body))
	must(t, err)
	for n := range root.Descendants() {
		var inside strings.Builder
		if n.Data == "form" && strings.HasSuffix(attr(n, "action"), path) && html.Render(&inside, n) == nil && strings.Contains(inside.String(), text) {
			return sentBy(n)
		}
	}
	t.Fatalf("no form to %s with %s: %s", path, text, a.body)
	return nil
}

func sentBy(form *html.Node) url.Values {
	sent := url.Values{}
	for n := range form.Descendants() {
		switch n.Data {
		case "input":
			if kind := attr(n, "type"); kind != "checkbox" && kind != "radio" || has(n, "checked") {
				sent.Add(attr(n, "name"), attr(n, "value"))
			}
		case "textarea":
			text := ""
			if n.FirstChild != nil {
				text = strings.ReplaceAll(n.FirstChild.Data, "\n", "\r\n")
			}
			sent.Add(attr(n, "name"), text)
		case "option":
			value, name := attr(n, "value"), attr(n.Parent, "name")
			if !has(n, "value") && n.FirstChild != nil {
				value = n.FirstChild.Data
			}
			if has(n, "selected") || !sent.Has(name) {
				sent.Set(name, value)
			}
		}
	}
	return sent
}

// TestFormsInTwoTabs: a form changes what somebody changed in it. What was changed elsewhere since it was loaded stays.
func TestFormsInTwoTabs(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), true)
	x.work(t)
	const at = "/octocat/socm/import"
	page := b.get(t, at+"/options").want(t, 200)
	one, two := page.form(t, at+"/options", partOptions), page.form(t, at+"/options", partOptions)
	one.Set("verify", "objects")
	one.Set("sync_interval", "3600")
	b.post(t, at+"/options", one).want(t, 303)
	two.Set("prune", "1")
	two.Set("refs", strings.Repeat("a", 2000))
	again := b.post(t, at+"/options", two).want(t, 422).form(t, at+"/options", partOptions) // what was loaded first counts after a mistake, too
	again.Set("refs", "trunk")
	b.post(t, at+"/options", again).want(t, 303)
	o := x.at(t, r).Options
	if o.Verify != rehome.VerifyObjects || o.SyncEvery.Hours() != 1 || !o.Prune || o.Refs != "trunk" || !o.Hold {
		t.Errorf("after both %+v", o)
	}

	files := b.get(t, at+"/large-files").want(t, 200)
	one, two = files.form(t, at+"/large-files", "choice"), files.form(t, at+"/large-files", "choice")
	one.Set("choice", "opt_out")
	b.post(t, at+"/large-files", one).want(t, 303)
	two.Set("match", "*.iso\r\n*.zip")
	b.post(t, at+"/large-files", two).want(t, 303)
	if now := x.at(t, r); now.LFS != rehome.LFSOptOut || now.Options.LargeMatch != "*.iso\n*.zip" {
		t.Errorf("after both: %s %q", now.LFS, now.Options.LargeMatch)
	}
	two.Set("match", "*.iso\r\n["+strings.Repeat("a", 2000))
	if wrong := b.post(t, at+"/large-files", two).want(t, 422).form(t, at+"/large-files", "choice"); !strings.HasPrefix(wrong.Get("match"), "*.iso\r\n[") || wrong.Get("shown") != two.Get("shown") {
		t.Errorf("after a mistake the form has %q", wrong)
	}
}

// TestDestinationsInTwoTabs: what signs in at one destination is not taken for another.
func TestDestinationsInTwoTabs(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), true)
	x.work(t)
	const at = "/octocat/socm/import/options"
	_, err := x.web.Importer.SetDestination(t.Context(), r.ID, importer.DestinationRequest{URL: "https://127.0.0.1:9/one.git"})
	must(t, err)
	page := b.get(t, at).want(t, 200)
	one, two, three := page.form(t, at, "destination_password"), page.form(t, at, "destination_password"), page.form(t, at, "destination_password")
	one.Set("on_divergence", "skip")
	b.post(t, at, one).want(t, 303)
	two.Set("visibility", "public")
	b.post(t, at, two).want(t, 303)
	if d := x.at(t, r).Destination; d.OnDivergence != rehome.Skip || d.Visibility != rehome.Public {
		t.Errorf("after both %+v", d)
	}
	_, err = x.web.Importer.SetDestination(t.Context(), r.ID, importer.DestinationRequest{URL: "https://127.0.0.1:9/two.git"})
	must(t, err)
	three.Set("destination_password", "not-repeated")
	if a := b.post(t, at, three).want(t, 422); !strings.Contains(a.body, "another one meanwhile") || !strings.Contains(a.body, `id="wrong-destination"`) {
		t.Errorf("%s", a.body)
	}
	if d := x.at(t, r).Destination; d.URL != "https://127.0.0.1:9/two.git" {
		t.Errorf("destination %+v", d)
	}
}

// TestApprovedIsWhatWasSeen: what changed since the page was loaded has to be looked at first.
func TestApprovedIsWhatWasSeen(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), true)
	x.work(t)
	const at = "/octocat/socm/import"
	form := b.get(t, at).want(t, 200).form(t, at+"/approve", "Approve")
	change := func(change func() error) {
		t.Helper()
		must(t, change())
		x.work(t)
		if a := b.post(t, at+"/approve", form).want(t, 422); !strings.Contains(a.body, "Nothing was pushed") {
			t.Errorf("%s", a.body)
		}
		if now := x.at(t, r); now.State.Status != rehome.WaitingToPush {
			t.Fatalf("it is %s", now.State.Status)
		}
		form = b.get(t, at).want(t, 200).form(t, at+"/approve", "Approve")
	}
	change(func() error {
		_, err := x.web.Importer.SetLFS(t.Context(), r.ID, rehome.LFSOptOut, nil)
		return err
	})
	change(func() error {
		prune := true
		_, err := x.web.Importer.Update(t.Context(), r.ID, importer.UpdateRequest{Choices: importer.Choices{Prune: &prune}})
		return err
	})
	change(func() error {
		_, err := x.web.Importer.SetDestination(t.Context(), r.ID, importer.DestinationRequest{URL: "https://127.0.0.1:9/one.git"})
		return err
	})
	b.post(t, at+"/approve", form).want(t, 303)
	if now := x.at(t, r); now.State.Status != rehome.Pushing {
		t.Errorf("it is %s", now.State.Status)
	}
}
