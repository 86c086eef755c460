package importer

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// TestDestinationAtWork says so while its hook runs, and no longer.
func TestDestinationAtWork(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	e.hook("pre-receive", "while [ ! -e go ]; do sleep 0.05; done")
	r := e.repository("a")
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
	must(t, err)
	_, err = e.Start(t.Context(), r, StartRequest{URL: e.source})
	must(t, err)
	events, err := e.Watch(t.Context(), r.ID)
	must(t, err)
	at := make(chan string, 1)
	go func() {
		for event := range events {
			if event.Kind == rehome.EventProgress && strings.HasPrefix(event.Text, workingNote) {
				i, err := e.Get(t.Context(), r.ID)
				if err != nil {
					i.State.Note = err.Error()
				}
				at <- i.State.Note
				os.WriteFile(filepath.Join(e.to, "go"), nil, 0o600)
				return
			}
		}
	}()
	e.work()
	if note := <-at; note != workingNote+"..." {
		t.Errorf("status_text is %q", note)
	}
	i := e.get(r)
	wantStatus(t, i, rehome.Complete, "", "")
	if i.State.Note != "" {
		t.Errorf("after it: %q", i.State.Note)
	}
}

// TestEmptyToAForge does not wait for a forge to notice branches that never come.
func TestEmptyToAForge(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"o/old.git", "o/new.git"} {
		testenv.Empty(t, filepath.Join(root, name), "sha1")
	}
	testenv.Git(t, filepath.Join(root, "o/old.git"), "symbolic-ref", "HEAD", "refs/heads/elsewhere")
	var asked atomic.Int32
	server := testenv.NewServer(t, root, testenv.Options{Push: true, Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/api/v1/version":
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"version": "1.26.0"}`)
			case "/api/v1/repos/o/new":
				asked.Add(1)
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"full_name": "o/new", "default_branch": "main", "empty": true, "permissions": {"push": true}}`)
			default:
				h.ServeHTTP(w, r)
			}
		})
	}})
	w := newWorld(t)
	r := w.repository("a")
	_, err := w.SetDestination(t.Context(), r.ID, DestinationRequest{URL: strings.Replace(server.URL, "://", "://u:t@", 1) + "/o/new.git"})
	must(t, err)
	i := w.start(r, StartRequest{URL: server.URL + "/o/old.git"})
	wantStatus(t, i, rehome.Complete, "", "")
	if n := asked.Load(); n > 1 {
		t.Errorf("the forge was asked %d times", n)
	}
}
