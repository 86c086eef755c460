package storetest

import (
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// testSessions: a session leads to its token for as long as it lasts, and ends with it.
func testSessions(t *testing.T, db *store.DB) {
	ctx := t.Context()
	owner, err := db.CreateOwner(ctx, rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	token, err := db.CreateToken(ctx, rehome.Token{User: owner}, [32]byte{1})
	must(t, err)
	lasting := store.Lasting{Idle: time.Hour, Most: 24 * time.Hour}
	now := time.Now()
	must(t, db.CreateSession(ctx, [32]byte{2}, token.ID, lasting))
	got, err := db.TokenBySession(ctx, [32]byte{2}, now, lasting)
	must(t, err)
	if got.ID != token.ID || got.User.Login != "octocat" {
		t.Errorf("TokenBySession = %+v", got)
	}
	for _, c := range []struct {
		name string
		hash [32]byte
		at   time.Time
		l    store.Lasting
	}{
		{"another secret", [32]byte{3}, now, lasting},
		{"the token's own hash", [32]byte{1}, now, lasting},
		{"idle", [32]byte{2}, now.Add(2 * time.Hour), lasting},
		{"old", [32]byte{2}, now.Add(25 * time.Hour), store.Lasting{Idle: 100 * time.Hour, Most: lasting.Most}},
	} {
		if _, err := db.TokenBySession(ctx, c.hash, c.at, c.l); rehome.CodeOf(err) != rehome.NotFound {
			t.Errorf("%s: %v, want not_found", c.name, err)
		}
	}
	must(t, db.RevokeToken(ctx, token.ID))
	got, err = db.TokenBySession(ctx, [32]byte{2}, now, lasting)
	must(t, err)
	if got.RevokedAt.IsZero() {
		t.Error("a session does not tell that its token was revoked")
	}
	must(t, db.DropSession(ctx, [32]byte{2}))
	must(t, db.DropSession(ctx, [32]byte{2}))
	if _, err := db.TokenBySession(ctx, [32]byte{2}, now, lasting); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("after its end: %v", err)
	}
}

// testManySessions: a token keeps a bounded number, the newest.
func testManySessions(t *testing.T, db *store.DB) {
	ctx := t.Context()
	owner, err := db.CreateOwner(ctx, rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	token, err := db.CreateToken(ctx, rehome.Token{User: owner}, [32]byte{1})
	must(t, err)
	lasting := store.Lasting{Idle: time.Hour, Most: time.Hour}
	for n := range 103 {
		must(t, db.CreateSession(ctx, [32]byte{9, byte(n)}, token.ID, lasting))
	}
	live := 0
	for n := range 103 {
		if _, err := db.TokenBySession(ctx, [32]byte{9, byte(n)}, time.Now(), lasting); err == nil {
			live++
		}
	}
	if _, err := db.TokenBySession(ctx, [32]byte{9, 102}, time.Now(), lasting); err != nil || live != 100 {
		t.Errorf("%d sessions live, the newest: %v", live, err)
	}
}
