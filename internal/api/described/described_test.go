package described

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// small describes an API of little: things that have a name and a size.
const small = `{
  "openapi": "3.1.0",
  "x-rehome-twins": {"/numbered/{id}": "/things/{thing}"},
  "x-rehome-headers": {"X-Id": {"required": true, "schema": {"type": "integer"}}, "Vary": {"schema": {"type": "string"}}},
  "x-rehome-otherwise": {"404": {"$ref": "#/components/responses/NotFound"}},
  "x-rehome-preflight": {"204": {"description": "asked"}},
  "paths": {
    "/things/{thing}": {
      "get": {"operationId": "things/get", "x-rehome-access": "anyone", "responses": {
        "200": {"headers": {"ETag": {"$ref": "#/components/headers/ETag"}}, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
        "304": {"headers": {"ETag": {"$ref": "#/components/headers/ETag"}}}}},
      "put": {"operationId": "things/put", "requestBody": {"required": true, "content": {
          "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}, "text/plain": {"schema": {"type": "string", "pattern": "^name "}}}},
        "responses": {"204": {}, "422": {"$ref": "#/components/responses/NotFound"}}}
    },
    "/things/{thing}/log": {"get": {"operationId": "things/log", "responses": {"200": {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}}}
  },
  "webhooks": {"made": {"post": {
    "parameters": [{"name": "X-GitHub-Event", "in": "header", "required": true, "schema": {"const": "made"}}, {"name": "X-Hook", "in": "header", "required": true, "schema": {"type": "integer"}}],
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}, "application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}}}},
  "components": {
    "headers": {"ETag": {"required": true, "schema": {"type": "string", "pattern": "^\"[a-z]+\"$"}}},
    "responses": {"NotFound": {"content": {"application/json": {"schema": {"type": "object", "required": ["message"]}}}}},
    "schemas": {"Thing": {"type": "object", "required": ["name"], "additionalProperties": false,
      "properties": {"name": {"type": "string"}, "size": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}}}
  }
}`

func parse(t *testing.T) *Description {
	t.Helper()
	d, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// header is made of names and values by turns.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestCheck(t *testing.T) {
	d := parse(t)
	const js = "application/json; charset=utf-8"
	full := header("X-Id", "7", "ETag", `"a"`, "Content-Type", js, "Date", "today")
	put := header("X-Id", "7")
	for _, c := range []struct {
		ask, kind, sent string
		status          int
		header          http.Header
		body            string
		wrong           string // part of what is said; "" for nothing
	}{
		{"GET /things/1", "", "", 200, full, `{"name": "a", "size": 1}`, ""},
		{"GET /api/v3/things/1", "", "", 200, full, `{"name": "a"}`, ""},
		{"GET /numbered/1", "", "", 200, full, `{"name": "a"}`, ""},
		{"HEAD /api/v3/numbered/1", "", "", 200, full, "", ""},
		{"GET /things/1", "", "", 304, header("X-Id", "7", "ETag", `"a"`), "", ""},
		{"GET /things/1", "", "", 304, header("X-Id", "7", "ETag", `"b"`), "", `about "\"b\""`},
		{"GET /things/1", "", "", 200, full, `{"size": 1}`, "name"},
		{"GET /things/1", "", "", 200, full, `{"name": "a", "colour": 1}`, "colour"},
		{"GET /things/1", "", "", 200, full, `{"name": "a", "size": 1.5}`, "size"},
		{"GET /things/1", "", "", 200, full, `{"name": "a", "at": "yesterday"}`, "date-time"},
		{"GET /things/1", "", "", 200, full, `{"name": "a"`, "the body"},
		{"GET /things/1", "", "", 200, full, "", "the body"},
		{"GET /things/1", "", "", 200, full, `{"name": "a"} {}`, "the body"},
		{"GET /things/1", "", "", 200, full, `{"name": "a", "name": "a"}`, `"name" is there twice`},
		{"GET /others/1", "", "", 404, header("X-Id", "7", "Content-Type", js), `{"message": "no", "errors": [1, {"a": 1, "a": {}}]}`, `"a" is there twice`},
		{"GET /things/1", "", "", 202, full, `{"name": "a"}`, "this status is not described"},
		{"GET /things/1", "", "", 404, full, `{"message": "no"}`, "this status is not described"},
		{"GET /things/1", "", "", 200, header("X-Id", "7", "Content-Type", js), `{"name": "a"}`, "ETag is missing"},
		{"GET /things/1", "", "", 200, header("X-Id", "7", "ETag", "a", "Content-Type", js), `{"name": "a"}`, "ETag is"},
		{"GET /things/1", "", "", 200, header("X-Id", "x", "ETag", `"a"`, "Content-Type", js), `{"name": "a"}`, "X-Id is"},
		{"GET /things/1", "", "", 200, header("X-Id", "7", "X-Id", "8", "ETag", `"a"`, "Content-Type", js), `{"name": "a"}`, "2 times"},
		{"GET /things/1", "", "", 200, header("X-Id", "7", "X-New", "8", "ETag", `"a"`, "Content-Type", js), `{"name": "a"}`, "X-New is not described"},
		{"GET /things/1", "", "", 200, header("X-Id", "7", "ETag", `"a"`, "Content-Type", "text/html"), `{"name": "a"}`, "content type"},
		{"GET /things/1", "", "", 304, full, "", "no body"},
		{"PUT /things/1", "application/json", `{"name": "a"}`, 204, put, "", ""},
		{"PUT /things/1", "application/x-www-form-urlencoded", `{"name": "a"}`, 204, put, "", ""},
		{"PUT /things/1", "text/plain", "name a", 204, put, "", ""},
		{"PUT /things/1", "", "name a", 204, put, "", ""},
		{"PUT /things/1", "text/plain", `{"name": "a"}`, 204, put, "", "that was taken"},
		{"PUT /things/1", "application/json", `{"name": 1}`, 204, put, "", "that was taken"},
		{"PUT /things/1", "application/json", "", 204, put, "", "without a body"},
		{"PUT /things/1", "application/json", `{"name": 1}`, 422, header("X-Id", "7", "Content-Type", js), `{"message": "no"}`, ""},
		{"PUT /things/1", "application/json", `{"name": "a"}`, 204, put, "done", "no body"},
		{"GET /others/1", "", "", 404, header("X-Id", "7", "Content-Type", js), `{"message": "no"}`, ""},
		{"GET /things/1/", "", "", 404, header("X-Id", "7", "Content-Type", js), `{}`, "message"},
		{"GET /others/1", "", "", 200, full, `{"name": "a"}`, "this status is not described"},
		{"POST /things/1", "", "", 200, full, `{"name": "a"}`, "this status is not described"},
		{"OPTIONS /things/1", "", "", 204, put, "", ""},
		{"OPTIONS /things/1", "", "", 200, put, "", "this status is not described"},
		{"GET /a/b.git/info/refs", "", "", 200, header("X-Git", "yes"), "refs", ""},
	} {
		method, path, _ := strings.Cut(c.ask, " ")
		q := httptest.NewRequest(method, path, http.NoBody)
		q.Header.Set("Content-Type", c.kind)
		q.Header.Set("If-None-Match", `"c", W/"a"`)
		err := d.Check(Exchange{Request: q, Sent: []byte(c.sent), Answer: &http.Response{StatusCode: c.status, Header: c.header}, Body: []byte(c.body)})
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s %s: %d %v %s: got %v, want %q", c.ask, c.sent, c.status, c.header, c.body, err, c.wrong)
		}
	}
}

func TestCheckDelivery(t *testing.T) {
	d := parse(t)
	const js, form = "application/json", "application/x-www-form-urlencoded"
	for _, c := range []struct {
		header http.Header
		body   string
		wrong  string
	}{
		{header("X-GitHub-Event", "made", "X-Hook", "7", "Content-Type", js), `{"name": "a"}`, ""},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "Content-Type", form), "payload=%7B%22name%22:%22a%22%7D", ""},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "Content-Type", form), "payload=%7B%7D", "name"},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "Content-Type", form), "payload=%7B%7D&more=1", "2 fields"},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "Content-Type", js), `{"name": "a", "more": 1}`, "more"},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "Content-Type", "text/plain"), `{"name": "a"}`, "content type"},
		{header("X-GitHub-Event", "made", "Content-Type", js), `{"name": "a"}`, "X-Hook is missing"},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "X-Hook", "8", "Content-Type", js), `{"name": "a"}`, "2 times"},
		{header("X-GitHub-Event", "made", "X-Hook", "7", "X-More", "8", "Content-Type", js), `{"name": "a"}`, "X-More is not described"},
		{header("X-GitHub-Event", "made", "X-Hook", "x", "Content-Type", js), `{"name": "a"}`, "X-Hook is"},
		{header("X-GitHub-Event", "gone", "X-Hook", "7", "Content-Type", js), `{"name": "a"}`, "not described"},
	} {
		err := d.CheckDelivery(c.header, []byte(c.body))
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%v %s: got %v, want %q", c.header, c.body, err, c.wrong)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "{", "no object": "[]",
		"a type nobody knows":        strings.Replace(small, `"size": {"type": "integer"}`, `"size": {"type": "number of things"}`, 1),
		"an example that is none":    strings.Replace(small, `"Thing": {`, `"Thing": {"examples": [{"name": "a"}, {"name": 1}], `, 1),
		"a schema that is not there": strings.Replace(small, `{"$ref": "#/components/schemas/Thing"}`, `{"$ref": "#/components/schemas/Other"}`, 1),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// watched is a test that keeps its errors for another one to see.
type watched struct {
	testing.TB
	mu     sync.Mutex
	errors []string // guarded by mu
}

func (w *watched) Errorf(format string, values ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors = append(w.errors, fmt.Sprintf(format, values...))
}

// told takes the errors there are.
func (w *watched) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.errors, "\n")
	w.errors = nil
	return all
}

// things serves what small describes, and does so badly where it is asked to.
func things(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Id", "7")
	switch {
	case r.URL.Path == "/openapi.json":
		io.WriteString(w, small)
	case IsGit(r.URL.Path):
		io.Copy(w, r.Body)
	case strings.HasSuffix(r.URL.Path, "/log"):
		h.Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case strings.HasPrefix(r.URL.Path, "/things/"):
		h.Set("Content-Type", "application/json")
		h.Set("ETag", `"a"`)
		json.NewEncoder(w).Encode(map[string]any{strings.TrimPrefix(r.URL.Path, "/things/"): r.Host})
	default:
		h.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message": "no"}`)
	}
}

func TestProxy(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(things))
	t.Cleanup(s.Close) // after the clients
	w := &watched{TB: t}
	base := Proxy(w, s.URL)
	ask := func(path string) io.Reader {
		method := http.MethodGet
		if IsGit(path) {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader("pushed"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp.Body
	}
	body := func(path string) string {
		text, err := io.ReadAll(ask(path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	host := strings.TrimPrefix(base, "http://")
	if got := body("/things/name"); got != `{"name":"`+host+`"}`+"\n" || w.told() != "" {
		t.Errorf("a thing is %s, want the proxy's host", got)
	}
	if body("/things/colour"); !strings.Contains(w.told(), "colour") {
		t.Error("a key that is not described was let pass")
	}
	if body("/others/1"); !strings.Contains(w.told(), "is not described") {
		t.Error("an operation that is not described was let pass")
	}
	if got := body("/a/b.git/git-receive-pack"); got != "pushed" || w.told() != "" {
		t.Errorf("Git got %q", got)
	}
	line := make([]byte, len("data: 1\n\n"))
	if _, err := io.ReadFull(ask("/things/1/log"), line); err != nil || w.told() != "" { // it has not ended
		t.Errorf("the stream began with %q: %v", line, err)
	}
}
