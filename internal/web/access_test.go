package web

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/testenv"
	"rehome/internal/webhook"
)

// allowed says what each kind of caller may do with what is octocat's and what is labs': "yes", or the status of the refusal.
var allowed = map[access]map[string]string{
	anybody:     {"nobody": "yes", "stranger": "yes", "owner": "yes", "owner repo": "yes", "owner hooks": "yes", "acting": "yes", "acting hooks": "yes", "admin": "yes", "admin hooks": "yes"},
	signedIn:    {"nobody": "303", "stranger": "yes", "owner": "yes", "owner repo": "yes", "owner hooks": "yes", "acting": "yes", "acting hooks": "yes", "admin": "yes", "admin hooks": "yes"},
	creates:     {"nobody": "303", "stranger": "yes", "owner": "yes", "owner repo": "yes", "owner hooks": "403", "acting": "yes", "acting hooks": "403", "admin": "yes", "admin hooks": "403"},
	administers: {"nobody": "303", "stranger": "404", "owner": "404", "owner repo": "404", "owner hooks": "404", "acting": "404", "acting hooks": "404", "admin": "yes", "admin hooks": "404"},
	writes: {
		"nobody": "303 303", "stranger": "404 404", "owner": "yes 404", "owner repo": "yes 404", "owner hooks": "404 404", "acting": "404 yes", "acting hooks": "404 404", "admin": "yes yes", "admin hooks": "404 404",
	},
	keepsHooks: {
		"nobody": "303 303", "stranger": "404 404", "owner": "yes 404", "owner repo": "yes 404", "owner hooks": "yes 404", "acting": "404 yes", "acting hooks": "404 404", "admin": "yes yes", "admin hooks": "yes yes",
	},
	keepsOrgHooks: {
		"nobody": "303 303", "stranger": "404 404", "owner": "404 404", "owner repo": "404 404", "owner hooks": "404 404", "acting": "404 yes", "acting hooks": "404 yes", "admin": "404 yes", "admin hooks": "404 404",
	},
}

var grants = map[string]auth.Grant{
	"stranger": {User: "stranger"}, "owner": {User: "octocat"}, "owner repo": {User: "octocat", Scopes: []string{"repo"}}, "owner hooks": {User: "octocat", Scopes: []string{"admin:repo_hook"}},
	"acting": {User: "mona", Owners: []string{"labs"}}, "acting hooks": {User: "mona", Owners: []string{"labs"}, Scopes: []string{"admin:org_hook"}},
	"admin": {User: "admin", Admin: true}, "admin hooks": {User: "admin", Admin: true, Scopes: []string{"admin:repo_hook"}},
}

// place is something of everything that belongs to one owner.
type place struct{ owner, repo, hook, delivery, orgHook, author string }

func (p place) path(r route) string {
	_, pattern, _ := strings.Cut(r.pattern, " ")
	hook := p.hook
	if r.access == keepsOrgHooks {
		hook = p.orgHook
	}
	return strings.NewReplacer("{owner}", strings.ToUpper(p.owner), "{repo}", strings.ToUpper(p.repo), "{org}", p.owner, "{hook}", hook, "{delivery}", p.delivery,
		"{author}", p.author, "{token}", "1", "{$}", "").Replace(pattern)
}

// TestWhoMayDoWhat takes every route as every kind of caller, with what belongs to a user and to an organisation. Who may not is refused and changes
// nothing; what is refused for a repository is refused in the same words where none is.
func TestWhoMayDoWhat(t *testing.T) {
	x := newWorld(t)
	people := map[string]*browser{"nobody": {x: x}}
	for name, g := range grants {
		people[name] = x.signedIn(t, g)
	}
	from := source1(t)
	places := []place{x.place(t, "octocat", from), x.place(t, "labs", from)}
	each := func(do func(r route, who string, p place, want string)) {
		for _, r := range x.web.routes() {
			if len(allowed[r.access]) != len(people) {
				t.Fatalf("%s: nobody thought about who may", r.pattern)
			}
			for who, words := range allowed[r.access] {
				for n, want := range strings.Fields(words) {
					do(r, who, places[n], want)
				}
			}
		}
	}
	before := x.rows(t)
	each(func(r route, who string, p place, want string) {
		if want == "yes" {
			return
		}
		a := people[who].take(t, r, p)
		if strconv.Itoa(a.StatusCode) != want {
			t.Errorf("%s of %s as %s: %d, want %s", r.pattern, p.owner, who, a.StatusCode, want)
		}
		nowhere := people[who].take(t, r, place{"octocat", "nowhere", "1", "1", "1", "1"})
		if a.StatusCode == 404 && a.words() != nowhere.words() {
			t.Errorf("%s of %s as %s is refused in other words than what is not there", r.pattern, p.owner, who)
		}
	})
	for table, was := range before {
		if now := x.rows(t)[table]; now != was {
			t.Errorf("who may not has changed %s", table)
		}
	}
	each(func(r route, who string, p place, want string) {
		if want != "yes" || strings.HasSuffix(r.pattern, "/cancel") || strings.Contains(r.pattern, "/sign-") || strings.HasSuffix(r.pattern, "/revoke") {
			return
		}
		a := people[who].take(t, r, p)
		if a.StatusCode == 403 || a.StatusCode >= 500 || a.StatusCode == 404 && !strings.Contains(r.pattern, "{hook}") || strings.Contains(a.Header.Get("Location"), "sign-in") {
			t.Errorf("%s of %s as %s: %d: %.300s", r.pattern, p.owner, who, a.StatusCode, a.body)
		}
		if isGet := strings.HasPrefix(r.pattern, "GET "); isGet && a.StatusCode != 200 && r.pattern != "GET /{owner}/{repo}" {
			t.Errorf("%s of %s as %s: %d, want 200", r.pattern, p.owner, who, a.StatusCode)
		}
		x.work(t)
	})
	if x.log.Len() > 0 {
		t.Errorf("the log says: %s", x.log)
	}
}

// take goes to a page, or sends its form, empty but for the key.
func (b *browser) take(t *testing.T, r route, p place) answer {
	t.Helper()
	if strings.HasPrefix(r.pattern, "POST ") {
		return b.post(t, p.path(r), nil)
	}
	return b.get(t, p.path(r))
}

// place makes something of everything.
func (x *world) place(t *testing.T, owner, from string) place {
	t.Helper()
	ctx, user := t.Context(), auth.Grant{User: "mona"}
	r := x.repository(t, owner, "moved", from, false)
	x.work(t)
	p := place{owner: owner, repo: r.Name}
	made := func(at rehome.HookTarget) rehome.Hook {
		h, err := x.web.Hooks.Create(ctx, at, r.Owner, webhook.Create{Config: webhook.Config{URL: "http://127.0.0.1:9/" + user.User}, Active: true})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	hook := made(rehome.HookTarget{RepositoryID: r.ID})
	p.hook, p.orgHook = fmt.Sprint(hook.ID), "1"
	if r.Owner.Kind == rehome.Organization {
		p.orgHook = fmt.Sprint(made(rehome.HookTarget{OwnerID: r.Owner.ID}).ID)
	}
	list, err := x.web.Hooks.Deliveries(ctx, rehome.HookTarget{RepositoryID: r.ID}, hook.ID, 0, 1)
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	p.delivery = fmt.Sprint(list[0].ID)
	people, err := x.web.Importer.Authors(ctx, r.ID, 0, 1)
	if err != nil || len(people) == 0 {
		t.Fatal(people, err)
	}
	p.author = fmt.Sprint(people[0].ID)
	return p
}

// rows are all that the database holds, by table, but for when sessions were seen.
func (x *world) rows(t *testing.T) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.dir, "db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held := map[string]string{}
	for _, name := range testenv.Column(t, db, "SELECT name FROM sqlite_master WHERE type = 'table'") {
		columns := testenv.Column(t, db, "SELECT 'coalesce(hex(' || name || '), 0)' FROM pragma_table_info('"+name+"')")
		held[name] = strings.Join(testenv.Column(t, db, "SELECT "+strings.Join(columns, " || ',' || ")+" FROM "+name+" ORDER BY 1"), "\n")
	}
	if held["imports"] == "" || held["hooks"] == "" || held["tokens"] == "" {
		t.Fatal("nothing was read of the imports, hooks and tokens there are")
	}
	return held
}

// TestTokensMadeHere are never more than the token of who made them.
func TestTokensMadeHere(t *testing.T) {
	x := newWorld(t)
	x.token(t, auth.Grant{User: "chief", Admin: true})
	x.token(t, auth.Grant{User: "other", Owners: []string{"theirs"}})
	narrow := auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"admin:repo_hook"}}
	wide, _ := x.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}})
	for name, c := range map[string]struct {
		as    auth.Grant
		form  url.Values
		makes bool
	}{
		"its own scope":             {narrow, url.Values{"scope": {"admin:repo_hook"}}, true},
		"a scope it lacks":          {narrow, url.Values{"scope": {"repo"}}, false},
		"one it has, one it lacks":  {narrow, url.Values{"scope": {"admin:repo_hook", "repo"}}, false},
		"no scope, which is all":    {narrow, nil, false},
		"a scope there is not":      {auth.Grant{User: "octocat"}, url.Values{"scope": {"root"}}, false},
		"its organisation":          {auth.Grant{User: "octocat", Owners: []string{"labs"}}, url.Values{"scope": {"repo"}, "owner": {"LABS"}}, true},
		"another's organisation":    {auth.Grant{User: "octocat"}, url.Values{"scope": {"repo"}, "owner": {"theirs"}}, false},
		"an organisation to come":   {auth.Grant{User: "octocat"}, url.Values{"scope": {"repo"}, "owner": {"new-one"}}, false},
		"another user as owner":     {auth.Grant{User: "octocat"}, url.Values{"scope": {"repo"}, "owner": {"chief"}}, false},
		"itself as owner":           {auth.Grant{User: "octocat"}, url.Values{"scope": {"repo"}, "owner": {"octocat"}}, false},
		"admin, without scope repo": {auth.Grant{User: "chief", Scopes: []string{"admin:org_hook"}}, url.Values{"scope": {"repo"}, "user": {"chief"}}, false},
	} {
		b := x.signedIn(t, c.as)
		before := len(x.tokens(t))
		a := b.post(t, "/-/tokens", c.form)
		if made := len(x.tokens(t)) > before; made != c.makes || made != (a.StatusCode == 200) {
			t.Errorf("%s: made %t (%d), want %t", name, made, a.StatusCode, c.makes)
		}
	}
	for user, form := range map[string]url.Values{"a user's name from a user": {"scope": {"repo"}, "user": {"chief"}}, "in other case": {"scope": {"repo"}, "user": {"CHIEF"}}} {
		x.signedIn(t, auth.Grant{User: "octocat"}).post(t, "/-/tokens", form).want(t, 200)
		if all := x.tokens(t); all[len(all)-1].User.Login != "octocat" {
			t.Errorf("%s made a token of %s", user, all[len(all)-1].User.Login)
		}
	}
	b := x.signedIn(t, narrow)
	if a := b.post(t, fmt.Sprintf("/-/tokens/%d/revoke", wide.ID), nil); a.StatusCode != 404 {
		t.Errorf("a narrow token ends a wide one: %d", a.StatusCode)
	}
	if page := b.get(t, "/-/tokens"); strings.Contains(page.body, fmt.Sprintf("/tokens/%d/revoke", wide.ID)) || !strings.Contains(page.body, "revoke") {
		t.Error("a narrow token sees wide ones, or not itself")
	}
	if at := slices.IndexFunc(x.tokens(t), func(o rehome.Token) bool { return o.ID == wide.ID }); !x.tokens(t)[at].RevokedAt.IsZero() {
		t.Error("the wide token is revoked")
	}
}

func (x *world) tokens(t *testing.T) []rehome.Token {
	t.Helper()
	all, err := x.web.DB.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRevokingTheOwnTokenSignsOut(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	all := x.tokens(t)
	b.post(t, fmt.Sprintf("/-/tokens/%d/revoke", all[len(all)-1].ID), nil).want(t, http.StatusSeeOther)
	b.get(t, "/").want(t, http.StatusSeeOther)
}

// TestWeakRoutes lists by name what is open to more than those who may import or keep webhooks. A path with a repository or an organisation in it is
// for those who may with them.
func TestWeakRoutes(t *testing.T) {
	weak := map[string]access{
		"GET /{$}": signedIn, "GET /-/sign-in": anybody, "POST /-/sign-in": anybody, "POST /-/sign-out": signedIn, "GET /-/webhooks": signedIn,
		"GET /-/tokens": signedIn, "POST /-/tokens": signedIn, "POST /-/tokens/{token}/revoke": signedIn, "GET /-/server": administers,
	}
	for _, r := range newWorld(t).web.routes() {
		want, named := weak[r.pattern]
		switch {
		case named:
		case strings.Contains(r.pattern, "/import/webhooks"):
			want = keepsHooks
		case strings.Contains(r.pattern, "{repo}"):
			want = writes
		case strings.Contains(r.pattern, "{org}"):
			want = keepsOrgHooks
		default:
			want = creates
		}
		if r.access != want {
			t.Errorf("%s is for %d, want %d", r.pattern, r.access, want)
		}
	}
}
