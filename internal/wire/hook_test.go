package wire

import (
	"strings"
	"testing"
	"time"

	"rehome"
)

// shown is an object as JSON.
func shown(o *Object) string { return string(Must(Encode(o))) }

func TestHookKeys(t *testing.T) {
	h := rehome.Hook{ID: 5, URL: "https://hooks.example/in", Events: []string{"push", "repository_import"}, Active: true}
	own, its := RepositoryHook(urls, repo, h), OrganizationHook(urls, repo.Owner, h)
	const both = "type id name active events config updated_at created_at url ping_url deliveries_url"
	if got := strings.Join(keys(t, own), " "); got != both+" test_url last_response" {
		t.Errorf("a repository's: %s", got)
	}
	if got := strings.Join(keys(t, its), " "); got != both {
		t.Errorf("an organisation's: %s", got)
	}
	for o, want := range map[*Object][]string{
		own: {
			`{"type":"Repository","id":5,"name":"web","active":true,"events":["push","repository_import"]`,
			`"url":"https://new.example/api/v3/repos/labs/socm/hooks/5","ping_url":"https://new.example/api/v3/repos/labs/socm/hooks/5/pings"`,
			`"test_url":"https://new.example/api/v3/repos/labs/socm/hooks/5/test"`,
		},
		its: {`"type":"Organization"`, `"deliveries_url":"https://new.example/api/v3/orgs/labs/hooks/5/deliveries"`},
	} {
		for _, part := range want {
			if !strings.Contains(shown(o), part) {
				t.Errorf("%s lacks %s", shown(o), part)
			}
		}
	}
}

func TestHookConfig(t *testing.T) {
	for _, c := range []struct {
		hook rehome.Hook
		want string
	}{
		{rehome.Hook{URL: "http://a"}, `{"content_type":"json","insecure_ssl":"0","url":"http://a"}`},
		{rehome.Hook{URL: "http://a", Form: true, Signed: true}, `{"content_type":"form","insecure_ssl":"0","secret":"********","url":"http://a"}`},
	} {
		if got := shown(OrganizationHook(urls, repo.Owner, c.hook)); !strings.Contains(got, `"config":`+c.want) {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestLastResponse(t *testing.T) {
	for _, c := range []struct {
		answer rehome.Answer
		want   string
	}{
		{rehome.Answer{}, `{"code":null,"status":"unused","message":null}`},
		{rehome.Answer{Code: 204, Text: "OK"}, `{"code":204,"status":"active","message":"OK"}`},
		{rehome.Answer{Text: "timed out"}, `{"code":null,"status":"connection_error","message":"timed out"}`},
		{rehome.Answer{Code: 404, Text: "Invalid HTTP Response: 404"}, `{"code":404,"status":"misconfigured","message":"Invalid HTTP Response: 404"}`},
	} {
		if got := shown(RepositoryHook(urls, repo, rehome.Hook{Last: c.answer})); !strings.Contains(got, `"last_response":`+c.want) {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestDelivery(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := rehome.Delivery{ID: 9, GUID: "g", Event: "ping", CreatedAt: made, NextAttemptAt: made}
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, `{"id":9,"guid":"g","delivered_at":"2026-01-02T03:04:05Z","redelivery":false,"duration":0,"status":"pending","status_code":0,` +
			`"event":"ping","action":null,"installation_id":null,"repository_id":null,"throttled_at":null,"attempts":0,"next_attempt_at":"2026-01-02T03:04:05Z"}`},
		{func() {
			d.Attempts, d.DeliveredAt, d.Duration, d.NextAttemptAt = 2, made.Add(time.Hour), 1500*time.Millisecond, time.Time{}
			d.Answer, d.RepositoryID, d.Redelivery = rehome.Answer{Code: 200, Text: "OK"}, 7, true
		}, `{"id":9,"guid":"g","delivered_at":"2026-01-02T04:04:05Z","redelivery":true,"duration":1.5,"status":"OK","status_code":200,` +
			`"event":"ping","action":null,"installation_id":null,"repository_id":7,"throttled_at":null,"attempts":2,"next_attempt_at":null}`},
	} {
		c.change()
		if got := shown(Delivery(d)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
