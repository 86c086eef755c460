package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/wire"
)

func TestCreate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if made := w.hook(Config{URL: "http://127.0.0.1/a"}); !slices.Equal(made.Events, []string{rehome.EventImport}) || !made.Form || !made.Active || made.Signed || made.ID == 0 {
		t.Errorf("by default: %+v", made)
	}
	again := Create{Config: Config{URL: "http://127.0.0.1/a", ContentType: "form", Secret: "hunter2"}, Events: []string{rehome.EventImport}}
	for _, c := range []struct {
		at rehome.HookTarget
		q  Create
		as rehome.Code
	}{
		{w.at, again, rehome.AlreadyExists},
		{rehome.HookTarget{RepositoryID: w.its.ID}, again, ""},
		{rehome.HookTarget{OwnerID: w.org.ID}, again, ""},
		{w.at, Create{Config: again.Config, Events: []string{"push", "fork", "push"}}, ""},
		{w.at, Create{Config: again.Config, Events: []string{"fork", "push"}}, rehome.AlreadyExists},
		{w.at, Create{Config: again.Config, Events: []string{}}, rehome.Invalid},
		{w.at, Create{Config: Config{URL: "ftp://127.0.0.1/"}}, rehome.Invalid},
		{rehome.HookTarget{RepositoryID: 4711}, again, rehome.NotFound},
	} {
		made, err := w.Create(ctx, c.at, w.user, c.q)
		if (err == nil) != (c.as == "") || err != nil && rehome.CodeOf(err) != c.as {
			t.Errorf("%+v: %v, want %q", c.q, err, c.as)
		}
		if err == nil && (made.Active || !made.Signed || made.Target != c.at) {
			t.Errorf("made: %+v", made)
		}
	}
	for n := 2; n < most; n++ {
		w.hook(Config{URL: fmt.Sprintf("http://127.0.0.1/%d", n)})
	}
	_, err := w.Create(ctx, w.at, w.user, Create{Config: Config{URL: "http://127.0.0.1/more"}})
	if rehome.CodeOf(err) != rehome.LimitPassed {
		t.Errorf("one too many: %v", err)
	}
	all, total, err := w.List(ctx, w.at, 2, 15)
	must(t, err)
	if total != most || len(all) != 5 || all[4].URL != "http://127.0.0.1/19" {
		t.Errorf("page 2 of %d: %+v", total, all)
	}
}

func TestEdit(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	made := w.hook(Config{URL: "http://127.0.0.1/a", Secret: "hunter2"})
	w.hook(Config{URL: "http://127.0.0.1/b"})
	no := false
	changed, err := w.Edit(ctx, w.at, made.ID, Edit{AddEvents: []string{"push"}, Active: &no})
	must(t, err)
	if !changed.Signed || changed.Active || !slices.Equal(changed.Events, []string{"push", rehome.EventImport}) || changed.URL != made.URL {
		t.Errorf("events and active: %+v", changed)
	}
	changed, err = w.Edit(ctx, w.at, made.ID, Edit{Config: &Config{URL: "http://127.0.0.1/c", ContentType: "json"}})
	must(t, err)
	if changed.Signed || changed.Form || changed.URL != "http://127.0.0.1/c" || changed.Active || w.row(made).Secret != nil {
		t.Errorf("another config: %+v", changed)
	}
	for _, c := range []struct {
		at rehome.HookTarget
		q  Edit
		as rehome.Code
	}{
		{w.at, Edit{Config: &Config{}}, rehome.Invalid},
		{w.at, Edit{RemoveEvents: changed.Events}, rehome.Invalid},
		{w.at, Edit{Config: &Config{URL: "http://127.0.0.1/b"}, Events: &[]string{rehome.EventImport}}, rehome.AlreadyExists},
		{rehome.HookTarget{RepositoryID: w.its.ID}, Edit{Active: &no}, rehome.NotFound},
		{rehome.HookTarget{OwnerID: w.org.ID}, Edit{Active: &no}, rehome.NotFound},
	} {
		if _, err := w.Edit(ctx, c.at, made.ID, c.q); rehome.CodeOf(err) != c.as {
			t.Errorf("%+v: %v, want %s", c.q, err, c.as)
		}
	}
	if got, err := w.Hook(ctx, w.at, made.ID); err != nil || got.URL != changed.URL || !slices.Equal(got.Events, changed.Events) {
		t.Errorf("after refusals: %+v, %v", got, err)
	}
}

// TestSecrets: a secret is in no log, row, listing, payload or error, however an attempt ends. Nor is the URL in a log, for
// it may be a secret as a whole.
func TestSecrets(t *testing.T) {
	const canary = "canary5ecret"
	w := newWorld(t)
	var log bytes.Buffer
	w.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := receive(t, func(rw http.ResponseWriter, req *http.Request, _ int) {
		if req.URL.Path == "/no" {
			rw.WriteHeader(http.StatusTeapot)
		}
	})
	var shown bytes.Buffer
	hooks := []rehome.Hook{}
	for _, url := range []string{r.URL, r.URL + "/no", "http://127.0.0.1:1"} {
		hooks = append(hooks, w.hook(Config{URL: url + "?token=tokenintheurl", Secret: canary}))
	}
	_, err := w.Create(t.Context(), w.at, w.user, Create{Config: Config{URL: r.URL, Secret: canary, InsecureSSL: true}})
	fmt.Fprintf(&shown, "%v %+v\n", err, err)
	stop := w.run()
	for _, hook := range hooks {
		await(t, "an attempt", func() bool { return w.newest(hook.ID).Answer.Text != "" })
		d := w.newest(hook.ID)
		text, err := json.Marshal(d)
		must(t, err)
		fmt.Fprintf(&shown, "%s\n%s\n%s\n", text, d.Payload, wire.Must(wire.Encode(wire.RepositoryHook(w.urls, w.own, w.row(hook).Hook))))
	}
	for _, g := range r.requests() {
		fmt.Fprintln(&shown, g)
	}
	stop()
	must(t, w.DB.Close())
	file, err := os.ReadFile(w.file)
	must(t, err)
	for where, text := range map[string]string{"the log": log.String(), "what is shown": shown.String(), "the database": string(file)} {
		if strings.Contains(text, canary) {
			t.Errorf("%s holds the secret:\n%.2000s", where, text)
		}
	}
	if !strings.Contains(log.String(), "webhook is not taken") || strings.Contains(log.String(), "tokenintheurl") {
		t.Errorf("log:\n%s", log.String())
	}
}
