package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/lfs/server"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/survey"
	"rehome/internal/testenv"
)

// pointed is a source whose history points to Git LFS objects, which stand beside it.
type pointed struct {
	testenv.LFS
	url     string
	objects []lfs.Object
	refuse  atomic.Int64 // status of each answer for Git LFS, if any
}

// servePointed serves a source that points to contents, one a commit, in d0/f.bin, d1/f.bin …; the last one
// is on the branch side, which has no more. None of them is on the server yet.
func servePointed(t testing.TB, contents ...string) *pointed {
	t.Helper()
	p := &pointed{}
	var other testenv.LFS
	var stream strings.Builder
	for n, content := range contents {
		o := other.Add(content)
		p.objects = append(p.objects, o)
		branch := "main"
		if n == len(contents)-1 {
			branch = "side"
		}
		pointer := lfs.AppendPointer(nil, o)
		fmt.Fprintf(&stream, "commit refs/heads/%s\ncommitter %s %d +0000\ndata 4\nwork\nM 100644 inline d%d/f.bin\ndata %d\n%s\n", branch, ada, 1700000000+n, n, len(pointer), pointer)
	}
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", stream.String())
	p.url = testenv.ServeGit(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if status := p.refuse.Load(); status != 0 && strings.Contains(r.URL.Path, "/info/lfs/") {
				w.WriteHeader(int(status))
				return
			}
			p.Before(h).ServeHTTP(w, r)
		})
	}}) + "/old.git"
	return p
}

// downloads counts the objects that were asked for.
func (p *pointed) downloads() (n int) {
	for _, r := range p.Requests() {
		if strings.HasPrefix(r, "GET ") {
			n++
		}
	}
	return n
}

// wantCarried checks that the repository has the objects, and no other.
func (w *world) wantCarried(r rehome.Repository, objects ...lfs.Object) {
	w.t.Helper()
	size := int64(0)
	for _, o := range objects {
		size += o.Size
		has, err := w.LFS.Has(w.t.Context(), o)
		must(w.t, err)
		sizes, err := w.DB.LFSObjects(w.t.Context(), r.ID, []string{o.OID.String()})
		must(w.t, err)
		if got, ok := sizes[o.OID.String()]; !has || !ok || got != o.Size {
			w.t.Errorf("%s: in the store %v, its row %v", o.OID, has, sizes)
		}
	}
	n, bytes, err := w.DB.LFSCount(w.t.Context(), r.ID)
	must(w.t, err)
	if n != int64(len(objects)) || bytes != size {
		w.t.Errorf("%d objects of %d bytes, want %d of %d", n, bytes, len(objects), size)
	}
}

// TestPointedObjectsAreCarried, with those a repository has already spared, though not for another one.
func TestPointedObjectsAreCarried(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two", "three")
	for _, content := range []string{"one", "two", "three"} {
		p.Add(content)
	}
	w := newWorld(t)
	r := w.repository("new")
	_, err := w.Start(t.Context(), r, StartRequest{URL: p.url})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	events, err := w.Watch(ctx, r.ID)
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantCarried(r, p.objects...)
	told := false
	for e := range events {
		if e.ProgressEvent != nil && e.LFS != nil {
			told = true
			if *e.LFSTotal != 3 || *e.LFS < 0 || *e.LFS > 3 || e.ETA != nil {
				t.Errorf("%d of %d, eta %v", *e.LFS, *e.LFSTotal, e.ETA)
			}
		}
		if e.Kind == rehome.EventDone {
			break
		}
	}
	if got := w.largeReceipt(r).LFS; !told || got.Carried != 3 || got.Bytes != 11 || len(got.Missing) != 0 {
		t.Errorf("told %v; the receipt has %+v", told, got)
	}
	w.start(r, StartRequest{URL: p.url})
	if n := p.downloads(); n != 3 {
		t.Errorf("%d downloads after a second raw step", n)
	}
	if got := w.largeReceipt(r).LFS; got.Carried != 3 || got.Bytes != 11 {
		t.Errorf("the second receipt has %+v", got)
	}
	again := w.repository("again")
	w.start(again, StartRequest{URL: p.url})
	w.wantCarried(again, p.objects...)
	if n := p.downloads(); n != 6 {
		t.Errorf("%d downloads with those of another repository", n)
	}
}

// TestMissingObjects are an error that names them, unless they are allowed; what another repository has of them
// is no help.
func TestMissingObjects(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two", "three")
	p.Add("two")
	w := newWorld(t)
	writer, err := w.LFS.Create()
	must(t, err)
	_, err = writer.Write([]byte("one"))
	must(t, err)
	must(t, writer.KeepAs(t.Context(), p.objects[0]))
	r := w.repository("new")
	i := w.start(r, StartRequest{URL: p.url})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.LFSMissing)
	for _, want := range []string{
		"lacks 2 of its 3 Git LFS objects",
		"d0/f.bin in refs/heads/main (" + p.objects[0].OID.String() + ")", "d2/f.bin in refs/heads/side (" + p.objects[2].OID.String() + ")",
	} {
		if !strings.Contains(i.State.Err.Message, want) {
			t.Errorf("no %q in %q", want, i.State.Err.Message)
		}
	}
	if !strings.Contains(i.State.Err.Hint, "allow_missing_lfs") || !strings.Contains(i.State.Err.Hint, "git lfs push --all") {
		t.Errorf("hint %q", i.State.Err.Hint)
	}
	w.wantCarried(r, p.objects[1])
	yes := true
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{AllowMissingLFS: &yes}})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantCarried(r, p.objects[1])
	got := w.largeReceipt(r).LFS
	slices.SortFunc(got.Missing, func(a, b rehome.MissingLFS) int { return strings.Compare(a.Path, b.Path) })
	want := []rehome.MissingLFS{
		{OID: p.objects[0].OID.String(), Size: 3, Path: "d0/f.bin", Ref: "refs/heads/main"},
		{OID: p.objects[2].OID.String(), Size: 5, Path: "d2/f.bin", Ref: "refs/heads/side"},
	}
	if got.Carried != 1 || got.Bytes != 3 || !reflect.DeepEqual(got.Missing, want) {
		t.Errorf("the receipt has %+v", got)
	}
	if n := p.downloads(); n != 1 {
		t.Errorf("%d downloads", n)
	}
}

// TestManyMissing names the first and counts the rest. A server without Git LFS has none.
func TestManyMissing(t *testing.T) {
	t.Parallel()
	var contents []string
	for n := range 25 {
		contents = append(contents, fmt.Sprint(n))
	}
	p := servePointed(t, contents...)
	for status, code := range map[int]rehome.Code{
		http.StatusNotFound: rehome.LFSMissing, http.StatusNotImplemented: rehome.LFSMissing, http.StatusServiceUnavailable: rehome.Unreachable,
	} {
		p.refuse.Store(int64(status))
		w := newWorld(t)
		i := w.start(w.repository("new"), StartRequest{URL: p.url})
		wantStatus(t, i, rehome.Failed, rehome.StepRaw, code)
		if e := i.State.Err; code == rehome.LFSMissing && (!strings.HasSuffix(e.Message, ", and 15 more.") || strings.Count(e.Message, "f.bin") != 10) {
			t.Errorf("%d: %s", status, e.Message)
		}
	}
	p.refuse.Store(http.StatusUnauthorized)
	w := newWorld(t)
	wantStatus(t, w.start(w.repository("new"), StartRequest{URL: p.url}), rehome.AuthFailed, "", rehome.CredentialsWanted)
}

// TestMissingErrorSaysWhy has a reason for people, and one of the server's for the log.
func TestMissingErrorSaysWhy(t *testing.T) {
	t.Parallel()
	c := lfsCarry{}
	c.where = func([]lfs.OID) (map[lfs.OID]survey.Place, error) { return nil, nil }
	lack := source.LFSResult{Missing: []lfs.Object{{Size: 1}}, Why: &rehome.Error{Code: rehome.BlockedByPolicy, Message: "It may not be reached."}}
	_, err := c.missing(lack)
	if e := rehome.AsError(err); e.Code != rehome.LFSMissing || !strings.HasSuffix(e.Message, ". It may not be reached.") {
		t.Errorf("got %+v", e)
	}
	lack.Why = errors.New("its own words")
	_, err = c.missing(lack)
	if e := rehome.AsError(err); strings.Contains(e.Message, "words") || e.Err != lack.Why {
		t.Errorf("got %+v", e)
	}
}

// deadServer is a source whose .lfsconfig names a server that is not there.
func deadServer(t *testing.T, address string) (url string, objects []lfs.Object) {
	t.Helper()
	var other testenv.LFS
	root := t.TempDir()
	o := other.Add("one")
	pointer, config := lfs.AppendPointer(nil, o), "[lfs]\n\turl = http://"+address+"/r/info/lfs\n"
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", fmt.Sprintf(
		"commit refs/heads/main\ncommitter %s 1700000000 +0000\ndata 4\nwork\nM 100644 inline f.bin\ndata %d\n%s\nM 100644 inline .lfsconfig\ndata %d\n%s\n",
		ada, len(pointer), pointer, len(config), config))
	testenv.Git(t, filepath.Join(root, "old.git"), "symbolic-ref", "HEAD", "refs/heads/main")
	return testenv.ServeGit(t, root, testenv.Options{}) + "/old.git", []lfs.Object{o}
}

// TestDeadLFSServer: a Git LFS server that is gone for good ends an import, or does not where objects may be missing.
func TestDeadLFSServer(t *testing.T) {
	t.Parallel()
	url, objects := deadServer(t, "127.0.0.1:1")
	w := newWorld(t)
	r := w.repository("new")
	i := w.start(r, StartRequest{URL: url})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.Unreachable)
	const says = "The source's Git LFS server 127.0.0.1:1 (named by its .lfsconfig) cannot be reached: cannot connect to 127.0.0.1:1: the connection is refused."
	if e := i.State.Err; e.Message != says+" It was tried 3 times." || !strings.Contains(e.Hint, "{allow_missing_lfs}") {
		t.Errorf("got %q, hint %q", e.Message, e.Hint)
	}
	yes := true
	wantStatus(t, w.start(r, StartRequest{URL: url, Choices: Choices{AllowMissingLFS: &yes}}), rehome.Complete, "", "")
	w.wantCarried(r)
	got := w.largeReceipt(r)
	if got.LFS.Carried != 0 || len(got.LFS.Missing) != 1 || got.LFS.Missing[0].OID != objects[0].OID.String() || got.LFS.Missing[0].Path != "f.bin" {
		t.Errorf("the receipt has %+v", got.LFS)
	}
	if list := got.Warnings; len(list) != 1 || list[0].Kind != rehome.WarnLFSPointer || list[0].Count != 1 || !strings.HasSuffix(list[0].Text, says) {
		t.Errorf("warnings %+v", list)
	}
}

// TestForbiddenLFSServer: what policy blocks is named, and the way on is not to push there.
func TestForbiddenLFSServer(t *testing.T) {
	t.Parallel()
	url, _ := deadServer(t, "169.254.169.254")
	w := newWorld(t)
	i := w.start(w.repository("new"), StartRequest{URL: url})
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.LFSMissing)
	if e := i.State.Err; !strings.HasSuffix(e.Message, " This server may not connect to the source's Git LFS server 169.254.169.254 (named by its .lfsconfig).") ||
		strings.Contains(e.Hint, "push") || !strings.Contains(e.Hint, "--allow-network") || !strings.Contains(e.Hint, "{allow_missing_lfs}") {
		t.Errorf("got %q, hint %q", e.Message, e.Hint)
	}
}

// TestEmptyObject: the object of no bytes is nowhere, and never missing.
func TestEmptyObject(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 0\n", empty.OID)
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", fmt.Sprintf("commit refs/heads/main\ncommitter %s 1700000000 +0000\ndata 4\nwork\nM 100644 inline f\ndata %d\n%s\n", ada, len(pointer), pointer))
	w := newWorld(t)
	r := w.repository("new")
	wantStatus(t, w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"}), rehome.Complete, "", "")
	w.wantCarried(r, empty)
}

// TestFromAHostToAnother has Rehome's own host as the source.
func TestFromAHostToAnother(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two", "three")
	for _, content := range []string{"one", "two", "three"} {
		p.Add(content)
	}
	first := newWorld(t)
	r := first.repository("old")
	wantStatus(t, first.start(r, StartRequest{URL: p.url}), rehome.Complete, "", "")
	offered := server.New(server.Options{Store: first.LFS, DB: first.DB})
	var at *url.URL
	host := testenv.NewServer(t, filepath.Join(first.data, "host"), testenv.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			base, path, ok := strings.Cut(q.URL.Path, "/info/lfs/")
			if !ok {
				h.ServeHTTP(w, q)
				return
			}
			offered.Serve(w, q, r.ID, at.JoinPath(base), path, false)
		})
	}})
	at, err := url.Parse(host.URL)
	must(t, err)
	second := newWorld(t)
	to := second.repository("new")
	wantStatus(t, second.start(to, StartRequest{URL: fmt.Sprintf("%s/%d.git", host.URL, r.ID)}), rehome.Complete, "", "")
	second.wantCarried(to, p.objects...)
}

// TestLFSIsKeptInBatches: what came before a crash is not fetched again.
func TestLFSIsKeptInBatches(t *testing.T) {
	t.Parallel()
	var contents []string
	for n := range lfsBatch + 50 {
		contents = append(contents, fmt.Sprint(n))
	}
	p := servePointed(t, contents...)
	for _, content := range contents[1:] {
		p.Add(content)
	}
	w := newWorld(t)
	r := w.repository("new")
	wantStatus(t, w.start(r, StartRequest{URL: p.url}), rehome.Failed, rehome.StepRaw, rehome.LFSMissing)
	w.wantCarried(r, p.objects[1:]...)
	p.Add(contents[0])
	wantStatus(t, w.start(r, StartRequest{URL: p.url}), rehome.Complete, "", "")
	w.wantCarried(r, p.objects...)
	if n := p.downloads(); n != len(contents) {
		t.Errorf("%d downloads of %d objects", n, len(contents))
	}
}

// TestLFSLimit: an object over the limit is not fetched, and objects that pass it together are refused.
func TestLFSLimit(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "four", strings.Repeat("nine", 9), "five")
	for _, content := range []string{"four", strings.Repeat("nine", 9), "five"} {
		p.Add(content)
	}
	yes := true
	for limit, code := range map[int64]rehome.Code{7: rehome.LimitPassed, 8: rehome.LFSMissing, 44: ""} {
		w := newWorld(t, func(o *Options) { o.Limits.LFS = limit })
		r := w.repository("new")
		i := w.start(r, StartRequest{URL: p.url})
		if code == "" {
			wantStatus(t, i, rehome.Complete, "", "")
			continue
		}
		wantStatus(t, i, rehome.Failed, rehome.StepRaw, code)
		if code == rehome.LFSMissing && !strings.HasSuffix(i.State.Err.Message, ". The first would pass the limit of 8 bytes.") {
			t.Errorf("limit %d: %s", limit, i.State.Err.Message)
		}
		i = w.start(r, StartRequest{URL: p.url, Choices: Choices{AllowMissingLFS: &yes}})
		if code == rehome.LFSMissing {
			wantStatus(t, i, rehome.Complete, "", "")
			w.wantCarried(r, p.objects[0], p.objects[2])
		}
	}
}

// TestKeepFails ends the step: its objects would be nobody's.
func TestKeepFails(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two")
	p.Add("one")
	p.Add("two")
	w := newWorld(t)
	broken := errors.New("broken")
	dir := filepath.Join(t.TempDir(), "raw")
	u, err := url.Parse(p.url)
	must(t, err)
	_, err = fetchRaw(t.Context(), w.Source[rehome.Git], source.Request{Location: remote.Location{URL: u}, Dir: dir}, rawOptions{
		Store: func(string) (*lfs.Store, error) { return w.LFS, nil },
		Keep:  func(context.Context, []lfs.Object) error { return broken },
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}
