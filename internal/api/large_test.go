package api

import (
	"encoding/json"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/store"
)

func TestSetLFS(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "none", "")
	s.want(t, 404, request{method: "PATCH", path: "/repos/octocat/none/import/lfs", token: token, body: `{"use_lfs": "opt_in"}`})
	at, _ := s.imported(t, token, "")
	set := func(body string) map[string]any {
		t.Helper()
		return s.want(t, 200, request{method: "PATCH", path: at + "/lfs", token: token, body: body}).object(t)
	}
	for _, c := range []struct{ body, choice, status, match string }{
		{`{"use_lfs": "undecided"}`, "undecided", "complete", "null"},
		{`{"use_lfs": "undecided", "match": ["*.none", "/a b/"]}`, "undecided", "complete", `["*.none","/a b/"]`}, // for later
		{`{"use_lfs": "opt_in"}`, "opt_in", "mapping", `["*.none","/a b/"]`},
		{`{"use_lfs": "opt_in", "match": ["*.none", "/a b/"], "url": "read only"}`, "opt_in", "complete", `["*.none","/a b/"]`},
		{`{"use_lfs": "opt_in", "match": null}`, "opt_in", "complete", `["*.none","/a b/"]`},
		{`{"use_lfs": "opt_out"}`, "opt_out", "mapping", `["*.none","/a b/"]`},
		{`{"use_lfs": "opt_out", "match": []}`, "opt_out", "mapping", "null"},
		{`{"use_lfs": "undecided"}`, "undecided", "mapping", "null"},
	} {
		im := set(c.body)
		match, err := json.Marshal(im["match"])
		if err != nil || im["use_lfs"] != c.choice || im["status"] != c.status || string(match) != c.match {
			t.Errorf("%s: %v", c.body, im)
		}
		s.work(t)
		if status, _ := s.status(t, token, at); status != "complete" {
			t.Errorf("%s: afterwards the status is %s", c.body, status)
		}
	}
}

func TestSetLFSRefusals(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	before := s.want(t, 200, request{method: "GET", path: at, token: token})
	for _, c := range []struct{ body, field, code, message string }{
		{`{}`, "use_lfs", "missing_field", "use_lfs is missing"},
		{``, "use_lfs", "missing_field", "use_lfs is missing"},
		{`{"use_lfs": null}`, "use_lfs", "missing_field", "use_lfs is missing"},
		{`{"use_lfs": ""}`, "use_lfs", "missing_field", "use_lfs is missing"},
		{`{"use_lfs": true}`, "use_lfs", "invalid", "use_lfs is not a string"},
		{`{"use_lfs": "OPT_IN"}`, "use_lfs", "invalid", "use_lfs is not opt_in, opt_out or undecided"},
		{`{"use_lfs": "opt_in", "match": "*.psd"}`, "match", "invalid", "match is not an array of strings"},
		{`{"use_lfs": "opt_in", "match": [1]}`, "match", "invalid", "match is not an array of strings"},
		{`{"use_lfs": "opt_in", "match": ["a", null]}`, "match", "invalid", "match is not an array of strings"},
	} {
		r := s.want(t, 422, request{method: "PATCH", path: at + "/lfs", token: token, body: c.body})
		fault := r.object(t)["errors"].([]any)[0].(map[string]any)
		if fault["resource"] != "Import" || fault["field"] != c.field || fault["code"] != c.code || fault["message"] != c.message {
			t.Errorf("%s: %s", c.body, r.body)
		}
	}
	r := s.want(t, 422, request{method: "PATCH", path: at + "/lfs", token: token, body: `{"use_lfs": "opt_in", "match": ["*.psd", "a\nb", "!x"]}`})
	fault := r.object(t)["errors"].([]any)[0].(map[string]any)
	if fault["field"] != "match" || fault["code"] != "invalid" || fault["index"] != 2.0 || !strings.HasPrefix(fault["message"].(string), "pattern 2 (a b) ") {
		t.Errorf("a bad pattern: %s", r.body)
	}
	if after := s.want(t, 200, request{method: "GET", path: at, token: token}); string(after.body) != string(before.body) {
		t.Errorf("refused requests made %s of %s", after.body, before.body)
	}
}

func TestAllowMissingLFSIsAnOption(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, `, "allow_missing_lfs": true`)
	if im := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t); im["allow_missing_lfs"] != true || im["status"] != "complete" {
		t.Errorf("import %v", im)
	}
	im := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: `{"allow_missing_lfs": false}`}).object(t)
	if _, shown := im["allow_missing_lfs"]; shown || im["status"] != "complete" {
		t.Errorf("import %v", im)
	}
	s.want(t, 422, request{method: "PATCH", path: at, token: token, body: `{"allow_missing_lfs": "yes"}`})
}

// Without a page it is the whole list, since most clients know of none.
func TestLargeFilesByPage(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	files := []rehome.LargeFile{
		{Ref: "refs/heads/main", Path: []byte("a.bin"), OID: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Size: 7},
		{Ref: "refs/heads/\xff", Path: []byte("b\xfe"), OID: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", Size: 8},
	}
	_, err := s.db.ChangeImport(t.Context(), 1, func(tx *store.Tx, i *store.Import) error { return tx.SetLargeFiles(t.Context(), i, files) })
	if err != nil {
		t.Fatal(err)
	}
	const a = `{"ref_name":"refs/heads/main","path":"a.bin","oid":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":7}`
	const b = `{"ref_name":"refs/heads/\ufffd","ref_name_bytes":"cmVmcy9oZWFkcy//","path":"b\ufffd","path_bytes":"Yv4=","oid":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","size":8}`
	for query, want := range map[string]string{
		"": "[" + a + "," + b + "]", "?page=1": "[" + a + "," + b + "]", "?per_page=1": "[" + a + "]", "?per_page=1&page=2": "[" + b + "]", "?page=2": "[]",
	} {
		r := s.want(t, 200, request{method: "GET", path: at + "/large_files" + query, token: token})
		want = strings.ReplaceAll(want, `\ufffd`, "\uFFFD")
		if string(r.body) != want {
			t.Errorf("%q: %s, want %s", query, r.body, want)
		}
		if next := strings.Contains(r.Header.Get("Link"), `page=2&per_page=1>; rel="next"`); next != (query == "?per_page=1") {
			t.Errorf("%q: Link %s", query, r.Header.Get("Link"))
		}
	}
}
