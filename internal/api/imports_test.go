package api

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// serveSource serves a repository and returns its URL.
func serveSource(t *testing.T, o testenv.Options) (url, dir string) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, "old.git")
	testenv.Rich(t, dir, "sha1")
	return testenv.ServeGit(t, root, o) + "/old.git", dir
}

// keys returns the keys of a JSON object in their order.
func keys(t *testing.T, body []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// The keys as clients recorded them from the service itself.
var (
	startKeys = strings.Fields("vcs use_lfs vcs_url status commit_count status_text authors_count import_percent url html_url authors_url repository_url")
	waitKeys  = strings.Fields("vcs use_lfs vcs_url status status_text url html_url authors_url repository_url")
	doneKeys  = strings.Fields("vcs use_lfs vcs_url status status_text has_large_files large_files_size large_files_count authors_count url html_url authors_url repository_url")
)

func TestImportFromStartToCancel(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, dir := serveSource(t, testenv.Options{})
	put := request{method: "PUT", path: "/api/v3/repos/OctoCat/Socm/import", token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`}
	at := "/repos/octocat/socm/import"

	s.want(t, 404, request{method: "GET", path: at, token: token})
	begun := s.want(t, 201, put)
	if got := keys(t, begun.body); !slices.Equal(got, startKeys) {
		t.Errorf("start has the keys %q, want %q", got, startKeys)
	}
	if got, want := begun.Header.Get("Location"), s.URL+"/api/v3/repos/octocat/socm/import"; got != want || begun.object(t)["url"] != want {
		t.Errorf("Location %s, want %s", got, want)
	}
	if again := s.want(t, 201, put); string(again.body) != string(begun.body) {
		t.Errorf("PUT again: %s, want %s", again.body, begun.body)
	}
	other := s.want(t, 422, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "https://old.example/other.git"}`})
	if fault := other.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != "vcs_url" || fault["resource"] != "Import" {
		t.Errorf("PUT with another URL: %v", fault)
	}
	if during := s.want(t, 200, request{method: "PATCH", path: at, token: token}).object(t); during["status"] != "importing" {
		t.Errorf("PATCH of a running import: %v", during)
	}

	s.work(t)
	done := s.want(t, 200, request{method: "GET", path: at, token: token})
	o := done.object(t)
	if got := keys(t, done.body); !slices.Equal(got, doneKeys) {
		t.Errorf("complete has the keys %q, want %q", got, doneKeys)
	}
	if o["status"] != "complete" || o["status_text"] != "Done" || o["vcs_url"] != from || o["authors_count"].(float64) < 1 {
		t.Fatalf("import %s", done.body)
	}
	s.want(t, 304, request{method: "GET", path: at, token: token, headers: []string{"If-None-Match", "W/" + done.Header.Get("ETag")}})
	s.checkAuthors(t, token, at, int(o["authors_count"].(float64)))
	if large := s.want(t, 200, request{method: "GET", path: at + "/large_files", token: token}); string(large.body) != "[]" {
		t.Errorf("large files %s", large.body)
	}
	if large := s.want(t, 200, request{method: "GET", path: at + "/large_files?page=2", token: token}); string(large.body) != "[]" {
		t.Errorf("large files, second page: %s", large.body)
	}
	checkReceipt(t, s.want(t, 200, request{method: "GET", path: at + "/receipt", token: token}))

	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, filepath.Dir(clone), "clone", "-q", "--mirror", s.withToken(token)+"/octocat/socm.git", clone)
	if got, want := testenv.Git(t, clone, "rev-parse", "HEAD"), testenv.Git(t, dir, "rev-parse", "HEAD"); got != want {
		t.Errorf("HEAD of the clone is %s, want %s", got, want)
	}

	s.want(t, 204, request{method: "DELETE", path: at, token: token, body: "{}"})
	for _, rest := range []string{"", "/authors", "/large_files", "/receipt", "/events"} {
		checkRefusal(t, s.want(t, 404, request{method: "GET", path: at + rest, token: token}))
	}
	s.want(t, 404, request{method: "DELETE", path: at, token: token})
	s.want(t, 404, request{method: "PATCH", path: at, token: token})
	s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm", token: token})
}

func (s *testServer) withToken(token string) string {
	return strings.Replace(s.URL, "http://", "http://any:"+token+"@", 1)
}

func (s *testServer) checkAuthors(t *testing.T, token, at string, want int) {
	t.Helper()
	all := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)
	if len(all) != want {
		t.Fatalf("%d authors, want %d", len(all), want)
	}
	for i, author := range all {
		id := author["id"].(float64)
		rest := s.want(t, 200, request{method: "GET", path: fmt.Sprintf("%s/authors?since=%.0f", at, id), token: token}).list(t)
		if len(rest) != want-i-1 {
			t.Errorf("%d authors since %v, want %d", len(rest), id, want-i-1)
		}
		if author["url"] != fmt.Sprintf("%s%s/authors/%.0f", s.URL, at, id) || author["import_url"] != s.URL+at || author["email"] == nil || author["remote_id"] == nil {
			t.Errorf("author %v", author)
		}
	}
	for _, bad := range []string{"x", "-1", "1.5", "99999999999999999999"} {
		s.want(t, 422, request{method: "GET", path: at + "/authors?since=" + bad, token: token})
	}
}

func checkReceipt(t *testing.T, r response) {
	t.Helper()
	sum := r.object(t)["sha256"].(string)
	cut := bytes.Replace(r.body, []byte(`, "sha256": "`+sum+`"`), nil, 1)
	if got := sha256.Sum256(cut); hex.EncodeToString(got[:]) != sum {
		t.Errorf("the receipt's checksum is %s, its bytes have %x", sum, got)
	}
}

func TestEveryPathHasTwoForms(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	repo := s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	byID := fmt.Sprintf("/repositories/%d/import", repo.ID)
	begun := s.want(t, 201, request{method: "PUT", path: byID, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`})
	if want := s.URL + "/repos/octocat/socm/import"; begun.object(t)["url"] != want || begun.Header.Get("Location") != want {
		t.Errorf("url %v, want the form with names", begun.object(t)["url"])
	}
	s.work(t)
	for _, rest := range []string{"", "/authors", "/large_files", "/receipt"} {
		one := s.want(t, 200, request{method: "GET", path: byID + rest, token: token})
		other := s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm/import" + rest, token: token})
		if string(one.body) != string(other.body) {
			t.Errorf("%s: %s and %s", rest, one.body, other.body)
		}
	}
	if restarted := s.want(t, 200, request{method: "PATCH", path: byID, token: token, body: "null"}).object(t); restarted["status"] != "importing" {
		t.Errorf("restart: %v", restarted)
	}
	s.want(t, 204, request{method: "DELETE", path: byID, token: token})
}

func TestDeletedRepositoryTakesItsImportAlong(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm"
	for _, run := range []bool{false, true} {
		repo := s.create(t, token, "socm", "")
		s.want(t, 201, request{method: "PUT", path: at + "/import", token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`})
		if run {
			s.work(t)
		}
		s.want(t, 204, request{method: "DELETE", path: at, token: token})
		s.want(t, 404, request{method: "GET", path: at + "/import", token: token})
		s.work(t)
		if s.api.Host.Exists(repo.ID) {
			t.Errorf("run %v: the folder is left", run)
		}
		if list := s.want(t, 200, request{method: "GET", path: "/imports", token: token}).list(t); len(list) != 0 {
			t.Errorf("run %v: listed are %v", run, list)
		}
	}
	s.create(t, token, "socm", "")
	s.want(t, 404, request{method: "GET", path: at + "/import", token: token})
}

func TestBadStartChangesNothing(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	at := "/repos/octocat/socm/import"
	url := func(u string) string {
		text, err := json.Marshal(map[string]string{"vcs_url": u})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, c := range []struct {
		body, field string
		status      int
	}{
		{"", "vcs_url", 422},
		{"{}", "vcs_url", 422},
		{"null", "vcs_url", 422},
		{`{"vcs_url": 7}`, "vcs_url", 422},
		{`{"vcs_url": ["x"]}`, "vcs_url", 422},
		{`{"vcs_url": "https://old.example/p", "vcs": "cvs"}`, "vcs", 422},
		{`{"vcs_url": "https://old.example/p", "vcs": 7}`, "vcs", 422},
		{`{"vcs_url": "https://old.example/p", "vcs_username": {}}`, "vcs_username", 422},
		{url("file:///etc/passwd"), "vcs_url", 422},
		{url("ext::sh -c id"), "vcs_url", 422},
		{url("-oProxyCommand=id"), "vcs_url", 422},
		{url("gopher://old.example/p"), "vcs_url", 422},
		{url("https://old.example/\np"), "vcs_url", 422},
		{url("/etc"), "vcs_url", 422},
		{url("https://"), "vcs_url", 422},
		{url(" https://old.example/p"), "vcs_url", 422},
		{url("http://169.254.169.254/x"), "vcs_url", 422},
		{`{"vcs_url": "https://old.example/p"`, "", 400},
		{`"https://old.example/p"`, "", 400},
		{"vcs_url=x", "", 400},
	} {
		o := s.want(t, c.status, request{method: "PUT", path: at, token: token, body: c.body}).object(t)
		if c.field != "" {
			if fault := o["errors"].([]any)[0].(map[string]any); fault["field"] != c.field || fault["code"] == "" || o["message"] != "Validation Failed" {
				t.Errorf("%s: %v, want a fault of %s", c.body, o, c.field)
			}
		}
		s.want(t, 404, request{method: "GET", path: at, token: token})
	}
}

// A PATCH that names the URL of the import is one like any other; another URL is not quietly left out.
func TestUpdateWithURL(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	at := "/repos/octocat/socm/import"
	body := func(u string) string { return `{"vcs": "git", "vcs_url": "` + u + `"}` }
	from, _ := serveSource(t, testenv.Options{})
	s.want(t, 404, request{method: "PATCH", path: at, token: token, body: body(from)})
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: body(from)})
	s.work(t)
	for _, bad := range []string{from + "/", "https://old.example/other.git", "HTTPS" + strings.TrimPrefix(from, "http"), "ext::sh -c id", strings.Replace(from, "http://", "http://u:canary@other.", 1)} {
		r := s.want(t, 422, request{method: "PATCH", path: at, token: token, body: body(bad)})
		if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != "vcs_url" || fault["code"] != "invalid" || strings.Contains(string(r.body), "canary") {
			t.Errorf("%s: %s", bad, r.body)
		}
		if now := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t); now["status"] != "complete" || now["vcs_url"] != from {
			t.Errorf("%s: the import is now %v", bad, now)
		}
	}
	s.want(t, 422, request{method: "PATCH", path: at, token: token, body: `{"vcs_url": 7}`})
	for _, same := range []string{from, strings.Replace(from, "http://", "http://mona:canary@", 1), ""} {
		now := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: body(same)}).object(t)
		if now["status"] != "importing" || now["vcs_url"] != from {
			t.Errorf("%q: %v, want a restart", same, now)
		}
		s.work(t)
	}
}

func TestCredentialsAreTakenAndNeverShown(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	from, _ := serveSource(t, testenv.Options{User: "mona", Password: "canary-1"})
	inside := strings.Replace(from, "http://", "http://mona:canary-1@", 1)
	at := func(name string) string { return "/repos/octocat/" + name + "/import" }
	start := func(name, body, status string) {
		t.Helper()
		s.create(t, token, name, "")
		r := s.want(t, 201, request{method: "PUT", path: at(name), token: token, body: body})
		s.work(t)
		after := s.want(t, 200, request{method: "GET", path: at(name), token: token})
		for _, body := range [][]byte{r.body, after.body} {
			if bytes.Contains(body, []byte("canary")) || bytes.Contains(body, []byte("mona")) {
				t.Errorf("%s: credentials are shown: %s", name, body)
			}
		}
		if got := after.object(t); got["status"] != status || got["vcs_url"] != from {
			t.Errorf("%s: %s, want %s", name, after.body, status)
		}
	}
	start("inside", `{"vcs_url": "`+inside+`"}`, "complete")
	start("beside", `{"vcs": "git", "vcs_url": "`+from+`", "vcs_username": "mona", "vcs_password": "canary-1"}`, "complete")
	start("none", `{"vcs": "git", "vcs_url": "`+from+`"}`, "auth_failed")
	start("wrong", `{"vcs_url": "`+from+`", "vcs_username": "mona", "vcs_password": "canary-2"}`, "detection_needs_auth")
	for _, name := range []string{"none", "wrong"} {
		before := s.want(t, 200, request{method: "GET", path: at(name), token: token}).object(t)
		message, ok := before["message"].(string)
		if !ok || message != before["error_message"] || !strings.HasSuffix(message, "PATCH the import with vcs_username and vcs_password.") {
			t.Errorf("%s does not say why, or what to do: %v", name, before)
		}
		s.want(t, 200, request{method: "PATCH", path: at(name), token: token, body: `{"vcs_username": "mona", "vcs_password": "canary-1", "human_name": "x"}`})
		s.work(t)
		if got := s.want(t, 200, request{method: "GET", path: at(name), token: token}).object(t); got["status"] != "complete" {
			t.Errorf("%s after PATCH: %v", name, got)
		}
	}
	if strings.Contains(s.log.String(), "canary") {
		t.Error("the log shows credentials")
	}
}

func TestEvents(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})

	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+at+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token "+token)
	r.Header.Set("Last-Event-ID", "7")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(got, "text/event-stream") || resp.Header.Get("X-GitHub-Request-Id") == "" {
		t.Fatalf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Scan() // the stream is open: the watcher is there
	s.work(t)
	var kinds []string
	for lines.Scan() {
		if kind, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) < 4 || kinds[0] != "status" || kinds[len(kinds)-1] != "done" || !slices.Contains(kinds, "author") {
		t.Errorf("events %q, want the status first and done last", kinds)
	}
	again := s.want(t, 200, request{method: "GET", path: at + "/events", token: token})
	if text := string(again.body); !strings.Contains(text, "event: done\n") || !strings.Contains(text, `"status":"complete"`) {
		t.Errorf("of a complete import: %s", text)
	}
	s.want(t, 200, request{method: "HEAD", path: at + "/events", token: token})
}

func TestListOfImports(t *testing.T) {
	s := start(t, nil)
	admin, one, other := s.token(t, auth.Grant{}), s.token(t, auth.Grant{User: "octocat"}), s.token(t, auth.Grant{User: "mona", Owners: []string{"labs"}})
	for i := range 3 {
		name := fmt.Sprintf("r%d", i)
		s.create(t, one, name, "")
		s.want(t, 201, request{method: "PUT", path: "/repos/octocat/" + name + "/import", token: one, body: `{"vcs_url": "https://old.example/p"}`})
	}
	s.want(t, 201, request{method: "POST", path: "/orgs/labs/repos", token: other, body: `{"name": "x"}`})
	s.want(t, 201, request{method: "PUT", path: "/repos/labs/x/import", token: other, body: `{"vcs": "git", "vcs_url": "https://old.example/p"}`})
	count := func(token, query string) int {
		t.Helper()
		return len(s.want(t, 200, request{method: "GET", path: "/imports" + query, token: token}).list(t))
	}
	without := s.token(t, auth.Grant{User: "octocat", Scopes: []string{"admin:org_hook"}})
	for _, c := range []struct {
		name, token, query string
		want               int
	}{
		{"administrator", admin, "", 4},
		{"user", one, "", 3},
		{"member", other, "", 1},
		{"without scope", without, "", 0},
		{"detecting", admin, "?status=detecting", 3},
		{"importing", admin, "?status=importing", 1},
		{"complete", admin, "?status=complete", 0},
		{"second page", admin, "?per_page=3&page=2", 1},
		{"third page", admin, "?per_page=3&page=3", 0},
	} {
		if got := count(c.token, c.query); got != c.want {
			t.Errorf("%s: %d imports, want %d", c.name, got, c.want)
		}
	}
	s.want(t, 422, request{method: "GET", path: "/imports?status=sleeping", token: admin})
	s.want(t, 401, request{method: "GET", path: "/imports"})
	r := s.want(t, 200, request{method: "GET", path: "/api/v3/imports?per_page=1&page=2", token: one})
	if link := r.Header.Get("Link"); !strings.Contains(link, "<"+s.URL+`/api/v3/imports?page=3&per_page=1>; rel="next"`) || !strings.Contains(link, `rel="prev"`) {
		t.Errorf("Link %s", link)
	}
	want := slices.Concat(waitKeys, strings.Fields("full_name created_at updated_at queue_position worker started_at disk_bytes raw_expires_at"))
	if got := keys(t, r.first(t)); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

// first returns the first object of a list, as it was sent.
func (r response) first(t *testing.T) []byte {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal(r.body, &all); err != nil || len(all) == 0 {
		t.Fatalf("%s: %v", r.body, err)
	}
	return all[0]
}
