package importer

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/lfs/server"
	"rehome/internal/testenv"
)

// converted returns the objects that the large files of filmed become.
func (w *world) converted() (all []lfs.Object) {
	for _, content := range []string{film, film + "the end"} {
		made, err := w.LFS.Create()
		must(w.t, err)
		_, err = made.Write([]byte(content))
		must(w.t, err)
		o, err := made.Keep(w.t.Context())
		must(w.t, err)
		all = append(all, o)
	}
	return all
}

// What only a conversion made can be fetched while the published history points to it.
func TestConvertedObjectsGo(t *testing.T) {
	t.Parallel()
	w, r, url, _ := filmed(t)
	w.start(r, StartRequest{URL: url})
	both := w.converted()
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut, rehome.LFSOptIn, rehome.LFSUndecided, rehome.LFSOptIn} {
		w.setLFS(r, choice)
		if choice == rehome.LFSOptIn {
			w.wantCarried(r, both...)
		} else {
			w.wantCarried(r)
		}
	}
	w.remap(r, "Loner", "One", "one@example.com")
	w.work()
	w.wantCarried(r, both...)
	w.setLFS(r, rehome.LFSOptIn, "more.*")
	if n, _, err := w.DB.LFSCount(t.Context(), r.ID); n != 3 || err != nil {
		t.Errorf("%d objects, %v", n, err)
	}
	w.setLFS(r, rehome.LFSOptIn, "*.none")
	w.wantCarried(r, both...)
}

// What somebody has uploaded, would have uploaded, or a source pointed to stays.
func TestOnlyConvertedObjectsGo(t *testing.T) {
	t.Parallel()
	for name, come := range map[string]func(*world, rehome.Repository, lfs.Object){
		"carried": func(w *world, r rehome.Repository, o lfs.Object) {
			have, err := w.haveLFS(w.t.Context(), r.ID, []lfs.Object{o})
			if err != nil || len(have) != 1 {
				w.t.Errorf("%d are there, %v", len(have), err)
			}
		},
		"uploaded": func(w *world, r rehome.Repository, o lfs.Object) {
			w.lfsRequest(r, http.MethodPut, "objects/"+o.OID.String(), []byte(film))
		},
		"offered": func(w *world, r rehome.Repository, o lfs.Object) {
			text, err := json.Marshal(map[string]any{
				"operation": "upload", "objects": []map[string]any{{"oid": o.OID.String(), "size": o.Size}},
			})
			must(w.t, err)
			if got := w.lfsRequest(r, http.MethodPost, "objects/batch", text); bytes.Contains(got, []byte("href")) {
				w.t.Errorf("what is there is wanted: %s", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r, url, _ := filmed(t)
			w.start(r, StartRequest{URL: url})
			w.setLFS(r, rehome.LFSOptIn)
			both := w.converted()
			w.wantCarried(r, both...)
			come(w, r, both[0])
			w.setLFS(r, rehome.LFSOptOut)
			w.wantCarried(r, both[0])
			w.setLFS(r, rehome.LFSOptIn)
			w.wantCarried(r, both...)
			w.setLFS(r, rehome.LFSUndecided)
			w.wantCarried(r, both[0])
		})
	}
}

// lfsRequest sends something that is to succeed to the repository's Git LFS server.
func (w *world) lfsRequest(r rehome.Repository, method, path string, body []byte) []byte {
	w.t.Helper()
	const kind = "application/vnd.git-lfs+json"
	q := httptest.NewRequestWithContext(w.t.Context(), method, "/info/lfs/"+path, bytes.NewReader(body))
	q.Header.Set("Accept", kind)
	if method == http.MethodPost {
		q.Header.Set("Content-Type", kind)
	}
	answer := httptest.NewRecorder()
	server.New(server.Options{Store: w.LFS, DB: w.DB, MaxObject: 1 << 20}).Serve(answer, q, r.ID, &url.URL{Scheme: "http", Host: "forge.example"}, path, true)
	if answer.Code != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return answer.Body.Bytes()
}

// A branch of somebody on converted history keeps its objects, up to the first push after it is gone.
func TestConvertedObjectsAreKeptForBranches(t *testing.T) {
	t.Parallel()
	w, r, url, from := filmed(t)
	w.start(r, StartRequest{URL: url})
	w.setLFS(r, rehome.LFSOptIn)
	both, home := w.converted(), w.hosted(r)
	mine := testenv.Git(t, home, "commit-tree", "-p", "trunk", "-m", "mine", "trunk^{tree}")
	testenv.Git(t, home, "update-ref", "refs/heads/mine", mine)
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptOut, rehome.LFSUndecided, rehome.LFSOptOut} {
		w.setLFS(r, choice)
		w.wantCarried(r, both...)
	}
	testenv.Git(t, home, "update-ref", "-d", "refs/heads/mine")
	w.wantCarried(r, both...)
	w.remap(r, "Loner", "One", "one@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantCarried(r)
	w.remap(r, "Loner", "Loner", "alone@example.com")
	w.setLFS(r, rehome.LFSUndecided)
	w.wantFilms(r, from, rehome.LFSUndecided)
}
