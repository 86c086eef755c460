package api

import (
	"encoding/base64"
	"strconv"
	"time"

	"rehome"
	"rehome/internal/auth"
)

// repositoryObject is a repository as GitHub's clients know it.
func repositoryObject(u urls, caller auth.Caller, r rehome.Repository) *document {
	o := fieldsOf(
		"id", r.ID, "node_id", nodeID("010:Repository", r.ID), "name", r.Name, "full_name", r.FullName(),
		"private", r.Private, "owner", ownerObject(u, r.Owner), "html_url", u.html(r),
		"description", textOrNull(r.Description), "fork", false, "url", u.repository(r),
		"created_at", stamp(r.CreatedAt), "updated_at", stamp(r.UpdatedAt), "pushed_at", stamp(r.PushedAt),
		"git_url", u.clone(r), "clone_url", u.clone(r), "homepage", nil, "size", 0, "language", nil,
	)
	for _, count := range []string{"stargazers_count", "watchers_count", "forks_count", "open_issues_count", "forks", "open_issues", "watchers"} {
		o.add(count, 0)
	}
	for _, feature := range []string{"has_issues", "has_projects", "has_downloads", "has_wiki", "has_pages", "has_discussions", "is_template", "allow_forking"} {
		o.add(feature, false)
	}
	o.add("mirror_url", nil, "archived", false, "disabled", false, "license", nil, "topics", []string{},
		"visibility", visibility(r), "default_branch", r.DefaultBranch, "permissions", permissions(caller, r))
	if r.Owner.Kind == rehome.Organization {
		o.add("organization", ownerObject(u, r.Owner))
	}
	return o
}

func visibility(r rehome.Repository) string {
	if r.Private {
		return "private"
	}
	return "public"
}

func permissions(caller auth.Caller, r rehome.Repository) *document {
	write := caller.CanWrite(r)
	return fieldsOf("admin", write, "maintain", write, "push", write, "triage", write, "pull", caller.CanRead(r))
}

// ownerObject is GitHub's simple user.
func ownerObject(u urls, owner rehome.Owner) *document {
	kind, path := "04:User", "/users/"
	if owner.Kind == rehome.Organization {
		kind, path = "012:Organization", "/orgs/"
	}
	return fieldsOf(
		"login", owner.Login, "id", owner.ID, "node_id", nodeID(kind, owner.ID), "avatar_url", "", "gravatar_id", "",
		"url", u.api+path+owner.Login, "html_url", u.root+"/"+owner.Login,
		"type", owner.Kind, "site_admin", owner.Admin,
	)
}

// userObject is GitHub's user, as GET /user shows it.
func userObject(u urls, owner rehome.Owner) *document {
	o := ownerObject(u, owner)
	for _, unknown := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		o.add(unknown, nil)
	}
	for _, count := range []string{"public_repos", "public_gists", "followers", "following"} {
		o.add(count, 0)
	}
	created := stamp(owner.CreatedAt.Truncate(time.Second))
	o.add("created_at", created, "updated_at", created)
	return o
}

// nodeID is an id in the form GraphQL had for it, which clients keep but never read.
func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString([]byte(kind + strconv.FormatInt(id, 10)))
}
