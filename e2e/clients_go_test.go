//lint:file-ignore SA1019 the calls GitHub retired are what is tested here

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v89/github"
)

// goGitHub is the visit of go-github.
func goGitHub(t *testing.T, v visit) {
	g := &goVisit{t: t, visit: v, client: newGoGitHub(t, v.base, adminToken)}
	g.prepare()
	done := g.start()
	g.lookAround()
	g.mapAuthors(done)
	g.largeFiles()
	g.restart()
	g.redeliver()
	g.refusals()
	g.cancel()
	g.fail()
	v.hooks.only(map[string]int{"ping": 2, "success": 6, "cancelled": 1, "failure": 1}, 1)
}

// goVisit is a visit under way.
type goVisit struct {
	visit
	t      *testing.T
	client *github.Client
	owner  string
	repo   *github.Repository
	hook   *github.Hook
}

func newGoGitHub(t *testing.T, base, token string) *github.Client {
	t.Helper()
	base += "/"
	client, err := github.NewClient(github.WithAuthToken(token), github.WithURLs(&base, nil))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// must ends the test when a call failed.
func must[T any](t *testing.T) func(T, *github.Response, error) T {
	return func(got T, _ *github.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

// prepare makes the repository and the webhook, which is pinged.
func (g *goVisit) prepare() {
	ctx := g.t.Context()
	g.repo = must[*github.Repository](g.t)(g.client.Repositories.Create(ctx, "", &github.Repository{Name: &g.name}))
	g.owner = g.repo.GetOwner().GetLogin()
	g.hook = must[*github.Hook](g.t)(g.client.Repositories.CreateHook(ctx, g.owner, g.name, &github.Hook{
		Config: &github.HookConfig{URL: github.Ptr(g.hooks.hook()), ContentType: github.Ptr("json"), Secret: github.Ptr(hookSecret)},
		Events: []string{"repository_import"}, Active: github.Ptr(true),
	}))
	if c := g.hook.GetConfig(); c.GetURL() != g.hooks.hook() || strings.Trim(c.GetSecret(), "*") != "" || !strings.HasPrefix(g.hook.GetURL(), g.base) {
		g.t.Errorf("hook: %v", g.hook)
	}
	ping := event[*github.PingEvent](g.t, g.hooks, "ping", 1)
	if ping.GetHookID() != g.hook.GetID() || ping.GetRepo().GetID() != g.repo.GetID() || ping.GetZen() == "" {
		g.t.Errorf("ping: %v", ping)
	}
	if _, err := g.client.Repositories.PingHook(ctx, g.owner, g.name, g.hook.GetID()); err != nil {
		g.t.Errorf("ping again: %v", err)
	}
	event[*github.PingEvent](g.t, g.hooks, "ping", 2)
}

// event returns the nth webhook of a kind, its signature checked by go-github, as go-github reads it.
func event[E any](t *testing.T, hooks *receiver, kind string, n int) E {
	t.Helper()
	d, err := hooks.wait(t.Context(), kind, n)
	if err != nil {
		t.Fatal(err)
	}
	q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(d.Body))
	for name, value := range d.Headers {
		q.Header.Set(name, value)
	}
	payload, err := github.ValidatePayload(q, []byte(hookSecret))
	if err != nil {
		t.Fatalf("webhook %s: %v", kind, err)
	}
	parsed, err := github.ParseWebHook(github.WebHookType(q), payload)
	got, ok := parsed.(E)
	if err != nil || !ok {
		t.Fatalf("webhook %s: %T, %v", kind, parsed, err)
	}
	return got
}

// ended waits for the nth webhook of an outcome.
func (g *goVisit) ended(outcome string, n int) {
	g.t.Helper()
	got := event[*github.RepositoryImportEvent](g.t, g.hooks, outcome, n)
	if got.GetStatus() != outcome || got.GetRepo().GetID() != g.repo.GetID() || got.GetRepo().GetFullName() != g.owner+"/"+g.name ||
		got.GetSender().GetLogin() != g.owner || got.Org != nil {
		g.t.Errorf("webhook %d %s: %v", n, outcome, got)
	}
}

func (g *goVisit) start() *github.Import {
	in := &github.Import{VCS: github.Ptr("git"), VCSURL: &g.source}
	started, answer, err := g.client.Migrations.StartImport(g.t.Context(), g.owner, g.name, in)
	if err != nil {
		g.t.Fatal(err)
	}
	if started.GetVCSURL() != g.source || started.GetUseLFS() != "undecided" || answer.StatusCode != http.StatusCreated || answer.Header.Get("Location") != started.GetURL() {
		g.t.Errorf("start: %v %v", answer, started)
	}
	done := g.poll("complete")
	if done.GetVCS() != "git" || done.GetAuthorsCount() == 0 || !done.GetHasLargeFiles() || done.GetStatusText() != "Done" ||
		done.GetURL() != g.base+"/repos/"+g.owner+"/"+g.name+"/import" {
		g.t.Errorf("complete: %v", done)
	}
	g.ended("success", 1)
	return done
}

// poll asks until the import has the status.
func (g *goVisit) poll(status string) *github.Import {
	g.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got := must[*github.Import](g.t)(g.client.Migrations.ImportProgress(g.t.Context(), g.owner, g.name))
		if got.GetStatus() == status {
			return got
		}
		if !slices.Contains(running, got.GetStatus()) {
			g.t.Fatalf("the import rests, want %q: %v", status, got)
		}
	}
	g.t.Fatalf("the import does not get %q", status)
	return nil
}

// mapAuthors maps one author after the import is complete, and back: each time it goes through mapping and pushing again.
func (g *goVisit) mapAuthors(done *github.Import) {
	authors := must[[]*github.SourceImportAuthor](g.t)(g.client.Migrations.CommitAuthors(g.t.Context(), g.owner, g.name))
	at := slices.IndexFunc(authors, func(a *github.SourceImportAuthor) bool { return a.GetRemoteID() == "ada@example.com" })
	if at < 0 || len(authors) != done.GetAuthorsCount() {
		g.t.Fatalf("authors: %v of %d", authors, done.GetAuthorsCount())
	}
	g.since(authors)
	ada := authors[at]
	for n, to := range []string{"Countess of Lovelace", ada.GetName()} {
		mapped := must[*github.SourceImportAuthor](g.t)(g.client.Migrations.MapCommitAuthor(g.t.Context(), g.owner, g.name, ada.GetID(), &github.SourceImportAuthor{Name: &to}))
		if mapped.GetID() != ada.GetID() || mapped.GetName() != to || mapped.GetEmail() != ada.GetEmail() || mapped.GetRemoteName() != ada.GetRemoteName() {
			g.t.Errorf("mapped to %s: %v", to, mapped)
		}
		g.again()
		g.ended("success", 2+n)
	}
}

// since lists the authors after the first: go-github has no parameter for it, so this is a request of one's own.
func (g *goVisit) since(authors []*github.SourceImportAuthor) {
	path := fmt.Sprintf("repos/%s/%s/import/authors?since=%d", g.owner, g.name, authors[0].GetID())
	q, err := g.client.NewRequest(g.t.Context(), "GET", path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	var rest []*github.SourceImportAuthor
	if _, err := g.client.Do(q, &rest); err != nil || len(rest) != len(authors)-1 || rest[0].GetID() != authors[1].GetID() {
		g.t.Errorf("authors since %d: %v, %v", authors[0].GetID(), rest, err)
	}
}

// again wants a complete import to go through mapping once more.
func (g *goVisit) again() {
	g.t.Helper()
	got := must[*github.Import](g.t)(g.client.Migrations.ImportProgress(g.t.Context(), g.owner, g.name))
	if !slices.Contains([]string{"mapping", "pushing", "complete"}, got.GetStatus()) {
		g.t.Errorf("again: %v", got)
	}
	g.poll("complete")
}

// largeFiles lists large files and chooses to have them converted.
func (g *goVisit) largeFiles() {
	files := must[[]*github.LargeFile](g.t)(g.client.Migrations.LargeFiles(g.t.Context(), g.owner, g.name))
	if len(files) == 0 {
		g.t.Fatal("no large files")
	}
	if f := files[0]; f.GetSize() <= 1000 || f.GetPath() == "" || f.GetRefName() == "" || len(f.GetOID()) != 40 {
		g.t.Errorf("large file %v", f)
	}
	chosen := must[*github.Import](g.t)(g.client.Migrations.SetLFSPreference(g.t.Context(), g.owner, g.name, &github.Import{UseLFS: github.Ptr("opt_in")}))
	if chosen.GetStatus() != "mapping" || chosen.GetUseLFS() != "opt_in" {
		g.t.Errorf("after opt_in: %v", chosen)
	}
	done := g.poll("complete")
	if done.GetUseLFS() != "opt_in" || done.GetLargeFilesCount() != len(files) || done.GetLargeFilesSize() <= 1000 {
		g.t.Errorf("complete: %v", done)
	}
	g.ended("success", 4)
}

func (g *goVisit) restart() {
	got := must[*github.Import](g.t)(g.client.Migrations.UpdateImport(g.t.Context(), g.owner, g.name, nil))
	if !slices.Contains(running, got.GetStatus()) {
		g.t.Errorf("restart: %v", got)
	}
	g.poll("complete")
	g.ended("success", 5)
}

// redeliver finds the last webhook among the deliveries and has it sent again, under the GUID it had.
func (g *goVisit) redeliver() {
	ctx := g.t.Context()
	last, err := g.hooks.wait(ctx, "success", 5)
	if err != nil {
		g.t.Fatal(err)
	}
	guid := last.Headers["x-github-delivery"]
	deliveries := must[[]*github.HookDelivery](g.t)(g.client.Repositories.ListHookDeliveries(ctx, g.owner, g.name, g.hook.GetID(), nil))
	at := slices.IndexFunc(deliveries, func(d *github.HookDelivery) bool { return d.GetGUID() == guid })
	if at < 0 || len(deliveries) != 7 {
		g.t.Fatalf("%d deliveries, want 7 with %s: %v", len(deliveries), guid, deliveries)
	}
	whole := must[*github.HookDelivery](g.t)(g.client.Repositories.GetHookDelivery(ctx, g.owner, g.name, g.hook.GetID(), deliveries[at].GetID()))
	if sent, err := whole.ParseRequestPayload(); err != nil || sent.(*github.RepositoryImportEvent).GetStatus() != "success" {
		g.t.Errorf("the delivery's payload: %v, %v", sent, err)
	}
	_, _, err = g.client.Repositories.RedeliverHookDelivery(ctx, g.owner, g.name, g.hook.GetID(), deliveries[at].GetID())
	if accepted := (*github.AcceptedError)(nil); !errors.As(err, &accepted) {
		g.t.Errorf("redeliver: %v", err)
	}
	again, err := g.hooks.wait(ctx, "success", 6)
	if err != nil || again.Headers["x-github-delivery"] != guid || again.Body != last.Body {
		g.t.Errorf("redelivered: %v, %v", again, err)
	}
}

// refusals wants errors in the types go-github has for them.
func (g *goVisit) refusals() {
	ctx := g.t.Context()
	ada := must[[]*github.SourceImportAuthor](g.t)(g.client.Migrations.CommitAuthors(ctx, g.owner, g.name))[0].GetID()
	_, _, err := g.client.Migrations.MapCommitAuthor(ctx, g.owner, g.name, ada, &github.SourceImportAuthor{Name: github.Ptr("line\nfeed")})
	g.refused(err, 422, "Validation Failed", "name")
	_, _, err = g.client.Migrations.StartImport(ctx, g.owner, g.name, &github.Import{VCSURL: &g.hanging})
	g.refused(err, 422, "Validation Failed", "vcs_url")
	_, _, err = g.client.Migrations.SetLFSPreference(ctx, g.owner, g.name, &github.Import{UseLFS: github.Ptr("perhaps")})
	g.refused(err, 422, "Validation Failed", "use_lfs")
	_, _, err = g.client.Repositories.CreateHook(ctx, g.owner, g.name, &github.Hook{Config: &github.HookConfig{URL: github.Ptr("ftp://127.0.0.1/")}})
	g.refused(err, 422, "Validation Failed", "config.url")
	_, _, err = g.client.Migrations.ImportProgress(ctx, g.owner, "no-such")
	g.refused(err, 404, "Not Found", "")
	_, _, err = newGoGitHub(g.t, g.base, "rht_nobody").Migrations.ImportProgress(ctx, g.owner, g.name)
	g.refused(err, 401, "Bad credentials", "")
	limited := newGoGitHub(g.t, g.limited, adminToken)
	for err = nil; err == nil; {
		_, _, err = limited.Users.Get(ctx, "")
	}
	if full := (*github.RateLimitError)(nil); !errors.As(err, &full) || full.Rate.Limit != 2 || full.Rate.Remaining != 0 {
		g.t.Errorf("over the rate limit: %v", err)
	}
}

// refused wants an error with a status, a message and the field it is about, if it is about one.
func (g *goVisit) refused(err error, status int, message, field string) {
	g.t.Helper()
	var got *github.ErrorResponse
	if !errors.As(err, &got) || got.Response.StatusCode != status || got.Message != message {
		g.t.Errorf("got %v, want %d %s", err, status, message)
		return
	}
	if field != "" && (len(got.Errors) == 0 || got.Errors[0].Field != field || got.Errors[0].Code == "") {
		g.t.Errorf("got %v, want an error about %s", got.Errors, field)
	}
}

// cancel deletes the complete import, of which nobody is told, and one that runs.
func (g *goVisit) cancel() {
	ctx := g.t.Context()
	g.delete()
	must[*github.Import](g.t)(g.client.Migrations.StartImport(ctx, g.owner, g.name, &github.Import{VCS: github.Ptr("git"), VCSURL: &g.hanging}))
	g.poll("importing")
	g.delete()
	g.ended("cancelled", 1)
}

func (g *goVisit) delete() {
	g.t.Helper()
	if _, err := g.client.Migrations.CancelImport(g.t.Context(), g.owner, g.name); err != nil {
		g.t.Fatal(err)
	}
	_, _, err := g.client.Migrations.ImportProgress(g.t.Context(), g.owner, g.name)
	g.refused(err, 404, "Not Found", "")
}

// fail imports from where nothing is.
func (g *goVisit) fail() {
	must[*github.Import](g.t)(g.client.Migrations.StartImport(g.t.Context(), g.owner, g.name, &github.Import{VCS: github.Ptr("git"), VCSURL: &g.missing}))
	if got := g.poll("error"); got.GetFailedStep() != "raw" || got.GetMessage() == "" {
		g.t.Errorf("failed: %v", got)
	}
	g.ended("failure", 1)
}
