package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// guarded is a Guard with a clock in the test's hands.
type guarded struct {
	*Guard
	now time.Time
	log strings.Builder
}

func newGuard(a *Auth) *guarded {
	g := &guarded{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	g.Guard = NewGuard(a, func() time.Time { return g.now }, slog.New(slog.NewTextHandler(&g.log, nil)))
	return g
}

func (g *guarded) ask(t *testing.T, ctx context.Context, token, address string) (Caller, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "token "+token)
	}
	return g.Identify(ctx, r, address)
}

func (g *guarded) wantBad(t *testing.T, token, address string, often bool) {
	t.Helper()
	caller, err := g.ask(t, t.Context(), token, address)
	var many *TooManyError
	if errors.As(err, &many) != often || errors.Is(err, ErrBadCredentials) == often || !caller.Anonymous() {
		t.Fatalf("%s from %s: %v, %v; want a refusal for the number: %v", token, address, caller, err, often)
	}
	if often && (many.Wait <= 0 || many.Wait > failuresFor) {
		t.Errorf("wait %v", many.Wait)
	}
}

func TestGuardRefusesAfterMany(t *testing.T) {
	a, db := newAuth(t)
	_, old := issue(t, a, Grant{User: "octocat"})
	_, fresh := issue(t, a, Grant{User: "octocat"})
	dead, revoked := issue(t, a, Grant{User: "octocat"})
	g := newGuard(a)
	for _, token := range []string{old, revoked} {
		if _, err := g.ask(t, t.Context(), token, "here"); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.RevokeToken(t.Context(), dead.ID); err != nil {
		t.Fatal(err)
	}
	for i := range maxFailures {
		g.wantBad(t, fmt.Sprintf("guess%d", i), "here", false)
	}
	for _, token := range []string{"guess", "rht_x", revoked, strings.Repeat("x", 2*maxToken)} {
		g.wantBad(t, token, "here", true)
	}
	for _, token := range []string{old, fresh} {
		if caller, err := g.ask(t, t.Context(), token, "here"); err != nil || caller.User().Login != "octocat" {
			t.Errorf("a good token beside a guesser: %v, %v", caller, err)
		}
	}
	if caller, err := g.ask(t, t.Context(), "", "here"); err != nil || !caller.Anonymous() {
		t.Errorf("nobody: %v, %v", caller, err)
	}
	g.wantBad(t, "guess", "elsewhere", false)
	if n := strings.Count(g.log.String(), "many bad credentials"); n != 1 || strings.Contains(g.log.String(), "guess") {
		t.Errorf("the log: %s", &g.log)
	}
	g.now = g.now.Add(failuresFor)
	g.wantBad(t, "guess", "here", false)
}

// TestGuardOfMany: guesses from everywhere are refused together, and no more addresses are remembered than that.
func TestGuardOfMany(t *testing.T) {
	a, _ := newAuth(t)
	g := newGuard(a)
	for i := range maxAllFailures {
		g.wantBad(t, "guess", fmt.Sprint(i), false)
	}
	for i := range 100 {
		g.wantBad(t, "guess", fmt.Sprint("new", i), true)
	}
	if len(g.failed) > maxAllFailures {
		t.Errorf("%d addresses are remembered", len(g.failed))
	}
}

// TestGuardTakesTurns: after many failures unknown credentials are looked up one after the other, known good ones at once.
func TestGuardTakesTurns(t *testing.T) {
	a, _ := newAuth(t)
	_, known := issue(t, a, Grant{User: "octocat"})
	_, fresh := issue(t, a, Grant{User: "octocat"})
	g := newGuard(a)
	if _, err := g.ask(t, t.Context(), known, "here"); err != nil {
		t.Fatal(err)
	}
	for range maxFailures {
		g.wantBad(t, "guess", "here", false)
	}
	g.turn <- struct{}{} // somebody looks up, and does not come to an end
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := g.ask(t, gone, fresh, "here"); !errors.Is(err, context.Canceled) {
		t.Errorf("an unknown one did not wait for its turn: %v", err)
	}
	if _, err := g.ask(t, t.Context(), known, "here"); err != nil {
		t.Errorf("a known one: %v", err)
	}
	if _, err := g.ask(t, t.Context(), fresh, "elsewhere"); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	<-g.turn
	if _, err := g.ask(t, t.Context(), fresh, "here"); err != nil {
		t.Errorf("when it is its turn: %v", err)
	}
}

func TestGuardForgets(t *testing.T) {
	a, _ := newAuth(t)
	g := newGuard(a)
	for i := range 2*maxGood + 1 {
		var header [32]byte
		header[0], header[1], header[2] = byte(i), byte(i>>8), byte(i>>16)
		g.remember(header)
	}
	if len(g.good) > maxGood {
		t.Errorf("%d headers are remembered, want at most %d", len(g.good), maxGood)
	}
}
