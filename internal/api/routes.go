package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// access says who may use a route. What a route does not allow is refused; there is no default.
type access int

const (
	denied        access = iota // the zero value: nobody
	probe                       // anybody, without token, rate limit or version
	anyone                      // anybody, but bad credentials are refused
	signedIn                    // a token
	creates                     // a token with the scope repo
	seesOwner                   // whoever may know of the owner in the path
	reads                       // whoever may read the repository in the path
	writes                      // whoever may change it; to others it is not there
	administers                 // the same, but readers are told so
	keepsHooks                  // whoever may change the repository's webhooks
	keepsOrgHooks               // whoever may change the organisation's
)

// route is one line of the API.
type route struct {
	method  string
	pattern string // {names} in it match one segment each
	access  access
	handle  func(context.Context, *call) (answer, error)
	doc     string // where GitHub's documentation describes it
}

const (
	docs        = "https://docs.github.com/rest"
	docImports  = docs + "/migrations/source-imports"
	docUsers    = docs + "/users/users"
	docOrgs     = docs + "/orgs/orgs"
	docRepos    = docs + "/repos/repos"
	docHooks    = docs + "/repos/webhooks"
	docOrgHooks = docs + "/orgs/webhooks"
)

// routes is the whole API. Every pattern under /repos/{owner}/{repo} is also
// there under /repositories/{id}, and all of them under /api/v3.
func (a *API) routes() []route {
	return []route{
		{"GET", "/healthz", probe, a.health, docs},
		{"GET", "/readyz", probe, a.ready, docs},
		{"GET", "/metrics", probe, a.metrics, docs},
		{"GET", "/openapi.json", probe, a.openapi, docs},
		{"GET", "/rate_limit", anyone, a.rateLimit, docs + "/rate-limit/rate-limit"},

		{"GET", "/user", signedIn, a.user, docs + "/users/users#get-the-authenticated-user"},
		{"GET", "/user/repos", signedIn, a.ownRepositories, docRepos + "#list-repositories-for-the-authenticated-user"},
		{"GET", "/user/orgs", signedIn, a.ownOrganizations, docOrgs + "#list-organizations-for-the-authenticated-user"},
		{"GET", "/users/{login}", seesOwner, a.otherUser, docUsers + "#get-a-user"},
		{"GET", "/users/{login}/repos", seesOwner, a.ownersRepositories, docRepos + "#list-repositories-for-a-user"},
		{"GET", "/orgs/{org}", seesOwner, a.organization, docOrgs + "#get-an-organization"},
		{"GET", "/orgs/{org}/repos", seesOwner, a.ownersRepositories, docRepos + "#list-organization-repositories"},
		{"POST", "/user/repos", creates, a.createForUser, docRepos + "#create-a-repository-for-the-authenticated-user"},
		{"POST", "/orgs/{org}/repos", creates, a.createForOrg, docRepos + "#create-an-organization-repository"},
		{"GET", "/repos/{owner}/{repo}", reads, a.repository, docRepos + "#get-a-repository"},
		{"PATCH", "/repos/{owner}/{repo}", administers, a.editRepository, docRepos + "#update-a-repository"},
		{"DELETE", "/repos/{owner}/{repo}", administers, a.deleteRepository, docRepos + "#delete-a-repository"},

		{"PUT", "/repos/{owner}/{repo}/import", writes, a.startImport, docImports + "#start-an-import"},
		{"GET", "/repos/{owner}/{repo}/import", writes, a.importStatus, docImports + "#get-an-import-status"},
		{"PATCH", "/repos/{owner}/{repo}/import", writes, a.updateImport, docImports + "#update-an-import"},
		{"DELETE", "/repos/{owner}/{repo}/import", writes, a.cancelImport, docImports + "#cancel-an-import"},
		{"GET", "/repos/{owner}/{repo}/import/authors", writes, a.authors, docImports + "#get-commit-authors"},
		{"PUT", "/repos/{owner}/{repo}/import/authors", writes, a.mapAuthors, docImports},
		{"PATCH", "/repos/{owner}/{repo}/import/authors/{author}", writes, a.mapAuthor, docImports + "#map-a-commit-author"},
		{"PATCH", "/repos/{owner}/{repo}/import/lfs", writes, a.setLFS, docImports + "#update-git-lfs-preference"},
		{"GET", "/repos/{owner}/{repo}/import/large_files", writes, a.largeFiles, docImports + "#get-large-files"},
		{"GET", "/repos/{owner}/{repo}/import/receipt", writes, a.receipt, docImports},
		{"GET", "/repos/{owner}/{repo}/import/commit_map", writes, a.commitMap, docImports},
		{"GET", "/repos/{owner}/{repo}/import/events", writes, a.events, docImports},
		{"POST", "/repos/{owner}/{repo}/import/approve", writes, a.approve, docImports},
		{"POST", "/repos/{owner}/{repo}/import/finish", writes, a.finish, docImports},
		{"GET", "/repos/{owner}/{repo}/import/destination", writes, a.destination, docImports},
		{"PUT", "/repos/{owner}/{repo}/import/destination", writes, a.setDestination, docImports},
		{"GET", "/repos/{owner}/{repo}/commit/{old}", writes, a.newCommit, docImports},
		{"GET", "/imports", signedIn, a.imports, docImports},

		{"GET", "/repos/{owner}/{repo}/hooks", keepsHooks, a.hooks, docHooks + "#list-repository-webhooks"},
		{"POST", "/repos/{owner}/{repo}/hooks", keepsHooks, a.createHook, docHooks + "#create-a-repository-webhook"},
		{"GET", "/repos/{owner}/{repo}/hooks/{hook}", keepsHooks, a.hook, docHooks + "#get-a-repository-webhook"},
		{"PATCH", "/repos/{owner}/{repo}/hooks/{hook}", keepsHooks, a.editHook, docHooks + "#update-a-repository-webhook"},
		{"DELETE", "/repos/{owner}/{repo}/hooks/{hook}", keepsHooks, a.deleteHook, docHooks + "#delete-a-repository-webhook"},
		{"GET", "/repos/{owner}/{repo}/hooks/{hook}/config", keepsHooks, a.hookConfig, docHooks + "#get-a-webhook-configuration-for-a-repository"},
		{"PATCH", "/repos/{owner}/{repo}/hooks/{hook}/config", keepsHooks, a.editHookConfig, docHooks + "#update-a-webhook-configuration-for-a-repository"},
		{"POST", "/repos/{owner}/{repo}/hooks/{hook}/tests", keepsHooks, a.testHook, docHooks + "#test-the-push-repository-webhook"},
		{"POST", "/repos/{owner}/{repo}/hooks/{hook}/test", keepsHooks, a.testHook, docHooks + "#test-the-push-repository-webhook"},
		{"POST", "/repos/{owner}/{repo}/hooks/{hook}/pings", keepsHooks, a.pingHook, docHooks + "#ping-a-repository-webhook"},
		{"GET", "/repos/{owner}/{repo}/hooks/{hook}/deliveries", keepsHooks, a.deliveries, docHooks + "#list-deliveries-for-a-repository-webhook"},
		{"GET", "/repos/{owner}/{repo}/hooks/{hook}/deliveries/{delivery}", keepsHooks, a.delivery, docHooks + "#get-a-delivery-for-a-repository-webhook"},
		{"POST", "/repos/{owner}/{repo}/hooks/{hook}/deliveries/{delivery}/attempts", keepsHooks, a.redeliver, docHooks + "#redeliver-a-delivery-for-a-repository-webhook"},

		{"GET", "/orgs/{org}/hooks", keepsOrgHooks, a.hooks, docOrgHooks + "#list-organization-webhooks"},
		{"POST", "/orgs/{org}/hooks", keepsOrgHooks, a.createHook, docOrgHooks + "#create-an-organization-webhook"},
		{"GET", "/orgs/{org}/hooks/{hook}", keepsOrgHooks, a.hook, docOrgHooks + "#get-an-organization-webhook"},
		{"PATCH", "/orgs/{org}/hooks/{hook}", keepsOrgHooks, a.editHook, docOrgHooks + "#update-an-organization-webhook"},
		{"DELETE", "/orgs/{org}/hooks/{hook}", keepsOrgHooks, a.deleteHook, docOrgHooks + "#delete-an-organization-webhook"},
		{"GET", "/orgs/{org}/hooks/{hook}/config", keepsOrgHooks, a.hookConfig, docOrgHooks + "#get-a-webhook-configuration-for-an-organization"},
		{"PATCH", "/orgs/{org}/hooks/{hook}/config", keepsOrgHooks, a.editHookConfig, docOrgHooks + "#update-a-webhook-configuration-for-an-organization"},
		{"POST", "/orgs/{org}/hooks/{hook}/pings", keepsOrgHooks, a.pingHook, docOrgHooks + "#ping-an-organization-webhook"},
		{"GET", "/orgs/{org}/hooks/{hook}/deliveries", keepsOrgHooks, a.deliveries, docOrgHooks + "#list-deliveries-for-an-organization-webhook"},
		{"GET", "/orgs/{org}/hooks/{hook}/deliveries/{delivery}", keepsOrgHooks, a.delivery, docOrgHooks + "#get-a-webhook-delivery-for-an-organization-webhook"},
		{"POST", "/orgs/{org}/hooks/{hook}/deliveries/{delivery}/attempts", keepsOrgHooks, a.redeliver, docOrgHooks + "#redeliver-a-delivery-for-an-organization-webhook"},
	}
}

// resource is what GitHub's error objects call the thing the route is about.
func (r route) resource() string {
	switch {
	case strings.Contains(r.pattern, "/import"):
		return "Import"
	case strings.Contains(r.pattern, "/hooks"):
		return "Hook"
	}
	return "Repository"
}

// router finds the route for a method and path.
type router struct {
	lines []line
}

type line struct {
	route
	segments []string
}

const byName, byID = "/repos/{owner}/{repo}", "/repositories/{id}"

func newRouter(routes []route) router {
	var r router
	for _, rt := range routes {
		r.lines = append(r.lines, line{rt, split(rt.pattern)})
		if rest, ok := strings.CutPrefix(rt.pattern, byName); ok {
			r.lines = append(r.lines, line{rt, split(byID + rest)})
		}
	}
	return r
}

// find returns the route and what its {names} matched. HEAD finds what GET does.
func (r router) find(method, path string) (route, map[string]string, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	segments := split(path)
	for _, l := range r.lines {
		if l.method != method {
			continue
		}
		if params, ok := match(l.segments, segments); ok {
			return l.route, params, true
		}
	}
	return route{}, nil, false
}

func match(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	for i, want := range pattern {
		if !strings.HasPrefix(want, "{") && want != segments[i] {
			return nil, false
		}
	}
	params := map[string]string{} // made for the one route there is, not for each that it is not
	for i, want := range pattern {
		if !strings.HasPrefix(want, "{") {
			continue
		}
		got, err := url.PathUnescape(segments[i])
		if err != nil || got == "" {
			return nil, false
		}
		params[strings.Trim(want, "{}")] = got
	}
	return params, true
}

// split cuts an escaped path at its slashes, the leading one left out.
func split(path string) []string { return strings.Split(strings.TrimPrefix(path, "/"), "/") }
