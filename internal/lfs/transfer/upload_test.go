package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// keep puts an object into the store.
func (w *world) keep(content string) lfs.Object {
	w.t.Helper()
	out, err := w.o.Store.Create()
	if err != nil {
		w.t.Fatal(err)
	}
	io.WriteString(out, content) //nolint:errcheck // Keep says so
	o, err := out.Keep(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// send uploads, with short bounds, and checks that what was told is there.
func (w *world) send(objects ...lfs.Object) (UploadResult, error) {
	w.t.Helper()
	u := newUpload(w.o)
	u.bounds = bounds{batch: 20 * time.Second, step: 20 * time.Second}
	return u.run(w.t.Context(), objects)
}

// mustSend uploads all, of which so many are new.
func (w *world) mustSend(sent int, objects ...lfs.Object) {
	w.t.Helper()
	r, err := w.send(objects...)
	if err != nil {
		w.t.Fatalf("upload: %v (%v)", err, errors.Unwrap(err))
	}
	if int(r.Sent) != sent || len(w.done) != len(objects) {
		w.t.Errorf("sent %d, want %d; told of %d of %d", r.Sent, sent, len(w.done), len(objects))
	}
	for _, o := range objects {
		if !w.Has(o) || w.Content(o.OID) != read(w.t, w.o.Store, o) {
			w.t.Errorf("%s is not there", o.OID)
		}
	}
}

func isPut(r *http.Request) bool    { return r.Method == http.MethodPut }
func isVerify(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/verify") }

// refusing answers some requests with a status.
func refusing(status int, message string, which func(*http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(out http.ResponseWriter, r *http.Request) bool {
		if which(r) {
			answerJSON(out, status, map[string]any{"message": message})
		}
		return which(r)
	}
}

// TestUpload sends what the server lacks, once, and says for which ref.
func TestUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if isPut(r) && (r.ContentLength < 0 || len(r.TransferEncoding) > 0 || r.Header.Get("Content-Type") != "application/octet-stream") {
			t.Errorf("length %d, %v, %v", r.ContentLength, r.TransferEncoding, r.Header)
		}
		return false
	})
	all := []lfs.Object{w.keep(""), w.keep("one"), w.keep(text(3 << 20)), w.keep("there")}
	w.Add("there")
	var told atomic.Int64
	w.o.Bytes = func(n int64) { told.Add(n) }
	w.o.Ref = "refs/heads/main"
	w.mustSend(3, all...)
	if want := int64(3 + 3<<20); told.Load() != want {
		t.Errorf("told of %d bytes, want %d", told.Load(), want)
	}
	if got := w.Refs(); !slices.Equal(got, []string{"refs/heads/main"}) {
		t.Errorf("refs %q", got)
	}
	w.done = nil
	w.mustSend(0, all...)
}

// TestUploadMany sends 2,000 objects, never more at a time than Workers, and checks them.
func TestUploadMany(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if isPut(r) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(100 * time.Microsecond) // for more to come, if they do
			now.Add(-1)
		}
		return false
	})
	var err error
	if w.o.Store, err = lfs.NewStore(&memory{files: map[string][]byte{}}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	var all []lfs.Object
	for i := range 2000 {
		all = append(all, w.keep(fmt.Sprintf("object %d\n", i)))
	}
	w.mustSend(len(all), all...)
	if n := len(w.Refs()); n != 20 || most.Load() > defaultWorkers {
		t.Errorf("%d batches, %d at a time", n, most.Load())
	}
	extra := w.keep("extra")
	before := len(w.Requests())
	missing, err := Check(t.Context(), w.o, append(all, extra))
	if err != nil || !slices.Equal(missing, []lfs.Object{extra}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	if n := len(w.Requests()) - before; n != 21 {
		t.Errorf("a check takes %d requests", n)
	}
}

// TestUploadAsTold: the headers of an action go with it, but for those that are not a server's to decide on.
func TestUploadAsTold(t *testing.T) {
	t.Parallel()
	var w *world
	w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		switch {
		case isPut(r):
			if got := fmt.Sprint(r.TransferEncoding, r.ContentLength, r.Header["Content-Type"], r.Header["X-A"], r.Host == "canary"); got != "[chunked] -1 [text/x] [b] false" {
				t.Error(got)
			}
		case isVerify(r):
			if got := fmt.Sprint(r.ContentLength > 0, r.Header["Content-Type"], r.Header["Accept"], r.Header["X-C"]); got != "true ["+mediaType+"] ["+mediaType+"] [d]" {
				t.Error(got)
			}
		}
		return linked(out, r, func(oid string) map[string]any {
			base := w.url + "/r.git/info/lfs/objects/"
			return map[string]any{"actions": map[string]any{
				"upload": map[string]any{"href": base + oid, "header": map[string]string{"Transfer-Encoding": "chunked", "Content-Length": "7", "Host": "canary", "content-type": "text/x", "X-A": "b"}},
				"verify": map[string]any{"href": base + "verify", "header": map[string]string{"Content-Type": "text/x", "X-C": "d"}},
			}}
		})
	})
	w.mustSend(2, w.keep("one"), w.keep(""))
}

// TestUploadAgain: what may pass is tried again, with a new link, from the beginning.
func TestUploadAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		which func(*http.Request) bool
		code  int // 0 = cut
		waits int
		puts  int
	}{
		"busy batch":    {isBatch, 429, 1, 1},
		"busy upload":   {isPut, 503, 1, 2},
		"time-out":      {isPut, 408, 1, 2},
		"busy verify":   {isVerify, 500, 1, 1},
		"not there yet": {isVerify, 404, 1, 1},
		"stale verify":  {isVerify, 403, 0, 1},
		"stale 401":     {isPut, 401, 0, 2},
		"stale 403":     {isPut, 403, 0, 2},
		"stale 410":     {isPut, 410, 0, 2},
		"cut batch":     {isBatch, 0, 1, 1},
		"cut upload":    {isPut, 0, 1, 2},
		"cut verify":    {isVerify, 0, 1, 1},
	} {
		first := once(1)
		var puts atomic.Int64
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isPut(r) {
				puts.Add(1)
			}
			if !c.which(r) || !first() {
				return false
			}
			if c.code == 0 {
				io.CopyN(io.Discard, r.Body, 1<<20) //nolint:errcheck // it may be shorter
				panic(http.ErrAbortHandler)
			}
			out.WriteHeader(c.code)
			return true
		})
		w.mustSend(1, w.keep(text(3<<20)))
		if len(w.slept) != c.waits || int(puts.Load()) != c.puts {
			t.Errorf("%s: slept %v, %d uploads", name, w.slept, puts.Load())
		}
	}
}

// TestUploadNever: what does not pass ends, with the server's words and what to do.
func TestUploadNever(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		which func(*http.Request) bool
		code  int
		words string
		want  rehome.Code
		waits int
		hint  string
	}{
		"no credentials":  {isBatch, 401, "sign\tin", rehome.DestinationRefused, 0, "somebody who may push"},
		"forbidden":       {isBatch, 403, "read\x1b only", rehome.DestinationRefused, 0, "may push there"},
		"quota":           {isBatch, 403, "This repository is over its data quota.", rehome.DestinationRefused, 0, "Make room"},
		"no LFS":          {isBatch, 404, "Not found", rehome.DestinationMissing, 0, "Switch Git LFS on"},
		"LFS off":         {isBatch, 501, "Git LFS is not enabled", rehome.DestinationMissing, 0, "Switch Git LFS on"},
		"no batch":        {isBatch, 422, "bad ref", rehome.DestinationRefused, 0, "Put right"},
		"batch too large": {isBatch, 413, "", rehome.DestinationRefused, 0, "limit"},
		"busy batch":      {isBatch, 503, "later", rehome.DestinationCutOff, len(waits), "Try again"},
		"full batch":      {isBatch, 507, "disk", rehome.DestinationRefused, 0, "Make room"},
		"full":            {isPut, 507, "disk", rehome.DestinationRefused, 0, "Make room"},
		"bandwidth":       {isPut, 509, "", rehome.DestinationRefused, 0, "Make room"},
		"too large":       {isPut, 413, "5 GB", rehome.DestinationRefused, 0, "limit"},
		"unprocessable":   {isPut, 422, "no such type", rehome.DestinationRefused, 0, "Put right"},
		"always 403":      {isPut, 403, "signature", rehome.DestinationRefused, 0, "may push"},
		"busy storage":    {isPut, 500, "oops", rehome.DestinationCutOff, len(waits), "Try again"},
		"never there":     {isVerify, 404, "not here", rehome.DestinationRefused, maxVerifies - 1, "Put right"},
		"verify breaks":   {isVerify, 502, "", rehome.DestinationCutOff, len(waits), "Try again"},
	} {
		var puts atomic.Int64
		answer := refusing(c.code, c.words, c.which)
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isPut(r) {
				puts.Add(1)
			}
			return answer(out, r)
		})
		r, err := w.send(w.keep("one"))
		wantCode(t, err, c.want)
		e := rehome.AsError(err)
		if !strings.HasPrefix(e.Message, "The destination") || !strings.Contains(e.Message, rehome.Clean(c.words, 100)) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %q, hint %q", name, e.Message, e.Hint)
		}
		if strings.ContainsFunc(e.Message, func(r rune) bool { return r < 0x20 }) || strings.HasSuffix(e.Message, "..") {
			t.Errorf("%s: %q", name, e.Message)
		}
		if len(w.slept) != c.waits || r.Sent != 0 || len(w.done) > 0 {
			t.Errorf("%s: slept %v, sent %d, told of %d", name, w.slept, r.Sent, len(w.done))
		}
		if c.waits == maxVerifies-1 && puts.Load() != 1 {
			t.Errorf("%s: %d uploads", name, puts.Load())
		}
	}
}

// TestUploadRefusesSome: objects that the server does not take are named, and the others go.
func TestUploadRefusesSome(t *testing.T) {
	t.Parallel()
	var w *world
	var bad []string
	var has string
	w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		return linked(out, r, func(oid string) map[string]any {
			base := w.url + "/r.git/info/lfs/objects/"
			switch i := slices.Index(bad, oid); i {
			case -1:
				return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": base + oid}, "download": map[string]any{"href": "file:///etc/passwd"}}}
			case 0:
				return nil
			case 1:
				return map[string]any{"error": map[string]any{"code": 0, "message": ""}}
			case 2:
				return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": "javascript:alert(1)"}}}
			case 3:
				return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": base + oid}, "verify": map[string]any{"href": "file:///etc/passwd"}}}
			case 4:
				return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": base + oid, "header": map[string]string{"X-A": "b\r\nHost: c"}}}}
			}
			return map[string]any{"error": map[string]any{"code": 422, "message": "Size must be less\n than"}}
		})
	})
	all := many(w, 0)
	for i := range 150 {
		o := w.keep(fmt.Sprint("object ", i))
		if all = append(all, o); i >= 20 && i < 27 {
			bad = append(bad, o.OID.String())
		}
	}
	has = slices.Min(bad)
	r, err := w.send(all...)
	wantCode(t, err, rehome.DestinationRefused)
	if r.Sent != int64(len(all)-len(bad)) || !strings.Contains(err.Error(), has) || !strings.HasSuffix(err.Error(), "; nor 6 others.") {
		t.Errorf("sent %d: %v", r.Sent, err)
	}
	if e := rehome.AsError(err); strings.Contains(e.Message, "\n") {
		t.Errorf("message %q", e.Message)
	}
}

// TestUploadRefusesAll: a server that takes nothing is not asked for every object.
func TestUploadRefusesAll(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	answer := refusing(422, "no", isPut)
	w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		if isPut(r) {
			n.Add(1)
		}
		return answer(out, r)
	})
	var all []lfs.Object
	for i := range 500 {
		all = append(all, w.keep(fmt.Sprint(i)))
	}
	_, err := w.send(all...)
	wantCode(t, err, rehome.DestinationRefused)
	if n.Load() > maxRefused+2*defaultWorkers {
		t.Errorf("%d uploads", n.Load())
	}
}

// TestUploadStaleLinks: links that have run out before they are used are asked for anew, at once.
func TestUploadStaleLinks(t *testing.T) {
	t.Parallel()
	for name, expiry := range map[string]map[string]any{
		"in":       {"expires_in": 60},
		"at":       {"expires_at": time.Now().Add(time.Minute).UTC().Format(time.RFC3339)},
		"for good": {"expires_in": 1 << 60},
		"nonsense": {"expires_in": "x", "expires_at": 7},
		"past":     {"expires_in": -7},
	} {
		var w *world
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			return linked(out, r, func(oid string) map[string]any {
				one := map[string]any{"href": w.url + "/r.git/info/lfs/objects/" + oid}
				for k, v := range expiry {
					one[k] = v
				}
				return map[string]any{"actions": map[string]any{"upload": one}}
			})
		})
		o := w.keep("one")
		u := newUpload(w.o)
		var n atomic.Int64
		u.now = func() time.Time { return time.Now().Add(time.Duration(n.Add(1)-1) * time.Hour) }
		if _, err := u.run(t.Context(), []lfs.Object{o}); err != nil || !w.Has(o) {
			t.Errorf("%s: %v", name, err)
		}
		want := 1
		if name == "in" || name == "at" || name == "past" {
			want = 2
		}
		if got := len(slices.DeleteFunc(w.auth, func(s string) bool { return !strings.Contains(s, "/batch") })); got != want {
			t.Errorf("%s: %d batches, want %d", name, got, want)
		}
	}
}

// TestGrant goes with a source's batches, too, and one that is refused can be told from other credentials.
func TestGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		if isBatch(r) && r.Header.Get("Authorization") != "Grant good" {
			out.WriteHeader(http.StatusUnauthorized)
			return true
		}
		if !isBatch(r) && r.Header.Get("Authorization") != "" {
			t.Errorf("%s with %v", r.URL, r.Header)
		}
		return false
	})
	o := w.Add("one")
	w.o.Header = http.Header{"Authorization": {"Grant good"}}
	w.must(o)
	w.o.Header.Set("Authorization", "Grant canary")
	_, err := Check(t.Context(), w.o, []lfs.Object{o})
	wantCode(t, err, rehome.DestinationRefused)
	if !errors.Is(err, ErrGrant) || strings.Contains(fmt.Sprint(err, errors.Unwrap(err)), "canary") {
		t.Errorf("got %v", err)
	}
	_, err = Download(t.Context(), w.o, []lfs.Object{{OID: lfs.OID{1}, Size: 1}})
	wantCode(t, err, rehome.CredentialsRefused)
}

// TestUploadCancelled ends at once.
func TestUploadCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if isPut(r) {
			cancel()
			<-over
		}
		return isPut(r)
	})
	_, err := Upload(ctx, w.o, []lfs.Object{w.keep(text(32 << 20)), w.keep("two")})
	close(over)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestCheck: an object that is not said to be there as it should be is missing; a server that says nothing of use is
// an error.
func TestCheck(t *testing.T) {
	t.Parallel()
	var w *world
	link := func(oid string) map[string]any { return download1("http://h/"+oid, nil) }
	for name, c := range map[string]struct {
		link    func(oid string) map[string]any
		missing bool
		code    rehome.Code
	}{
		"there":      {link, false, ""},
		"silent":     {func(string) map[string]any { return nil }, true, ""},
		"no link":    {func(string) map[string]any { return map[string]any{} }, true, ""},
		"gone":       {func(string) map[string]any { return map[string]any{"error": map[string]any{"code": 404}} }, true, ""},
		"only later": {func(string) map[string]any { return map[string]any{"error": map[string]any{"code": 503}} }, false, rehome.DestinationCutOff},
		"forbidden":  {func(string) map[string]any { return map[string]any{"error": map[string]any{"code": 403}} }, false, rehome.DestinationRefused},
		"a file":     {func(string) map[string]any { return download1("file:///etc/passwd", nil) }, true, ""},
		"upload": {func(string) map[string]any {
			return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": "http://h/1"}}}
		}, true, ""},
	} {
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool { return linked(out, r, c.link) })
		o := w.keep("one")
		missing, err := Check(t.Context(), w.o, []lfs.Object{o})
		if c.code == "" && err != nil || c.code != "" && rehome.CodeOf(err) != c.code || c.missing != slices.Contains(missing, o) {
			t.Errorf("%s: missing %v, %v", name, missing, err)
		}
	}
}

// TestGitLFSUploadsAlike: git-lfs asks the honest server of these tests for the same, in the same order.
func TestGitLFSUploadsAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	o := w.keep(text(100_000))
	dir := t.TempDir()
	testenv.Git(t, dir, "init", "-q", "-b", "main")
	if err := os.CopyFS(filepath.Join(dir, ".git", "lfs", "objects"), os.DirFS(filepath.Join(w.dir, "objects"))); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, dir, "remote", "add", "origin", strings.TrimSuffix(w.o.Endpoint.String(), "/info/lfs"))
	testenv.Git(t, dir, "lfs", "push", "--object-id", "origin", o.OID.String())
	asked := slices.DeleteFunc(w.Requests(), func(s string) bool { return strings.Contains(s, "/locks/") })
	if !w.Has(o) {
		t.Fatal("git-lfs did not upload it")
	}
	v := newWorld(t, nil)
	v.o.Store = w.o.Store
	v.mustSend(1, o)
	if ours := v.Requests(); !slices.Equal(ours, asked) {
		t.Errorf("git-lfs asks %q, we ask %q", asked, ours)
	}
}
