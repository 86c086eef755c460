package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/auth"
	"rehome/internal/egress"
	"rehome/internal/webhook"
)

// hookReceiver takes deliveries and keeps them.
type hookReceiver struct {
	*httptest.Server
	mu   sync.Mutex
	came []arrived // guarded by mu
	code int       // guarded by mu; what it answers
}

type arrived struct {
	header http.Header
	body   string
}

func receive(t *testing.T) *hookReceiver {
	t.Helper()
	h := &hookReceiver{code: 200}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := asDescribed(t).CheckDelivery(r.Header, body); err != nil {
			t.Errorf("not as described: %v", err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.came = append(h.came, arrived{r.Header, string(body)})
		w.Header().Set("X-Seen", "yes")
		w.WriteHeader(h.code)
		io.WriteString(w, "thank <you>")
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hookReceiver) answer(code int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.code = code
}

// nth waits for the nth delivery, from 1.
func (h *hookReceiver) nth(t *testing.T, n int) arrived {
	t.Helper()
	var got arrived
	until(t, fmt.Sprintf("the receiver has %d deliveries", n), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.came) >= n {
			got = h.came[n-1]
		}
		return len(h.came) >= n
	})
	return got
}

// until waits for a state.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// deliver sends what is due until the test ends.
func (s *testServer) deliver(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.api.Hooks.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// hookWorld is a server with a repository and an organisation, and a token that may keep webhooks of both.
func hookWorld(t *testing.T) (s *testServer, token string, targets []string) {
	t.Helper()
	s = start(t, nil)
	token = s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}})
	s.create(t, token, "socm", "")
	return s, token, []string{"/repos/octocat/socm", "/orgs/labs"}
}

func TestHookForItsWholeLife(t *testing.T) {
	s, token, targets := hookWorld(t)
	for i, at := range append(targets, "/api/v3/repos/octocat/socm", "/api/v3/orgs/labs") {
		made := s.want(t, 201, request{method: "POST", path: at + "/hooks", token: token, body: fmt.Sprintf(`{"name": "web", "active": true, "events": ["push", "repository_import", "push"],
			"config": {"url": "https://ci.example/hook/%d", "content_type": "json", "insecure_ssl": "0", "secret": "hunter2"}}`, i)})
		o := made.object(t)
		url := s.URL + at + "/hooks/" + fmt.Sprint(o["id"])
		kind := "Repository"
		if strings.Contains(at, "orgs") {
			kind = "Organization"
		}
		for key, want := range map[string]any{
			"type": kind, "name": "web", "active": true, "url": url, "ping_url": url + "/pings", "deliveries_url": url + "/deliveries",
			"events": []any{"push", "repository_import"},
			"config": map[string]any{"url": fmt.Sprint("https://ci.example/hook/", i), "content_type": "json", "insecure_ssl": "0", "secret": "********"},
		} {
			if fmt.Sprint(o[key]) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, want %v", at, key, o[key], want)
			}
		}
		if (o["test_url"] != nil) != (kind == "Repository") || made.Header.Get("Location") != url {
			t.Errorf("%s: test_url %v, Location %q", at, o["test_url"], made.Header.Get("Location"))
		}
		one := request{method: "GET", path: strings.TrimPrefix(url, s.URL), token: token}
		if got := s.want(t, 200, one); string(got.body) != string(made.body) {
			t.Errorf("%s: %s, want what POST said", one.path, got.body)
		}
		all := s.want(t, 200, request{method: "GET", path: at + "/hooks", token: token}).list(t)
		if len(all) != 1 || all[0]["url"] != url {
			t.Errorf("%s: listed %v", at, all)
		}
		one.method = "DELETE"
		if got := s.want(t, 204, one); len(got.body) > 0 {
			t.Errorf("DELETE answers %s", got.body)
		}
		for _, gone := range []request{
			{method: "GET"}, {method: "PATCH", body: `{"active": false}`}, {method: "DELETE"},
		} {
			s.want(t, 404, request{gone.method, one.path, token, gone.body, nil})
		}
	}
	repo, err := s.db.Repository(t.Context(), "octocat", "socm")
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, 201, request{method: "POST", path: fmt.Sprintf("/repositories/%d/hooks", repo.ID), token: token, body: `{"config": {"url": "https://ci.example/id"}}`})
	if strings.Contains(s.log.String(), "hunter2") {
		t.Error("the log has a webhook's secret")
	}
}

// TestHookAsClientsSend: every client has its own idea of a configuration.
func TestHookAsClientsSend(t *testing.T) {
	s, token, targets := hookWorld(t)
	at := targets[0] + "/hooks"
	for i, c := range []struct{ body, config, events, active string }{
		{`{"config": {"url": "U"}}`, "map[content_type:form insecure_ssl:0 url:U]", "[repository_import]", "true"},
		{`{"name": "web", "config": {"url": "U", "content_type": null, "secret": null}, "events": null, "active": null}`, "map[content_type:form insecure_ssl:0 url:U]", "[repository_import]", "true"},
		{`{"name": "web", "config": {"url": "U", "content_type": "json", "secret": ""}, "events": ["push"], "active": true}`, "map[content_type:json insecure_ssl:0 url:U]", "[push]", "true"},
		{`{"config": {"url": "U", "insecure_ssl": 0}, "events": ["*"], "active": false}`, "map[content_type:form insecure_ssl:0 url:U]", "[*]", "false"},
		{`{"config": {"url": "U", "insecure_ssl": "", "content_type": "form"}}`, "map[content_type:form insecure_ssl:0 url:U]", "[repository_import]", "true"},
		{
			`{"config": {"url": "U", "insecure_ssl": false, "secret": "s", "token": "x", "digest": "y"}, "add_events": ["fork"], "id": 7, "test_url": "x", "last_response": {"code": 1}}`,
			"map[content_type:form insecure_ssl:0 secret:******** url:U]", "[repository_import]", "true",
		},
	} {
		url := fmt.Sprintf("https://ci.example/%d", i)
		o := s.want(t, 201, request{method: "POST", path: at, token: token, body: strings.ReplaceAll(c.body, `"U"`, `"`+url+`"`)}).object(t)
		if got := strings.ReplaceAll(fmt.Sprint(o["config"]), url, "U"); got != c.config || fmt.Sprint(o["events"]) != c.events || fmt.Sprint(o["active"]) != c.active {
			t.Errorf("%s: %v, %v, active %v", c.body, o["config"], o["events"], o["active"])
		}
	}
}

func TestHookRefused(t *testing.T) {
	s, token, targets := hookWorld(t)
	s.want(t, 201, request{method: "POST", path: targets[0] + "/hooks", token: token, body: `{"config": {"url": "https://ci.example/first"}}`})
	s.want(t, 201, request{method: "POST", path: targets[1] + "/hooks", token: token, body: `{"config": {"url": "https://ci.example/first"}}`})
	long := strings.Repeat("x", 3000)
	for _, c := range []struct {
		body, field, code string
		status            int
	}{
		{`{}`, "config", "missing_field", 422},
		{``, "config", "missing_field", 422},
		{`{"config": {}}`, "config.url", "missing_field", 422},
		{`{"config": null}`, "config", "missing_field", 422},
		{`{"config": "https://ci.example"}`, "config", "invalid", 422},
		{`{"config": ["https://ci.example"]}`, "config", "invalid", 422},
		{`{"config.url": "https://ci.example"}`, "config", "missing_field", 422},
		{`{"config": {"url": 7}}`, "config.url", "invalid", 422},
		{`{"config": {"url": ""}}`, "config.url", "missing_field", 422},
		{`{"config": {"url": "ci.example"}}`, "config.url", "invalid", 422},
		{`{"config": {"url": "ftp://ci.example/"}}`, "config.url", "invalid", 422},
		{`{"config": {"url": "https://me:pw@ci.example/"}}`, "config.url", "invalid", 422},
		{`{"config": {"url": "https://ci.example/\u0000"}}`, "config.url", "invalid", 422},
		{`{"config": {"url": "https://ci.example/` + long + `"}}`, "config.url", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "content_type": "xml"}}`, "config.content_type", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "content_type": {}}}`, "config.content_type", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "insecure_ssl": "1"}}`, "config.insecure_ssl", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "insecure_ssl": 1}}`, "config.insecure_ssl", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "insecure_ssl": "maybe"}}`, "config.insecure_ssl", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "insecure_ssl": [0]}}`, "config.insecure_ssl", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "secret": 7}}`, "config.secret", "invalid", 422},
		{`{"config": {"url": "https://ci.example/", "secret": "********"}}`, "config.secret", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "name": "irc"}`, "name", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "name": 7}`, "name", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "events": []}`, "events", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "events": "push"}`, "events", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "events": [null]}`, "events", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "events": ["PUSH"]}`, "events", "invalid", 422},
		{`{"config": {"url": "https://ci.example/"}, "active": "yes"}`, "active", "invalid", 422},
		{`{"config": {"url": "https://ci.example/first"}}`, "", "custom", 422},
		{`{"config": {"url": "https://ci.example/"}`, "", "", 400},
		{`[]`, "", "", 400},
		{strings.Repeat(`{"config":`, 20_000), "", "", 400},
		{`{"config": {"url": "` + strings.Repeat("x", maxBody) + `"}}`, "", "", 413},
	} {
		for _, at := range targets {
			r := s.want(t, c.status, request{method: "POST", path: at + "/hooks", token: token, body: c.body})
			o := r.object(t)
			if c.code == "" {
				continue
			}
			fault := o["errors"].([]any)[0].(map[string]any)
			if o["message"] != "Validation Failed" || fault["resource"] != "Hook" || fault["code"] != c.code || (c.field != "" && fault["field"] != c.field) {
				t.Errorf("%.80s: %.300s, want %s on %s", c.body, r.body, c.code, c.field)
			}
			if c.code == "custom" && fault["message"] != map[string]string{targets[0]: "Hook already exists on this repository", targets[1]: "Hook already exists on this organization"}[at] {
				t.Errorf("twice: %s", r.body)
			}
		}
	}
	for _, at := range targets {
		if all := s.want(t, 200, request{method: "GET", path: at + "/hooks", token: token}).list(t); len(all) != 1 {
			t.Errorf("%s: %d webhooks, want the first alone", at, len(all))
		}
	}
}

// TestHookWherePolicyAllowsNothing: a webhook is no way to reach what is inside.
func TestHookWherePolicyAllowsNothing(t *testing.T) {
	s := start(t, nil)
	client, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.api.Hooks = webhook.New(webhook.Options{DB: s.db, Client: client, Seal: s.api.Hooks.Seal, Base: "https://new.example"})
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	for _, url := range []string{"http://127.0.0.1:1/", "http://localhost/", "http://169.254.169.254/latest", "http://[::1]/", "http://0x7f.1/", "http://10.0.0.7/"} {
		r := s.want(t, 422, request{method: "POST", path: "/repos/octocat/socm/hooks", token: token, body: `{"config": {"url": "` + url + `"}}`})
		if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != "config.url" || fault["code"] != "invalid" {
			t.Errorf("%s: %s", url, r.body)
		}
	}
}

func TestEditHook(t *testing.T) {
	s, token, targets := hookWorld(t)
	for _, at := range targets {
		made := s.want(t, 201, request{method: "POST", path: at + "/hooks", token: token, body: `{"config": {"url": "https://ci.example/a", "secret": "hunter2", "content_type": "json"}, "events": ["push"]}`}).object(t)
		path := at + "/hooks/" + fmt.Sprint(made["id"])
		for _, c := range []struct{ body, config, events, active string }{
			{``, "map[content_type:json insecure_ssl:0 secret:******** url:https://ci.example/a]", "[push]", "true"},
			{`{"active": false}`, "map[content_type:json insecure_ssl:0 secret:******** url:https://ci.example/a]", "[push]", "false"},
			{`{"name": "web", "add_events": ["repository_import", "fork"], "remove_events": ["push"]}`, "map[content_type:json insecure_ssl:0 secret:******** url:https://ci.example/a]", "[fork repository_import]", "false"},
			{`{"events": ["*"], "active": true}`, "map[content_type:json insecure_ssl:0 secret:******** url:https://ci.example/a]", "[*]", "true"},
			// Clients that change what they were shown and send it back whole keep the secret.
			{`{"config": {"url": "https://ci.example/c", "secret": "********", "content_type": "json", "insecure_ssl": "0"}}`, "map[content_type:json insecure_ssl:0 secret:******** url:https://ci.example/c]", "[*]", "true"},
			{`{"config": {"url": "https://ci.example/b"}}`, "map[content_type:form insecure_ssl:0 url:https://ci.example/b]", "[*]", "true"},
		} {
			o := s.want(t, 200, request{method: "PATCH", path: path, token: token, body: c.body}).object(t)
			if fmt.Sprint(o["config"]) != c.config || fmt.Sprint(o["events"]) != c.events || fmt.Sprint(o["active"]) != c.active {
				t.Errorf("PATCH %s: %v, %v, active %v", c.body, o["config"], o["events"], o["active"])
			}
		}
		before := s.want(t, 200, request{method: "GET", path: path, token: token})
		for body, field := range map[string]string{
			`{"config": {"content_type": "json"}}`:                              "config.url",
			`{"config": {"url": "https://ci.example/b", "secret": "********"}}`: "config.secret", // it has none
			`{"config": {"url": "https://ci.example/b", "insecure_ssl": 1}}`:    "config.insecure_ssl",
			`{"name": "irc"}`: "name", `{"events": []}`: "events", `{"remove_events": ["*"]}`: "events", `{"add_events": "x"}`: "add_events", `{"active": 1}`: "active",
		} {
			r := s.want(t, 422, request{method: "PATCH", path: path, token: token, body: body})
			if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != field || fault["resource"] != "Hook" {
				t.Errorf("PATCH %s: %s", body, r.body)
			}
		}
		if after := s.want(t, 200, request{method: "GET", path: path, token: token}); string(after.body) != string(before.body) {
			t.Errorf("refused edits made %s of %s", after.body, before.body)
		}
		s.want(t, 201, request{method: "POST", path: at + "/hooks", token: token, body: `{"config": {"url": "https://ci.example/d"}, "events": ["*"]}`})
		r := s.want(t, 422, request{method: "PATCH", path: path, token: token, body: `{"config": {"url": "https://ci.example/d"}}`})
		if !strings.Contains(string(r.body), `"Hook already exists on this `) {
			t.Errorf("made the same as another: %s", r.body)
		}
	}
}

// TestHooksOfOthers: an id leads to a webhook below its own target only.
func TestHooksOfOthers(t *testing.T) {
	s, token, targets := hookWorld(t)
	s.create(t, token, "other", "")
	targets = append(targets, "/repos/octocat/other")
	ids := map[string]string{}
	for _, at := range targets {
		made := s.want(t, 201, request{method: "POST", path: at + "/hooks", token: token, body: `{"config": {"url": "https://ci.example/a"}}`}).object(t)
		ids[at] = fmt.Sprint(made["id"])
	}
	deliveries := map[string]string{}
	for at, id := range ids {
		list := s.want(t, 200, request{method: "GET", path: at + "/hooks/" + id + "/deliveries", token: token}).list(t)
		deliveries[at] = fmt.Sprint(list[0]["id"]) // the ping
	}
	ways := []request{
		{method: "GET", path: ""},
		{method: "PATCH", path: "", body: `{"active": false}`},
		{method: "DELETE", path: ""},
		{method: "POST", path: "/pings"},
		{method: "GET", path: "/deliveries"},
		{method: "GET", path: "/deliveries/{delivery}"},
		{method: "POST", path: "/deliveries/{delivery}/attempts"},
	}
	for _, at := range targets {
		for of, id := range ids {
			if of == at {
				continue
			}
			for _, way := range ways {
				path := at + "/hooks/" + id + strings.ReplaceAll(way.path, "{delivery}", deliveries[of])
				checkRefusal(t, s.want(t, 404, request{way.method, path, token, way.body, nil}))
			}
			own := at + "/hooks/" + ids[at] + "/deliveries/" + deliveries[of]
			s.want(t, 404, request{method: "GET", path: own, token: token})
			s.want(t, 404, request{method: "POST", path: own + "/attempts", token: token})
		}
		for _, id := range []string{"0", "-1", "x", "01", "+1", "1.0", "99999999999999999999", "9223372036854775807", "%00"} {
			for _, way := range ways {
				s.want(t, 404, request{way.method, at + "/hooks/" + id + strings.ReplaceAll(way.path, "{delivery}", "1"), token, way.body, nil})
			}
			s.want(t, 404, request{method: "GET", path: at + "/hooks/" + ids[at] + "/deliveries/" + id, token: token})
			s.want(t, 404, request{method: "POST", path: at + "/hooks/" + ids[at] + "/deliveries/" + id + "/attempts", token: token})
		}
	}
	for at, id := range ids {
		if o := s.want(t, 200, request{method: "GET", path: at + "/hooks/" + id, token: token}).object(t); o["active"] != true {
			t.Errorf("%s: changed from elsewhere: %v", at, o)
		}
	}
}

func TestHookPagesAndLimit(t *testing.T) {
	s, token, targets := hookWorld(t)
	for _, at := range targets {
		for i := range 20 {
			s.want(t, 201, request{method: "POST", path: at + "/hooks", token: token, body: fmt.Sprintf(`{"config": {"url": "https://ci.example/%d"}}`, i)})
		}
		r := s.want(t, 422, request{method: "POST", path: at + "/hooks", token: token, body: `{"config": {"url": "https://ci.example/more"}}`})
		if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["resource"] != "Hook" || fault["code"] != "unprocessable" {
			t.Errorf("the 21st: %s", r.body)
		}
		first := s.want(t, 200, request{method: "GET", path: at + "/hooks?per_page=9", token: token})
		last := s.want(t, 200, request{method: "GET", path: at + "/hooks?per_page=9&page=3", token: token})
		base := s.URL + at + "/hooks?page="
		if got, want := first.Header.Get("Link"), "<"+base+`2&per_page=9>; rel="next", <`+base+`3&per_page=9>; rel="last"`; got != want {
			t.Errorf("Link %s, want %s", got, want)
		}
		if len(first.list(t)) != 9 || len(last.list(t)) != 2 || !strings.Contains(last.Header.Get("Link"), `rel="prev"`) {
			t.Errorf("%d and %d webhooks, Link %s", len(first.list(t)), len(last.list(t)), last.Header.Get("Link"))
		}
		for _, query := range []string{"?page=0", "?page=-1", "?page=x", "?per_page=1000", "?per_page=x"} {
			if all := s.want(t, 200, request{method: "GET", path: at + "/hooks" + query, token: token}).list(t); len(all) != 20 {
				t.Errorf("%s: %d webhooks", query, len(all))
			}
		}
		s.want(t, 200, request{method: "GET", path: at + "/hooks?page=99999999999999999999", token: token})
	}
}
