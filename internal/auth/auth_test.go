package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

func newAuth(t *testing.T) (*Auth, *store.DB) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return New(db), db
}

func issue(t *testing.T, a *Auth, g Grant) (rehome.Token, string) {
	t.Helper()
	token, secret, err := a.Issue(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return token, string(secret)
}

func identify(t *testing.T, a *Auth, authorization string) (Caller, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return a.Identify(t.Context(), r)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestIdentify(t *testing.T) {
	a, db := newAuth(t)
	_, secret := issue(t, a, Grant{User: "octocat"})
	dead, revoked := issue(t, a, Grant{User: "octocat"})
	if err := db.RevokeToken(t.Context(), dead.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, header, user string }{
		{"nobody", "", ""},
		{"token", "token " + secret, "octocat"},
		{"bearer", "Bearer " + secret, "octocat"},
		{"any case", "bEARER " + secret, "octocat"},
		{"basic, password", basic("anything", secret), "octocat"},
		{"basic, user name", basic(secret, "x-oauth-basic"), "octocat"},
		{"basic, user name alone", basic(secret, ""), "octocat"},
		{"revoked", "token " + revoked, "refused"},
		{"unknown", "token rht_unknown", "refused"},
		{"empty token", "token ", "refused"},
		{"no token", "token", "refused"},
		{"other scheme", "Digest " + secret, "refused"},
		{"scheme missing", secret, "refused"},
		{"basic, broken", "Basic ???", "refused"},
		{"basic, empty", basic("", ""), "refused"},
		{"too long", "token " + strings.Repeat("x", maxToken+1), "refused"},
		{"other case of the token", "token " + strings.ToUpper(secret), "refused"},
	} {
		caller, err := identify(t, a, c.header)
		if c.user == "refused" {
			if !errors.Is(err, ErrBadCredentials) || !caller.Anonymous() {
				t.Errorf("%s: got %q, %v; want bad credentials", c.name, caller.User().Login, err)
			}
			continue
		}
		if err != nil || caller.User().Login != c.user || caller.Anonymous() != (c.user == "") {
			t.Errorf("%s: got %q, %v; want %q", c.name, caller.User().Login, err, c.user)
		}
	}
}

func TestIdentifyTellsTroubleFromBadCredentials(t *testing.T) {
	a, db := newAuth(t)
	_, secret := issue(t, a, Grant{User: "octocat"})
	db.Close()
	if _, err := identify(t, a, "token "+secret); err == nil || errors.Is(err, ErrBadCredentials) {
		t.Errorf("with the database gone: %v, want an error of its own", err)
	}
}

func TestIssue(t *testing.T) {
	a, db := newAuth(t)
	token, secret := issue(t, a, Grant{User: "octocat", Owners: []string{"Labs", "labs-2"}, Scopes: []string{"repo"}})
	if body, ok := strings.CutPrefix(secret, "rht_"); !ok || len(body) < 32 {
		t.Errorf("token %q: want rht_ and 160 bits", secret)
	}
	if token.User.Login != "octocat" || token.User.Kind != rehome.User || token.User.Admin {
		t.Errorf("user %+v", token.User)
	}
	if !slices.Equal(token.Owners, []string{"Labs", "labs-2"}) || !slices.Equal(token.Scopes, []string{"repo"}) {
		t.Errorf("owners %q, scopes %q", token.Owners, token.Scopes)
	}
	if owner, err := db.OwnerByLogin(t.Context(), "LABS"); err != nil || owner.Kind != rehome.Organization {
		t.Errorf("owner labs: %+v, %v; want an organisation", owner, err)
	}
	if again, _ := issue(t, a, Grant{User: "OctoCat", Admin: true}); again.User.ID != token.User.ID || !again.User.Admin {
		t.Errorf("second token is for %+v, want the same user, now an administrator", again.User)
	}
	if caller, err := identify(t, a, "token "+secret); err != nil || !caller.User().Admin {
		t.Errorf("the older token: %+v, %v; want the administrator's rights", caller.User(), err)
	}
}

func TestIssueRefuses(t *testing.T) {
	a, db := newAuth(t)
	issue(t, a, Grant{User: "octocat", Owners: []string{"labs"}})
	for name, g := range map[string]Grant{
		"no user":                     {},
		"a word of a route":           {User: "Repos"},
		"an owner that is one":        {User: "octocat", Owners: []string{"api"}},
		"a scope nobody knows":        {User: "octocat", Scopes: []string{"repo", "gist"}},
		"an organisation signing in":  {User: "labs"},
		"a login with a line break":   {User: "octo\ncat"},
		"a login that climbs a path":  {User: ".."},
		"an owner with another start": {User: "octocat", Owners: []string{"-labs"}},
		"a user as owner":             {User: "eve", Owners: []string{"OctoCat"}, Admin: true},
		"its own user as owner":       {User: "eve", Owners: []string{"Eve"}},
	} {
		if _, _, err := a.Issue(t.Context(), g); rehome.CodeOf(err) != rehome.Invalid || err == nil {
			t.Errorf("%s: %v, want %s", name, err, rehome.Invalid)
		}
	}
	if tokens, err := db.Tokens(t.Context()); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v; want the first alone", len(tokens), err)
	}
	if eve, err := db.OwnerByLogin(t.Context(), "eve"); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("a refused grant made %+v, %v", eve, err)
	}
}

func TestFirstAdmin(t *testing.T) {
	a, _ := newAuth(t)
	first, err := a.FirstAdmin(t.Context(), "")
	if err != nil || first == "" {
		t.Fatalf("FirstAdmin gave no token: %v", err)
	}
	if caller, err := identify(t, a, "token "+string(first)); err != nil || !caller.Admin() || caller.User().Login != "admin" {
		t.Errorf("its caller is %+v, %v; want the administrator", caller.User(), err)
	}
	if again, err := a.FirstAdmin(t.Context(), ""); err != nil || again != "" {
		t.Errorf("the second start printed a token, %v", err)
	}
	for range 2 {
		if printed, err := a.FirstAdmin(t.Context(), "from-the-environment"); err != nil || printed != "" {
			t.Errorf("with a token given, one was printed, %v", err)
		}
	}
	if caller, err := identify(t, a, "token from-the-environment"); err != nil || !caller.Admin() {
		t.Errorf("the given token's caller is %+v, %v; want the administrator", caller.User(), err)
	}
	if _, err := a.FirstAdmin(t.Context(), "two words"); rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("a token with a space: %v, want %s", err, rehome.Invalid)
	}
}

func TestOrganization(t *testing.T) {
	a, _ := newAuth(t)
	made, err := a.Organization(t.Context(), "labs")
	if err != nil || made.Kind != rehome.Organization {
		t.Fatalf("got %+v, %v", made, err)
	}
	if again, err := a.Organization(t.Context(), "Labs"); err != nil || again != made {
		t.Errorf("got %+v, %v; want %+v", again, err, made)
	}
	issue(t, a, Grant{User: "octocat"})
	if got, err := a.Organization(t.Context(), "OctoCat"); rehome.CodeOf(err) != rehome.NotFound || err == nil {
		t.Errorf("a user's login: %+v, %v; want %s", got, err, rehome.NotFound)
	}
	if _, err := a.Organization(t.Context(), "user"); rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("a reserved word: %v, want %s", err, rehome.Invalid)
	}
}

func TestCallerRights(t *testing.T) {
	caller := func(admin bool, scopes []string, owners ...string) Caller {
		return Caller{rehome.Token{ID: 1, User: rehome.Owner{ID: 1, Login: "octocat", Admin: admin}, Scopes: scopes, Owners: owners}}
	}
	repository := func(owner string, private bool) rehome.Repository {
		return rehome.Repository{Owner: rehome.Owner{Login: owner}, Private: private}
	}
	repo := []string{ScopeRepo}
	callers := map[string]Caller{
		"nobody": {}, "user": caller(false, repo), "member": caller(false, repo, "Labs"), "admin": caller(true, repo),
		"user without scope": caller(false, nil), "admin without scope": caller(true, nil),
	}
	for _, c := range []struct {
		caller, owner string
		private       bool
		read, write   bool
	}{
		{"nobody", "octocat", false, true, false},
		{"nobody", "octocat", true, false, false},
		{"user", "OctoCat", true, true, true},
		{"user", "labs", true, false, false},
		{"user", "labs", false, true, false},
		{"member", "labs", true, true, true},
		{"member", "other", true, false, false},
		{"admin", "other", true, true, true},
		{"user without scope", "octocat", true, false, false},
		{"user without scope", "octocat", false, true, false},
		{"admin without scope", "other", true, false, false},
	} {
		who, r := callers[c.caller], repository(c.owner, c.private)
		if got := who.CanRead(r); got != c.read {
			t.Errorf("%s may read %s's (private %v): got %v", c.caller, c.owner, c.private, got)
		}
		if got := who.CanWrite(r); got != c.write {
			t.Errorf("%s may write %s's (private %v): got %v", c.caller, c.owner, c.private, got)
		}
	}
	for name, want := range map[string][]string{
		"nobody": {}, "user": {"octocat"}, "member": {"octocat", "Labs"}, "admin": nil,
		"user without scope": {}, "admin without scope": {},
	} {
		if got := callers[name].Logins(); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s acts for %q, want %q", name, got, want)
		}
	}
}

// TestRightsToHooks: a scope lets a token do one thing, for those it stands for.
func TestRightsToHooks(t *testing.T) {
	const hooks, orgHooks, rest = 1, 2, 4 // keeping webhooks of repositories, of organisations; changing what is private
	for _, c := range []struct {
		scope string
		want  int
	}{
		{ScopeRepo, hooks | rest},
		{ScopeRepoHook, hooks},
		{ScopeOrgHook, orgHooks},
		{"", 0},
		{"REPO", 0},
		{"admin:repo_hook,repo", 0},
	} {
		for _, admin := range []bool{false, true} {
			caller := Caller{rehome.Token{ID: 1, User: rehome.Owner{ID: 1, Login: "octocat", Admin: admin}, Scopes: []string{c.scope}, Owners: []string{"Labs"}}}
			for owner, stands := range map[string]bool{"octocat": true, "OCTOCAT": true, "labs": true, "LABS": true, "lab": admin, "labs-2": admin, "other": admin} {
				want := c.want
				if !stands {
					want = 0
				}
				got := 0
				for bit, may := range map[int]bool{
					hooks: caller.KeepsHooksOf(owner), orgHooks: caller.KeepsOrgHooksOf(owner),
					rest: caller.CanRead(rehome.Repository{Owner: rehome.Owner{Login: owner}, Private: true}),
				} {
					if may {
						got |= bit
					}
				}
				if got != want || caller.Owns(owner) != stands || caller.ActsFor(owner) != (want&rest != 0) {
					t.Errorf("scope %q, administrator %v, owner %s: %b, stands for it %v; want %b, %v", c.scope, admin, owner, got, caller.Owns(owner), want, stands)
				}
			}
			if caller.Admin() != (admin && c.want&rest != 0) {
				t.Errorf("scope %q, administrator %v: acts for everybody %v", c.scope, admin, caller.Admin())
			}
			if logins := caller.Logins(); c.want&rest == 0 && (logins == nil || len(logins) > 0) {
				t.Errorf("scope %q, administrator %v: lists the imports of %q, nil for all", c.scope, admin, logins)
			}
		}
	}
	var nobody Caller
	if nobody.Owns("") || nobody.KeepsHooksOf("") || nobody.KeepsOrgHooksOf("") {
		t.Error("nobody stands for the owner without a name")
	}
}

func TestScopesOnce(t *testing.T) {
	a, _ := newAuth(t)
	if token, _ := issue(t, a, Grant{User: "octocat", Scopes: []string{"repo", "admin:org_hook", "repo"}}); !slices.Equal(token.Scopes, []string{"admin:org_hook", "repo"}) {
		t.Errorf("scopes %q", token.Scopes)
	}
}

func TestCheckLogin(t *testing.T) {
	for _, good := range []string{"a", "Octo-Cat", "admin", "0", strings.Repeat("x", 39)} {
		if err := CheckLogin(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "-a", "a-", "a--b", "a.b", "a_b", "a b", "a/b", "ä", "a\x00", "..", ".git", strings.Repeat("x", 40),
		"repos", "API", "user", "orgs", "imports", "repositories", "healthz",
	} {
		if err := CheckLogin(bad); rehome.CodeOf(err) != rehome.Invalid || err == nil {
			t.Errorf("%q: %v, want %s", bad, err, rehome.Invalid)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	for _, seed := range []string{"", "token x", "Bearer x", basic("a", "b"), "Basic ", "basic \x00", " ", "token"} {
		f.Add(seed)
	}
	db, err := store.Open(context.Background(), filepath.Join(f.TempDir(), "db"))
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	a := New(db)
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Authorization": {header}}}
		if caller, err := a.Identify(t.Context(), r); !caller.Anonymous() || (err == nil) != (header == "") {
			t.Errorf("%q signs in as %+v, %v", header, caller.User(), err)
		}
	})
}

// Of servers that start at once on an empty database one gets the administrator's token.
func TestFirstAdminAtOnce(t *testing.T) {
	for engine, where := range map[string]func() string{
		"sqlite":   func() string { return filepath.Join(t.TempDir(), "db") },
		"postgres": func() string { return testenv.Postgres(t).NewDatabase(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			at := where()
			var printed sync.Map
			var starting sync.WaitGroup
			for range 8 {
				starting.Go(func() {
					db, err := store.Open(context.Background(), at)
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close()
					secret, err := New(db).FirstAdmin(context.Background(), "")
					if err != nil {
						t.Error(err)
					}
					if secret != "" {
						printed.Store(secret, true)
					}
				})
			}
			starting.Wait()
			n := 0
			printed.Range(func(secret, _ any) bool {
				n++
				db, err := store.Open(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				if caller, err := identify(t, New(db), "token "+string(secret.(rehome.Secret))); err != nil || !caller.Admin() {
					t.Errorf("its caller is %+v, %v", caller.User(), err)
				}
				return true
			})
			if n != 1 {
				t.Errorf("%d tokens were printed, want 1", n)
			}
		})
	}
}
