package e2e

import (
	"slices"

	"github.com/google/go-github/v89/github"
)

// lookAround makes the calls that scripts make before and after an import.
func (g *goVisit) lookAround() {
	ctx, named := g.t.Context(), func(r *github.Repository) bool { return r.GetFullName() == g.owner+"/"+g.name }
	if u := must[*github.User](g.t)(g.client.Users.Get(ctx, g.owner)); u.GetLogin() != g.owner || u.GetType() != "User" {
		g.t.Errorf("user: %v", u)
	}
	must[[]*github.Organization](g.t)(g.client.Organizations.List(ctx, "", nil))
	if all := must[[]*github.Repository](g.t)(g.client.Repositories.ListByUser(ctx, g.owner, nil)); !slices.ContainsFunc(all, named) {
		g.t.Errorf("repositories of %s: %v", g.owner, all)
	}
	opts := &github.RepositoryListByAuthenticatedUserOptions{ListOptions: github.ListOptions{PerPage: 1}}
	var all []*github.Repository
	for r, err := range g.client.Repositories.ListByAuthenticatedUserIter(ctx, opts) {
		if err != nil {
			g.t.Fatal(err)
		}
		all = append(all, r)
	}
	if !slices.ContainsFunc(all, named) {
		g.t.Errorf("own repositories: %v", all)
	}
	r := must[*github.Repository](g.t)(g.client.Repositories.Get(ctx, g.owner, g.name))
	r.Description = github.Ptr("moved") // all the rest is sent back as it came
	if changed := must[*github.Repository](g.t)(g.client.Repositories.Edit(ctx, g.owner, g.name, r)); changed.GetDescription() != "moved" || !named(changed) {
		g.t.Errorf("edited: %v", changed)
	}
	if _, err := g.client.Repositories.TestHook(ctx, g.owner, g.name, g.hook.GetID()); err != nil {
		g.t.Errorf("test the webhook: %v", err)
	}
	if c := must[*github.HookConfig](g.t)(g.client.Repositories.GetHookConfiguration(ctx, g.owner, g.name, g.hook.GetID())); c.GetURL() != g.hooks.hook() {
		g.t.Errorf("configuration: %v", c)
	}
}
