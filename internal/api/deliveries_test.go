package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// hookAt makes a webhook at the receiver and returns its path.
func (s *testServer) hookAt(t *testing.T, token, at string, to *hookReceiver, more string) string {
	t.Helper()
	made := s.want(t, 201, request{method: "POST", path: at + "/hooks", token: token, body: `{"config": {"url": "` + to.URL + `/in", "content_type": "json"` + more + `}}`}).object(t)
	return at + "/hooks/" + fmt.Sprint(made["id"])
}

// listed waits until the newest so many deliveries have been tried, and returns them.
func (s *testServer) listed(t *testing.T, token, hook string, n int) []map[string]any {
	t.Helper()
	var all []map[string]any
	until(t, fmt.Sprintf("%d deliveries were tried", n), func() bool {
		all = s.want(t, 200, request{method: "GET", path: hook + "/deliveries", token: token}).list(t)
		return len(all) == n && !slices.ContainsFunc(all, func(d map[string]any) bool { return d["status"] == "pending" })
	})
	return all
}

func TestDelivery(t *testing.T) {
	s, token, targets := hookWorld(t)
	s.deliver(t)
	for _, at := range targets {
		to := receive(t)
		hook := s.hookAt(t, token, at, to, `, "secret": "hunter2"`)
		ping := to.nth(t, 1)
		d := s.listed(t, token, hook, 1)[0]
		for key, want := range map[string]any{
			"guid": ping.header.Get("X-GitHub-Delivery"), "event": "ping", "status": "OK", "status_code": 200.0, "redelivery": false, "action": nil,
			"installation_id": nil, "throttled_at": nil, "attempts": 1.0, "next_attempt_at": nil,
		} {
			if d[key] != want {
				t.Errorf("%s: %s is %v, want %v", at, key, d[key], want)
			}
		}
		whole := s.want(t, 200, request{method: "GET", path: hook + "/deliveries/" + fmt.Sprint(d["id"]), token: token})
		o := whole.object(t)
		sent, got := o["request"].(map[string]any), o["response"].(map[string]any)
		if o["url"] != to.URL+"/in" || got["payload"] != "thank <you>" || got["headers"].(map[string]any)["X-Seen"] != "yes" {
			t.Errorf("%s: %s", at, whole.body)
		}
		for name, value := range sent["headers"].(map[string]any) {
			if arrived := ping.header.Get(name); arrived != value {
				t.Errorf("%s: %s is shown as %v, came as %q", at, name, value, arrived)
			}
		}
		var body map[string]any
		if err := json.Unmarshal([]byte(ping.body), &body); err != nil || !sameJSON(t, sent["payload"], body) {
			t.Errorf("%s: shown %v, came %s, %v", at, sent["payload"], ping.body, err)
		}
		mac := hmac.New(sha256.New, []byte("hunter2"))
		mac.Write([]byte(ping.body))
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); ping.header.Get("X-Hub-Signature-256") != want {
			t.Errorf("%s: signature %q, want %s", at, ping.header.Get("X-Hub-Signature-256"), want)
		}
		if strings.Contains(string(whole.body)+ping.body, "hunter2") {
			t.Errorf("%s: the secret is shown", at)
		}
		if last := s.want(t, 200, request{method: "GET", path: hook, token: token}).object(t)["last_response"]; strings.HasPrefix(at, "/repos") &&
			fmt.Sprint(last) != "map[code:200 message:OK status:active]" {
			t.Errorf("%s: last response %v", at, last)
		}
	}
}

func sameJSON(t *testing.T, a, b any) bool {
	t.Helper()
	left, err := json.Marshal(a)
	right, err2 := json.Marshal(b)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return string(left) == string(right)
}

// TestDeliveryBeforeItIsTried: nothing sends here.
func TestDeliveryBeforeItIsTried(t *testing.T) {
	s, token, targets := hookWorld(t)
	to := receive(t)
	hook := s.hookAt(t, token, targets[0], to, "")
	d := s.want(t, 200, request{method: "GET", path: hook + "/deliveries", token: token}).list(t)[0]
	if d["status"] != "pending" || d["status_code"] != 0.0 || d["delivered_at"] == nil || d["attempts"] != 0.0 {
		t.Errorf("%v", d)
	}
	o := s.want(t, 200, request{method: "GET", path: hook + "/deliveries/" + fmt.Sprint(d["id"]), token: token}).object(t)
	sent, got := o["request"].(map[string]any), o["response"].(map[string]any)
	if sent["payload"].(map[string]any)["zen"] == nil || got["payload"] != nil {
		t.Errorf("%v", o)
	}
}

func TestPingAndRedelivery(t *testing.T) {
	s, token, targets := hookWorld(t)
	s.deliver(t)
	for _, at := range targets {
		to := receive(t)
		to.answer(503)
		hook := s.hookAt(t, token, at, to, "")
		first := to.nth(t, 1)
		failed := s.listed(t, token, hook, 1)[0]
		if failed["status_code"] != 503.0 || failed["next_attempt_at"] == nil {
			t.Errorf("%s: after a refusal %v", at, failed)
		}
		to.answer(200)
		r := s.want(t, 202, request{method: "POST", path: hook + "/deliveries/" + fmt.Sprint(failed["id"]) + "/attempts", token: token})
		if string(r.body) != "{}" {
			t.Errorf("%s: answered %s", at, r.body)
		}
		again := to.nth(t, 2)
		if again.body != first.body || again.header.Get("X-GitHub-Delivery") != first.header.Get("X-GitHub-Delivery") {
			t.Errorf("%s: redelivered another message", at)
		}
		newest := s.listed(t, token, hook, 2)[0]
		if newest["redelivery"] != true || newest["guid"] != failed["guid"] || newest["id"] == failed["id"] || newest["status_code"] != 200.0 {
			t.Errorf("%s: %v after %v", at, newest, failed)
		}
		s.want(t, 200, request{method: "PATCH", path: hook, token: token, body: `{"active": false}`})
		if r := s.want(t, 204, request{method: "POST", path: hook + "/pings", token: token}); len(r.body) > 0 {
			t.Errorf("%s: a ping answers %s", at, r.body)
		}
		if ping := to.nth(t, 3); ping.header.Get("X-GitHub-Event") != "ping" || ping.header.Get("X-GitHub-Delivery") == first.header.Get("X-GitHub-Delivery") {
			t.Errorf("%s: pinged with %v", at, ping.header)
		}
	}
}

var nextLink = regexp.MustCompile(`^<([^>]+)>; rel="next"$`)

func TestDeliveryPages(t *testing.T) {
	s, token, targets := hookWorld(t)
	for _, at := range append(targets, "/api/v3/repos/octocat/socm") {
		hook := s.hookAt(t, token, at, receive(t), "")
		for range 6 {
			s.want(t, 204, request{method: "POST", path: hook + "/pings", token: token})
		}
		var pages [][]map[string]any
		for path := hook + "/deliveries?per_page=3"; path != ""; {
			r := s.want(t, 200, request{method: "GET", path: path, token: token})
			pages, path = append(pages, r.list(t)), ""
			if len(pages) == 1 { // what comes meanwhile moves nothing
				s.want(t, 204, request{method: "POST", path: hook + "/pings", token: token})
			}
			if link := nextLink.FindStringSubmatch(r.Header.Get("Link")); link != nil {
				path = strings.TrimPrefix(link[1], s.URL)
				if next, err := url.Parse(path); err != nil || next.Query().Get("cursor") == "" || next.Query().Get("per_page") != "3" || next.Path != hook+"/deliveries" {
					t.Errorf("%s leads to %s, %v", at, path, err)
				}
			}
		}
		var ids []float64
		for _, d := range slices.Concat(pages...) {
			ids = append(ids, d["id"].(float64))
		}
		if len(pages) != 3 || len(ids) != 7 || !slices.IsSortedFunc(ids, func(a, b float64) int { return int(b - a) }) || len(slices.Compact(ids)) != 7 {
			t.Errorf("%s: pages %v", at, ids)
		}
		for _, query := range []string{"?cursor=", "?per_page=0", "?per_page=x", "?page=7"} {
			if r := s.want(t, 200, request{method: "GET", path: hook + "/deliveries" + query, token: token}); len(r.list(t)) != 8 || r.Header.Get("Link") != "" {
				t.Errorf("%s: %d deliveries, Link %s", query, len(r.list(t)), r.Header.Get("Link"))
			}
		}
		for _, cursor := range []string{"x", "-1", "0", "1.5", "v1_1", "99999999999999999999", "%00"} {
			r := s.want(t, 422, request{method: "GET", path: hook + "/deliveries?cursor=" + cursor, token: token})
			if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != "cursor" {
				t.Errorf("cursor %s: %s", cursor, r.body)
			}
		}
		s.want(t, 204, request{method: "DELETE", path: hook, token: token})
	}
}

// payload is what receivers are told.
func payload(t *testing.T, a arrived) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return o
}

// TestImportsAreToldOf: hooks of the repository and of its organisation, and nobody else's.
func TestImportsAreToldOf(t *testing.T) {
	s := start(t, nil)
	s.deliver(t)
	token := s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs", "works"}})
	from, _ := serveSource(t, testenv.Options{})
	s.want(t, 201, request{method: "POST", path: "/orgs/labs/repos", token: token, body: `{"name": "socm"}`})
	s.want(t, 201, request{method: "POST", path: "/orgs/labs/repos", token: token, body: `{"name": "sibling"}`})
	s.want(t, 201, request{method: "POST", path: "/orgs/works/repos", token: token, body: `{"name": "socm"}`})
	own, org, others := receive(t), receive(t), receive(t)
	ownHook, orgHook := s.hookAt(t, token, "/repos/labs/socm", own, ""), s.hookAt(t, token, "/orgs/labs", org, "")
	silent := []string{s.hookAt(t, token, "/repos/labs/sibling", others, ""), s.hookAt(t, token, "/orgs/works", others, "")}
	pushes := s.want(t, 201, request{method: "POST", path: "/repos/labs/socm/hooks", token: token, body: `{"config": {"url": "` + others.URL + `"}, "events": ["push"]}`}).object(t)
	silent = append(silent, "/repos/labs/socm/hooks/"+fmt.Sprint(pushes["id"]))
	repo := s.want(t, 200, request{method: "GET", path: "/repos/labs/socm", token: token}).object(t)
	own.nth(t, 1)
	org.nth(t, 1)

	canceller := s.token(t, auth.Grant{User: "mona", Owners: []string{"labs"}})
	at := "/repos/labs/socm/import"
	for i, c := range []struct {
		status, sender string
		do             func()
	}{
		{"success", "octocat", func() {
			s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
			s.work(t)
			s.want(t, 204, request{method: "DELETE", path: at, token: token}) // it has ended: nobody is told
		}},
		{"failure", "octocat", func() {
			s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `/not/there"}`})
			s.work(t)
		}},
		{"cancelled", "octocat", func() { s.want(t, 204, request{method: "DELETE", path: at, token: token}) }},
		{"cancelled", "mona", func() {
			s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
			s.want(t, 204, request{method: "DELETE", path: at, token: canceller})
		}},
	} {
		c.do()
		checkEnd(t, "repository", own.nth(t, i+2), c.status, c.sender, repo["id"]) // the ping was the first
		checkEnd(t, "organization", org.nth(t, i+2), c.status, c.sender, repo["id"])
	}
	all := "[" + strings.Repeat("repository_import ", 4) + "ping]"
	for hook, events := range map[string]string{ownHook: all, orgHook: all, silent[0]: "[ping]", silent[1]: "[ping]", silent[2]: "[ping]"} {
		var got []any
		for _, d := range s.want(t, 200, request{method: "GET", path: hook + "/deliveries", token: token}).list(t) {
			got = append(got, d["event"])
			if (d["repository_id"] == nil) != (d["event"] == "ping" && strings.HasPrefix(hook, "/orgs")) {
				t.Errorf("%s: a %v is about repository %v", hook, d["event"], d["repository_id"])
			}
		}
		if fmt.Sprint(got) != events {
			t.Errorf("%s was told %v, want %s", hook, got, events)
		}
	}
}

// checkEnd holds what a hook of labs was told against how an import of a repository of theirs ended.
func checkEnd(t *testing.T, kind string, got arrived, status, sender string, repository any) {
	t.Helper()
	o := payload(t, got)
	if keys := slices.Sorted(maps.Keys(o)); !slices.Equal(keys, []string{"organization", "repository", "sender", "status"}) {
		t.Errorf("%s, %s: keys %q", status, kind, keys)
	}
	if o["status"] != status || o["sender"].(map[string]any)["login"] != sender || o["organization"].(map[string]any)["login"] != "labs" || o["repository"].(map[string]any)["id"] != repository {
		t.Errorf("%s by %s, %s: %.200s…", status, sender, kind, got.body)
	}
	if got.header.Get("X-GitHub-Event") != "repository_import" || got.header.Get("X-GitHub-Hook-Installation-Target-Type") != kind {
		t.Errorf("%s, %s: headers %v", status, kind, got.header)
	}
}
