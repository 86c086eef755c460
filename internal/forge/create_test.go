package forge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome"
	"rehome/internal/git/object"
)

// made is the part that matters of "201 Created".
func made(full string) reply {
	return reply{status: 201, body: fmt.Sprintf(`{"id":1,"full_name":%q,"default_branch":"main","permissions":{"admin":true,"push":true,"pull":true}}`, full)}
}

var (
	octocat    = reply{status: 200, body: `{"login":"octocat","id":1}`}
	githubOnly = recorded{"GET /api/v3/meta": githubMeta, "GET /api/v3/user": octocat}
	gitlabOnly = recorded{"GET /api/v4/version": gitlabVersion, "GET /api/v4/namespaces/g%2Fsub": {status: 200, body: `{"id":7,"kind":"group","full_path":"g/sub"}`}}
	giteaOnly  = recorded{"GET /api/v1/version": giteaVersion, "GET /api/v1/user": octocat}

	githubTaken = reply{status: 422, body: `{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}],"documentation_url":"https://docs.github.com/rest/repos/repos#create-a-repository-for-the-authenticated-user","status":"422"}`}
	gitlabTaken = reply{status: 400, body: `{"message":{"project_namespace.name":["has already been taken"],"name":["has already been taken"],"path":["has already been taken"]}}`}
	giteaTaken  = reply{status: 409, body: `{"message":"The repository with the same name already exists.","url":"http://x/api/swagger"}`}
)

// and returns r with more recorded.
func (r recorded) and(more recorded) recorded {
	out := recorded{}
	for _, from := range []recorded{r, more} {
		for call, a := range from {
			out[call] = a
		}
	}
	return out
}

func TestCreate(t *testing.T) {
	f := forges(t)
	for _, c := range []struct {
		name string
		with recorded
		sign string // in the address
		path string
		r    NewRepository
		call string // the last
		want string // its body
		auth string // its header
	}{
		{
			"GitHub, one's own", githubOnly.and(recorded{"POST /api/v3/user/repos": made("octocat/r")}), "octocat:canary", "/Octocat/r.git",
			NewRepository{},
			"POST /api/v3/user/repos", `{"auto_init":false,"name":"r","private":true}`, "Bearer canary",
		},
		{
			"GitHub, token as the user", githubOnly.and(recorded{"POST /api/v3/user/repos": made("octocat/r")}), "canary", "/octocat/r",
			NewRepository{Visibility: rehome.Public},
			"POST /api/v3/user/repos", `{"auto_init":false,"name":"r","private":false}`, "Bearer canary",
		},
		{
			"GitHub, an organisation's", githubOnly.and(recorded{"POST /api/v3/orgs/org/repos": made("org/r")}), "x:canary", "/org/r",
			NewRepository{Visibility: rehome.InternalVisibility},
			"POST /api/v3/orgs/org/repos", `{"auto_init":false,"name":"r","private":true,"visibility":"internal"}`, "Bearer canary",
		},
		{
			"GitHub, a program's token", githubOnly.and(recorded{"GET /api/v3/user": {status: 403, body: `{"message":"Resource not accessible by integration"}`}, "POST /api/v3/orgs/org/repos": made("org/r")}), "x:canary", "/org/r",
			NewRepository{},
			"POST /api/v3/orgs/org/repos", `{"auto_init":false,"name":"r","private":true}`, "Bearer canary",
		},
		{
			"GitLab, a subgroup's", gitlabOnly.and(recorded{"POST /api/v4/projects": {status: 201, body: `{"id":3,"path_with_namespace":"g/sub/r"}`}}), "oauth2:canary", "/g/sub/r.git",
			NewRepository{Visibility: rehome.InternalVisibility, Format: object.SHA256},
			"POST /api/v4/projects", `{"initialize_with_readme":false,"name":"r","namespace_id":7,"path":"r","repository_object_format":"sha256","visibility":"internal"}`, "Bearer canary",
		},
		{
			"Gitea, one's own", giteaOnly.and(recorded{"POST /api/v1/user/repos": made("octocat/r")}), "octocat:canary", "/octocat/r",
			NewRepository{DefaultBranch: "trunk", Format: object.SHA256},
			"POST /api/v1/user/repos", `{"auto_init":false,"default_branch":"trunk","name":"r","object_format_name":"sha256","private":true}`, "Basic b2N0b2NhdDpjYW5hcnk=",
		},
		{
			"Gitea, an organisation's", giteaOnly.and(recorded{"POST /api/v1/orgs/org/repos": made("org/r")}), "canary", "/org/r",
			NewRepository{},
			"POST /api/v1/orgs/org/repos", `{"auto_init":false,"name":"r","private":true}`, "token canary",
		},
		{
			"Gitea, a token that may not say whose it is", giteaOnly.and(recorded{"GET /api/v1/user": {status: 403, body: `{"message":"token does not have at least one of required scope(s), required=[read:user], token scope=write:repository"}`}, "POST /api/v1/orgs/org/repos": made("org/r")}), "canary", "/org/r",
			NewRepository{},
			"POST /api/v1/orgs/org/repos", `{"auto_init":false,"name":"r","private":true}`, "token canary",
		},
		{
			"busy first", giteaOnly.and(recorded{"POST /api/v1/orgs/org/repos": {status: 503, then: &reply{status: 429, header: map[string]string{"Retry-After": "2"}, then: ptr(made("org/r"))}}}), "canary", "/org/r",
			NewRepository{},
			"POST /api/v1/orgs/org/repos", `{"auto_init":false,"name":"r","private":true}`, "token canary",
		},
		{
			"moved within its origin", giteaOnly.and(recorded{"POST /api/v1/orgs/org/repos": {status: 307, header: map[string]string{"Location": "/api/v1/orgs/new/repos"}}, "POST /api/v1/orgs/new/repos": made("org/r")}), "canary", "/org/r",
			NewRepository{},
			"POST /api/v1/orgs/new/repos", `{"auto_init":false,"name":"r","private":true}`, "token canary",
		},
		{
			"GitHub, there and empty", githubOnly.and(recorded{"POST /api/v3/user/repos": githubTaken, "GET /api/v3/repos/octocat/r": {status: 200, body: `{"full_name":"octocat/r","permissions":{"push":true}}`}, "GET /api/v3/repos/octocat/r/branches": {status: 200, body: `[]`}}), "canary", "/octocat/r",
			NewRepository{},
			"GET /api/v3/repos/octocat/r/branches", "", "Bearer canary",
		},
		{
			"GitLab, there and empty", gitlabOnly.and(recorded{"POST /api/v4/projects": gitlabTaken, "GET /api/v4/projects/g%2Fsub%2Fr": {status: 200, body: `{"path_with_namespace":"g/sub/r","empty_repo":true}`}}), "canary", "/g/sub/r",
			NewRepository{},
			"GET /api/v4/projects/g%2Fsub%2Fr", "", "Bearer canary",
		},
		{
			"Gitea, there and empty", giteaOnly.and(recorded{"POST /api/v1/user/repos": giteaTaken, "GET /api/v1/repos/octocat/r": {status: 200, body: `{"full_name":"octocat/r","empty":true,"permissions":{"push":true}}`}}), "canary", "/octocat/r",
			NewRepository{},
			"GET /api/v1/repos/octocat/r", "", "token canary",
		},
	} {
		srv := serve(t, c.with)
		err := f.Create(t.Context(), find(t, f, locate(t, srv.URL, c.sign, c.path)), c.r)
		if err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, srv.asked())
			continue
		}
		if diff := cmp.Diff(srv.last(), asked{c.call, c.auth, c.want}, cmp.AllowUnexported(asked{})); diff != "" {
			t.Errorf("%s: -got +want\n%s", c.name, diff)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestCreateRefused(t *testing.T) {
	f := forges(t)
	for _, c := range []struct {
		name string
		with recorded
		sign string
		path string
		r    NewRepository
		code rehome.Code
		want []string // in message and hint
	}{
		{"no token", githubOnly, "", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"wants a token", "scope repo"}},
		{"no owner", giteaOnly, "canary", "/r", NewRepository{}, rehome.DestinationRefused, []string{"names no owner"}},
		{"GitHub, wrong token", githubOnly.and(recorded{"GET /api/v3/user": {status: 401, body: `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"Bad credentials", "revoked"}},
		{"GitHub, weak token", githubOnly.and(recorded{"POST /api/v3/user/repos": {status: 403, body: `{"message":"Resource not accessible by personal access token","status":"403"}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"not accessible by personal access token", "Administration"}},
		{"GitHub, single sign-on", githubOnly.and(recorded{"POST /api/v3/orgs/org/repos": {status: 403, body: `{"message":"Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."}`}}), "canary", "/org/r", NewRepository{}, rehome.DestinationRefused, []string{"SAML", "single sign-on"}},
		{"GitHub, no such organisation", githubOnly, "canary", "/org/r", NewRepository{}, rehome.DestinationMissing, []string{"no organisation org", "Not Found"}},
		{"GitHub, bad name", githubOnly.and(recorded{"POST /api/v3/user/repos": {status: 422, body: `{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name is too long (maximum is 100 characters)"}]}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"name is too long", "another name"}},
		{"GitHub, other name", githubOnly.and(recorded{"POST /api/v3/user/repos": made("octocat/r-1")}), "canary", "/octocat/r_1", NewRepository{}, rehome.DestinationRefused, []string{`"octocat/r-1"`}},
		{"GitHub, internal of one's own", githubOnly, "canary", "/octocat/r", NewRepository{Visibility: rehome.InternalVisibility}, rehome.DestinationRefused, []string{"organisations of an enterprise"}},
		{"GitHub, sha256", githubOnly, "canary", "/octocat/r", NewRepository{Format: object.SHA256}, rehome.DestinationRefused, []string{"no sha256"}},
		{"GitHub, there and not empty", githubOnly.and(recorded{"POST /api/v3/user/repos": githubTaken, "GET /api/v3/repos/octocat/r": {status: 200, body: `{"full_name":"octocat/r"}`}, "GET /api/v3/repos/octocat/r/branches": {status: 200, body: `[{"name":"main"}]`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationMoved, []string{"not empty"}},
		{"GitHub, there and hidden", githubOnly.and(recorded{"POST /api/v3/user/repos": githubTaken}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"does not show"}},
		{"GitHub, there and not ours", githubOnly.and(recorded{"POST /api/v3/user/repos": githubTaken, "GET /api/v3/repos/octocat/r": {status: 200, body: `{"full_name":"octocat/r","permissions":{"push":false}}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"may not write"}},
		{"GitLab, wrong token", gitlabOnly.and(recorded{"GET /api/v4/namespaces/g%2Fsub": {status: 401, body: `{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}`}}), "canary", "/g/sub/r", NewRepository{}, rehome.DestinationRefused, []string{"Token was revoked", "scope api"}},
		{"GitLab, weak token", gitlabOnly.and(recorded{"POST /api/v4/projects": {status: 403, body: `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}`}}), "canary", "/g/sub/r", NewRepository{}, rehome.DestinationRefused, []string{"higher privileges", "scope api"}},
		{"GitLab, no such group", gitlabOnly.and(recorded{"GET /api/v4/namespaces/g%2Fsub": {status: 404, body: `{"message":"404 Namespace Not Found"}`}}), "canary", "/g/sub/r", NewRepository{}, rehome.DestinationMissing, []string{"no group or user g/sub"}},
		{"GitLab, another group", gitlabOnly.and(recorded{"GET /api/v4/namespaces/g%2Fsub": {status: 200, body: `{"id":7,"full_path":"g/other"}`}}), "canary", "/g/sub/r", NewRepository{}, rehome.DestinationRefused, []string{`"g/other"`}},
		{"GitLab, visibility", gitlabOnly.and(recorded{"POST /api/v4/projects": {status: 400, body: `{"message":{"visibility_level":["public is not allowed in a private group."]}}`}}), "canary", "/g/sub/r", NewRepository{Visibility: rehome.Public}, rehome.DestinationRefused, []string{"not allowed in a private group", "another visibility"}},
		{"Gitea, weak token", giteaOnly.and(recorded{"POST /api/v1/user/repos": {status: 403, body: `{"message":"token does not have at least one of required scope(s), required=[write:user], token scope=read:user"}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"required scope", "write:repository"}},
		{"Gitea, internal", giteaOnly, "canary", "/octocat/r", NewRepository{Visibility: rehome.InternalVisibility}, rehome.DestinationRefused, []string{"no internal"}},
		{"Gitea, archived", giteaOnly.and(recorded{"POST /api/v1/user/repos": giteaTaken, "GET /api/v1/repos/octocat/r": {status: 200, body: `{"full_name":"octocat/r","empty":true,"archived":true}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"archived"}},
		{"echoes the token", giteaOnly.and(recorded{"POST /api/v1/user/repos": {status: 403, body: `{"message":"no canary, no dTpjYW5hcnk=, \u202eno \u001b[31m"}`}}), "u:canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"status 403, and words that repeat"}},
		{"fails all the time", giteaOnly.and(recorded{"POST /api/v1/user/repos": {status: 500, body: `{"message":"boom"}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationCutOff, []string{"boom"}},
		{"too many requests", githubOnly.and(recorded{"POST /api/v3/user/repos": {status: 403, body: `{"message":"API rate limit exceeded for user ID 1."}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"fewer requests"}},
		{"no JSON", giteaOnly.and(recorded{"POST /api/v1/user/repos": {status: 201, body: `<html>`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"not JSON"}},
		{"endless JSON", giteaOnly.and(recorded{"POST /api/v1/user/repos": {status: 403, body: `{"message":"` + strings.Repeat("x", maxAnswer) + `"}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"status 403"}},
		{"deep JSON", giteaOnly.and(recorded{"POST /api/v1/user/repos": {status: 403, body: `{"message":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`}}), "canary", "/octocat/r", NewRepository{}, rehome.DestinationRefused, []string{"status 403"}},
	} {
		srv := serve(t, c.with)
		err := f.Create(t.Context(), find(t, f, locate(t, srv.URL, c.sign, c.path)), c.r)
		if rehome.CodeOf(err) != c.code {
			t.Errorf("%s: got %s, %v\n%s", c.name, rehome.CodeOf(err), err, srv.asked())
			continue
		}
		e := rehome.AsError(err)
		text := e.Message + " " + e.Hint
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in %q", c.name, want, text)
			}
		}
		if all := fmt.Sprintf("%+v %v", e, e.Err); strings.Contains(all, "canary") || strings.Contains(all, "dTpjYW5hcnk") || strings.ContainsAny(text, "\x1b\u202e\n") {
			t.Errorf("%s: shows what it should not: %q", c.name, all)
		}
		if e.Hint == "" || len(text) > 2000 {
			t.Errorf("%s: %q", c.name, text)
		}
	}
}

func TestSetDefaultBranch(t *testing.T) {
	f := forges(t)
	gitlabProject := "/api/v4/projects/g%2Fsub%2Fr"
	for _, c := range []struct {
		name string
		with recorded
		path string
		want string // the last call and its body
		code rehome.Code
	}{
		{"GitHub", githubOnly.and(recorded{"GET /api/v3/repos/o/r": {status: 200, body: `{"default_branch":"main"}`}, "PATCH /api/v3/repos/o/r": {status: 200, body: `{"default_branch":"trunk"}`}}), "/o/r", `PATCH /api/v3/repos/o/r {"default_branch":"trunk"}`, ""},
		{"GitLab", gitlabOnly.and(recorded{"GET " + gitlabProject: {status: 200, body: `{"default_branch":null}`}, "PUT " + gitlabProject: {status: 200, body: `{"default_branch":"trunk"}`}}), "/g/sub/r", "PUT " + gitlabProject + ` {"default_branch":"trunk"}`, ""},
		{"Gitea", giteaOnly.and(recorded{"GET /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"main"}`}, "PATCH /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"trunk"}`}}), "/o/r", `PATCH /api/v1/repos/o/r {"default_branch":"trunk"}`, ""},
		{"is it already", giteaOnly.and(recorded{"GET /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"trunk"}`}}), "/o/r", "GET /api/v1/repos/o/r ", ""},
		{"Gitea, which notices late", giteaOnly.and(recorded{"GET /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"main","empty":true}`, then: &reply{status: 200, body: `{"default_branch":"main","empty":false}`}}, "PATCH /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"trunk"}`}}), "/o/r", `PATCH /api/v1/repos/o/r {"default_branch":"trunk"}`, ""},
		{"no repository", giteaOnly, "/o/r", "GET /api/v1/repos/o/r ", rehome.DestinationMissing},
		{"refused", githubOnly.and(recorded{"GET /api/v3/repos/o/r": {status: 200, body: `{"default_branch":"main"}`}, "PATCH /api/v3/repos/o/r": {status: 422, body: `{"message":"Validation Failed","errors":["The branch trunk was not found. Please push that ref first or create it via the Git Data API."]}`}}), "/o/r", `PATCH /api/v3/repos/o/r {"default_branch":"trunk"}`, rehome.DestinationRefused},
		{"ignored", giteaOnly.and(recorded{"GET /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"main"}`}, "PATCH /api/v1/repos/o/r": {status: 200, body: `{"default_branch":"main"}`}}), "/o/r", `PATCH /api/v1/repos/o/r {"default_branch":"trunk"}`, rehome.DestinationRefused},
	} {
		srv := serve(t, c.with)
		err := f.SetDefaultBranch(t.Context(), find(t, f, locate(t, srv.URL, "canary", c.path)), "refs/heads/trunk")
		if c.code == "" && err != nil || c.code != "" && rehome.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := srv.last().call + " " + srv.last().body; got != c.want {
			t.Errorf("%s: asked %s, want %s", c.name, got, c.want)
		}
		if err != nil && !strings.Contains(rehome.AsError(err).Hint, "Set trunk as the default branch there by hand") {
			t.Errorf("%s: %q", c.name, rehome.AsError(err).Hint)
		}
	}
	if err := f.SetDefaultBranch(t.Context(), Site{}, "main"); rehome.CodeOf(err) != rehome.DestinationRefused {
		t.Errorf("an unknown forge: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	for _, a := range []reply{giteaVersion, gitlabVersion, githubMeta, githubTaken, gitlabTaken, giteaTaken, made("a/b"), {body: `{"message":[[["x"]],{"a":{"b":{"c":"d"}}}],"errors":"e"}`}} {
		f.Add(a.status, []byte(a.body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, q := range questions {
			q.is(status, nil, body)
		}
		var is repository
		if json.Unmarshal(body, &is) == nil {
			_ = is.full()
		}
		s := Site{Kind: GitHub, username: "u", token: "canary"}
		text := s.said(answer{status: status, body: body})
		if len(text) > maxWords*4+100 || strings.ContainsAny(text, "\n\x00\x1b") {
			t.Errorf("%q", text)
		}
		if strings.Contains(text, "canary") {
			t.Errorf("shows the token: %q", text)
		}
	})
}

// TestMayCreate finds out what Create would fail for, and makes nothing.
func TestMayCreate(t *testing.T) {
	f := forges(t)
	for _, c := range []struct {
		name string
		with recorded
		user string
		code rehome.Code // "" for none
		want string
	}{
		{"may", giteaOnly.and(recorded{"GET /api/v1/user": {status: 200, body: `{"login":"o"}`}}), "canary", "", ""},
		{"may not be asked", githubOnly.and(recorded{"GET /api/v3/user": {status: 403, body: `{"message":"Resource not accessible by integration"}`}}), "canary", "", ""},
		{"wrong token", gitlabOnly.and(recorded{"GET /api/v4/user": {status: 401, body: `{"message":"401 Unauthorized"}`}}), "canary", rehome.DestinationRefused, "out of date"},
		{"no token", giteaOnly, "", rehome.DestinationRefused, "wants a token"},
	} {
		srv := serve(t, c.with)
		err := f.MayCreate(t.Context(), find(t, f, locate(t, srv.URL, c.user, "/o/r")))
		e := rehome.AsError(err)
		if (err == nil) != (c.code == "") || err != nil && (e.Code != c.code || !strings.Contains(e.Message+e.Hint, c.want)) {
			t.Errorf("%s: %+v", c.name, err)
		}
		if last := srv.last().call; strings.HasPrefix(last, "POST") {
			t.Errorf("%s: asked %s", c.name, last)
		}
	}
}
