package importer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/compute"
	"rehome/internal/destination"
	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/object"
	"rehome/internal/git/transport"
	"rehome/internal/host"
	"rehome/internal/lfs"
	"rehome/internal/seal"
	"rehome/internal/shelf"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) {
	compute.Limit(1) // for all tests: who waited for another while holding it would wait for ever
	if dir := os.Getenv(crashIn); dir != "" {
		crash(dir)
	}
	var err error
	if fixtures, err = os.MkdirTemp("", "rehome-importer-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(fixtures)
		os.Exit(code)
	}))
}

// A rich repository is made once for each object format, in a folder here.
var (
	fixtures string
	making   sync.Mutex
)

// richAt gives a copy of testenv.Rich.
func richAt(t testing.TB, dir, format string) {
	t.Helper()
	making.Lock()
	defer making.Unlock()
	made := filepath.Join(fixtures, format)
	if _, err := os.Stat(made); err != nil {
		testenv.Rich(t, made, format)
	}
	must(t, os.CopyFS(dir, os.DirFS(made)))
}

// serveRich serves one.
func serveRich(t testing.TB, format string) (url, from string) {
	t.Helper()
	root := t.TempDir()
	from = filepath.Join(root, "old.git")
	richAt(t, from, format)
	return testenv.ServeGit(t, root, testenv.Options{}) + "/old.git", from
}

// world is a server without its doors: real rows, a real host, real sources on loopback.
type world struct {
	*Importer
	t      testing.TB
	data   string
	client *egress.Client
}

// newWorld opens a world in a folder of its own.
func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w, err := openWorld(t.Context(), t.TempDir(), change...)
	if err != nil {
		t.Fatal(err)
	}
	w.t = t
	t.Cleanup(w.close)
	return w
}

func openWorld(ctx context.Context, data string, change ...func(*Options)) (*world, error) {
	folder, err := Claim(data)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, filepath.Join(data, "rehome.db"))
	if err != nil {
		return nil, err
	}
	box, err := seal.Open(filepath.Join(data, "key"))
	if err != nil {
		return nil, err
	}
	home, err := host.New(host.Options{Dir: filepath.Join(data, "host")})
	if err != nil {
		return nil, err
	}
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	if err != nil {
		return nil, err
	}
	in, err := bucket.NewFolder(filepath.Join(data, "bucket"))
	if err != nil {
		return nil, err
	}
	folder.KeepOn(shelf.New(in, filepath.Join(data, "work")))
	noWait := func(context.Context, time.Duration) error { return nil }
	kept, err := lfs.Local(filepath.Join(data, "lfs"))
	if err != nil {
		return nil, err
	}
	forges := destination.New(destination.Options{
		Transport: transport.New(transport.Options{Client: client, Sleep: noWait}), Client: client,
		Forges: forge.New(forge.Options{Client: client, Sleep: noWait}), LFS: kept, Sleep: noWait,
	})
	o := Options{
		DB: db, LFS: kept, Folder: folder, Seal: box, Version: "0.0.0-test", CheckURL: client.CheckURL,
		Ends:  Ends{Host: home, Forge: forges, Source: map[rehome.VCS]source.Source{rehome.Git: git.New(git.Options{Client: client, Sleep: noWait})}},
		Waits: Waits{Backoff: []time.Duration{0, 0}, Settle: []time.Duration{0, 0}},
	}
	for _, c := range change {
		c(&o)
	}
	w := &world{Importer: New(o), data: data, client: client}
	return w, w.Open(ctx)
}

func (w *world) close() {
	w.client.Close()
	if w.Host != nil {
		if err := w.Host.Close(); err != nil {
			w.t.Error(err)
		}
	}
	if err := w.Folder.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.DB.Close(); err != nil {
		w.t.Error(err)
	}
}

// repository makes an empty repository octocat/name.
func (w *world) repository(name string) rehome.Repository {
	w.t.Helper()
	ctx := w.t.Context()
	o, err := w.DB.OwnerByLogin(ctx, "octocat")
	if rehome.CodeOf(err) == rehome.NotFound {
		o, err = w.DB.CreateOwner(ctx, rehome.Owner{Login: "octocat", Kind: rehome.User})
	}
	must(w.t, err)
	r, err := w.DB.CreateRepository(ctx, rehome.Repository{Owner: o, Name: name, Private: true})
	must(w.t, err)
	must(w.t, w.Host.Create(ctx, r.ID, object.SHA1))
	return r
}

// hosted is the folder of a repository on the host.
func (w *world) hosted(r rehome.Repository) string {
	return filepath.Join(w.data, "host", fmt.Sprintf("%d.git", r.ID))
}

// work does what is due until nothing is.
func (w *world) work() {
	w.t.Helper()
	for {
		ids, err := w.DB.Due(w.t.Context(), 100)
		must(w.t, err)
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			must(w.t, w.Reconcile(w.t.Context(), id))
		}
	}
}

// start starts an import of url and works until nothing is due.
func (w *world) start(r rehome.Repository, q StartRequest) rehome.Import {
	w.t.Helper()
	_, err := w.Start(w.t.Context(), r, q)
	must(w.t, err)
	w.work()
	return w.get(r)
}

func (w *world) get(r rehome.Repository) rehome.Import {
	w.t.Helper()
	i, err := w.Get(w.t.Context(), r.ID)
	must(w.t, err)
	return i
}

// wantStatus checks where the import stands, and the step and cause it failed with.
func wantStatus(t testing.TB, i rehome.Import, want rehome.Status, step rehome.Step, code rehome.Code) {
	t.Helper()
	got := rehome.Code("")
	if i.State.Err != nil {
		got = i.State.Err.Code
	}
	if i.State.Status != want || i.State.FailedStep != step || got != code {
		t.Errorf("status %q, failed step %q, code %q; want %q, %q, %q (%v)", i.State.Status, i.State.FailedStep, got, want, step, code, i.State.Err)
	}
}

// wantMoved checks that the host has what the source at from has, except what is left out by rule.
func (w *world) wantMoved(r rehome.Repository, from string) {
	w.t.Helper()
	wantSame(w.t, w.hosted(r), from)
}

func wantSame(t testing.TB, got, from string) {
	t.Helper()
	skipped := testenv.RichSkipped(t, from)
	var want []string
	for _, line := range testenv.ShowRefs(t, from) {
		if _, name, _ := strings.Cut(line, " "); !slices.Contains(skipped, name) {
			want = append(want, line)
		}
	}
	if have := testenv.ShowRefs(t, got); !slices.Equal(have, want) {
		t.Errorf("refs:\n%s\nwant:\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	testenv.Git(t, got, "fsck", "--full", "--strict")
	if h, s := testenv.Git(t, got, "symbolic-ref", "HEAD"), testenv.Git(t, from, "symbolic-ref", "HEAD"); h != s {
		t.Errorf("default branch %s, want %s", h, s)
	}
}

// wantNothingLeft checks that the data folder holds no raw repository and no work.
func (w *world) wantNothingLeft() {
	w.t.Helper()
	for _, dir := range []string{"raw", "final", "pushed", "work"} {
		entries, err := os.ReadDir(filepath.Join(w.data, dir))
		must(w.t, err)
		for _, e := range entries {
			w.t.Errorf("%s/%s is left", dir, e.Name())
		}
	}
	for _, key := range w.inBucket() {
		w.t.Errorf("%s is left in the bucket", key)
	}
}

// lose removes what is kept of an import, here and in the bucket.
func (w *world) lose(importID int64, kinds ...kind) {
	w.t.Helper()
	for _, k := range kinds {
		must(w.t, os.RemoveAll(w.Folder.place(k, importID)))
	}
	must(w.t, os.RemoveAll(filepath.Join(w.data, "bucket", shelfOf(importID))))
}

// inBucket are the keys of what is kept of imports.
func (w *world) inBucket() (keys []string) {
	w.t.Helper()
	in, err := bucket.NewFolder(filepath.Join(w.data, "bucket"))
	must(w.t, err)
	for f, err := range in.List(w.t.Context(), "imports/") {
		must(w.t, err)
		keys = append(keys, f.Key)
	}
	return keys
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
