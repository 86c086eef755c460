package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"rehome"
)

// versions are the values of X-GitHub-Api-Version that are taken, the default first.
var versions = []string{"2022-11-28", "2026-03-10"}

// version returns the API version a request asks for, "" for one nobody knows.
func version(c *call) string {
	asked := c.r.Header.Get("X-GitHub-Api-Version")
	switch {
	case asked == "":
		return versions[0]
	case slices.Contains(versions, asked):
		return asked
	}
	return ""
}

// meet finds out who calls and counts the request.
func (a *API) meet(ctx context.Context, c *call) error {
	caller, err := a.Guard.Identify(ctx, c.r, a.bases.network(c.r))
	c.caller = caller
	cost := 1
	if c.route.pattern == "/rate_limit" {
		cost = 0
	}
	c.rate = a.Limits.Take(a.rateKey(c), cost)
	switch {
	case err != nil:
		return err
	case version(c) == "":
		return errBadVersion
	case c.rate.Exceeded() && cost > 0:
		return &failure{status: 403, message: "API rate limit exceeded for " + a.rateName(c) + "."}
	}
	return nil
}

// rateKey is whose window a request counts in: the token's, the address's without one.
func (a *API) rateKey(c *call) string {
	if c.caller.Anonymous() {
		return "address " + a.bases.network(c.r)
	}
	return "token " + strconv.FormatInt(c.caller.Token.ID, 10)
}

func (a *API) rateName(c *call) string {
	if c.caller.Anonymous() {
		return a.bases.client(c.r)
	}
	return fmt.Sprintf("user ID %d", c.caller.User().ID)
}

// admit decides whether the caller may use the route, and finds the repository or organisation in its path.
func (a *API) admit(ctx context.Context, c *call) error {
	need := c.route.access
	if need != anyone && need != reads && need != seesOwner && c.caller.Anonymous() {
		return errSignIn
	}
	switch need {
	case anyone, signedIn:
		return nil
	case creates:
		if !c.caller.Has("repo") {
			return lacksScope(c.route)
		}
		return nil
	case reads, writes, administers:
		return a.admitTo(ctx, c)
	case seesOwner:
		return a.admitToOwner(ctx, c)
	case keepsHooks:
		return a.admitToHooks(ctx, c)
	case keepsOrgHooks:
		return a.admitToOrgHooks(ctx, c)
	}
	return errNotFound
}

// mayStill reports whether the caller may use the route now as when it was admitted: since then the token may have been
// revoked, and the repository deleted, or another one made in its place.
func (a *API) mayStill(ctx context.Context, c *call) bool {
	now := call{r: c.r, route: c.route, params: c.params}
	var err error
	if now.caller, err = a.Auth.Identify(ctx, c.r); err != nil {
		return false
	}
	return a.admit(ctx, &now) == nil && now.repo.ID == c.repo.ID
}

func (a *API) admitTo(ctx context.Context, c *call) error {
	repo, err := a.find(ctx, c.params)
	if err != nil {
		return err
	}
	c.repo = repo
	need := c.route.access
	switch {
	case c.caller.CanWrite(repo), need == reads && c.caller.CanRead(repo):
		return nil
	case need == administers && c.caller.CanRead(repo):
		return errNoRights
	}
	return errNotFound
}

// admitToOwner finds the user or organisation in the path. Among users organisations are found, too, as on GitHub.
func (a *API) admitToOwner(ctx context.Context, c *call) error {
	login, among := c.params["org"]
	if !among {
		login = c.params["login"]
	}
	owner, err := a.DB.OwnerByLogin(ctx, login)
	if err != nil {
		return err
	}
	if among && owner.Kind != rehome.Organization {
		return errNotFound
	}
	public, err := a.DB.PublicRepositories(ctx, owner.ID)
	if err != nil {
		return err
	}
	if public == 0 && !c.caller.Owns(owner.Login) {
		return errNotFound
	}
	c.org = owner
	return nil
}

// admitToHooks tells a token that stands for the owner which scope it lacks before it looks for
// the repository: such a token does not learn which private ones there are.
func (a *API) admitToHooks(ctx context.Context, c *call) error {
	owner := c.params["owner"]
	if c.caller.Owns(owner) && !c.caller.KeepsHooksOf(owner) {
		return lacksScope(c.route)
	}
	repo, err := a.find(ctx, c.params)
	switch {
	case err != nil:
		return err
	case !c.caller.Owns(repo.Owner.Login):
		return errNotFound
	case !c.caller.KeepsHooksOf(repo.Owner.Login):
		return lacksScope(c.route)
	}
	c.repo = repo
	return nil
}

// admitToOrgHooks finds the organisation in the path. A user is none.
func (a *API) admitToOrgHooks(ctx context.Context, c *call) error {
	org, err := a.DB.OwnerByLogin(ctx, c.params["org"])
	switch {
	case err != nil:
		return err
	case org.Kind != rehome.Organization, !c.caller.Owns(org.Login):
		return errNotFound
	case !c.caller.KeepsOrgHooksOf(org.Login):
		return lacksScope(c.route)
	}
	c.org = org
	return nil
}

// find returns the repository that {owner} and {repo}, or {id}, name.
func (a *API) find(ctx context.Context, params map[string]string) (rehome.Repository, error) {
	if _, ok := params["id"]; !ok {
		return a.DB.Repository(ctx, params["owner"], params["repo"])
	}
	id, err := idIn(params, "id")
	if err != nil {
		return rehome.Repository{}, err
	}
	return a.DB.RepositoryByID(ctx, id)
}

// idIn returns the id in a path. There is one way to write it; another one leads nowhere.
func idIn(params map[string]string, name string) (int64, error) {
	id, err := strconv.ParseInt(params[name], 10, 64)
	if err != nil || params[name] != strconv.FormatInt(id, 10) {
		return 0, errNotFound
	}
	return id, nil
}
