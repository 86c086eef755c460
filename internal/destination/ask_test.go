package destination

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"rehome"
)

// pushToCreate answers as Gitea does where there is no repository and pushes make none, for u with hunter2.
func pushToCreate(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, password, _ := r.BasicAuth()
	answer := func(status int, kind, words string) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, words)
	}
	switch {
	case r.URL.Path == "/api/v1/version":
		answer(http.StatusOK, "application/json", `{"version":"1.26.0"}`)
	case password != "hunter2":
		w.Header().Set("WWW-Authenticate", `Basic realm="Gitea"`)
		answer(http.StatusUnauthorized, "text/plain", "Unauthorized")
	case r.URL.Path == "/api/v1/user":
		answer(http.StatusOK, "application/json", `{"login":"u"}`)
	case r.URL.Query().Get("service") == "git-receive-pack":
		answer(http.StatusForbidden, "text/plain; charset=utf-8", "Push to create is not enabled for users.\n")
	default:
		answer(http.StatusNotFound, "text/plain; charset=utf-8", "Repository not found\n")
	}
}

// TestAskWhereNothingIs tells a missing repository from a wrong password where a push to neither is let in.
func TestAskWhereNothingIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.all = pushToCreate
	for _, c := range []struct {
		password rehome.Secret
		create   bool
		code     rehome.Code // "" for no error
	}{
		{"hunter2", true, ""},
		{"hunter2", false, rehome.DestinationMissing},
		{"wrong-one", true, rehome.DestinationRefused},
		{"wrong-one", false, rehome.DestinationRefused},
	} {
		l := location(t, w.server.URL+"/u/none.git")
		l.Password = c.password
		err := w.Ask(t.Context(), l, c.create)
		if c.code == "" && err != nil || c.code != "" && (err == nil || rehome.CodeOf(err) != c.code) {
			t.Errorf("right password %v, create %v: %v", c.password == "hunter2", c.create, err)
		}
	}
}

// TestAskWhereNobodyMayPush keeps the words of a repository that is there and forbids pushes.
func TestAskWhereNobodyMayPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.all = func(rw http.ResponseWriter, r *http.Request, onward http.Handler) {
		if strings.HasSuffix(r.URL.RawQuery, "git-receive-pack") {
			status(http.StatusForbidden, "members only")(rw, r, onward)
			return
		}
		onward.ServeHTTP(rw, r)
	}
	e := rehome.AsError(w.Ask(t.Context(), w.at, true))
	if e.Code != rehome.DestinationRefused || !strings.Contains(e.Message, "members only") {
		t.Errorf("%+v", e)
	}
}
