package web

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"rehome/internal/auth"
)

// foldsOf are the folds of a page, by what they are called, and whether they are open.
func foldsOf(page string) map[string]bool {
	folds := map[string]bool{}
	for _, found := range regexp.MustCompile(`<details( open)?><summary>([^<]*)</summary>`).FindAllStringSubmatch(page, -1) {
		folds[found[2]] = found[1] != ""
	}
	return folds
}

// TestErrorsOfTheFormForANewImport stand at their fields.
func TestErrorsOfTheFormForANewImport(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "taken", source1(t), false)
	const from = "https://127.0.0.1:9/old.git"
	for name, c := range map[string]struct {
		form  url.Values
		field string
		says  string
	}{
		"no URL":            {url.Values{}, "url", "Where does the repository come from?"},
		"a bad URL":         {url.Values{"url": {"https:// bad"}}, "url", "This "},
		"a file":            {url.Values{"url": {"file:///etc"}}, "url", ""},
		"a bad name":        {url.Values{"url": {from}, "name": {"a b"}}, "name", "This can only hold"},
		"a taken name":      {url.Values{"url": {from}, "name": {"taken"}}, "name", "This already exists"},
		"another's":         {url.Values{"url": {from}, "owner": {"mona"}}, "owner", "You may not import for this owner"},
		"a bad destination": {url.Values{"url": {from}, "destination": {"file:///x"}}, "destination", ""},
	} {
		if c.form.Get("owner") == "" {
			c.form.Set("owner", "octocat")
		}
		page := b.post(t, "/-/new", c.form).want(t, 422).body
		at := strings.Index(page, `<p class="wrong" id="wrong-`+c.field+`"><bdi>`+c.says)
		if at < 0 || strings.Count(page, `class="wrong"`) != 1 || strings.Count(page, ` aria-invalid="true" aria-describedby="wrong-`+c.field+`"`) != 1 {
			t.Errorf("%s is not said at %s alone: %s", name, c.field, page)
		}
		if !foldsOf(page)["To a repository on another forge"] && c.field == "destination" {
			t.Errorf("%s is folded away", name)
		}
		if strings.Contains(page, "typed again") {
			t.Errorf("%s: a password is asked for that nobody gave", name)
		}
	}
}

// TestFoldsStayOpen in which something was typed, and passwords are asked for again.
func TestFoldsStayOpen(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	const source, options, there = "It wants credentials", "Options", "To a repository on another forge"
	asked := b.get(t, "/-/new").want(t, 200)
	if folds := foldsOf(asked.body); len(folds) != 3 || folds[source] || folds[options] || folds[there] {
		t.Errorf("before anything is typed: %v", folds)
	}
	for field, c := range map[string]struct {
		value, open string
		again       bool
	}{
		"owner":                {"octocat", "", false},
		"username":             {"ada", source, false},
		"password":             {"secret-1", source, true},
		"ssh_key":              {"make", source, false},
		"private_key":          {"secret-2", source, true},
		"refs":                 {"main", options, false},
		"sync_interval":        {"3600", options, false},
		"hold":                 {"1", options, false},
		"visibility":           {"public", there, false},
		"hold_there":           {"", there, false},
		"destination_username": {"ada", there, false},
		"destination_password": {"secret-3", there, true},
		"destination_ssh_key":  {"make", there, false},
	} {
		form := asked.form(t, "/-/new", "url")
		form.Set("url", "https:// bad")
		if form.Set(field, c.value); c.value == "" {
			form.Del(field)
		}
		page := b.post(t, "/-/new", form).want(t, 422).body
		for fold, open := range foldsOf(page) {
			if open != (fold == c.open) {
				t.Errorf("with %s the fold %q is open: %v", field, fold, open)
			}
		}
		if strings.Contains(page, "secret-") || strings.Contains(page, "have to be typed again") != c.again {
			t.Errorf("with %s, passwords: %s", field, page)
		}
		if strings.HasSuffix(field, "ssh_key") && !strings.Contains(page, `<option value="make" selected>`) {
			t.Errorf("%s is not as it was chosen", field)
		}
	}
}
