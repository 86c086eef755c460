package destination

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome/internal/compute"
	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) {
	compute.Limit(1)
	goleak.VerifyTestMain(m)
}

// world is a repository to push, as Rehome keeps it, and a destination that git serves over HTTP.
type world struct {
	*Git
	t      testing.TB
	source string     // the repository as git has it
	from   *repo.Repo // as Rehome keeps it
	to     string     // folder of the destination
	at     remote.Location
	server *testenv.Server
	front  // stands before the destination

	mu     sync.Mutex
	waited []time.Duration // guarded by mu
}

// front counts what is pushed, and may answer in the destination's stead.
type front struct {
	counts sync.Mutex
	pushed []int64 // Content-Length of each push; guarded by counts
	push   func(w http.ResponseWriter, r *http.Request, onward http.Handler)
	all    func(w http.ResponseWriter, r *http.Request, onward http.Handler)
}

func (f *front) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		push := strings.HasSuffix(r.URL.Path, "/git-receive-pack")
		if push {
			f.counts.Lock()
			f.pushed = append(f.pushed, r.ContentLength)
			f.counts.Unlock()
		}
		switch {
		case push && f.push != nil:
			f.push(w, r, h)
		case f.all != nil:
			f.all(w, r, h)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// pushes returns how many bytes each push had since it was asked last.
func (f *front) pushes() []int64 {
	f.counts.Lock()
	defer f.counts.Unlock()
	sizes := f.pushed
	f.pushed = nil
	return sizes
}

// newWorld has a history of some hundred commits with branches and a tag.
func newWorld(t testing.TB, format string) *world {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source.git")
	testenv.Synthetic(t, source, format, testenv.Size{Commits: 120, Files: 20})
	return worldOf(t, source, format)
}

// worldOf has the history of a repository.
func worldOf(t testing.TB, source, format string) *world {
	t.Helper()
	w := &world{t: t, source: source}
	f, err := object.ParseFormat(format)
	must(t, err)
	w.from, err = repo.Init(filepath.Join(t.TempDir(), "from.git"), f)
	must(t, err)
	w.take(w.from, "--all")
	w.empty(format)
	w.reach(egress.Policy{}, transport.SSH{})
	return w
}

// reach makes a new client to reach destinations by.
func (w *world) reach(p egress.Policy, s transport.SSH) {
	w.t.Helper()
	p.AllowPrivate = true
	client, err := egress.New(p)
	must(w.t, err)
	w.t.Cleanup(client.Close)
	w.Git = New(Options{
		Transport: transport.New(transport.Options{Client: client, Version: "test", Sleep: w.sleep, Words: time.Second, SSH: s}),
		Client:    client, Forges: forge.New(forge.Options{Client: client, Sleep: w.sleep}), Version: "test", Sleep: w.sleep,
	})
}

func (w *world) sleep(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waited = append(w.waited, d)
	return nil
}

// empty makes an empty destination.
func (w *world) empty(format string) {
	w.t.Helper()
	root := w.t.TempDir()
	w.to = filepath.Join(root, "new.git")
	testenv.Empty(w.t, w.to, format)
	w.server = testenv.NewServer(w.t, root, testenv.Options{Push: true, User: "u", Password: "hunter2", Wrap: w.wrap})
	w.at = location(w.t, w.server.URL+"/new.git")
}

func location(t testing.TB, url string) remote.Location {
	t.Helper()
	l, err := remote.Parse("url", url)
	must(t, err)
	l.Username, l.Password = "u", "hunter2"
	return l
}

// take gives to one pack with what the revisions reach at the source, and returns its name.
func (w *world) take(to *repo.Repo, revisions ...string) string {
	w.t.Helper()
	before, err := to.PackNames()
	must(w.t, err)
	listed := testenv.GitBytes(w.t, w.source, nil, append([]string{"rev-list", "--objects", "--no-object-names"}, revisions...)...)
	packed := testenv.GitBytes(w.t, w.source, bytes.NewReader(listed), "pack-objects", "--stdout", "-q", "--delta-base-offset")
	_, err = to.Receive(w.t.Context(), bytes.NewReader(packed), repo.ReceiveOptions{Workers: 1})
	must(w.t, err)
	after, err := to.PackNames()
	must(w.t, err)
	for _, name := range after {
		if !slices.Contains(before, name) {
			return name
		}
	}
	w.t.Fatal("no pack came")
	return ""
}

// config sets an option of the destination.
func (w *world) config(key, value string) {
	w.t.Helper()
	testenv.Git(w.t, w.to, "config", key, value)
}

// hook has the destination run a shell script.
func (w *world) hook(name, script string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Join(w.to, "hooks"), 0o755))
	must(w.t, os.WriteFile(filepath.Join(w.to, "hooks", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

// updates is what brings the destination to what the source is; refs that it lacks go.
func (w *world) updates() (updates []repo.Update) {
	w.t.Helper()
	have := refsIn(w.t, w.to)
	for name, id := range refsIn(w.t, w.source) {
		if have[name] != id {
			updates = append(updates, repo.Update{Name: name, Old: have[name], New: id})
		}
		delete(have, name)
	}
	for name, id := range have {
		updates = append(updates, repo.Update{Name: name, Old: id, New: id.Format().Zero()})
	}
	slices.SortFunc(updates, func(a, b repo.Update) int { return strings.Compare(a.Name, b.Name) })
	return updates
}

// first is the first push.
func (w *world) first() Push {
	w.t.Helper()
	return Push{Location: w.at, From: w.from, Updates: w.updates(), Head: "refs/heads/trunk", Whole: true}
}

// mustPush makes a push that is to succeed.
func (w *world) mustPush(p Push) Result {
	w.t.Helper()
	res, err := w.Push(w.t.Context(), p)
	must(w.t, err)
	if len(res.Refused) > 0 {
		w.t.Fatalf("refused: %+v", res.Refused)
	}
	return res
}

// arrived checks that the destination is what the source is.
func (w *world) arrived() {
	w.t.Helper()
	if got, want := testenv.ShowRefs(w.t, w.to), testenv.ShowRefs(w.t, w.source); !slices.Equal(got, want) {
		w.t.Errorf("refs:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	testenv.Git(w.t, w.to, "fsck", "--full", "--strict")
}

func refsIn(t testing.TB, dir string) map[string]object.ID {
	t.Helper()
	all := map[string]object.ID{}
	for _, line := range testenv.ShowRefs(t, dir) {
		id, name, _ := strings.Cut(line, " ")
		all[name] = parse(t, id)
	}
	return all
}

func parse(t testing.TB, id string) object.ID {
	t.Helper()
	parsed, err := object.ParseID(id)
	must(t, err)
	return parsed
}

// names of refusals, sorted.
func names(refused []Refusal) (all []string) {
	for _, r := range refused {
		all = append(all, r.Name)
	}
	slices.Sort(all)
	return all
}

// pkt is a packet of Git's protocol.
func pkt(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	return fmt.Sprintf("%04x%s", len(text)+4, text)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
