package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// testTokensMade ends a token with all that came of it, and nothing else.
func testTokensMade(t *testing.T, db *store.DB) {
	ctx := t.Context()
	o, err := db.CreateOwner(ctx, rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	n := byte(0)
	issue := func(by rehome.Token) rehome.Token {
		n++
		made, err := db.CreateToken(ctx, rehome.Token{User: o, Scopes: []string{"repo"}, MadeBy: by.ID, Note: "for \"é\""}, [32]byte{n})
		must(t, err)
		return made
	}
	first, other := issue(rehome.Token{}), issue(rehome.Token{})
	child := issue(first)
	grandchild, gone := issue(child), issue(first)
	orphan := issue(gone)
	issue(other)
	must(t, db.RevokeToken(ctx, gone.ID))
	ids := func(id int64) (all []int64) {
		made, err := db.TokensMade(ctx, id)
		must(t, err)
		for _, m := range made {
			all = append(all, m.ID)
		}
		return all
	}
	if got := ids(first.ID); !slices.Equal(got, []int64{child.ID, grandchild.ID, orphan.ID}) {
		t.Errorf("made with the first: %v", got)
	}
	if got := append(ids(0), ids(grandchild.ID)...); len(got) > 0 {
		t.Errorf("made with none: %v", got)
	}
	if got, err := db.TokenByHash(ctx, [32]byte{3}); err != nil || got.MadeBy != first.ID || got.Note != "for \"é\"" || !got.UsedAt.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
	if made, err := db.RevokeTokenWithMade(ctx, first.ID); err != nil || made != 3 {
		t.Errorf("%d revoked beside it, want 3; %v", made, err)
	}
	all, err := db.Tokens(ctx)
	must(t, err)
	for _, one := range all {
		if works := one.RevokedAt.IsZero(); works != (one.ID == other.ID || one.MadeBy == other.ID) {
			t.Errorf("token %d, made by %d, works: %t", one.ID, one.MadeBy, works)
		}
	}
	for _, by := range []int64{first.ID, 99} { // who asks may have been let in before
		_, err = db.CreateToken(ctx, rehome.Token{User: o, MadeBy: by}, [32]byte{200})
		wantCode(t, err, rehome.NotFound)
	}
	_, err = db.RevokeTokenWithMade(ctx, 99)
	wantCode(t, err, rehome.NotFound)
	testRaceOfTokens(t, db, o)
}

// testRaceOfTokens has tokens make others, each with the newest there is, while the first is revoked with what came of it: none works then.
func testRaceOfTokens(t *testing.T, db *store.DB, o rehome.Owner) {
	ctx := t.Context()
	for round := range byte(5) {
		first, err := db.CreateToken(ctx, rehome.Token{User: o}, [32]byte{100, round})
		must(t, err)
		var makers sync.WaitGroup
		for maker := range byte(3) {
			makers.Go(func() {
				last := first
				for n := range byte(20) {
					next, err := db.CreateToken(ctx, rehome.Token{User: o, MadeBy: last.ID}, [32]byte{101, round, maker, n})
					if err != nil {
						wantCode(t, err, rehome.NotFound)
						return
					}
					last = next
				}
			})
		}
		_, err = db.RevokeTokenWithMade(ctx, first.ID)
		makers.Wait()
		must(t, err)
		if left, err := db.TokensMade(ctx, first.ID); err != nil || len(left) > 0 {
			t.Errorf("%d work on, %v", len(left), err)
		}
	}
}

// testTokensUsed notes uses to the hour.
func testTokensUsed(t *testing.T, db *store.DB) {
	ctx := t.Context()
	o, err := db.CreateOwner(ctx, rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	made, err := db.CreateToken(ctx, rehome.Token{User: o}, [32]byte{1})
	must(t, err)
	_, err = db.CreateToken(ctx, rehome.Token{User: o}, [32]byte{2})
	must(t, err)
	must(t, db.UseTokens(ctx, []int64{made.ID, 99}))
	first, err := db.TokenByHash(ctx, [32]byte{1})
	must(t, err)
	if first.UsedAt.Before(made.CreatedAt) || first.UsedAt.After(made.CreatedAt.Add(time.Hour)) {
		t.Errorf("made at %v, used at %v", made.CreatedAt, first.UsedAt)
	}
	must(t, db.UseTokens(ctx, []int64{made.ID}))
	again, err := db.TokenByHash(ctx, [32]byte{1})
	must(t, err)
	other, err := db.TokenByHash(ctx, [32]byte{2})
	must(t, err)
	if again.UsedAt != first.UsedAt || !other.UsedAt.IsZero() {
		t.Errorf("used at %v, then %v; another at %v", first.UsedAt, again.UsedAt, other.UsedAt)
	}
}
