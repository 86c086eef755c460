package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/wire"
)

// TestBreach has another site guess a session's key by how long compressed pages are that repeat its guesses (BREACH). With a key that stays the
// right guess is the shortest answer; with the keys that pages have there is nothing to guess.
func TestBreach(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	form := `form_key" value="`
	key := keyIn(t, b.get(t, "/-/tokens").body)
	page := b.get(t, "/?q=@@@").body
	stays := func(guess string) int { // how long the page is if its key stayed
		p := keys.ReplaceAllString(page, `name="form_key" value="`+key+`"`)
		return len(packed([]byte(strings.ReplaceAll(p, "@@@", guess))))
	}
	right, wrong := stays(form+key[:20]), stays(form+"Zq0-x_Y7bNmW3vKpL9sE")
	if right >= wrong {
		t.Fatalf("the attack does not work here: %d bytes for the right guess, %d for a wrong one", right, wrong)
	}
	const window = 7 // characters, 42 bits
	seen := map[string]bool{}
	bare := rehome.Secret(b.cookie)
	for range 50 {
		p := b.get(t, "/?q="+url.QueryEscape(form)).want(t, 200).body
		key := keyIn(t, p)
		if !isFormKey(bare, key) {
			t.Fatal("the key of a page is none")
		}
		for at := 0; at+window <= len(key); at++ {
			if seen[key[at:at+window]] {
				t.Fatalf("%q stands in the keys of two pages", key[at:at+window])
			}
			seen[key[at:at+window]] = true
		}
		if strings.Trim(key, alphabet) != "" {
			t.Errorf("the key %q has to be escaped", key)
		}
	}
}

// keyIn is the key of a page's forms, which all have the same.
func keyIn(t *testing.T, page string) string {
	t.Helper()
	all := keys.FindAllString(page, -1)
	if len(all) == 0 {
		t.Fatal("the page has no form")
	}
	for _, one := range all {
		if one != all[0] {
			t.Errorf("%s and %s on a page", one, all[0])
		}
	}
	_, rest, _ := strings.Cut(all[0], `value="`)
	return strings.TrimSuffix(rest, `"`)
}

// TestFormKeys takes every key of a session, and none of another.
func TestFormKeys(t *testing.T) {
	one, other := rehome.Secret("rhs_one"), rehome.Secret("rhs_other")
	good := formKey(one)
	for given, want := range map[string]bool{
		good: true, formKey(one): true, formKey(other): false, "": false, "x": false, good[:len(good)-1]: false, good + "A": false, good + "=": false,
		strings.Repeat("A", 43): false,
	} {
		if got := isFormKey(one, given); got != want {
			t.Errorf("%q: %t, want %t", given, got, want)
		}
	}
	if formKey("") != "" || !isFormKey("", "") || isFormKey("", good) {
		t.Error("nobody has a key")
	}
}

// TestPagesAreCompressed: what is text, and long enough, where the browser takes it and asks by itself.
func TestPagesAreCompressed(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	for path, kind := range map[string]string{
		"/": "text/html", "/octocat/socm/import/authors": "text/html", "/octocat/socm/import/receipt.json": "application/json", "/-/nothing": "text/html",
	} {
		plain := b.get(t, path, "Accept-Encoding", "identity")
		small := b.get(t, path, "Accept-Encoding", "br, gzip;q=0.5")
		if !strings.HasPrefix(plain.Header.Get("Content-Type"), kind) || plain.Header.Get("Content-Encoding") != "" || plain.ContentLength != int64(len(plain.body)) {
			t.Errorf("%s plain: %v", path, plain.Header)
		}
		if small.Header.Get("Content-Encoding") != "gzip" || small.Header.Get("Vary") != "Accept-Encoding" || small.ContentLength != int64(len(small.body)) {
			t.Errorf("%s by gzip: %v", path, small.Header)
		}
		if got := (answer{small.Response, unpacked(t, small.body)}); got.words() != plain.words() || len(small.body) >= len(plain.body) {
			t.Errorf("%s: by gzip another page, or no shorter: %d of %d bytes", path, len(small.body), len(plain.body))
		}
		if cross := b.get(t, path, "Accept-Encoding", "gzip", "Sec-Fetch-Site", "cross-site"); cross.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed for another site", path)
		}
		if own := b.get(t, path, "Accept-Encoding", "gzip", "Sec-Fetch-Site", "same-origin"); own.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed for this site", path)
		}
		head := b.do(t, "HEAD", path, "", "Accept-Encoding", "identity")
		if head.ContentLength != int64(len(plain.body)) || head.body != "" {
			t.Errorf("HEAD %s: %d bytes, want %d", path, head.ContentLength, len(plain.body))
		}
	}
	if a := b.get(t, "/octocat/socm/import/live", "Accept-Encoding", "gzip"); a.Header.Get("Content-Encoding") != "" {
		t.Error("a stream is compressed")
	}
}

func unpacked(t testing.TB, text string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestTakesGzip(t *testing.T) {
	for given, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip": true, "deflate,gzip;q=1.0, *;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0.001": true,
		"gzip;q=x": false, "identity": false, "notgzip": false, "br": false,
	} {
		if got := takesGzip(&http.Request{Header: http.Header{"Accept-Encoding": {given}}}); got != want {
			t.Errorf("%q: %t, want %t", given, got, want)
		}
	}
}

func TestPackersAreUsedAgain(t *testing.T) {
	for range 3 {
		for _, text := range []string{"", "a", strings.Repeat("rehome ", 10_000)} {
			if got := unpacked(t, string(packed([]byte(text)))); got != text {
				t.Errorf("%d bytes became %d", len(text), len(got))
			}
		}
	}
}

// brittle is a connection that breaks after some bytes.
type brittle struct {
	http.ResponseWriter
	left int
}

func (b *brittle) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *brittle) Write(p []byte) (int, error) {
	n, _ := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; n < len(p) {
		return n, errors.New("it broke")
	}
	return n, nil
}

// TestHalfAPageNeverLooksWhole: whoever gets a part of an answer learns that it is one.
func TestHalfAPageNeverLooksWhole(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		at := wire.Visit{URLs: wire.URLs{Root: "http://" + r.Host}, Client: "127.0.0.1"}
		x.web.ServeHTTP(&brittle{out, 20}, r.WithContext(wire.WithVisit(r.Context(), at)))
	}))
	defer s.Close()
	for _, path := range []string{"/", "/octocat/socm/import/receipt.json", "/octocat/socm/import/authors.mailmap", "/octocat/socm/import/commit-map", assetURL("", "htmx.min.js")} {
		for _, coding := range []string{"gzip", "identity"} {
			r := b.request(t, "GET", path, "", "Accept-Encoding", coding)
			r.URL.Host = strings.TrimPrefix(s.URL, "http://")
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				continue
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Errorf("%s (%s): %d bytes look whole", path, coding, len(got))
			}
		}
	}
}

// TestFilesAreKept: a browser that has a file asks in vain.
func TestFilesAreKept(t *testing.T) {
	x := newWorld(t)
	b := &browser{x: x}
	for _, coding := range []string{"gzip", "identity"} {
		path := assetURL("", "rehome.css")
		first := b.get(t, path, "Accept-Encoding", coding).want(t, 200)
		again := b.get(t, path, "Accept-Encoding", coding, "If-None-Match", first.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || again.body != "" || again.Header.Get("ETag") != first.Header.Get("ETag") || first.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d, %v", coding, again.StatusCode, again.Header)
		}
	}
	if file := assets()["rehome.css"]; bytes.Equal(file.plain, file.small) {
		t.Error("it is not compressed")
	}
}
