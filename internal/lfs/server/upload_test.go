package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
	"rehome/internal/lfs/transfer"
	"rehome/internal/testenv"
)

// TestUploadIsPulled: what our own client uploads here, git-lfs pulls; and our own check sees it.
func TestUploadIsPulled(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path, _ := strings.CutPrefix(r.URL.EscapedPath(), "/octocat/one.git/info/lfs/")
		w.lfs.Serve(rw, r, w.one, &url.URL{Scheme: "http", Host: r.Host, Path: "/octocat/one.git"}, path, true)
	}))
	t.Cleanup(front.Close)
	mine, err := lfs.Local(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o, client := uploading(t, front.URL+"/octocat/one.git/info/lfs", mine), t.TempDir()
	testenv.Git(t, client, "init", "-q", "-b", "main")
	testenv.Git(t, client, "lfs", "install", "--local", "--skip-smudge")
	contents := []string{"", "small", strings.Repeat("large ", 150_000)}
	var all []lfs.Object
	for i, content := range contents {
		all = append(all, objectIn(t, mine, content))
		write(t, filepath.Join(client, fmt.Sprint(i, ".bin")), string(lfs.AppendPointer(nil, all[i])))
	}
	write(t, filepath.Join(client, ".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n")
	testenv.Git(t, client, "add", ".")
	testenv.Git(t, client, "commit", "-q", "-m", "pointers")
	if missing, err := transfer.Check(t.Context(), o, all); err != nil || !slices.Equal(missing, all) {
		t.Errorf("before: missing %v, %v", missing, err)
	}
	for _, want := range []int64{3, 0} {
		if r, err := transfer.Upload(t.Context(), o, all); err != nil || r.Sent != want {
			t.Errorf("sent %d, want %d, %v", r.Sent, want, err)
		}
	}
	if missing, err := transfer.Check(t.Context(), o, all); err != nil || len(missing) > 0 {
		t.Errorf("after: missing %v, %v", missing, err)
	}
	testenv.Git(t, client, "remote", "add", "origin", front.URL+"/octocat/one.git")
	testenv.Git(t, client, "lfs", "pull", "origin")
	for i, want := range contents {
		if got, err := os.ReadFile(filepath.Join(client, fmt.Sprint(i, ".bin"))); err != nil || string(got) != want {
			t.Errorf("%d: %d bytes, want %d, %v", i, len(got), len(want), err)
		}
	}
}

// TestUploadIsRefused: our own client says what this server does.
func TestUploadIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	mine, err := lfs.Local(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := uploading(t, fmt.Sprintf("%s/%d", w.URL, w.one), mine)
	large := objectIn(t, mine, strings.Repeat("x", 1<<20+1))
	_, err = transfer.Upload(t.Context(), o, []lfs.Object{large})
	if rehome.CodeOf(err) != rehome.DestinationRefused || !strings.Contains(err.Error(), "The object is larger than 1048576 bytes.") {
		t.Errorf("too large: %v", err)
	}
	w.readOnly = true
	o.Username = "ada"
	_, err = transfer.Upload(t.Context(), o, []lfs.Object{large})
	if rehome.CodeOf(err) != rehome.DestinationRefused || !strings.Contains(err.Error(), "not push to it") {
		t.Errorf("read only: %v", err)
	}
	w.wantNothing(t)
}

// uploading are the options for an endpoint.
func uploading(t *testing.T, endpoint string, from *lfs.Store) transfer.Options {
	t.Helper()
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return transfer.Options{
		Client: client, Endpoint: at, Store: from, Agent: "git/rehome",
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func objectIn(t *testing.T, s *lfs.Store, content string) lfs.Object {
	t.Helper()
	out, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.ReadFrom(strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	o, err := out.Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
