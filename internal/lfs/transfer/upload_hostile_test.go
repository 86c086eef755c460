package transfer

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestUploadLies has servers that say yes too soon, for ever, or too slowly.
func TestUploadLies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   rehome.Code
	}{
		"yes too soon": {func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(200) }, rehome.DestinationCutOff},
		"endless yes": {func(out http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) //nolint:errcheck // as much as there is
			for r.Context().Err() == nil {
				if _, err := out.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, ""},
		"takes nothing": {nil, rehome.DestinationCutOff},
		"redirects for ever": {func(out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, rehome.DestinationRefused},
		"redirects to a file": {func(out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, "file:///etc/passwd", http.StatusTemporaryRedirect)
		}, rehome.DestinationRefused},
		"says no at length": {func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "application/xml")
			out.WriteHeader(400)
			io.WriteString(out, strings.Repeat("<Error><Message>canary", 1<<18))
		}, rehome.DestinationRefused},
	} {
		over := make(chan struct{}) // a handler does not see that its client leaves before it has read the body
		if c.answer == nil {
			c.answer = func(http.ResponseWriter, *http.Request) { <-over }
		}
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isPut(r) {
				c.answer(out, r)
			}
			return isPut(r) || linked(out, r, func(oid string) map[string]any {
				return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": "http://" + r.Host + "/" + oid}}}
			})
		})
		u := newUpload(w.o)
		u.bounds = bounds{batch: 20 * time.Second, step: 300 * time.Millisecond}
		_, err := u.run(t.Context(), []lfs.Object{w.keep(text(32 << 20))})
		close(over)
		if c.want == "" && err != nil || c.want != "" && rehome.CodeOf(err) != c.want {
			t.Errorf("%s: %v (%s)", name, err, rehome.CodeOf(err))
		}
	}
}

// TestUploadDamaged: an object that is not what it should be in the store never goes out whole.
func TestUploadDamaged(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"other bytes": func(path string) error { return os.WriteFile(path, []byte(strings.ToUpper(text(100_000))), 0o666) },
		"cut":         func(path string) error { return os.Truncate(path, 50_000) },
		"gone":        os.Remove,
	} {
		w := newWorld(t, nil)
		o := w.keep(text(100_000))
		hex := o.OID.String()
		path := filepath.Join(w.dir, "objects", hex[:2], hex[2:4], hex)
		if err := os.Chmod(path, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		_, err := w.send(o)
		var wrong *lfs.MismatchError
		if !errors.As(err, &wrong) && !errors.Is(err, os.ErrNotExist) || w.Has(o) || len(w.slept) > 0 {
			t.Errorf("%s: %v; slept %v", name, err, w.slept)
		}
	}
}

// TestUploadCredentialsStay: they go to the endpoint's origin only, and a grant to the endpoint only.
func TestUploadCredentialsStay(t *testing.T) {
	t.Parallel()
	var honest testenv.LFS
	stranger := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization")+r.Header.Get("X-Grant") != "" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
		honest.ServeHTTP(out, r)
		return true
	})
	for name, before := range map[string]func(w *world, out http.ResponseWriter, r *http.Request) bool{
		"link": func(_ *world, out http.ResponseWriter, r *http.Request) bool {
			return linked(out, r, func(oid string) map[string]any {
				return map[string]any{"actions": map[string]any{
					"upload": map[string]any{"href": stranger.url + "/x/objects/" + oid},
					"verify": map[string]any{"href": stranger.url + "/x/objects/verify"},
				}}
			})
		},
		"redirect": func(w *world, out http.ResponseWriter, r *http.Request) bool {
			if !isBatch(r) {
				http.Redirect(out, r, stranger.url+r.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
			return linked(out, r, func(oid string) map[string]any {
				secret := map[string]string{"Authorization": "Secret canary", "Cookie": "canary"}
				return map[string]any{"actions": map[string]any{
					"upload": map[string]any{"href": w.url + "/x/objects/" + oid, "header": secret},
					"verify": map[string]any{"href": w.url + "/x/objects/verify", "header": secret},
				}}
			})
		},
		"redirected batch": func(_ *world, out http.ResponseWriter, r *http.Request) bool {
			http.Redirect(out, r, stranger.url+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		},
	} {
		for _, granted := range []bool{false, true} {
			var w *world
			w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
				if isBatch(r) && granted != (r.Header.Get("X-Grant") == "yes" && r.Header.Get("Authorization") == "Grant canary") {
					t.Errorf("%s: batch with %v", name, r.Header)
				}
				return before(w, out, r)
			})
			w.o.Username, w.o.Password = "ada", "canary"
			if granted {
				var err error
				w.o.Header, err = egress.ForeignHeader(map[string]string{"authorization": "Grant canary", "X-Grant": "yes", "Host": "evil", "Content-Length": "1", "Accept": "*/*"})
				if err != nil {
					t.Fatal(err)
				}
			}
			o := w.keep(fmt.Sprint(name, granted))
			if _, err := w.send(o); err != nil || !honest.Has(o) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestUploadForbidden: storage that policy blocks, and a server that nobody answers for.
func TestUploadForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
		return linked(out, r, func(string) map[string]any {
			return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": "http://169.254.169.254/latest"}}}
		})
	})
	o := w.keep("one")
	_, err := w.send(o)
	wantCode(t, err, rehome.BlockedByPolicy)
	w.o.Endpoint.Host = "127.0.0.1:1"
	_, err = w.send(o)
	wantCode(t, err, rehome.DestinationCutOff)
	if !strings.HasPrefix(err.Error(), "The destination's Git LFS server 127.0.0.1:1 cannot be reached") {
		t.Errorf("got %v", err)
	}
	if _, err = Check(t.Context(), w.o, []lfs.Object{o}); rehome.CodeOf(err) != rehome.DestinationCutOff {
		t.Errorf("check: %v", err)
	}
}

// TestServersThatRepeatSecrets: no error has what a server was sent to sign in, however the server says it.
func TestServersThatRepeatSecrets(t *testing.T) {
	t.Parallel()
	batch := func(echo func(r *http.Request) string) func(http.ResponseWriter, *http.Request) bool {
		return func(out http.ResponseWriter, r *http.Request) bool {
			out.Header().Set("Content-Type", "text/plain")
			out.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(out, echo(r)) //nolint:errcheck // a test's server
			return true
		}
	}
	object := func(out http.ResponseWriter, r *http.Request) bool {
		said := strings.Repeat("long words ", 26) + "password canary-canary" // where it would be cut
		return linked(out, r, func(string) map[string]any {
			return map[string]any{"error": map[string]any{"code": 422, "message": said}}
		})
	}
	put := func(out http.ResponseWriter, r *http.Request) bool {
		if isPut(r) {
			return batch(func(r *http.Request) string { return r.Header.Get("Authorization") })(out, r)
		}
		return linked(out, r, func(oid string) map[string]any {
			secret := map[string]string{"Authorization": "Bearer canary-canary"}
			return map[string]any{"actions": map[string]any{"upload": map[string]any{"href": "http://" + r.Host + "/" + oid, "header": secret}}}
		})
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		grant  http.Header
	}{
		"password": {batch(func(r *http.Request) string { _, p, _ := r.BasicAuth(); return "wrong: " + p }), nil},
		"header":   {batch(func(r *http.Request) string { return "wrong: " + r.Header.Get("Authorization") }), nil},
		"grant":    {batch(func(r *http.Request) string { return "wrong: " + r.Header.Get("X-Grant") }), http.Header{"X-Grant": {"RemoteAuth canary-canary"}}},
		"object":   {object, nil},
		"link":     {put, nil},
	} {
		w := newWorld(t, c.answer)
		w.o.Header, w.o.Username, w.o.Password = c.grant, "me", "canary-canary"
		if c.grant != nil {
			w.o.Username, w.o.Password = "", ""
		}
		_, err := w.send(w.keep("an object"))
		if rehome.CodeOf(err) != rehome.DestinationRefused {
			t.Errorf("%s: %v", name, err)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if said := fmt.Sprintf("%v %+v", err, err); strings.Contains(said, "canary") || strings.Contains(said, "Y2FuYXJ5") {
				t.Errorf("%s: %s", name, said)
			}
		}
	}
}
