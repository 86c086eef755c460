package web

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome"
	"rehome/internal/auth"
)

// asShown is the form of a part of the page as a browser sends it back with nothing changed.
func asShown(i rehome.Import, part string) url.Values {
	sent := url.Values{"part": {part}}
	o, d := optionsOf(i.Options), destinationOf(i.Destination)
	for _, f := range append(o.fields(), d.fields("")...) {
		if f.Kind != "check" || f.On {
			value := f.Value
			if f.Kind == "check" {
				value = "1"
			}
			sent.Set(f.Name, value)
		}
	}
	return sent
}

func (x *world) at(t *testing.T, r rehome.Repository) rehome.Import {
	t.Helper()
	i, err := x.web.Importer.Get(t.Context(), r.ID)
	must(t, err)
	return i
}

// TestOptions changes each option of an import that is complete, by the form.
func TestOptions(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	const at = "/octocat/socm/import/options"
	before := x.at(t, r)
	b.post(t, at, asShown(before, partOptions)).want(t, 303)
	if now := x.at(t, r); now.State.Status != rehome.Complete || now.Options != before.Options || !now.UpdatedAt.Equal(before.UpdatedAt) {
		t.Fatalf("a form that was not changed has changed %+v to %+v", before, now)
	}
	form := asShown(before, partOptions)
	for name, value := range map[string]string{
		"sync_interval": ownTime, "sync_minutes": "1.5", "verify": "objects", "prune": "1", "refs": " main  release/* ", "exclude_refs": "refs/tags/old*",
		"default_branch": "new-main", "map_trailers": "1", "map_hashes": "1", "allow_missing_lfs": "1",
	} {
		form.Set(name, value)
	}
	if a := b.post(t, at, form).want(t, 303); !strings.HasSuffix(a.Header.Get("Location"), at+"?saved=options") {
		t.Errorf("led to %s", a.Header.Get("Location"))
	}
	after := x.at(t, r)
	want := before.Options
	want.SyncEvery, want.Verify, want.Prune, want.Refs, want.ExcludeRefs = 90*time.Second, rehome.VerifyObjects, true, "main\nrelease/*", "refs/tags/old*"
	want.DefaultBranch, want.MapTrailers, want.MapHashes, want.AllowMissingLFS = "new-main", true, true, true
	if after.Options != want || after.State.Status != rehome.Mapping || after.NextSyncAt.IsZero() {
		t.Errorf("options %+v, status %s, next sync %s, want %+v", after.Options, after.State.Status, after.NextSyncAt, want)
	}
	page := b.get(t, at+"?saved=options").want(t, 200)
	for _, shown := range []string{`value="1.5"`, `value="main release/*"`, `value="new-main"`, `name="map_trailers" value="1" checked`, `<option value="objects" selected>`, `<option value="own" selected>`, "Saved."} {
		if !strings.Contains(page.body, shown) {
			t.Errorf("the page lacks %s", shown)
		}
	}
	form.Set("sync_interval", "86400")
	form.Set("refs", "")
	b.post(t, at, form).want(t, 303)
	if now := x.at(t, r).Options; now.SyncEvery != 24*time.Hour || now.Refs != "" {
		t.Errorf("options %+v", now)
	}
}

// TestOptionsThatCannotBe are refused at their fields, in the importer's words, and change nothing.
func TestOptionsThatCannotBe(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	const at = "/octocat/socm/import/options"
	before := x.at(t, r)
	for name, c := range map[string]struct{ part, field, value, field2, value2, says, blamed string }{
		"a hold that is too late":  {partOptions, "hold", "1", "", "", "made already", "hold"},
		"an interval too short":    {partOptions, "sync_interval", ownTime, "sync_minutes", "0.2", "This is not 0 or a number", "sync_interval"},
		"an interval too long":     {partOptions, "sync_interval", ownTime, "sync_minutes", "1e300", "This is not 0 or a number", "sync_interval"},
		"an interval below none":   {partOptions, "sync_interval", ownTime, "sync_minutes", "-5", "This is not 0 or a number", "sync_interval"},
		"no interval":              {partOptions, "sync_interval", ownTime, "sync_minutes", "", "no number of minutes", "sync_interval"},
		"an interval in words":     {partOptions, "sync_interval", "NaN", "", "", "no number of minutes", "sync_interval"},
		"a depth there is not":     {partOptions, "verify", "deepest", "", "", "This is not refs, objects or bytes", "verify"},
		"a branch that cannot be":  {partOptions, "default_branch", "a..b", "", "", "This is no name that Git takes", "default_branch"},
		"a bad pattern":            {partOptions, "refs", strings.Repeat("a", 2000), "", "", "longer than 1024", "refs"},
		"too many patterns":        {partOptions, "exclude_refs", strings.Repeat("a ", 5000), "", "", "patterns of refs", "exclude_refs"},
		"nothing to sign in with":  {partSource, "", "", "", "", "Nothing was given", "password"},
		"a user name of two lines": {partSource, "username", "a\nb", "password", "not-repeated", "", "username"},
		"a key for what is no SSH": {partSource, "ssh_key", "make", "password", "not-repeated", "over SSH", "ssh_key"},
		"no destination":           {partDestination, "on_divergence", "skip", "", "", "on another forge", "destination"},
		"a path as destination":    {partDestination, "destination", "/etc/passwd", "destination_password", "not-repeated", "", "destination"},
		"a way there is not":       {partDestination, "on_divergence", "win", "destination", "https://127.0.0.1:9/a.git", "are left or", "on_divergence"},
		"a visibility of no forge": {partDestination, "visibility", "glaring", "destination", "https://127.0.0.1:9/a.git", "private, internal or public", "visibility"},
		"a destination too late":   {partDestination, "destination", "https://127.0.0.1:9/a.git", "", "", "pushed already", "destination"},
		"a part there is not":      {"other", "hold", "1", "", "", "what it is about", ""},
	} {
		form := asShown(before, c.part)
		form.Set(c.field, c.value)
		form.Set(c.field2, c.value2)
		a := b.post(t, at, form)
		if a.StatusCode != 422 || !strings.Contains(a.body, c.says) || strings.Contains(a.body, "not-repeated") {
			t.Errorf("%s: %d, want 422 and %q: %s", name, a.StatusCode, c.says, a.body)
		}
		if c.blamed != "" && (!strings.Contains(a.body, `id="wrong-`+c.blamed+`"`) || strings.Count(a.body, `id="wrong-`) != 1) {
			t.Errorf("%s: the error is not at %s", name, c.blamed)
		}
		if now := x.at(t, r); now.Options != before.Options || now.Destination != before.Destination || now.State.Status != before.State.Status {
			t.Errorf("%s: changed to %+v", name, now)
		}
	}
}

// TestOptionsOfTheEnds gives new credentials and keys, and another destination before the first push.
func TestOptionsOfTheEnds(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", "ssh://git@127.0.0.1:9/old.git", true)
	x.work(t)
	const at = "/octocat/socm/import/options"
	status := x.at(t, r).State.Status
	b.post(t, at, url.Values{"part": {partSource}, "ssh_key": {"make"}}).want(t, 303)
	made := x.at(t, r)
	if !strings.HasPrefix(made.Source.SSHPublicKey, "ssh-ed25519 ") || made.State.Status != status {
		t.Fatalf("a key that was made: %q, status %s", made.Source.SSHPublicKey, made.State.Status)
	}
	if page := b.get(t, at); !strings.Contains(page.body, strings.Fields(made.Source.SSHPublicKey)[1]) && !strings.Contains(page.body, made.Source.SSHPublicKey[:30]) {
		t.Error("the public key is not shown")
	}
	b.post(t, at, url.Values{"part": {partSource}, "ssh_key": {"forget"}}).want(t, 303)
	if now := x.at(t, r); now.Source.SSHPublicKey != "" {
		t.Error("the key is not forgotten")
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	text := strings.ReplaceAll(string(pem.EncodeToMemory(block)), "\n", "\r\n") // as browsers send it
	b.post(t, at, url.Values{"part": {partDestination}, "destination": {"ssh://git@127.0.0.1:9/new.git"}, "on_divergence": {"skip"}, "visibility": {"public"}, "create": {"1"}, "destination_private_key": {text}}).want(t, 303)
	d := x.at(t, r).Destination
	if d.URL != "ssh://git@127.0.0.1:9/new.git" || d.OnDivergence != rehome.Skip || d.Visibility != rehome.Public || !d.Create || !strings.HasPrefix(d.SSHPublicKey, "ssh-ed25519 ") {
		t.Errorf("destination %+v", d)
	}
	page := b.get(t, at).want(t, 200)
	for _, want := range []string{`value="ssh://git@127.0.0.1:9/new.git"`, `<option value="skip" selected>`, `<option value="public" selected>`, `name="create" value="1" checked`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	bad := b.post(t, at, url.Values{"part": {partDestination}, "destination": {d.URL}, "destination_private_key": {"not-repeated"}}).want(t, 422)
	if !strings.Contains(bad.body, `id="wrong-destination_ssh_key"`) || strings.Contains(bad.body, "not-repeated") {
		t.Errorf("a key that is none: %s", bad.body)
	}
	if strings.Contains(page.body, "PRIVATE KEY") {
		t.Error("a private key is shown")
	}
}

// TestOptionsOfWhatIsClosed are there to be read.
func TestOptionsOfWhatIsClosed(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	_, err := x.web.Importer.Finish(t.Context(), r.ID, 1)
	must(t, err)
	x.work(t)
	const at = "/octocat/socm/import/options"
	page := b.get(t, at).want(t, 200)
	if strings.Contains(page.body, "<select") || !strings.Contains(page.body, "Follow forced and deleted refs</dt><dd><bdi>no") || !strings.Contains(page.body, "every ref has its id") {
		t.Errorf("the page of what is closed: %s", page.body)
	}
	form := asShown(x.at(t, r), partOptions)
	form.Set("prune", "1")
	if a := b.post(t, at, form).want(t, 422); !strings.Contains(a.body, "finished and closed") {
		t.Errorf("%s", a.body)
	}
}

// TestNewImportTakesAllOptions starts one with everything that its form offers.
func TestNewImportTakesAllOptions(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	form := url.Values{
		"url": {"ssh://git@127.0.0.1:9/old.git"}, "owner": {"octocat"}, "ssh_key": {"make"}, "sync_interval": {"3600"}, "verify": {"bytes"}, "refs": {"main"},
		"destination": {"https://127.0.0.1:9/new.git"}, "on_divergence": {"overwrite"}, "visibility": {"internal"}, "prune": {"1"},
	}
	for field, bad := range map[string]string{"verify": "x", "sync_interval": "1", "on_divergence": "x", "visibility": "x", "default_branch": "HEAD"} {
		was := form.Get(field)
		form.Set(field, bad)
		if a := b.post(t, "/-/new", form).want(t, 422); !strings.Contains(a.body, `id="wrong-`+field+`"`) {
			t.Errorf("%s=%s is not blamed", field, bad)
		}
		form.Set(field, was)
	}
	b.post(t, "/-/new", form).want(t, 303)
	r, err := x.web.DB.Repository(t.Context(), "octocat", "old")
	must(t, err)
	i := x.at(t, r)
	want := rehome.Options{Engine: rehome.Engine, Prune: true, Refs: "main", SyncEvery: time.Hour, Verify: rehome.VerifyBytes}
	if i.Options != want || i.Source.SSHPublicKey == "" || i.Destination.OnDivergence != rehome.Overwrite || i.Destination.Visibility != rehome.InternalVisibility {
		t.Errorf("options %+v, destination %+v", i.Options, i.Destination)
	}
}

// Unticking hold lets a held import push, as it does behind the API.
func TestUntickedHoldPushes(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), true)
	x.work(t)
	form := asShown(x.at(t, r), partOptions)
	form.Del("hold")
	b.post(t, "/octocat/socm/import/options", form).want(t, 303)
	x.work(t)
	if now := x.at(t, r); now.State.Status != rehome.Complete {
		t.Errorf("status %s", now.State.Status)
	}
}
