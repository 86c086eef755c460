package webhook

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rehome"
)

// keys are the object's, sorted.
func keys(o any) string {
	m, _ := o.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// at leads through objects.
func at(o any, path ...string) any {
	for _, key := range path {
		m, _ := o.(map[string]any)
		o = m[key]
	}
	return o
}

func TestPing(t *testing.T) {
	w := newWorld(t)
	w.run()
	for _, c := range []struct {
		target rehome.HookTarget
		config Config
		kind   string
	}{
		{rehome.HookTarget{RepositoryID: w.own.ID}, Config{}, "repository"},
		{rehome.HookTarget{RepositoryID: w.its.ID}, Config{ContentType: "json", Secret: "hunter2"}, "repository"},
		{rehome.HookTarget{OwnerID: w.org.ID}, Config{ContentType: "form", Secret: "né <&> \x00"}, "organization"},
	} {
		r := receive(t, nil)
		c.config.URL = r.URL + "/in?token=x"
		hook := w.hook(c.config, c.target)
		must(t, w.Ping(t.Context(), c.target, hook.ID, w.user))
		all := r.await(t, 2) // the one of its creation, and this one
		checkMessage(t, all[0], hook, c.config.Secret)
		if all[0].header.Get("X-GitHub-Delivery") == all[1].header.Get("X-GitHub-Delivery") {
			t.Error("two pings have one GUID")
		}
		p := all[0].payload(t)
		if want := "hook hook_id " + c.kind + " sender zen"; keys(p) != want || all[0].event() != rehome.EventPing {
			t.Errorf("the %s's %s has %s, want %s", c.kind, all[0].event(), keys(p), want)
		}
		if p["hook_id"] != float64(hook.ID) || at(p, "hook", "id") != float64(hook.ID) || at(p, "sender", "login") != "octocat" {
			t.Errorf("ping: %v", p)
		}
		stars := any("********")
		if c.config.Secret == "" {
			stars = nil
		}
		if at(p, "hook", "config", "secret") != stars || at(p, "hook", "config", "url") != c.config.URL {
			t.Errorf("config: %v", at(p, "hook", "config"))
		}
		if url, _ := at(p, c.kind, "hooks_url").(string); !strings.HasPrefix(url, "https://new.test/") {
			t.Errorf("URL: %s", url)
		}
	}
}

// checkMessage holds what came against what every delivery has. Its signatures are computed here anew.
func checkMessage(t *testing.T, g got, hook rehome.Hook, secret rehome.Secret) {
	t.Helper()
	kind, target := "repository", hook.Target.RepositoryID
	if target == 0 {
		kind, target = "organization", hook.Target.OwnerID
	}
	contentType := "application/json"
	if hook.Form {
		contentType = "application/x-www-form-urlencoded"
	}
	for name, want := range map[string]string{
		"Accept": `\*/\*`, "Content-Type": contentType, "User-Agent": "GitHub-Hookshot/[0-9a-f]{7}",
		"X-GitHub-Delivery":                      "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
		"X-GitHub-Hook-ID":                       strconv.FormatInt(hook.ID, 10),
		"X-GitHub-Hook-Installation-Target-ID":   strconv.FormatInt(target, 10),
		"X-GitHub-Hook-Installation-Target-Type": kind,
	} {
		if got := g.header.Values(name); len(got) != 1 || !regexp.MustCompile("^"+want+"$").MatchString(got[0]) {
			t.Errorf("%s: %q, want %s", name, got, want)
		}
	}
	for name, by := range map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New} {
		header := map[string]string{"sha1": "X-Hub-Signature", "sha256": "X-Hub-Signature-256"}[name]
		want := ""
		if secret != "" {
			mac := hmac.New(by, []byte(secret))
			mac.Write([]byte(g.body))
			want = fmt.Sprintf("%s=%x", name, mac.Sum(nil))
		}
		if got := g.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}

func TestImportEnds(t *testing.T) {
	w := newWorld(t)
	w.run()
	r := receive(t, nil)
	hooks := map[int64]rehome.Hook{}
	for _, target := range []rehome.HookTarget{{RepositoryID: w.own.ID}, {RepositoryID: w.its.ID}, {OwnerID: w.org.ID}} {
		hook := w.hook(Config{URL: r.URL, ContentType: "json", Secret: "hunter2"}, target)
		hooks[hook.ID] = hook
	}
	ends := len(r.await(t, len(hooks))) // the pings
	for _, c := range []struct {
		repo   rehome.Repository
		how    rehome.Outcome
		by     int64
		hooks  int
		keys   string
		sender string
	}{
		{w.own, rehome.Success, w.user.ID, 1, "repository sender status", "octocat"},
		{w.own, rehome.Canceled, 0, 1, "repository sender status", "octocat"},
		{w.its, rehome.Failure, w.user.ID, 2, "organization repository sender status", "octocat"},
		{w.its, rehome.Canceled, 0, 2, "organization repository sender status", "labs"},
		{w.its, rehome.Success, 4711, 2, "organization repository sender status", "labs"},
	} {
		w.end(c.repo, c.how, c.by)
		all := r.await(t, ends+c.hooks)[ends:]
		ends += c.hooks
		for _, g := range all {
			id, _ := strconv.ParseInt(g.header.Get("X-GitHub-Hook-ID"), 10, 64)
			checkMessage(t, g, hooks[id], "hunter2")
			p := g.payload(t)
			if g.event() != rehome.EventImport || keys(p) != c.keys || p["status"] != string(c.how) || at(p, "sender", "login") != c.sender {
				t.Errorf("%+v: %s with %s: %v by %v", c, g.event(), keys(p), p["status"], at(p, "sender", "login"))
			}
			if at(p, "repository", "id") != float64(c.repo.ID) || at(p, "repository", "clone_url") != "https://new.test/"+c.repo.FullName()+".git" {
				t.Errorf("repository: %v", p["repository"])
			}
			if guid := g.header.Get("X-GitHub-Delivery"); guid != all[0].header.Get("X-GitHub-Delivery") {
				t.Error("one event has two GUIDs")
			}
		}
	}
	if more := len(r.requests()); more != ends {
		t.Errorf("%d requests, want %d", more, ends)
	}
}

// TestNobodyToTell: an import ends where there is no hook, and no repository.
func TestNobodyToTell(t *testing.T) {
	w := newWorld(t)
	w.end(w.own, rehome.Success, w.user.ID)
	if due, _, err := w.DB.DueDeliveries(t.Context(), nil, 10); len(due) != 0 || err != nil {
		t.Errorf("due: %v, %v", due, err)
	}
}

func TestRedeliver(t *testing.T) {
	w := newWorld(t)
	w.run()
	r := receive(t, nil)
	hook := w.hook(Config{URL: r.URL, Secret: "hunter2"})
	r.await(t, 1)
	w.end(w.own, rehome.Success, w.user.ID)
	r.await(t, 2)
	first := w.newest(hook.ID)
	must(t, w.Redeliver(t.Context(), w.at, hook.ID, first.ID))
	all := r.await(t, 3)
	if all[1].body != all[2].body || all[1].header.Get("X-GitHub-Delivery") != all[2].header.Get("X-GitHub-Delivery") || all[2].event() != rehome.EventImport {
		t.Errorf("first %+v, then %+v", all[1], all[2])
	}
	second := w.newest(hook.ID)
	if second.ID == first.ID || !second.Redelivery || first.Redelivery || second.GUID != first.GUID || second.RepositoryID != w.own.ID {
		t.Errorf("rows: %+v and %+v", first.Delivery, second.Delivery)
	}
	for _, err := range []error{
		w.Redeliver(t.Context(), w.at, hook.ID, second.ID+1),
		w.Redeliver(t.Context(), rehome.HookTarget{RepositoryID: w.its.ID}, hook.ID, first.ID),
		w.Ping(t.Context(), rehome.HookTarget{OwnerID: w.org.ID}, hook.ID, w.user),
	} {
		if rehome.CodeOf(err) != rehome.NotFound {
			t.Errorf("another's: %v", err)
		}
	}
}

// TestObjectsInPayload: objects have every key receivers know, and none they do not.
func TestObjectsInPayload(t *testing.T) {
	w := newWorld(t)
	g := got{body: string(w.importPayload(rehome.Success, w.its, w.user))}
	for key, want := range map[string]string{
		"repository": `allow_forking archive_url archived assignees_url blobs_url branches_url clone_url collaborators_url comments_url commits_url
			compare_url contents_url contributors_url created_at default_branch deployments_url description disabled downloads_url events_url
			fork forks forks_count forks_url full_name git_commits_url git_refs_url git_tags_url git_url has_discussions has_downloads has_issues
			has_pages has_projects has_wiki homepage hooks_url html_url id is_template issue_comment_url issue_events_url issues_url keys_url
			labels_url language languages_url license merges_url milestones_url mirror_url name node_id notifications_url open_issues
			open_issues_count owner private pulls_url pushed_at releases_url size ssh_url stargazers_count stargazers_url statuses_url
			subscribers_url subscription_url svn_url tags_url teams_url topics trees_url updated_at url visibility watchers watchers_count`,
		"organization": "avatar_url description events_url hooks_url id issues_url login members_url node_id public_members_url repos_url url",
		"sender": `avatar_url events_url followers_url following_url gists_url gravatar_id html_url id login node_id organizations_url
			received_events_url repos_url site_admin starred_url subscriptions_url type url`,
	} {
		if got, want := keys(g.payload(t)[key]), strings.Join(strings.Fields(want), " "); got != want {
			t.Errorf("the %s has\n%s, want\n%s", key, got, want)
		}
	}
}
