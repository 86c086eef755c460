package egress

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
)

func TestRedirects(t *testing.T) {
	bad, hits := canary(t)
	seen := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "auth="+r.Header.Get("Authorization")) }
	other := serve(t, seen)
	s := httptest.NewServer(nil)
	defer s.Close()
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/same":      "/end",
			"/other":     other.URL + "/end",
			"/name":      strings.Replace(s.URL, "127.0.0.1", "again.example", 1) + "/end",
			"/back":      other.URL + "/back",
			"/forbidden": strings.Replace(bad.URL, "127.0.0.1", "127.0.0.9", 1),
			"/metadata":  "http://169.254.169.254/latest/meta-data",
			"/file":      "file:///etc/passwd",
			"/user":      strings.Replace(s.URL, "http://", "http://u:p@", 1) + "/end",
			"/loop":      "/loop",
		}[r.URL.Path]
		if to == "" {
			seen(w, r)
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	c := newClient(t, Policy{
		Allow: []Rule{mustRule(t, "127.0.0.1")},
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	})
	for _, row := range []struct {
		path, want string
		code       rehome.Code
	}{
		{"/same", "auth=Basic x", ""},
		{"/other", "auth=", ""},
		{"/name", "auth=", ""},
		{"/forbidden", "", rehome.BlockedByPolicy},
		{"/metadata", "", rehome.BlockedByPolicy},
		{"/file", "", rehome.BlockedByPolicy},
		{"/user", "", rehome.BlockedByPolicy},
		{"/loop", "", rehome.Unreachable},
	} {
		_, body, err := get(t, c, s.URL+row.path, "Authorization", "Basic x")
		if body != row.want || (row.code == "") != (err == nil) || (err != nil && rehome.CodeOf(err) != row.code) {
			t.Errorf("%s: %q, %v; want %q, %q", row.path, body, err, row.want, row.code)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the canary was hit %d times", hits.Load())
	}
}

func TestRedirectHopsAreCounted(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := len(r.URL.Path) - 1
		if n == 0 {
			io.WriteString(w, "end")
			return
		}
		http.Redirect(w, r, "/"+strings.Repeat("x", n-1), http.StatusMovedPermanently)
	})
	c := newClient(t, Policy{AllowPrivate: true})
	if _, body, err := get(t, c, s.URL+"/xxxxx"); body != "end" {
		t.Errorf("five hops: %q, %v", body, err)
	}
	if _, _, err := get(t, c, s.URL+"/xxxxxx"); err == nil {
		t.Error("six hops went through")
	}
}

func TestPostIsNotRedirected(t *testing.T) {
	bad, hits := canary(t)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, bad.URL, http.StatusTemporaryRedirect)
	})
	c := newClient(t, Policy{AllowPrivate: true})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("x"))
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || hits.Load() != 0 {
		t.Errorf("status %d, %d hits", resp.StatusCode, hits.Load())
	}
}

func TestSchemeGoesUpwardsOnly(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") })
	var target string
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		io.WriteString(w, "secure"+r.Header.Get("Authorization"))
	}))
	defer secure.Close()
	target = secure.URL
	up := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600)
	c := newClient(t, Policy{AllowPrivate: true, CAFile: ca})
	if _, body, err := get(t, c, up.URL, "Authorization", "Basic x"); body != "secure" {
		t.Errorf("upwards: %q, %v", body, err)
	}
	if _, _, err := get(t, c, secure.URL+"/down"); rehome.CodeOf(err) != rehome.BlockedByPolicy {
		t.Errorf("downwards: %v", err)
	}
	strict := newClient(t, Policy{AllowPrivate: true})
	if _, _, err := get(t, strict, secure.URL); rehome.CodeOf(err) != rehome.Unreachable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("unknown certificate: %v", err)
	}
}

// TestHeadersStayAtTheirOrigin: any header may be one that signs in.
func TestHeadersStayAtTheirOrigin(t *testing.T) {
	tell := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header) }
	other := serve(t, tell)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		default:
			tell(w, r)
		}
	})
	c := newClient(t, Policy{AllowPrivate: true})
	header := []string{"Authorization", "canary", "Private-Token", "canary", "X-Amz-Security-Token", "canary", "Cookie", "a=canary", "Range", "bytes=7-"}
	for path, want := range map[string]int{"/same": 4, "/other": 0} {
		_, body, err := get(t, c, s.URL+path, header...)
		if got := strings.Count(body, "canary"); err != nil || got != want || !strings.Contains(body, "bytes=7-") {
			t.Errorf("%s: %d secrets arrive, want %d: %s, %v", path, got, want, body, err)
		}
	}
}

// Where a request came from is nobody else's business: the path of a private repository stands in it.
func TestRedirectTellsNoReferer(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "from="+r.Referer()) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	if _, body, err := get(t, newClient(t, Policy{AllowPrivate: true}), s.URL+"/private/project.git"); body != "from=" {
		t.Errorf("%q, %v", body, err)
	}
}

// Redirects in every spelling end where they lead, and that is what is judged.
func TestRedirectSpellings(t *testing.T) {
	bad, hits := canary(t)
	_, port, _ := net.SplitHostPort(bad.Listener.Addr().String())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			io.WriteString(w, "auth="+r.Header.Get("Authorization"))
			return
		}
		w.Header()["Location"] = []string{r.URL.Query().Get("to")}
		w.WriteHeader(http.StatusFound)
	})
	_, own, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := newClient(t, Policy{Allow: []Rule{mustRule(t, "127.0.0.2"), mustRule(t, "127.0.0.1")}, Block: []Rule{mustRule(t, "127.0.0.3")}})
	for _, row := range []struct {
		to, want string
		code     rehome.Code
	}{
		{"/end", "auth=Basic x", ""},
		{"end", "auth=Basic x", ""},
		{"../../end", "auth=Basic x", ""},
		{"?to=/end", "auth=Basic x", ""},
		{"//127.0.0.1:" + own + "/end", "auth=Basic x", ""},
		{"//127.0.0.3:" + port + "/", "", rehome.BlockedByPolicy},
		{"//[::ffff:127.0.0.3]:" + port + "/", "", rehome.BlockedByPolicy},
		{"http://127.3:" + port + "/", "", rehome.BlockedByPolicy},
		{"http://[::1%25lo]:" + port + "/", "", rehome.BlockedByPolicy},
		{"http://127.0.0.1:" + own + "@127.0.0.3:" + port + "/", "", rehome.BlockedByPolicy},
		{"//u@127.0.0.1:" + own + "/end", "", rehome.BlockedByPolicy},
		{"ftp:/end", "", rehome.BlockedByPolicy},
		{"http:end", "", rehome.BlockedByPolicy},
		{"http://127.0.0.1:99999/", "", rehome.Unreachable},
		{"http://[::1", "", rehome.Unreachable},
		{"http://127.0.0.1\\@127.0.0.3/", "", rehome.Unreachable},
	} {
		_, body, err := get(t, c, s.URL+"/start?to="+url.QueryEscape(row.to), "Authorization", "Basic x")
		if body != row.want || (row.code == "") != (err == nil) || (err != nil && rehome.CodeOf(err) != row.code) {
			t.Errorf("%s: %q, %v (%s); want %q, %q", row.to, body, err, rehome.CodeOf(err), row.want, row.code)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the canary was hit %d times", hits.Load())
	}
}

// Nothing of an error repeats what a server put into a Location header.
func TestErrorsHoldNoLocation(t *testing.T) {
	for _, to := range []string{"http://u:canary@[::1/", "http://u:canary@h:99999/", "http://u:canary@example.com/", "/loop?token=canary", "http://127.0.0.1:1/?token=canary"} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{to}
			w.WriteHeader(http.StatusFound)
		})
		_, _, err := get(t, newClient(t, Policy{AllowPrivate: true}), s.URL)
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v", to, err)
			}
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://h/a", "https://h:443/b", true},
		{"http://h/a", "http://H.:80/b", true},
		{"http://[::1]/", "http://[::1]:80/", true},
		{"http://h/", "https://h/", false},
		{"http://h:443/", "https://h/", false},
		{"https://h/", "https://h:8443/", false},
		{"https://h/", "https://sub.h/", false},
		{"https://sub.h/", "https://h/", false},
		{"https://h/", "https://h.evil/", false},
	} {
		a, errA := url.Parse(c.a)
		b, errB := url.Parse(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := SameOrigin(a, b); got != c.want {
			t.Errorf("%s and %s: got %v", c.a, c.b, got)
		}
	}
}
