package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var keyOfForms = regexp.MustCompile(`name="form_key" value="([^"]*)"`)

// browse: page CODE METHOD PATH [FORM] asks for a page as a browser does that runs no scripts and in which the administrator has signed in, and
// wants CODE. FORM is as in a URL, and goes with the key of the page at PATH. What redirects lead to is stdout, and where that is stderr.
func browse(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: page CODE METHOD PATH [FORM]")
	}
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	b := browsing{ts.Getenv("API"), &http.Client{Jar: jar}}
	_, _, _, err = b.ask("POST", "/-/sign-in", url.Values{"token": {adminToken}})
	ts.Check(err)
	var form url.Values
	if args[1] == http.MethodPost {
		if len(args) > 3 {
			form, err = url.ParseQuery(args[3])
			ts.Check(err)
		} else {
			form = url.Values{}
		}
		_, _, page, err := b.ask("GET", args[2], nil)
		ts.Check(err)
		if found := keyOfForms.FindStringSubmatch(page); found != nil {
			form.Set("form_key", found[1])
		}
	}
	code, at, page, err := b.ask(args[1], args[2], form)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), page)
	fmt.Fprintln(ts.Stderr(), at)
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s %s: got %d, want %s: %s", args[1], args[2], code, args[0], page)
	}
}

// browsing is a browser at a server.
type browsing struct {
	base   string
	client *http.Client
}

// ask returns what redirects lead to: its status, path and body.
func (b browsing) ask(method, path string, form url.Values) (code int, at, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", "", err
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	got, err := b.client.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return got.StatusCode, got.Request.URL.RequestURI(), string(text), err
}
