package importer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) {})
	r := w.repository("new")
	for _, c := range []struct {
		name, field string
		q           StartRequest
	}{
		{"no url", "vcs_url", StartRequest{}},
		{"file", "vcs_url", StartRequest{URL: "file:///etc"}},
		{"ext", "vcs_url", StartRequest{URL: "ext::sh -c id"}},
		{"dash", "vcs_url", StartRequest{URL: "-oProxyCommand=id"}},
		{"control", "vcs_url", StartRequest{URL: "https://old.example/a\nb"}},
		{"metadata", "vcs_url", StartRequest{URL: "http://169.254.169.254/old.git"}},
		{"subversion", "vcs", StartRequest{URL: "https://old.example/a", VCS: rehome.Subversion}},
		{"mercurial", "vcs", StartRequest{URL: "https://old.example/a", VCS: rehome.Mercurial}},
		{"tfvc", "vcs", StartRequest{URL: "https://old.example/a", VCS: rehome.TFVC}},
		{"project", "tfvc_project", StartRequest{URL: "https://old.example/a", TFVCProject: "a\x1b[31m"}},
		{"long project", "tfvc_project", StartRequest{URL: "https://old.example/a", TFVCProject: strings.Repeat("a", maxProject+1)}},
		{"user name with a line feed", "vcs_username", StartRequest{URL: "https://old.example/a", Username: "a\nb"}},
	} {
		_, err := w.Start(t.Context(), r, c.q)
		var e *rehome.Error
		if !errors.As(err, &e) || e.Code != rehome.Invalid || e.Field != c.field {
			t.Errorf("%s: %v (%+v), want invalid %s", c.name, err, e, c.field)
		}
	}
	if _, err := w.Get(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("a refused start left something: %v", err)
	}
}

func TestStartAgain(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
	url := testenv.ServeGit(t, root, testenv.Options{User: "u", Password: "p"})
	r := w.repository("new")
	i := w.start(r, StartRequest{URL: url + "/old.git", VCS: rehome.Git, Username: "u", Password: "wrong"})
	wantStatus(t, i, rehome.AuthFailed, "", rehome.CredentialsRefused)

	again := w.start(r, StartRequest{URL: strings.Replace(url, "://", "://u:p@", 1) + "/old.git"})
	wantStatus(t, again, rehome.Complete, "", "")
	if again.ID != i.ID || strings.Contains(again.Source.URL, "u:p") {
		t.Errorf("tried again: %+v", again)
	}
	same, err := w.Start(t.Context(), r, StartRequest{URL: url + "/old.git"})
	must(t, err)
	if !reflect.DeepEqual(same, w.get(r)) || same.State.Status != rehome.Complete {
		t.Errorf("a complete import was changed: %+v", same)
	}
	var e *rehome.Error
	_, err = w.Start(t.Context(), r, StartRequest{URL: url + "/other.git"})
	if !errors.As(err, &e) || e.Code != rehome.Invalid || e.Field != "vcs_url" {
		t.Errorf("another URL: %v", err)
	}
}

// Options that come along with something else do not keep an import at rest from starting again.
func TestUpdateWithOptionsStartsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name, yes, no := "u", true, false
	for _, c := range []struct {
		at, want rehome.Status
		q        UpdateRequest
	}{
		{rehome.Complete, rehome.Importing, UpdateRequest{Username: &name, Choices: Choices{MapTrailers: &yes}}},
		{rehome.Complete, rehome.Mapping, UpdateRequest{Choices: Choices{MapTrailers: &yes}}},
		{rehome.WaitingToPush, rehome.Importing, UpdateRequest{Username: &name, Choices: Choices{Hold: &no}}},
		{rehome.WaitingToPush, rehome.Pushing, UpdateRequest{Choices: Choices{Hold: &no}}},
		{rehome.Pushing, rehome.Pushing, UpdateRequest{Username: &name, Choices: Choices{MapHashes: &yes}}},
	} {
		i := &store.Import{Import: rehome.Import{
			State: rehome.State{Status: c.at}, Source: rehome.Source{VCS: rehome.Git}, Options: rehome.Options{Hold: true},
		}}
		must(t, w.update(i, c.q, time.UnixMilli(1700000000000)))
		if i.State.Status != c.want {
			t.Errorf("%+v at %s leads to %s, want %s", c.q, c.at, i.State.Status, c.want)
		}
	}
}

func TestManyStartsGiveOneImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	ids := make([]int64, 100)
	var wg sync.WaitGroup
	for n := range ids {
		wg.Go(func() {
			i, err := w.Start(context.Background(), r, StartRequest{URL: "https://old.example/old.git"})
			if err != nil {
				t.Error(err)
			}
			ids[n] = i.ID
		})
	}
	wg.Wait()
	if slices.Sort(ids); ids[0] == 0 || ids[0] != ids[99] {
		t.Errorf("100 starts gave imports %d to %d", ids[0], ids[99])
	}
	if _, total, err := w.List(t.Context(), Filter{}); err != nil || total != 1 {
		t.Errorf("%d imports, %v", total, err)
	}
}

func TestCredentialsByUpdate(t *testing.T) {
	t.Parallel()
	const canary = "canary-5d0e1f"
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
	url := testenv.ServeGit(t, root, testenv.Options{User: "u", Password: canary}) + "/old.git"
	user, password := "u", rehome.Secret(canary)
	for _, vcs := range []rehome.VCS{rehome.Git, ""} {
		w := newWorld(t)
		r := w.repository("new")
		w.start(r, StartRequest{URL: url, VCS: vcs, Username: "u"})
		i, err := w.Update(t.Context(), r.ID, UpdateRequest{Password: &password})
		must(t, err)
		if !i.State.Status.Running() || i.State.Err != nil {
			t.Errorf("vcs %q, after new credentials: %+v", vcs, i.State)
		}
		w.work()
		wantStatus(t, w.get(r), rehome.Complete, "", "")
		_, err = w.Update(t.Context(), r.ID, UpdateRequest{Username: &user})
		must(t, err)
		w.work()
		wantStatus(t, w.get(r), rehome.Complete, "", "")
		for _, name := range []string{"rehome.db", "rehome.db-wal"} {
			text, err := os.ReadFile(filepath.Join(w.data, name))
			must(t, err)
			if strings.Contains(string(text), canary) {
				t.Errorf("%s holds the password", name)
			}
		}
	}
	w := newWorld(t)
	if _, err := w.Update(t.Context(), 1, UpdateRequest{}); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("update without an import: %v", err)
	}
}

// TestUpdateOfTheSameURL: some clients send the URL along. Alone it is a restart, which changes nothing while the
// import runs; with options it starts nothing again.
func TestUpdateOfTheSameURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repository("new")
	const url = "https://old.example/a"
	made, err := w.Start(t.Context(), r, StartRequest{URL: url, VCS: rehome.Git})
	must(t, err)
	yes := true
	for _, c := range []struct {
		name string
		q    UpdateRequest
		hold bool
	}{
		{"alone", UpdateRequest{URL: url, By: 7}, false},
		{"with userinfo", UpdateRequest{URL: "https://u:p@old.example/a"}, false},
		{"with an option", UpdateRequest{URL: url, Choices: Choices{Hold: &yes}}, true},
	} {
		got, err := w.Update(t.Context(), r.ID, c.q)
		want := made
		want.Options.Hold = c.hold
		want.UpdatedAt = got.UpdatedAt
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, want)
		}
	}
	for _, other := range []string{url + "/", "https://other.example/a", "ext::sh -c id"} {
		var e *rehome.Error
		if _, err := w.Update(t.Context(), r.ID, UpdateRequest{URL: other, Choices: Choices{Hold: &yes}}); !errors.As(err, &e) || e.Code != rehome.Invalid || e.Field != "vcs_url" {
			t.Errorf("%s: %v, want invalid vcs_url", other, err)
		}
	}
}
