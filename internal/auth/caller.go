package auth

import (
	"slices"
	"strings"

	"rehome"
)

// Caller is who makes a request. The zero Caller is anonymous and may read public repositories.
type Caller struct {
	Token rehome.Token
}

// Anonymous reports whether the caller has not signed in.
func (c Caller) Anonymous() bool { return c.Token.ID == 0 }

// User returns the owner the caller signed in as, the zero Owner for nobody.
func (c Caller) User() rehome.Owner { return c.Token.User }

// Has reports whether the caller's token carries scope.
func (c Caller) Has(scope string) bool { return slices.Contains(c.Token.Scopes, scope) }

// Admin reports whether the caller may act for every owner.
func (c Caller) Admin() bool { return c.Token.User.Admin && c.Has(ScopeRepo) }

// Owns reports whether the caller's token stands for the owner called login, whatever its scopes let it do there.
func (c Caller) Owns(login string) bool {
	if c.Anonymous() {
		return false
	}
	same := func(owner string) bool { return strings.EqualFold(owner, login) }
	return c.Token.User.Admin || same(c.Token.User.Login) || slices.ContainsFunc(c.Token.Owners, same)
}

// ActsFor reports whether the caller may change and see what belongs to the owner called login.
func (c Caller) ActsFor(login string) bool {
	return c.Owns(login) && c.Has(ScopeRepo)
}

// KeepsHooksOf reports whether the caller may see and change webhooks of the repositories of the owner called login.
func (c Caller) KeepsHooksOf(login string) bool {
	return c.Owns(login) && (c.Has(ScopeRepo) || c.Has(ScopeRepoHook))
}

// KeepsOrgHooksOf reports whether the caller may see and change the webhooks of the organisation called login.
func (c Caller) KeepsOrgHooksOf(login string) bool { return c.Owns(login) && c.Has(ScopeOrgHook) }

// CanRead reports whether the caller may know of the repository and clone it.
func (c Caller) CanRead(r rehome.Repository) bool { return !r.Private || c.CanWrite(r) }

// CanWrite reports whether the caller may push to, import into and delete the repository.
func (c Caller) CanWrite(r rehome.Repository) bool { return c.ActsFor(r.Owner.Login) }

// StandsFor returns the owners the caller's token stands for, whatever its scopes let it do there, nil for all of them.
// It is empty and not nil for nobody.
func (c Caller) StandsFor() []string {
	switch {
	case c.Token.User.Admin:
		return nil
	case c.Anonymous():
		return []string{}
	}
	return append([]string{c.Token.User.Login}, c.Token.Owners...)
}

// Logins returns the owners the caller acts for, nil for all of them. It is empty
// and not nil for a caller that acts for nobody.
func (c Caller) Logins() []string {
	switch {
	case c.Admin():
		return nil
	case c.Anonymous() || !c.Has(ScopeRepo):
		return []string{}
	}
	return append([]string{c.Token.User.Login}, c.Token.Owners...)
}
