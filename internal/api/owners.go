package api

import (
	"context"
	"net/http"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/wire"
)

func (a *API) userObject(ctx context.Context, c *call, user rehome.Owner) (answer, error) {
	public, err := a.DB.PublicRepositories(ctx, user.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(wire.User(c.urls, user, public)), nil
}

func (a *API) otherUser(ctx context.Context, c *call) (answer, error) {
	return a.userObject(ctx, c, c.org)
}

func (a *API) organization(ctx context.Context, c *call) (answer, error) {
	public, err := a.DB.PublicRepositories(ctx, c.org.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(wire.Organization(c.urls, c.org, public)), nil
}

// ownOrganizations lists the organisations the caller's token stands for.
func (a *API) ownOrganizations(ctx context.Context, c *call) (answer, error) {
	query := c.r.URL.Query()
	p := pageOf(query)
	found, total, err := a.DB.Organizations(ctx, c.caller.StandsFor(), p.size, p.offset())
	if err != nil {
		return answer{}, err
	}
	list := make([]*wire.Object, 0, len(found))
	for _, org := range found {
		list = append(list, wire.OrganizationInPayload(c.urls, org))
	}
	return paged(list, p.link(c.urls.API+"/user/orgs", query, total)), nil
}

// ownRepositories lists what the caller may read of the owners its token stands for.
func (a *API) ownRepositories(ctx context.Context, c *call) (answer, error) {
	private := c.caller.Has("repo")
	return a.repositories(ctx, c, store.RepositoryFilter{Owners: c.caller.StandsFor(), Private: private}, c.urls.API+"/user/repos")
}

// ownersRepositories lists what the caller may read of the owner in the path.
func (a *API) ownersRepositories(ctx context.Context, c *call) (answer, error) {
	at := c.urls.User(c.org)
	if _, ok := c.params["org"]; ok {
		at = c.urls.Owner(c.org)
	}
	login := c.org.Login
	return a.repositories(ctx, c, store.RepositoryFilter{Owners: []string{login}, Private: c.caller.ActsFor(login)}, at+"/repos")
}

func (a *API) repositories(ctx context.Context, c *call, f store.RepositoryFilter, at string) (answer, error) {
	query := c.r.URL.Query()
	p := pageOf(query)
	f.Limit, f.Offset = p.size, p.offset()
	found, total, err := a.DB.ListRepositories(ctx, f)
	if err != nil {
		return answer{}, err
	}
	list := make([]*wire.Object, 0, len(found))
	for _, r := range found {
		list = append(list, wire.Repository(c.urls, r, rights(c.caller, r)))
	}
	return paged(list, p.link(at, query, total)), nil
}

func paged(list []*wire.Object, link http.Header) answer {
	ans := ok(list)
	ans.headers = link
	return ans
}
