package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
)

// FirstAdminLogin is the administrator a new server begins with.
const FirstAdminLogin = "admin"

// Grant is what a new token is for.
type Grant struct {
	User   string   // login; the owner is made when missing
	Owners []string // logins of organisations the token acts for besides its user; made when missing
	Scopes []string // none for all of Scopes
	Admin  bool     // the user is made an administrator
	MadeBy int64    // the id of the token that it is made with; 0 for none
	Note   string   // what it is for; "" for nothing
}

// Issue makes a token. The secret is returned this once; only its hash is kept.
func (a *Auth) Issue(ctx context.Context, g Grant) (rehome.Token, rehome.Secret, error) {
	secret := newSecret(Prefix)
	token, err := a.keep(ctx, g, secret)
	return token, secret, err
}

// FirstAdmin sees to it that somebody can sign in. With given, that token is an
// administrator's from now on; it is not printed, so the answer is empty. Without,
// a server that has no token of an administrator yet gets the user "admin" and a
// token, which is returned to be printed once; of several servers that start at once
// one gets it. Otherwise nothing is done.
func (a *Auth) FirstAdmin(ctx context.Context, given rehome.Secret) (rehome.Secret, error) {
	grant := Grant{User: FirstAdminLogin, Admin: true}
	if given != "" {
		return "", a.keepGiven(ctx, grant, given)
	}
	secret := newSecret(Prefix)
	made, err := a.db.CreateFirstToken(ctx, grant.User, Scopes(), Hash(secret))
	if err != nil || !made {
		return "", err
	}
	return secret, nil
}

// Organization returns the organisation called login, made when there is none;
// rehome.NotFound when the login is a user's.
func (a *Auth) Organization(ctx context.Context, login string) (rehome.Owner, error) {
	owner, err := a.owner(ctx, rehome.Owner{Login: login, Kind: rehome.Organization})
	if err == nil && owner.Kind != rehome.Organization {
		return rehome.Owner{}, &rehome.Error{Code: rehome.NotFound, Field: "login", Message: fmt.Sprintf("%q is a user, not an organisation", owner.Login)}
	}
	return owner, err
}

func (a *Auth) keepGiven(ctx context.Context, g Grant, secret rehome.Secret) error {
	if len(secret) > maxToken || strings.ContainsFunc(string(secret), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return &rehome.Error{Code: rehome.Invalid, Field: "token", Message: "the administrator's token holds something else than printable ASCII, or is too long"}
	}
	_, err := a.db.TokenByHash(ctx, Hash(secret))
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		_, err = a.keep(ctx, g, secret)
		if rehome.CodeOf(err) == rehome.AlreadyExists { // another process was quicker
			return nil
		}
	}
	return err
}

func (a *Auth) keep(ctx context.Context, g Grant, secret rehome.Secret) (rehome.Token, error) {
	scopes, err := checkScopes(g.Scopes)
	if err == nil {
		err = checkNote(g.Note)
	}
	if err != nil {
		return rehome.Token{}, err
	}
	if err := a.check(ctx, g); err != nil {
		return rehome.Token{}, err
	}
	user, err := a.user(ctx, g)
	if err != nil {
		return rehome.Token{}, err
	}
	owners, err := a.organizations(ctx, g.Owners)
	if err != nil {
		return rehome.Token{}, err
	}
	token, err := a.db.CreateToken(ctx, rehome.Token{User: user, Scopes: scopes, Owners: owners, MadeBy: g.MadeBy, Note: rehome.Clean(strings.TrimSpace(g.Note), maxNote)}, Hash(secret))
	if err != nil {
		return rehome.Token{}, fmt.Errorf("keep token: %w", err)
	}
	return token, nil
}

func (a *Auth) user(ctx context.Context, g Grant) (rehome.Owner, error) {
	user, err := a.owner(ctx, rehome.Owner{Login: g.User, Kind: rehome.User, Admin: g.Admin})
	switch {
	case err != nil:
		return rehome.Owner{}, err
	case user.Kind != rehome.User:
		return rehome.Owner{}, badLogin(fmt.Sprintf("%q is an organisation, which cannot sign in", user.Login))
	case g.Admin && !user.Admin:
		return a.promote(ctx, user)
	}
	return user, nil
}

// check refuses a grant before anything is made for it. To act for another user would be to
// see what is that user's own: who is to do that is given a token of that user.
func (a *Auth) check(ctx context.Context, g Grant) error {
	for _, login := range append([]string{g.User}, g.Owners...) {
		if err := CheckLogin(login); err != nil {
			return err
		}
	}
	for _, login := range g.Owners {
		owner, err := a.db.OwnerByLogin(ctx, login)
		switch {
		case strings.EqualFold(login, g.User), err == nil && owner.Kind == rehome.User:
			return badLogin(fmt.Sprintf("%q is a user: besides its own user a token acts for organisations", login))
		case err != nil && rehome.CodeOf(err) != rehome.NotFound:
			return err
		}
	}
	return nil
}

func (a *Auth) organizations(ctx context.Context, logins []string) ([]string, error) {
	kept := make([]string, 0, len(logins))
	for _, login := range logins {
		owner, err := a.Organization(ctx, login)
		if err != nil {
			return nil, err
		}
		kept = append(kept, owner.Login)
	}
	return kept, nil
}

// owner returns the owner of want's login, made like want when there is none.
func (a *Auth) owner(ctx context.Context, want rehome.Owner) (rehome.Owner, error) {
	if err := CheckLogin(want.Login); err != nil {
		return rehome.Owner{}, err
	}
	owner, err := a.db.OwnerByLogin(ctx, want.Login)
	if err == nil || rehome.CodeOf(err) != rehome.NotFound {
		return owner, err
	}
	owner, err = a.db.CreateOwner(ctx, want)
	if rehome.CodeOf(err) == rehome.AlreadyExists && err != nil { // another request was quicker
		return a.db.OwnerByLogin(ctx, want.Login)
	}
	return owner, err
}

func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return Scopes(), nil
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			return nil, &rehome.Error{Code: rehome.Invalid, Field: "scopes", Message: fmt.Sprintf("%q is not a scope: there are %s", scope, strings.Join(Scopes(), ", "))}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(scopes))), nil
}

// maxNote is the longest note of a token, in bytes.
const maxNote = 100

func checkNote(note string) error {
	if len(strings.TrimSpace(note)) > maxNote {
		return &rehome.Error{Code: rehome.Invalid, Field: "note", Message: fmt.Sprintf("the note is longer than %d bytes", maxNote)}
	}
	return nil
}

func (a *Auth) promote(ctx context.Context, user rehome.Owner) (rehome.Owner, error) {
	user.Admin = true
	return user, a.db.MakeAdmin(ctx, user.ID)
}
