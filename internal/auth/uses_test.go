package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rehome"
)

// TestUsesAreKept: a use is in the row once it is written, by itself and not with the request; another within the hour writes nothing.
func TestUsesAreKept(t *testing.T) {
	a, db := newAuth(t)
	token, secret := issue(t, a, Grant{User: "octocat", Note: "x"})
	issue(t, a, Grant{User: "octocat"})
	used := func() (all []bool) {
		tokens, err := db.Tokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range tokens {
			all = append(all, !one.UsedAt.IsZero())
		}
		return all
	}
	caller, err := identify(t, a, "token "+secret)
	if err != nil || caller.Token.ID != token.ID {
		t.Fatal(caller, err)
	}
	if got := used(); got[0] || got[1] {
		t.Errorf("used before it is written: %v", got)
	}
	a.keepUses(t.Context())
	if got := used(); !got[0] || got[1] {
		t.Errorf("used: %v, want the first", got)
	}
	if _, err := identify(t, a, "token "+secret); err != nil {
		t.Fatal(err)
	}
	if waits := a.uses.take(); len(waits) > 0 {
		t.Errorf("%v would be written again within the hour", waits)
	}
	session, err := a.Begin(t.Context(), caller)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(2 * time.Hour)
	if _, err := a.StillInSession(t.Context(), session, later); err != nil || len(a.uses.take()) > 0 {
		t.Errorf("what asks by itself counts as a use, or %v", err)
	}
	if _, err := a.InSession(t.Context(), session, later); err != nil || len(a.uses.take()) != 1 {
		t.Errorf("a page does not count as a use, or %v", err)
	}
}

func TestUsesAreBounded(t *testing.T) {
	u := newUses()
	for id := range int64(2 * maxUses) {
		u.note(rehome.Token{ID: id}, time.Now())
	}
	if n := len(u.take()); n != maxUses {
		t.Errorf("%d wait, want %d", n, maxUses)
	}
}

// TestKeepUsesEnds with its context, after some minutes without a use.
func TestKeepUsesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		a := New(nil)
		ended := make(chan bool)
		go func() { a.KeepUses(ctx); ended <- true }()
		time.Sleep(10 * keepUsesEvery) // there is nothing to write
		stop()
		<-ended
	})
}

// TestLastUsesAreKept: what a token did in the minute before the end is known afterwards.
func TestLastUsesAreKept(t *testing.T) {
	a, db := newAuth(t)
	token, secret := issue(t, a, Grant{User: "octocat"})
	if _, err := identify(t, a, "token "+secret); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	a.KeepUses(ctx)
	if got, err := db.TokenByHash(t.Context(), Hash(rehome.Secret(secret))); err != nil || got.ID != token.ID || got.UsedAt.IsZero() {
		t.Errorf("token %d was used at %v, %v", got.ID, got.UsedAt, err)
	}
}
