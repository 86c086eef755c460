package webhook

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/store"
)

func TestConfigure(t *testing.T) {
	h := bare(t, egress.Policy{})
	long := "https://hooks.test/" + strings.Repeat("x", maxURL)
	for _, c := range []struct {
		config Config
		field  string // "" for one that is taken
		code   rehome.Code
	}{
		{Config{URL: "https://hooks.test/in?token=x"}, "", ""},
		{Config{URL: "http://hooks.test:8080", ContentType: "form"}, "", ""},
		{Config{URL: "https://hooks.test", ContentType: "json", Secret: "hunter2"}, "", ""},
		{Config{URL: long[:maxURL]}, "", ""},
		{Config{URL: long[:maxURL+1]}, "config.url", rehome.Invalid},
		{Config{}, "config.url", rehome.Invalid},
		{Config{URL: "hooks.test/in"}, "config.url", rehome.Invalid},
		{Config{URL: "ftp://hooks.test/in"}, "config.url", rehome.Invalid},
		{Config{URL: "https:///in"}, "config.url", rehome.Invalid},
		{Config{URL: "https://:443/in"}, "config.url", rehome.Invalid},
		{Config{URL: "https://hooks.test:65536/"}, "config.url", rehome.Invalid},
		{Config{URL: "https://hooks.test:0/"}, "config.url", rehome.Invalid},
		{Config{URL: "https://canary@hooks.test/"}, "config.url", rehome.Invalid},
		{Config{URL: "https://me:canary@hooks.test/"}, "config.url", rehome.Invalid},
		{Config{URL: "https://hooks.test/a b"}, "config.url", rehome.Invalid},
		{Config{URL: "https://hooks.test/\r\nX: y"}, "config.url", rehome.Invalid},
		{Config{URL: "https://hooks.test/\xff"}, "config.url", rehome.Invalid},
		{Config{URL: "https://hooks.test/%zz"}, "config.url", rehome.Invalid},
		{Config{URL: "http://127.0.0.1/"}, "config.url", rehome.BlockedByPolicy},
		{Config{URL: "http://localhost/"}, "config.url", rehome.BlockedByPolicy},
		{Config{URL: "http://[::ffff:10.0.0.1]/"}, "config.url", rehome.BlockedByPolicy},
		{Config{URL: "https://hooks.test", ContentType: "xml"}, "config.content_type", rehome.Invalid},
		{Config{URL: "https://hooks.test", InsecureSSL: true}, "config.insecure_ssl", rehome.Invalid},
		{Config{URL: "https://hooks.test", Secret: rehome.Secret(strings.Repeat("canary", maxSecret))}, "config.secret", rehome.Invalid},
		{Config{URL: "https://hooks.test", Secret: "********"}, "config.secret", rehome.Invalid},
	} {
		var hook store.Hook
		err := h.configure(&hook, c.config)
		if c.field == "" {
			if err != nil || hook.URL != c.config.URL || hook.Form != (c.config.ContentType != "json") || hook.Signed != (c.config.Secret != "") {
				t.Errorf("%.60q: %+v, %v", c.config.URL, hook, err)
			}
			continue
		}
		var e *rehome.Error
		if !errors.As(err, &e) || e.Field != c.field || e.Code != c.code || e.Message == "" {
			t.Errorf("%.60q: %+v", c.config.URL, err)
		}
		if text := fmt.Sprintf("%+v", err); strings.Contains(text, "canary") {
			t.Errorf("the refusal holds a secret: %s", text)
		}
	}
}

func TestSecretIsSealed(t *testing.T) {
	h := bare(t, egress.Policy{})
	var hook store.Hook
	if err := h.configure(&hook, Config{URL: "https://hooks.test", Secret: "canary"}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(hook.Secret), "canary") {
		t.Error("the row holds the secret in clear")
	}
	if got, err := h.Seal.Unseal(hook.Secret); err != nil || got != "canary" {
		t.Errorf("unsealed: %v", err)
	}
}

func TestEvents(t *testing.T) {
	many := make([]string, maxEvents+1)
	for i := range many {
		many[i] = rehome.EventImport
	}
	set := func(e ...string) *[]string { return &e }
	for _, c := range []struct {
		name string
		had  []string
		edit Edit
		want []string // nil for a refusal
	}{
		{"sorted, each once", nil, Edit{Events: set("push", "ping", "push")}, []string{"ping", "push"}},
		{"every", nil, Edit{Events: set("push", "*")}, []string{"*", "push"}},
		{"added", []string{"push"}, Edit{AddEvents: []string{"fork", "push"}}, []string{"fork", "push"}},
		{"taken", []string{"fork", "push"}, Edit{RemoveEvents: []string{"fork", "star"}}, []string{"push"}},
		{"all three", []string{"push"}, Edit{Events: set("fork"), AddEvents: []string{"star"}, RemoveEvents: []string{"fork"}}, []string{"star"}},
		{"none", []string{"push"}, Edit{Events: set()}, nil},
		{"none left", []string{"push"}, Edit{RemoveEvents: []string{"push"}}, nil},
		{"misspelt", nil, Edit{Events: set("repository_imports")}, nil},
		{"long", nil, Edit{Events: set(strings.Repeat("x", 1000))}, nil},
		{"upper case", nil, Edit{Events: set("Push")}, nil},
		{"a line", nil, Edit{Events: set("push\n")}, nil},
		{"empty", nil, Edit{Events: set("")}, nil},
		{"too many", nil, Edit{Events: &many}, nil},
	} {
		got, err := c.edit.events(c.had)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.want == nil && (rehome.CodeOf(err) != rehome.Invalid || rehome.AsError(err).Field != "events") {
			t.Errorf("%s: %+v", c.name, err)
		}
	}
}
