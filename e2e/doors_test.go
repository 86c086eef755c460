package e2e

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// visitor goes to pages without a browser around them.
type visitor struct {
	t    *testing.T
	base string
	http.Client
}

func newVisitor(t *testing.T, base string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: base, Client: http.Client{Jar: jar, Timeout: patience}}
}

// page is what a visit is answered with.
func (v *visitor) page(got *http.Response, err error) (int, string) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return got.StatusCode, string(text)
}

var keyOfForm = regexp.MustCompile(`name="form_key" value="([^"]*)"`)

// send sends a form to one page with the key that another has.
func (v *visitor) send(from, to string, form url.Values) (int, string) {
	v.t.Helper()
	_, page := v.page(v.Get(v.base + from)) //nolint:bodyclose // page closes it
	key := keyOfForm.FindStringSubmatch(page)
	if key == nil {
		v.t.Fatalf("%s has no form: %s", from, page)
	}
	form.Set("form_key", key[1])
	return v.page(v.PostForm(v.base+to, form)) //nolint:bodyclose // as above
}

// TestBothDoors takes the API and the pages of one server: guesses count at both together, what is asked of one is not counted at the other,
// pages are logged and measured by their routes, and the command line ends what a token made there.
func TestBothDoors(t *testing.T) {
	s := testServer(t, "--log-requests", "--rate-limit", "40")
	token := tokenOf(t, s, "ada")
	v := newVisitor(t, s.base)
	if code, page := v.send("/-/sign-in", "/-/sign-in", url.Values{"token": {token}, "next": {"/-/tokens"}}); code != 200 || !strings.Contains(page, "New token") {
		t.Fatalf("signing in: %d %s", code, page)
	}
	code, page := v.send("/-/tokens", "/-/tokens", url.Values{"scope": {"repo"}, "note": {"for CI"}})
	made := regexp.MustCompile(`rht_[a-z0-9]{32}`).FindString(page)
	if a, err := call(s.base, made, "GET", "/user", "", nil); code != 200 || err != nil || a.code != 200 {
		t.Fatalf("a token made on the page: %d, %d %v", code, a.code, err)
	}
	for range 50 {
		if code, _ = v.page(v.Get(s.base + "/ada/nothing/import")); code == http.StatusTooManyRequests { //nolint:bodyclose // page closes it
			break
		}
	}
	if a, err := call(s.base, token, "GET", "/user", "", nil); code != http.StatusTooManyRequests || err != nil || a.code != 200 || a.header.Get("X-RateLimit-Used") != "1" {
		t.Errorf("too many pages: %d; the API then: %d, %v used, %v", code, a.code, a.header.Values("X-RateLimit-Used"), err)
	}
	metrics, err := call(s.base, "", "GET", "/metrics", "", nil)
	if want := `{code="404",method="GET",route="page GET /{owner}/{repo}/import"}`; err != nil || !strings.Contains(string(metrics.body), want) {
		t.Errorf("the metrics lack %s: %v", want, err)
	}
	guesser := newVisitor(t, s.base)
	for n := range 30 {
		a, err := call(s.base, "rht_guess", "GET", "/user", "", nil)
		if code, _ := guesser.send("/-/sign-in", "/-/sign-in", url.Values{"token": {"rht_guess"}}); code != 422 || err != nil || a.code != 401 {
			t.Fatalf("guess %d: %d and %d, %v", n, code, a.code, err)
		}
	}
	a, err := call(s.base, "rht_guess", "GET", "/user", "", nil)
	if code, _ := guesser.send("/-/sign-in", "/-/sign-in", url.Values{"token": {"rht_guess"}}); code != 429 || err != nil || a.code != 403 {
		t.Errorf("after 60 guesses, half of them at each door: %d and %d, %v", code, a.code, err)
	}
	revokedWithMade(t, s, token, made)
	s.stop(syscall.SIGTERM)
	if want := regexp.MustCompile(`msg=request .*path=/ada/nothing/import status=404 .*user=ada route="page GET /{owner}/{repo}/import"`); !want.MatchString(s.said.String()) {
		t.Errorf("the log has no line as %s", want)
	}
}

// revokedWithMade ends the first token by the command line, and with it the one that was made with it.
func revokedWithMade(t *testing.T, s *server, token, made string) {
	t.Helper()
	do := func(args ...string) string {
		cmd := exec.Command(program, append([]string{"token"}, append(args, "--data", "data")...)...)
		cmd.Dir, cmd.Env = s.cmd.Dir, s.cmd.Env
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if list := do("list"); !regexp.MustCompile(`3 +ada .*active +\S+ +2 +for CI\n`).MatchString(list) {
		t.Errorf("the list does not say what token 3 is for, and that 2 made it:\n%s", list)
	}
	if said := do("revoke", "2"); said != "token 2 is revoked\n1 made with it still work; --with-made revokes them, too\n" {
		t.Errorf("it says %q", said)
	}
	if a, err := call(s.base, made, "GET", "/user", "", nil); err != nil || a.code != 200 {
		t.Errorf("the token made with it: %d, %v", a.code, err)
	}
	if said := do("revoke", "--with-made", "2"); said != "token 2 is revoked\n1 made with it are revoked\n" {
		t.Errorf("it says %q", said)
	}
	for _, gone := range []string{token, made} {
		if a, err := call(s.base, gone, "GET", "/user", "", nil); err != nil || a.code != 401 && a.code != 403 {
			t.Errorf("a revoked token: %d, %v", a.code, err)
		}
	}
}
