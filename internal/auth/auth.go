// Package auth says who a caller is and what they may do.
package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rehome"
	"rehome/internal/store"
)

// ErrBadCredentials means that a request carried credentials that name nobody.
var ErrBadCredentials = errors.New("bad credentials")

// maxToken is the longest token looked at, in bytes.
const maxToken = 1024

// Auth knows tokens and their owners. It is safe for concurrent use.
type Auth struct {
	db   *store.DB
	uses *uses
}

// New returns an Auth over the rows of db.
func New(db *store.DB) *Auth { return &Auth{db: db, uses: newUses()} }

// Identify returns who made the request, the anonymous Caller for one without an
// Authorization header. It takes "token T", "Bearer T", and Basic with the token
// as password or as user name. Credentials that name nobody, or in a scheme nobody
// knows, give ErrBadCredentials.
func (a *Auth) Identify(ctx context.Context, r *http.Request) (Caller, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Caller{}, nil
	}
	for _, candidate := range candidates(header) {
		caller, err := a.byToken(ctx, candidate)
		if !errors.Is(err, ErrBadCredentials) {
			return caller, err
		}
	}
	return Caller{}, ErrBadCredentials
}

// candidates returns what in an Authorization header may be a token, the likelier one first.
func candidates(header string) []rehome.Secret {
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "token", "bearer":
		return []rehome.Secret{rehome.Secret(rest)}
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return nil
		}
		username, password, _ := strings.Cut(string(plain), ":")
		return []rehome.Secret{rehome.Secret(password), rehome.Secret(username)}
	}
	return nil
}

func (a *Auth) byToken(ctx context.Context, secret rehome.Secret) (Caller, error) {
	if secret == "" || len(secret) > maxToken {
		return Caller{}, ErrBadCredentials
	}
	token, err := a.db.TokenByHash(ctx, Hash(secret))
	switch {
	case rehome.CodeOf(err) == rehome.NotFound && err != nil:
		return Caller{}, ErrBadCredentials
	case err != nil:
		return Caller{}, fmt.Errorf("look up token: %w", err)
	case !token.RevokedAt.IsZero():
		return Caller{}, ErrBadCredentials
	}
	a.uses.note(token, time.Now())
	return Caller{Token: token}, nil
}
