package api

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome/internal/api/described"
	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// TestWhoMayDoWhat asks every operation that is described in every way there is to its path, as every role, of every
// place it may be about. Who may has to get what is described; who may not is refused and changes nothing.
func TestWhoMayDoWhat(t *testing.T) {
	m := newMatrix(t)
	operations := slices.Clone(asDescribed(t).Operations)
	for _, o := range operations {
		before := m.rows(t)
		if before["hooks"] == "" || before["imports"] == "" {
			t.Fatalf("%d tables were read, but nothing of the webhooks or imports there are", len(before))
		}
		for _, c := range m.cells(t, o) {
			if c.want != "yes" {
				m.refused(t, c)
			}
		}
		for name, after := range m.rows(t) {
			if after != before[name] {
				t.Errorf("%s %s: who may not has changed %s", o.Method, o.Path, name)
			}
		}
	}
	slices.SortStableFunc(operations, func(a, b described.Operation) int { return lateness(a) - lateness(b) })
	for _, o := range operations {
		for _, c := range m.cells(t, o) {
			if c.want == "yes" {
				m.done(t, c)
			}
		}
	}
}

// lateness puts DELETE last, and what is inside before what it is in.
func lateness(o described.Operation) int {
	if o.Method != "DELETE" {
		return 0
	}
	return 100 - strings.Count(o.Path, "/")
}

// matrix is a server with something of everything on it.
type matrix struct {
	*testServer
	roles  []role
	places map[string][]place // by word of access, in the order of the table in access_test.go
	owner  string             // octocat's token
	admin  string             // a token that may do everything
	source string             // URL of a repository to import
	commit string             // of it
	count  int                // of names given
}

// place is what an operation may be about. Its zero value is the server as a whole.
type place struct {
	owner, repo            string
	org, login             string // an organisation, or a user, by itself
	id                     int64
	hook, delivery, author string
}

type cell struct {
	operation described.Operation
	role      role
	place     place
	form      string // the path, with {names}
	want      string // "yes", or the status of the refusal
}

func (c cell) String() string {
	return fmt.Sprintf("%s %s as %s at %s/%s", c.operation.Method, c.form, c.role.name, c.place.owner+c.place.org+c.place.login, c.place.repo)
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	var asked atomic.Int64
	s := start(t, func(o *Options) {
		o.Limits = auth.NewLimiter(1_000_000, time.Now)
		o.Clock = func() time.Time { // each request comes so late that bad credentials before it count no more
			return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(asked.Add(1)) * 10 * time.Minute)
		}
	})
	from, dir := serveSource(t, testenv.Options{})
	m := &matrix{testServer: s, source: from, commit: testenv.Git(t, dir, "rev-parse", "HEAD")}
	m.admin, m.owner = s.token(t, auth.Grant{}), s.token(t, auth.Grant{User: "octocat"})
	m.roles = s.roles(t)
	var repos []place
	for _, owner := range []string{"octocat", "labs"} {
		for _, private := range []bool{true, false} {
			p := m.imported(t, owner, private, false)
			list := m.want(t, 200, request{method: "GET", path: p.at() + "/import/authors", token: m.admin}).list(t)
			p.author = fmt.Sprint(list[0]["id"])
			repos = append(repos, m.hooked(t, p))
		}
	}
	org := m.hooked(t, place{org: "labs"})
	m.created(t, "quiet", true)
	m.places = map[string][]place{
		"probe": {{}}, "anyone": {{}}, "signed-in": {{}},
		"repo:create": {{}, {org: "labs"}}, "owner:read": {{login: "octocat"}, {org: "labs"}, {login: "mona"}, {org: "quiet"}}, "hooks:organization": {org},
		"repo:read": repos, "repo:write": repos, "repo:admin": repos, "hooks:repository": repos,
	}
	return m
}

// at is where the place's hooks are below.
func (p place) at() string {
	if p.org != "" {
		return "/orgs/" + p.org
	}
	return "/repos/" + p.owner + "/" + p.repo
}

func (m *matrix) name() string {
	m.count++
	return "name-" + strconv.Itoa(m.count)
}

// created makes a repository.
func (m *matrix) created(t *testing.T, owner string, private bool) place {
	t.Helper()
	q := request{method: "POST", path: "/orgs/" + owner + "/repos", token: m.admin}
	if owner == "octocat" {
		q.path, q.token = "/user/repos", m.owner
	}
	p := place{owner: owner, repo: m.name()}
	q.body = fmt.Sprintf(`{"name": %q, "private": %t}`, p.repo, private)
	p.id = int64(m.want(t, 201, q).object(t)["id"].(float64))
	return p
}

// started makes one with an import that has only begun.
func (m *matrix) started(t *testing.T, owner string, private, hold bool) place {
	t.Helper()
	p := m.created(t, owner, private)
	body := fmt.Sprintf(`{"vcs_url": %q, "vcs": "git", "hold": %t}`, m.source, hold)
	m.want(t, 201, request{method: "PUT", path: p.at() + "/import", token: m.admin, body: body})
	return p
}

// imported makes one with an import that is complete, or held.
func (m *matrix) imported(t *testing.T, owner string, private, hold bool) place {
	t.Helper()
	p := m.started(t, owner, private, hold)
	m.work(t)
	return p
}

// aimed makes one whose imports are to go elsewhere.
func (m *matrix) aimed(t *testing.T, owner string, private bool) place {
	t.Helper()
	p := m.created(t, owner, private)
	m.want(t, 200, request{method: "PUT", path: p.at() + "/import/destination", token: m.admin, body: bodies["rehome/set-destination"]})
	return p
}

// hooked makes a webhook at a place, with a delivery.
func (m *matrix) hooked(t *testing.T, p place) place {
	t.Helper()
	r := m.want(t, 201, request{method: "POST", path: p.at() + "/hooks", token: m.admin, body: m.hookBody()})
	p.hook = fmt.Sprint(r.object(t)["id"])
	list := m.want(t, 200, request{method: "GET", path: p.at() + "/hooks/" + p.hook + "/deliveries", token: m.admin}).list(t)
	p.delivery = fmt.Sprint(list[0]["id"])
	return p
}

// hookBody is for a webhook nobody delivers to: nothing runs here that would.
func (m *matrix) hookBody() string {
	return `{"config": {"url": "http://127.0.0.1:9/` + m.name() + `"}}`
}

// cells are all there are of an operation. One without a word that is known, and a role or
// place without an entry in the table, fail.
func (m *matrix) cells(t *testing.T, o described.Operation) []cell {
	t.Helper()
	var all []cell
	places, known := m.places[o.Access]
	if !known {
		t.Errorf("%s %s: nobody thought about who may: access %q", o.Method, o.Path, o.Access)
	}
	for n, p := range places {
		apart := o.Access == "repo:create" || o.Access == "owner:read" // at a user's path, or at an organisation's
		if apart && (p.org != "") != strings.Contains(o.Path, "{org}") {
			continue
		}
		for _, who := range m.roles {
			entries := strings.Fields(table[o.Access][who.name])
			if n >= len(entries) {
				t.Errorf("%s %s: nobody thought about %s at place %d", o.Method, o.Path, who.name, n)
				continue
			}
			for _, form := range asDescribed(t).Forms(o) {
				all = append(all, cell{o, who, p, form, entries[n]}, cell{o, who, p, enterprise + form, entries[n]})
			}
		}
	}
	return all
}

// ask does what a cell says. Case does not matter in the names of owners and repositories.
func (m *matrix) ask(t *testing.T, c cell) response {
	t.Helper()
	p := c.place
	fill := strings.NewReplacer("{owner}", strings.ToUpper(p.owner), "{repo}", strings.ToUpper(p.repo), "{org}", strings.ToUpper(p.org), "{login}", strings.ToUpper(p.login),
		"{id}", strconv.FormatInt(p.id, 10), "{hook}", p.hook, "{delivery}", p.delivery, "{author}", p.author, "{old}", m.commit)
	body := bodies[c.operation.ID]
	switch body {
	case aHook:
		body = m.hookBody()
	case aRepository:
		body = `{"name": "` + m.name() + `"}`
	}
	body = strings.ReplaceAll(body, "SOURCE", m.source)
	return m.do(t, request{method: c.operation.Method, path: fill.Replace(c.form), token: c.role.token, body: body})
}

const aHook, aRepository = "a hook", "a repository"

// bodies are what operations are sent that need something.
var bodies = map[string]string{
	"repos/create-for-authenticated-user":  aRepository,
	"repos/create-in-org":                  aRepository,
	"repos/create-webhook":                 aHook,
	"orgs/create-webhook":                  aHook,
	"repos/update":                         `{"description": "changed", "has_wiki": true}`,
	"repos/update-webhook-config-for-repo": `{"content_type": "json", "secret": "s"}`,
	"orgs/update-webhook-config-for-org":   `{"content_type": "json", "secret": "s"}`,
	"repos/update-webhook":                 `{"active": true}`,
	"orgs/update-webhook":                  `{"active": true}`,
	"migrations/start-import":              `{"vcs_url": "SOURCE", "vcs": "git"}`,
	"migrations/update-import":             `{"hold": false}`,
	"migrations/set-lfs-preference":        `{"use_lfs": "undecided"}`,
	"migrations/map-commit-author":         `{"name": "Mona"}`,
	"rehome/replace-author-map":            "[]",
	"rehome/set-destination":               `{"url": "http://127.0.0.1:9/there.git", "password": "p"}`,
}

func (m *matrix) refused(t *testing.T, c cell) {
	t.Helper()
	r := m.ask(t, c)
	if strconv.Itoa(r.StatusCode) != c.want {
		t.Errorf("%s: status %d, want %s: %.300s", c, r.StatusCode, c.want, r.body)
		return
	}
	checkRefusal(t, r)
	if c.operation.Method == "GET" && c.form == c.operation.Path { // HEAD is no way around
		c.operation.Method = "HEAD"
		if r := m.ask(t, c); strconv.Itoa(r.StatusCode) != c.want {
			t.Errorf("%s: status %d, want %s", c, r.StatusCode, c.want)
		}
	}
}

// done asks for what is described, of something that is used up by it where that is so.
func (m *matrix) done(t *testing.T, c cell) {
	t.Helper()
	private := slices.IndexFunc(m.places[c.operation.Access], func(p place) bool { return p.id == c.place.id })%2 == 0
	switch c.operation.ID {
	case "repos/delete", "migrations/cancel-import":
		c.place = m.started(t, c.place.owner, private, false)
	case "rehome/finish-import":
		c.place = m.imported(t, c.place.owner, private, false)
	case "rehome/set-destination", "rehome/get-destination":
		c.place = m.aimed(t, c.place.owner, private)
	case "rehome/approve-import":
		c.place = m.imported(t, c.place.owner, private, true)
	case "repos/delete-webhook", "orgs/delete-webhook":
		c.place = m.hooked(t, c.place)
	}
	r := m.ask(t, c)
	documented := slices.DeleteFunc(c.operation.Statuses(), func(status string) bool { return !strings.HasPrefix(status, "2") })
	if len(documented) != 1 || strconv.Itoa(r.StatusCode) != documented[0] {
		t.Errorf("%s: status %d, want %v: %.300s", c, r.StatusCode, documented, r.body)
	}
	if bodies[c.operation.ID] == aHook && r.StatusCode == 201 { // a place has room for so many
		m.want(t, 204, request{method: "DELETE", path: strings.TrimPrefix(r.Header.Get("Location"), m.URL), token: m.admin})
	}
	if c.operation.Method != "GET" {
		m.work(t)
	}
}

// rows are all that the database holds, by table.
func (m *matrix) rows(t *testing.T) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(m.dir, "db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held := map[string]string{}
	for _, name := range testenv.Column(t, db, "SELECT name FROM sqlite_master WHERE type = 'table'") {
		columns := testenv.Column(t, db, "SELECT 'coalesce(hex(' || name || '), 0)' FROM pragma_table_info('"+name+"')")
		held[name] = strings.Join(testenv.Column(t, db, "SELECT "+strings.Join(columns, " || ',' || ")+" FROM "+name+" ORDER BY 1"), "\n")
	}
	return held
}

// A repository whose folder cannot be removed keeps its row: it can be deleted again.
func TestDeleteIsFinishedOrCanBeRepeated(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	deleting := request{method: "DELETE", path: "/repos/octocat/socm", token: token}
	home := filepath.Join(s.dir, "host")
	aside := home + "-aside"
	if err := os.Rename(home, aside); err != nil { // where folders go before they vanish
		t.Fatal(err)
	}
	s.want(t, 500, deleting)
	if err := os.Rename(aside, home); err != nil {
		t.Fatal(err)
	}
	s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm", token: token})
	s.want(t, 204, deleting)
	s.want(t, 404, deleting)
}
