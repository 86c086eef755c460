package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rehome"
	"rehome/internal/store"
)

// lasting is how long a session lasts: half a day without a look, a month in all.
var lasting = store.Lasting{Idle: 12 * time.Hour, Most: SessionLasts}

// SessionLasts is how long a session lasts at most.
const SessionLasts = 30 * 24 * time.Hour

// Begin makes a session of a caller who has signed in with a token. Its secret is returned this once; only its hash is kept.
func (a *Auth) Begin(ctx context.Context, c Caller) (rehome.Secret, error) {
	if c.Anonymous() {
		return "", errors.New("begin a session: nobody has signed in")
	}
	secret := newSecret("rhs_")
	if err := a.db.CreateSession(ctx, Hash(secret), c.Token.ID, lasting); err != nil {
		return "", err
	}
	return secret, nil
}

// InSession returns the caller whose session has the secret. ErrBadCredentials for a session that ended, as it does when it
// was idle for half a day, a month after it began, and when its token is revoked.
func (a *Auth) InSession(ctx context.Context, secret rehome.Secret, now time.Time) (Caller, error) {
	return a.inSession(ctx, secret, now, lasting)
}

// StillInSession is InSession for what asks by itself, as a stream does: nobody looks, so the session is as idle as before.
func (a *Auth) StillInSession(ctx context.Context, secret rehome.Secret, now time.Time) (Caller, error) {
	unseen := lasting
	unseen.Unseen = true
	return a.inSession(ctx, secret, now, unseen)
}

func (a *Auth) inSession(ctx context.Context, secret rehome.Secret, now time.Time, l store.Lasting) (Caller, error) {
	if secret == "" || len(secret) > maxToken {
		return Caller{}, ErrBadCredentials
	}
	token, err := a.db.TokenBySession(ctx, Hash(secret), now, l)
	switch {
	case err != nil && rehome.CodeOf(err) == rehome.NotFound, err == nil && !token.RevokedAt.IsZero():
		return Caller{}, ErrBadCredentials
	case err != nil:
		return Caller{}, fmt.Errorf("look up a session: %w", err)
	}
	if !l.Unseen {
		a.uses.note(token, now)
	}
	return Caller{Token: token}, nil
}

// End ends a session.
func (a *Auth) End(ctx context.Context, secret rehome.Secret) error {
	return a.db.DropSession(ctx, Hash(secret))
}
