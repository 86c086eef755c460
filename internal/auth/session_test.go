package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rehome"
)

func TestSessions(t *testing.T) {
	a, _ := newAuth(t)
	if _, err := a.Begin(t.Context(), Caller{}); err == nil {
		t.Error("nobody has a session")
	}
	token, _, err := a.Issue(t.Context(), Grant{User: "octocat", Scopes: []string{ScopeRepoHook}})
	if err != nil {
		t.Fatal(err)
	}
	one, err := a.Begin(t.Context(), Caller{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.Begin(t.Context(), Caller{Token: token})
	if err != nil || one == two || !strings.HasPrefix(string(one), "rhs_") {
		t.Fatalf("sessions %q and %q, %v", one, two, err)
	}
	now := time.Now()
	caller, err := a.InSession(t.Context(), one, now)
	if err != nil || caller.Token.ID != token.ID || caller.Has(ScopeRepo) || !caller.Has(ScopeRepoHook) {
		t.Errorf("in a session: %+v, %v", caller, err)
	}
	if err := a.End(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		secret rehome.Secret
		now    time.Time
	}{
		"ended": {one, now}, "none": {"", now}, "too long": {rehome.Secret(strings.Repeat("a", maxToken+1)), now}, "made up": {"rhs_guess", now},
		"idle": {two, now.Add(lasting.Idle + time.Minute)}, "old": {two, now.Add(SessionLasts + time.Minute)},
	} {
		for _, in := range []func() (Caller, error){
			func() (Caller, error) { return a.InSession(t.Context(), c.secret, c.now) },
			func() (Caller, error) { return a.StillInSession(t.Context(), c.secret, c.now) },
		} {
			if got, err := in(); !errors.Is(err, ErrBadCredentials) || !got.Anonymous() {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
	if err := a.db.RevokeToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.InSession(t.Context(), two, now); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("with a revoked token: %v", err)
	}
}
