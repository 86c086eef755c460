package wire

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"rehome"
)

// Rights are what a reader of a repository's object may do with it.
type Rights struct{ Read, Write bool }

// Repository is a repository as GitHub's clients know it, with what its reader may do.
func Repository(u URLs, r rehome.Repository, may Rights) *Object {
	o := repository(u, r)
	o.Add("permissions", New("admin", may.Write, "maintain", may.Write, "push", may.Write, "triage", may.Write, "pull", may.Read))
	if r.Owner.Kind == rehome.Organization {
		o.Add("organization", Owner(u, r.Owner))
	}
	return o
}

// RepositoryInPayload is a repository as webhooks show it.
func RepositoryInPayload(u URLs, r rehome.Repository) *Object { return repository(u, r) }

func repository(u URLs, r rehome.Repository) *Object {
	o := New(
		"id", r.ID, "node_id", nodeID("010:Repository", r.ID), "name", r.Name, "full_name", r.FullName(),
		"private", r.Private, "owner", Owner(u, r.Owner), "html_url", u.HTML(r),
		"description", TextOrNull(r.Description), "fork", false, "url", u.Repository(r),
	)
	addTemplates(o, u.Repository(r), repositoryTemplates)
	o.Add("created_at", Stamp(r.CreatedAt), "updated_at", Stamp(r.UpdatedAt), "pushed_at", Stamp(r.PushedAt),
		"git_url", u.Clone(r), "ssh_url", u.Clone(r), "clone_url", u.Clone(r), "svn_url", u.HTML(r), "homepage", nil, "size", 0, "language", nil)
	for _, count := range []string{"stargazers_count", "watchers_count", "forks_count", "open_issues_count", "forks", "open_issues", "watchers"} {
		o.Add(count, 0)
	}
	for _, feature := range []string{"has_issues", "has_projects", "has_downloads", "has_wiki", "has_pages", "has_discussions", "is_template", "allow_forking"} {
		o.Add(feature, false)
	}
	o.Add("mirror_url", nil, "archived", false, "disabled", false, "license", nil, "topics", []string{},
		"visibility", visibility(r), "default_branch", r.DefaultBranch)
	return o
}

// repositoryTemplates are the URLs a repository's object has besides its own, as key and rest. Receivers that are
// generated from GitHub's schemas refuse an object without them; few of them lead anywhere here.
const repositoryTemplates = `forks_url /forks
keys_url /keys{/key_id}
collaborators_url /collaborators{/collaborator}
teams_url /teams
hooks_url /hooks
issue_events_url /issues/events{/number}
events_url /events
assignees_url /assignees{/user}
branches_url /branches{/branch}
tags_url /tags
blobs_url /git/blobs{/sha}
git_tags_url /git/tags{/sha}
git_refs_url /git/refs{/sha}
trees_url /git/trees{/sha}
statuses_url /statuses/{sha}
languages_url /languages
stargazers_url /stargazers
contributors_url /contributors
subscribers_url /subscribers
subscription_url /subscription
commits_url /commits{/sha}
git_commits_url /git/commits{/sha}
comments_url /comments{/number}
issue_comment_url /issues/comments{/number}
contents_url /contents/{+path}
compare_url /compare/{base}...{head}
merges_url /merges
archive_url /{archive_format}{/ref}
downloads_url /downloads
issues_url /issues{/number}
pulls_url /pulls{/number}
milestones_url /milestones{/number}
notifications_url /notifications{?since,all,participating}
labels_url /labels{/name}
releases_url /releases{/id}
deployments_url /deployments`

// userTemplates are the same for a user, organizationTemplates for an organisation in a payload.
const (
	userTemplates = `followers_url /followers
following_url /following{/other_user}
gists_url /gists{/gist_id}
starred_url /starred{/owner}{/repo}
subscriptions_url /subscriptions
organizations_url /orgs
repos_url /repos
events_url /events{/privacy}
received_events_url /received_events`
	organizationTemplates = `repos_url /repos
events_url /events
hooks_url /hooks
issues_url /issues
members_url /members{/member}
public_members_url /public_members{/member}`
)

// addTemplates adds what a list of keys and rests, one pair a line, makes of base.
func addTemplates(o *Object, base, list string) {
	for line := range strings.Lines(list) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		o.Add(key, base+rest)
	}
}

func visibility(r rehome.Repository) string {
	if r.Private {
		return "private"
	}
	return "public"
}

// Owner is GitHub's simple user, which stands for organisations, too.
func Owner(u URLs, owner rehome.Owner) *Object {
	o := New(
		"login", owner.Login, "id", owner.ID, "node_id", ownerNode(owner), "avatar_url", "", "gravatar_id", "",
		"url", u.User(owner), "html_url", u.Root+"/"+owner.Login,
	)
	addTemplates(o, u.User(owner), userTemplates)
	o.Add("type", owner.Kind, "site_admin", owner.Admin)
	return o
}

// OrganizationInPayload is an organisation as webhooks and lists show it.
func OrganizationInPayload(u URLs, owner rehome.Owner) *Object {
	o := New("login", owner.Login, "id", owner.ID, "node_id", ownerNode(owner), "url", u.Owner(owner))
	addTemplates(o, u.Owner(owner), organizationTemplates)
	o.Add("avatar_url", "", "description", "")
	return o
}

// User is GitHub's user, as GET /user and GET /users show it, with the number of its public repositories.
func User(u URLs, owner rehome.Owner, publicRepos int) *Object {
	o := Owner(u, owner)
	for _, unknown := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		o.Add(unknown, nil)
	}
	addCounts(o, owner, publicRepos)
	return o
}

// Organization is GitHub's organisation, as GET /orgs shows it, with the number of its public repositories.
func Organization(u URLs, owner rehome.Owner, publicRepos int) *Object {
	o := OrganizationInPayload(u, owner)
	for _, unknown := range []string{"name", "company", "blog", "location", "email"} {
		o.Add(unknown, nil)
	}
	o.Add("is_verified", false, "has_organization_projects", false, "has_repository_projects", false, "html_url", u.Root+"/"+owner.Login)
	addCounts(o, owner, publicRepos)
	o.Add("archived_at", nil, "type", owner.Kind)
	return o
}

func addCounts(o *Object, owner rehome.Owner, publicRepos int) {
	o.Add("public_repos", publicRepos)
	for _, count := range []string{"public_gists", "followers", "following"} {
		o.Add(count, 0)
	}
	created := Stamp(owner.CreatedAt.Truncate(time.Second))
	o.Add("created_at", created, "updated_at", created)
}

func ownerNode(owner rehome.Owner) string {
	if owner.Kind == rehome.Organization {
		return nodeID("012:Organization", owner.ID)
	}
	return nodeID("04:User", owner.ID)
}

// nodeID is an id in the form GraphQL had for it, which clients keep but never read.
func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString([]byte(kind + strconv.FormatInt(id, 10)))
}
