package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// badBodies are what people and programs send by mistake, and worse.
func badBodies() map[string]string {
	many := strings.Builder{}
	for i := range 20_000 {
		fmt.Fprintf(&many, `"k%d":%d,`, i, i)
	}
	return map[string]string{
		"nothing": "", "null": "null", "empty object": "{}", "cut off": `{"vcs_url": "x`, "two values": "{} {}", "a form": "vcs_url=x&use_lfs=opt_in",
		"array": "[]", "string": `"x"`, "number": "1e400", "boolean": "true", "deep arrays": strings.Repeat("[", 200_000),
		"deep objects": strings.Repeat(`{"a":`, 200_000), "deep and whole": strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"deep value": `{"vcs_url":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}",
		"huge":       `{"vcs_url":"` + strings.Repeat("x", 11<<20) + `"}`, "large": `{"vcs_url":"https://old.example/` + strings.Repeat("x", 900<<10) + `"}`,
		"many keys": "{" + many.String() + `"z":1}`, "not UTF-8": "{\"vcs_url\": \"\xff\xfe\"}", "UTF-16": "{\x00}\x00", "byte order mark": "\xef\xbb\xbf{}",
		"lone surrogate": `{"vcs_url":"\ud800","name":"\udc00","use_lfs":"\ud800"}`, "NUL": `{"vcs_url":"a\u0000b","name":"a\u0000b","email":"\u0000"}`,
		"numbers":     `{"vcs_url":1,"vcs":2,"use_lfs":3,"name":4,"email":5,"private":6,"hold":7,"match":8,"config":9,"events":10,"url":11,"prune":12,"refs":13,"default_branch":14,"sync_interval":1e400,"verify":16,"ssh_key":17,"visibility":18}`,
		"arrays":      `{"vcs_url":[],"vcs":[],"use_lfs":[],"name":[],"email":[],"private":[],"hold":[],"match":[[]],"config":[],"events":[[]],"url":[],"refs":[[]],"sync_interval":[],"ssh_key":[]}`,
		"objects":     `{"vcs_url":{},"vcs":{},"use_lfs":{},"name":{},"email":{},"private":{},"hold":{},"match":{},"config":{"url":{}},"events":{},"url":{},"refs":{},"sync_interval":{},"ssh_key":{}}`,
		"booleans":    `{"vcs_url":true,"vcs":true,"use_lfs":true,"name":true,"email":true,"hold":"true","match":true,"config":true,"events":true}`,
		"big numbers": `{"vcs_url":1e999,"use_lfs":-1e999,"name":123456789012345678901234567890}`,
		"other case":  `{"VCS_URL":"https://old.example/p","Use_LFS":"opt_in"}`,
		"twice":       `{"vcs_url":"https://old.example/a","vcs_url":7,"use_lfs":"opt_in","use_lfs":"nonsense","name":"a","name":7}`,
		"empty keys":  `{"":"","\u0000":1}`, "control characters": "{\"vcs_url\": \"a\nb\"}", "comment": "{} // x", "HTML": "<html></html>", "escape": `{"vcs_url":"\x"}`,
	}
}

// checkShape holds any answer against GitHub's shapes: errors are objects with a message, and no answer is ours to be
// ashamed of.
func checkShape(t *testing.T, name string, r response) {
	t.Helper()
	if r.StatusCode >= 500 || r.StatusCode == 202 || r.Header.Get("X-GitHub-Request-Id") == "" {
		t.Errorf("%s: status %d, headers %v: %.300s", name, r.StatusCode, r.Header, r.body)
	}
	if r.StatusCode < 400 {
		return
	}
	var o struct {
		Message, Status  string
		DocumentationURL string `json:"documentation_url"`
		Errors           []struct{ Resource, Field, Code, Message string }
	}
	if err := json.Unmarshal(r.body, &o); err != nil || o.Message == "" || o.DocumentationURL == "" || o.Status != fmt.Sprint(r.StatusCode) {
		t.Errorf("%s: %.300s is no error object: %v", name, r.body, err)
	}
	for _, fault := range o.Errors {
		if fault.Code == "" || r.StatusCode != 422 {
			t.Errorf("%s: %.300s", name, r.body)
		}
	}
	if len(r.body) > 64<<10 || strings.Contains(string(r.body), "goroutine") || strings.Contains(string(r.body), ".go:") {
		t.Errorf("%s: an answer of %d bytes: %.300s", name, len(r.body), r.body)
	}
}

// TestBadBodies sends each body to each call that takes one, as each content type.
func TestBadBodies(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits = auth.NewLimiter(1<<30, time.Now) })
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	author := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)[0]["id"]
	for _, c := range []struct{ method, path string }{
		{"PUT", at},
		{"PATCH", at},
		{"PATCH", at + "/lfs"},
		{"PATCH", fmt.Sprintf("%s/authors/%v", at, author)},
		{"PUT", at + "/authors"},
		{"POST", at + "/approve"},
		{"PUT", at + "/destination"},
		{"POST", "/user/repos"},
		{"PATCH", "/repos/octocat/socm"},
		{"POST", "/repos/octocat/socm/hooks"},
		{"DELETE", at + "/authors"},
		{"GET", at},
	} {
		for name, body := range badBodies() {
			for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "text/plain", "", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ";;;"} {
				if len(body) > 100_000 && kind != "application/json" {
					continue
				}
				r := s.do(t, request{method: c.method, path: c.path, token: token, body: body, headers: []string{"Content-Type", kind}})
				checkShape(t, fmt.Sprintf("%s %s, %s as %q", c.method, c.path, name, kind), r)
			}
		}
	}
	if o := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t); o["vcs_url"] != from {
		t.Errorf("the import is now %v", o)
	}
	if log := s.log.String(); strings.Contains(log, "panic") {
		t.Errorf("something panicked: %.2000s", log)
	}
}

// TestBadPathsAndQueries asks for what cannot be.
func TestBadPathsAndQueries(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	from, _ := serveSource(t, testenv.Options{})
	var authors []any
	for _, name := range []string{"one", "two"} {
		s.create(t, token, name, "")
		s.want(t, 201, request{method: "PUT", path: "/repos/octocat/" + name + "/import", token: token, body: `{"vcs_url": "` + from + `"}`})
		s.work(t)
		authors = append(authors, s.want(t, 200, request{method: "GET", path: "/repos/octocat/" + name + "/import/authors", token: token}).list(t)[0]["id"])
	}
	const at = "/repos/octocat/one/import"
	s.want(t, 200, request{method: "PATCH", path: fmt.Sprintf("%s/authors/%v", at, authors[0]), token: token, body: `{"name": "A"}`})
	s.want(t, 404, request{method: "PATCH", path: fmt.Sprintf("%s/authors/%v", at, authors[1]), token: token, body: `{"name": "A"}`})
	own := fmt.Sprint(authors[0])
	for _, id := range []string{"0" + own, "+" + own, "%2B" + own, "0", "-1", "1.5", "1e1", "x", "%00", "99999999999999999999", " 1", "%31%00", "1%2F2", "..", "%2e%2e"} {
		checkShape(t, "author "+id, s.want(t, 404, request{method: "PATCH", path: at + "/authors/" + strings.ReplaceAll(id, " ", "%20"), token: token, body: `{"name": "A"}`}))
	}
	for _, path := range []string{
		"/repos/octocat/%00/import", "/repos/octocat%2Fone/import", "/repos/octocat/one%2Fimport", "/repos/octocat/one/import%00", "/repos/octocat/../octocat/one/import",
		"/repos/octocat/%2e%2e/import", "/repos//one/import", "/repos/octocat/one//import", "/repos/octocat/one/import/", "/repos/octo%ff/one/import",
		"/repositories/0/import", "/repositories/-1/import", "/repositories/1x/import", "/repositories/%31%00/import", "/repositories/9223372036854775808/import",
		"/api/v3", "/api/v3//user", "/api/v3/api/v3/user", "/api/v4/user", "/" + strings.Repeat("a/", 3000), "/repos/" + strings.Repeat("a", 10_000) + "/x/import",
	} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST", "PROPFIND"} {
			checkShape(t, method+" "+path, s.want(t, 404, request{method: method, path: path, token: token, body: "{}"}))
		}
	}
	for _, query := range []string{"since=-1", "since=x", "since=1.5", "since=99999999999999999999", "since=%00", "since=+"} {
		checkShape(t, query, s.want(t, 422, request{method: "GET", path: at + "/authors?" + query, token: token}))
	}
	for _, query := range []string{"since=", "since=0", "since=9223372036854775807", "page=1", "%zz", "since=1&since=x", ";", "a&&b=%ff"} {
		checkShape(t, query, s.want(t, 200, request{method: "GET", path: at + "/authors?" + query, token: token}))
	}
	for _, query := range []string{"page=0", "page=-1", "page=x", "page=99999999999999999999", "page=1000000000", "per_page=0", "per_page=-5", "per_page=x", "per_page=1000000", "page=&per_page=", "page=1.5", "page=%00"} {
		for _, path := range []string{at + "/large_files", "/imports", "/repos/octocat/one/hooks"} {
			checkShape(t, path+"?"+query, s.want(t, 200, request{method: "GET", path: path + "?" + query, token: token}))
		}
	}
}

// raw sends bytes as they are and returns the answer's first line and the rest.
func (s *testServer) raw(t *testing.T, text string) (status, rest string) {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // a read would say so
	go func() {                                     // ends with the connection
		io.WriteString(c, text)               //nolint:errcheck // the server may have had enough
		if !strings.HasPrefix(text, "GET ") { // net/http takes the end of what is sent for a client that leaves
			c.(*net.TCPConn).CloseWrite() //nolint:errcheck // the answer would say so
		}
	}()
	in := bufio.NewReader(c)
	status, err = in.ReadString('\n')
	if err != nil {
		t.Fatalf("%.80q: %v", text, err)
	}
	all, _ := io.ReadAll(in)
	return status, string(all)
}

// TestLyingRequests breaks HTTP itself.
func TestLyingRequests(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	head := "PUT /repos/octocat/socm/import HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: token " + token + "\r\n"
	for name, c := range map[string]struct{ text, want string }{
		"shorter than said":  {head + "Content-Length: 500\r\n\r\n{}", "400"},
		"longer than said":   {head + "Content-Length: 2\r\n\r\n{}{}{}", "422"},
		"two lengths":        {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		"negative length":    {head + "Content-Length: -1\r\n\r\n{}", "400"},
		"length and chunks":  {head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "422"},
		"chunks":             {head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "422"},
		"broken chunks":      {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "400"},
		"cut off chunks":     {head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{}", "400"},
		"unknown encoding":   {head + "Transfer-Encoding: x\r\n\r\n{}", "501"},
		"packed":             {head + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", "400"},
		"huge headers":       {head + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "431"},
		"no host":            {"GET /user HTTP/1.1\r\nConnection: close\r\n\r\n", "400"},
		"old HTTP":           {"GET /user HTTP/1.0\r\nAuthorization: token " + token + "\r\n\r\n", "200"},
		"another host's URL": {"GET http://evil.example/user HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "401"},
		"a URL that is none": {"GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400"},
		"a tunnel":           {"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: close\r\n\r\n", "404"},
		"a star":             {"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "200"},
	} {
		status, rest := s.raw(t, c.text)
		if !strings.Contains(status, " "+c.want+" ") || strings.Contains(rest, "goroutine") {
			t.Errorf("%s: %s%.300s, want %s", name, status, rest, c.want)
		}
	}
	s.want(t, 404, request{method: "GET", path: "/repos/octocat/socm/import", token: token})
}

// TestManyStartsMakeOneImport sends the same PUT from a hundred clients at once.
func TestManyStartsMakeOneImport(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	put := request{method: "PUT", path: "/repos/octocat/socm/import", token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`}
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for range 100 {
		all.Go(func() {
			r := s.do(t, put)
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(r.StatusCode, string(r.body))]++
		})
	}
	all.Wait()
	if len(answers) != 1 || !strings.HasPrefix(anyOf(answers), "201") {
		t.Errorf("answers %v, want the same 201 a hundred times", answers)
	}
	ids, err := s.db.ImportIDs(t.Context())
	if err != nil || len(ids) != 1 {
		t.Errorf("%d imports, %v; want one", len(ids), err)
	}
	s.work(t)
	if o := s.want(t, 200, request{method: "GET", path: put.path, token: token}).object(t); o["status"] != "complete" {
		t.Errorf("import %v", o)
	}
}

func anyOf(m map[string]int) string {
	for key := range m {
		return key
	}
	return ""
}

// TestStorm lets clients start, change, cancel and read the same import while it is worked on.
func TestStorm(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits = auth.NewLimiter(1<<30, time.Now) })
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	put := request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`}
	calls := []request{
		put,
		{method: "PATCH", path: at, token: token},
		{method: "PATCH", path: at, token: token, body: `{"vcs_username": "u", "vcs_password": "p"}`},
		{method: "PATCH", path: at + "/lfs", token: token, body: `{"use_lfs": "opt_out"}`},
		{method: "PATCH", path: at + "/authors/1", token: token, body: `{"name": "x"}`},
		{method: "PUT", path: at + "/authors", token: token, body: "New <new@new.example> <ada@example.com>"},
		{method: "DELETE", path: at, token: token},
		{method: "POST", path: at + "/finish", token: token},
		{method: "GET", path: at, token: token},
		{method: "GET", path: at + "/commit_map", token: token},
		{method: "GET", path: at + "/receipt", token: token},
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 40 {
				r := s.do(t, calls[(n*7+i*3)%len(calls)])
				if r.StatusCode >= http.StatusInternalServerError {
					t.Errorf("%s %s: %d %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.body)
				}
			}
		})
	}
	all.Go(func() {
		for range 20 {
			s.work(t)
		}
	})
	all.Wait()
	s.want(t, 201, put)
	s.work(t)
	if o := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t); o["status"] != "complete" {
		t.Errorf("in the end: %v", o)
	}
	if log := s.log.String(); strings.Contains(log, "panic") {
		t.Errorf("something panicked: %s", log)
	}
}
