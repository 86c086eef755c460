package web

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
)

// makes has somebody make a token on the page, and returns its secret.
func (b *browser) makes(t *testing.T, note string) string {
	t.Helper()
	a := b.post(t, "/-/tokens", url.Values{"scope": {"repo"}, "note": {note}}).want(t, 200)
	secret := regexp.MustCompile(`rht_[a-z0-9]+`).FindString(a.body)
	if secret == "" {
		t.Fatal("no token is shown")
	}
	return secret
}

// TestStolenTokensMakeNoSuccessors: who has a token that is not theirs makes another with it, and another with that. Its owner ends the first on the page,
// which asks, and none of the others works. That was not so before: each went on by itself.
func TestStolenTokensMakeNoSuccessors(t *testing.T) {
	x := newWorld(t)
	stolen, secret := x.token(t, auth.Grant{User: "octocat", Scopes: []string{"repo"}})
	thief := &browser{x: x}
	thief.signIn(t, secret)
	successor := &browser{x: x}
	successor.signIn(t, thief.makes(t, "nothing to see"))
	last := &browser{x: x}
	last.signIn(t, successor.makes(t, ""))
	owner := x.signedIn(t, auth.Grant{User: "octocat"})
	beside := &browser{x: x}
	beside.signIn(t, owner.makes(t, "mine"))

	at := "/-/tokens/" + itoa(stolen.ID) + "/revoke"
	page := owner.post(t, at, nil).want(t, 200)
	for _, want := range []string{"2 that work were made", "nothing to see", `name="made" value="1" checked`, `name="asked"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q: %s", want, page.body)
		}
	}
	thief.get(t, "/").want(t, 200) // nothing is done yet
	owner.post(t, at, url.Values{"asked": {"1"}, "made": {"1"}}).want(t, 303)
	for name, b := range map[string]*browser{"the thief": thief, "a successor": successor, "its successor": last} {
		if a := b.get(t, "/"); a.StatusCode != 303 {
			t.Errorf("%s is let in: %d", name, a.StatusCode)
		}
	}
	owner.get(t, "/").want(t, 200)
	beside.get(t, "/").want(t, 200)
}

// TestRevokingOneAlone leaves what was made with it, where somebody says so, and the list tells where it comes from.
func TestRevokingOneAlone(t *testing.T) {
	x := newWorld(t)
	parent, secret := x.token(t, auth.Grant{User: "octocat", Scopes: []string{"repo"}})
	b, child := &browser{x: x}, &browser{x: x}
	b.signIn(t, secret)
	child.signIn(t, b.makes(t, " for <b>CI</b>\x00 "))
	if all := x.tokens(t); all[1].MadeBy != parent.ID || all[1].Note != "for <b>CI</b>" {
		t.Errorf("made %+v", all[1])
	}
	list := child.get(t, "/-/tokens").want(t, 200).body
	if cell := fmt.Sprintf("<td>%d</td><td>never</td>", parent.ID); !strings.Contains(list, cell) || !strings.Contains(list, "for &lt;b&gt;CI&lt;/b&gt;") {
		t.Errorf("the list does not say where a token comes from: %s", list)
	}
	if a := b.post(t, "/-/tokens/"+itoa(parent.ID)+"/revoke", nil).want(t, 200); !strings.Contains(a.body, "you are signed out") {
		t.Error("nobody is told that this signs them out")
	}
	b.post(t, "/-/tokens/"+itoa(parent.ID)+"/revoke", url.Values{"asked": {"1"}}).want(t, 303)
	b.get(t, "/").want(t, 303)
	if list := child.get(t, "/-/tokens").want(t, 200).body; !strings.Contains(list, fmt.Sprintf("<td>%d (revoked)</td>", parent.ID)) {
		t.Errorf("the list does not say that it is revoked: %s", list)
	}
	b.post(t, "/-/tokens", url.Values{"scope": {"repo"}}).want(t, 303)
	child.post(t, "/-/tokens", url.Values{"scope": {"repo"}, "note": {strings.Repeat("a", 101)}}).want(t, 422)
}

// TestTokensMadeByTheRevoked: a request that was let in before its token was revoked makes none any more.
func TestTokensMadeByTheRevoked(t *testing.T) {
	x := newWorld(t)
	parent, _ := x.token(t, auth.Grant{User: "octocat"})
	must(t, x.web.DB.RevokeToken(t.Context(), parent.ID))
	if _, _, err := x.web.Auth.Issue(t.Context(), auth.Grant{User: "octocat", MadeBy: parent.ID}); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("a revoked token makes another: %v", err)
	}
}
