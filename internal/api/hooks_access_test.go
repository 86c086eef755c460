package api

import (
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
)

// TestWhoKeepsHooks asks each kind of caller for the webhooks of targets that are theirs or not, are there or not.
func TestWhoKeepsHooks(t *testing.T) {
	s := start(t, nil)
	owner := s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}})
	s.create(t, owner, "private", "")
	s.create(t, owner, "public", `{"name": "public", "private": false}`)
	s.want(t, 201, request{method: "POST", path: "/orgs/labs/repos", token: owner, body: `{"name": "private"}`})
	const needRepo, needOrg = "This needs a token with the scope admin:repo_hook or repo.", "This needs a token with the scope admin:org_hook."
	ghost, err := s.db.CreateToken(t.Context(), rehome.Token{User: s.userOf(t, owner), Scopes: auth.Scopes(), Owners: []string{"ghost"}}, auth.Hash("ghosts-token"))
	if err != nil || ghost.ID == 0 {
		t.Fatal(err)
	}
	revoked, gone, err := s.auth.Issue(t.Context(), auth.Grant{User: "octocat"})
	if err == nil {
		err = s.db.RevokeToken(t.Context(), revoked.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{
		"/repos/octocat/private", "/repos/OCTOCAT/Public", "/repos/octocat/missing", "/repos/LABS/private", "/repositories/1", "/repositories/99",
		"/orgs/labs", "/orgs/LABS", "/orgs/octocat", "/orgs/ghost", "/orgs/users",
	}
	for _, c := range []struct {
		who, token string
		want       []int
	}{
		{"nobody", "", []int{401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401}},
		{"revoked", string(gone), []int{401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401}},
		{"stranger", s.token(t, auth.Grant{User: "stranger"}), []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404}},
		{"owner", owner, []int{200, 200, 404, 200, 200, 404, 200, 200, 404, 404, 404}},
		{"user alone", s.token(t, auth.Grant{User: "octocat"}), []int{200, 200, 404, 404, 200, 404, 404, 404, 404, 404, 404}},
		{"acting for one", s.token(t, auth.Grant{User: "mona", Owners: []string{"Labs"}}), []int{404, 404, 404, 200, 404, 404, 200, 200, 404, 404, 404}},
		{"acting for nothing there is", "ghosts-token", []int{200, 200, 404, 404, 200, 404, 404, 404, 404, 404, 404}},
		{"scope repo", s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"repo"}}), []int{200, 200, 404, 200, 200, 404, 403, 403, 404, 404, 404}},
		{"scope repo_hook", s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"admin:repo_hook"}}), []int{200, 200, 404, 200, 200, 404, 403, 403, 404, 404, 404}},
		// Whether a repository is there is not told to a token that may not see it.
		{"scope org_hook", s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"admin:org_hook"}}), []int{403, 403, 403, 403, 403, 404, 200, 200, 404, 404, 404}},
		{"administrator", s.token(t, auth.Grant{}), []int{200, 200, 404, 200, 200, 404, 200, 200, 404, 404, 404}},
		{"administrator, repo", s.token(t, auth.Grant{User: "admin", Scopes: []string{"repo"}}), []int{200, 200, 404, 200, 200, 404, 403, 403, 404, 404, 404}},
		{"administrator, org_hook", s.token(t, auth.Grant{User: "admin", Scopes: []string{"admin:org_hook"}}), []int{403, 403, 403, 403, 403, 403, 200, 200, 404, 404, 404}},
	} {
		for i, path := range paths {
			r := s.do(t, request{method: "GET", path: path + "/hooks", token: c.token})
			if r.StatusCode != c.want[i] {
				t.Errorf("%s, %s: %d, want %d: %s", c.who, path, r.StatusCode, c.want[i], r.body)
			}
			accepted, needed := "admin:repo_hook, repo", needRepo
			if strings.HasPrefix(path, "/orgs") {
				accepted, needed = "admin:org_hook", needOrg
			}
			if got := r.Header.Get("X-Accepted-OAuth-Scopes"); r.StatusCode != 401 && got != accepted {
				t.Errorf("%s: accepted scopes %q", path, got)
			}
			if r.StatusCode == 403 && r.object(t)["message"] != needed {
				t.Errorf("%s, %s: %s", c.who, path, r.body)
			}
		}
	}
}

func (s *testServer) userOf(t *testing.T, token string) rehome.Owner {
	t.Helper()
	found, err := s.db.TokenByHash(t.Context(), auth.Hash(rehome.Secret(token)))
	if err != nil {
		t.Fatal(err)
	}
	return found.User
}

// TestScopesForHooksOpenNothingElse asks every other route, Git and Git LFS with tokens that may keep webhooks only.
func TestScopesForHooksOpenNothingElse(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	owner := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, owner, "private", "")
	s.want(t, 201, request{method: "PUT", path: "/repos/octocat/private/import", token: owner, body: `{"vcs": "git", "vcs_url": "http://127.0.0.1:1/x"}`})
	s.token(t, auth.Grant{})
	for _, user := range []string{"octocat", "admin"} {
		for _, scopes := range [][]string{{"admin:repo_hook"}, {"admin:org_hook"}, {"admin:repo_hook", "admin:org_hook"}} {
			token := s.token(t, auth.Grant{User: user, Scopes: scopes})
			for _, rt := range s.api.routes() {
				if rt.access == keepsHooks || rt.access == keepsOrgHooks {
					continue
				}
				path, ok := strings.CutPrefix(rt.pattern, byName)
				if ok {
					r := s.do(t, request{method: rt.method, path: "/repos/octocat/private" + path, token: token, body: `{"vcs_url": "https://old.example/p"}`})
					if r.StatusCode != 404 {
						t.Errorf("%s of %s: %s %s: %d", scopes, user, rt.method, rt.pattern, r.StatusCode)
					}
				}
			}
			for path, want := range map[string]int{"/user/repos": 403, "/orgs/new/repos": 403} {
				s.want(t, want, request{method: "POST", path: path, token: token, body: `{"name": "more"}`})
			}
			if listed := s.want(t, 200, request{method: "GET", path: "/imports", token: token}).list(t); len(listed) > 0 {
				t.Errorf("%s of %s: sees imports %v", scopes, user, listed)
			}
			for _, path := range []string{"/octocat/private.git/info/refs?service=git-upload-pack", "/octocat/private.git/info/refs?service=git-receive-pack"} {
				s.want(t, 404, request{method: "GET", path: path, token: token})
			}
			batch := `{"operation": "download", "objects": [{"oid": "` + strings.Repeat("a", 64) + `", "size": 1}]}`
			s.want(t, 404, request{method: "POST", path: "/octocat/private.git/info/lfs/objects/batch", token: token, body: batch, headers: []string{"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json"}})
		}
	}
	if repos, err := s.db.Repositories(t.Context()); err != nil || len(repos) != 1 || !slices.ContainsFunc(repos, func(r rehome.Repository) bool { return r.Name == "private" }) {
		t.Errorf("%v, %v", repos, err)
	}
}

// TestAUserIsNoOrganization: what is an organisation's is not a user's, not even the caller's own.
func TestAUserIsNoOrganization(t *testing.T) {
	s := start(t, nil)
	own := s.token(t, auth.Grant{User: "octocat"})
	for _, token := range []string{own, s.token(t, auth.Grant{})} {
		for path, body := range map[string]string{"/orgs/octocat/repos": `{"name": "socm"}`, "/orgs/OCTOCAT/hooks": `{"config": {"url": "https://ci.example/"}}`} {
			checkRefusal(t, s.want(t, 404, request{method: "POST", path: path, token: token, body: body}))
		}
	}
}
