package transfer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestGitLFSAgrees: the honest server of these tests is one for git-lfs, too, and both bring the same bytes.
func TestGitLFSAgrees(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	o := w.Add(text(100_000))
	dir := t.TempDir()
	testenv.Git(t, dir, "init", "-q", "-b", "main")
	if err := os.WriteFile(filepath.Join(dir, "a.bin"), lfs.AppendPointer(nil, o), 0o666); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, dir, "add", "a.bin")
	testenv.Git(t, dir, "commit", "-q", "-m", "a pointer")
	testenv.Git(t, dir, "-c", "lfs.url="+w.o.Endpoint.String(), "lfs", "fetch", "--all")
	hex := o.OID.String()
	theirs, err := os.ReadFile(filepath.Join(dir, ".git", "lfs", "objects", hex[:2], hex[2:4], hex))
	if err != nil {
		t.Fatal(err)
	}
	asked := w.Requests()
	w.must(o)
	if read(t, w.store, o) != string(theirs) {
		t.Error("other bytes")
	}
	if ours := w.Requests()[len(asked):]; !slices.Equal(ours, asked) {
		t.Errorf("git-lfs asks %q, we ask %q", asked, ours)
	}
}

// TestHeaders: what a server wants to have sent is sent, but for headers that are not its to decide on, and it
// cannot write a second request into the first.
func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header map[string]string
		want   bool
	}{
		"good":      {map[string]string{"Authorization": "RemoteAuth x", "x-amz-date": "20260101T000000Z"}, true},
		"ours":      {map[string]string{"Host": "canary", "connection": "canary", "TE": "canary", "Transfer-Encoding": "canary", "Content-Length": "7", "Range": "bytes=1-canary", "accept-encoding": "canary", "Metadata-Flavor": "canary", "X-aws-ec2-metadata-token": "canary", "Proxy-Authorization": "canary", "upgrade": "canary"}, true},
		"line feed": {map[string]string{"X-A": "a\r\nCanary: b"}, false},
		"zero":      {map[string]string{"X-A": "a\x00canary"}, false},
		"name":      {map[string]string{"X-A: b\r\nCanary": "a"}, false},
		"no name":   {map[string]string{"": "canary"}, false},
		"space":     {map[string]string{"X A": "canary"}, false},
	} {
		var w *world
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if !isBatch(r) {
				if all := strings.ToLower(fmt.Sprint(r.Header, r.Host, r.TransferEncoding)); strings.Contains(all, "canary") {
					t.Errorf("%s: %s", name, all)
				}
				if want := c.header["Authorization"]; r.Header.Get("Authorization") != want {
					t.Errorf("%s: authorization %q", name, r.Header.Get("Authorization"))
				}
			}
			return linked(out, r, func(oid string) map[string]any {
				return download1(w.url+"/r.git/info/lfs/objects/"+oid, c.header)
			})
		})
		r, err := w.fetch(w.Add("one"))
		if err != nil || len(r.Missing) == 0 != c.want {
			t.Errorf("%s: missing %v, why %v, %v", name, r.Missing, r.Why, err)
		}
	}
}

// TestLinks has links that lead to nothing that may be asked. The canary listens at one.
func TestLinks(t *testing.T) {
	t.Parallel()
	canary := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("reached by %s", r.URL) }))
	defer canary.Close()
	port := canary.URL[strings.LastIndexByte(canary.URL, ':'):]
	rule, err := egress.ParseRule("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	name, err := egress.ParseRule("localhost")
	if err != nil {
		t.Fatal(err)
	}
	for _, href := range []string{
		"", "objects/1", "//h/1", "file:///etc/passwd", "ssh://h/1", "ftp://h/1", "javascript:1", "http://", "http:///1", "http://u:p@h/1",
		"http://h/\r\nHost: x", "http://h\x00/", "http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://2852039166/",
		"http://localhost" + port, "http://127.0.0.2" + port, "http://2130706433" + port, "http://0x7f.1" + port, "http://[::ffff:7f00:2]" + port,
	} {
		for _, redirected := range []bool{false, true} {
			w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
				if redirected && !isBatch(r) {
					out.Header()["Location"] = []string{strings.Map(func(c rune) rune { return max(c, ' ') }, href)}
					out.WriteHeader(http.StatusFound)
					return true
				}
				return !redirected && linked(out, r, func(string) map[string]any { return download1(href, nil) })
			})
			w.o.Client = newClient(t, egress.Policy{Allow: []egress.Rule{rule}, Block: []egress.Rule{name}})
			r, err := w.fetch(w.Add("one"))
			if redirected && err != nil && rehome.CodeOf(err) == rehome.Unreachable {
				continue // where to is no address, which is as good
			}
			if err != nil || len(r.Missing) != 1 || r.Why == nil {
				t.Errorf("%q, redirected %v: missing %v, why %v, %v", href, redirected, r.Missing, r.Why, err)
			}
		}
	}
}

// TestCredentialsStay: they go to the endpoint's origin, and not where links or redirects lead.
func TestCredentialsStay(t *testing.T) {
	t.Parallel()
	var honest testenv.LFS
	o := honest.Add("one")
	stranger := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
		}
		if strings.HasPrefix(r.URL.Path, "/closed/") {
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		honest.ServeHTTP(out, r)
	}))
	defer stranger.Close()
	for name, c := range map[string]struct {
		before func(w *world) func(http.ResponseWriter, *http.Request) bool
		code   rehome.Code
	}{
		"at home": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return func(http.ResponseWriter, *http.Request) bool { return false }
		}, ""},
		"link": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return func(out http.ResponseWriter, r *http.Request) bool {
				return linked(out, r, func(oid string) map[string]any { return download1(stranger.URL+"/x/objects/"+oid, nil) })
			}
		}, ""},
		"redirected batch": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return func(out http.ResponseWriter, r *http.Request) bool {
				http.Redirect(out, r, stranger.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
		}, ""},
		"redirected object": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return func(out http.ResponseWriter, r *http.Request) bool {
				if !isBatch(r) {
					http.Redirect(out, r, stranger.URL+r.URL.Path, http.StatusFound)
				}
				return !isBatch(r)
			}
		}, ""},
		"redirected to closed": {func(*world) func(http.ResponseWriter, *http.Request) bool {
			return func(out http.ResponseWriter, r *http.Request) bool {
				http.Redirect(out, r, stranger.URL+"/closed/objects/batch", http.StatusPermanentRedirect)
				return true
			}
		}, rehome.CredentialsWanted},
	} {
		var w *world
		var before func(http.ResponseWriter, *http.Request) bool
		var once sync.Once
		w = newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			once.Do(func() { before = c.before(w) })
			return before(out, r)
		})
		w.Add("one")
		w.o.Username, w.o.Password = "ada", "canary"
		r, err := w.fetch(o)
		if rehome.CodeOf(err) != c.code && err != nil || err == nil && (len(r.Missing) > 0 || c.code != "") {
			t.Errorf("%s: %v, missing %v, why %v", name, err, r.Missing, r.Why)
		}
		for _, a := range w.auth {
			if !strings.HasSuffix(a, " Basic YWRhOmNhbmFyeQ==") {
				t.Errorf("%s: signs in with %q", name, a)
			}
		}
	}
}

// TestCredentials: 401 and 403 of the source's own server are about credentials, those of another are not.
func TestCredentials(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		for _, atBatch := range []bool{true, false} {
			for _, c := range []struct {
				user    string
				foreign bool
				code    rehome.Code
			}{
				{"", false, rehome.CredentialsWanted},
				{"ada", false, rehome.CredentialsRefused},
				{"", true, ""},
			} {
				w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
					if isBatch(r) == atBatch {
						answerJSON(out, status, map[string]any{"message": "go\taway"})
					}
					return isBatch(r) == atBatch
				})
				w.o.Username, w.o.Foreign = c.user, c.foreign
				r, err := w.fetch(w.Add("one"))
				if c.code == "" && (err != nil || len(r.Missing) != 1) || c.code != "" && (err == nil || rehome.CodeOf(err) != c.code) {
					t.Errorf("%d, batch %v, user %q: %v, missing %v", status, atBatch, c.user, err, r.Missing)
				}
				if e := rehome.AsError(err); err != nil && (e.Err == nil || !strings.Contains(e.Err.Error(), `"go away"`) || e.Hint == "") {
					t.Errorf("hint %q, err %v", e.Hint, e.Err)
				}
			}
		}
	}
}

// TestCancelled ends at once, and everything that runs with it.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if isBatch(r) {
			return false
		}
		cancel()
		<-r.Context().Done()
		return true
	})
	if _, err := Download(ctx, w.o, []lfs.Object{w.Add("one"), w.Add("two")}); err == nil || ctx.Err() == nil {
		t.Errorf("got %v", err)
	}
}

// TestNobodyThere: a server that cannot be reached is tried again, a name that is nobody's is not.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	o := w.Add("one")
	w.o.Endpoint.Host = "127.0.0.1:1"
	_, err := w.fetch(o)
	wantCode(t, err, rehome.Unreachable)
	if len(w.slept) != len(waits) {
		t.Errorf("slept %v", w.slept)
	}
}

// TestAlwaysWrong: a server is not asked for long for an object of which it has wrong bytes only, be they too
// many or just others.
func TestAlwaysWrong(t *testing.T) {
	t.Parallel()
	content := text(4 * stepBytes)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"others": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.ToUpper(content)) },
		"too many": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, content)
			w.(http.Flusher).Flush()
			io.WriteString(w, "!")
		},
	} {
		n := 0
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			if isBatch(r) {
				return false
			}
			n++
			answer(out, r)
			return true
		})
		o := w.Add(content)
		r, err := w.fetch(o)
		if err != nil || len(r.Missing) != 1 || r.Why == nil {
			t.Errorf("%s: missing %v, why %v, %v", name, r.Missing, r.Why, err)
		}
		if n != maxWrong || len(w.slept) != maxWrong-1 {
			t.Errorf("%s: %d downloads, slept %v", name, n, w.slept)
		}
	}
}

func BenchmarkDecodeReply(b *testing.B) {
	var asked []lfs.Object
	var text strings.Builder
	text.WriteString(`{"transfer":"basic","objects":[`)
	for i := range batchSize {
		o := lfs.Object{OID: lfs.OID{byte(i)}, Size: int64(i)}
		asked = append(asked, o)
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"oid":"%s","size":%d,"actions":{"download":{"href":"https://h/%s?signature=%s","header":{"Authorization":"Basic x"}}}}`, o.OID, i, o.OID, strings.Repeat("x", 500))
	}
	text.WriteString("]}")
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeReply([]byte(text.String()), asked, question{operation: forDownload}); err != nil {
			b.Fatal(err)
		}
	}
}
