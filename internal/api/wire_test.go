package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// shape is an object's keys, in order, with the JSON type of each: s string, n whole number, b boolean,
// 0 null, a array. Several letters are alternatives.
type shape string

const places = " url:s html_url:s authors_url:s repository_url:s"

// What the service sent, as clients recorded it between 2016 and 2019 (start and complete) or as it was
// documented. Nothing else goes to those who ask for nothing new.
const (
	startShape    shape = "vcs:s use_lfs:s vcs_url:s status:s commit_count:0 status_text:s authors_count:n import_percent:0" + places
	completeShape shape = "vcs:s use_lfs:s vcs_url:s status:s status_text:s has_large_files:b large_files_size:n large_files_count:n authors_count:n" + places
	pushShape     shape = "vcs:s use_lfs:s vcs_url:s status:s push_percent:n0 status_text:s has_large_files:b large_files_size:n large_files_count:n authors_count:n" + places
	detectShape   shape = "vcs:0 use_lfs:s vcs_url:s status:s status_text:s" + places
	askShape      shape = "vcs:0 use_lfs:s vcs_url:s status:s status_text:s error_message:s message:s" + places
	signInShape   shape = "vcs:s use_lfs:s vcs_url:s status:s status_text:s error_message:s message:s" + places
	chooseShape   shape = "vcs:0 use_lfs:s vcs_url:s status:s status_text:s project_choices:a" + places
	errorShape    shape = "vcs:s use_lfs:s vcs_url:s status:s status_text:s failed_step:s error_message:s message:s authors_count:n" + places
	authorShape   shape = "id:n remote_id:s remote_name:s email:s name:s url:s import_url:s"
	largeShape    shape = "ref_name:s path:s oid:s size:n"
)

// check holds an object against the shape it is to have.
func (want shape) check(t *testing.T, name string, body []byte) {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal(body, &values); err != nil {
		t.Fatalf("%s: %s: %v", name, body, err)
	}
	var wantKeys []string
	for _, field := range strings.Fields(string(want)) {
		key, kinds, _ := strings.Cut(field, ":")
		wantKeys = append(wantKeys, key)
		if got := kindOf(values[key]); !strings.Contains(kinds, got) {
			t.Errorf("%s: %s is %s, want one of %q", name, key, values[key], kinds)
		}
	}
	if got := keys(t, body); !slices.Equal(got, wantKeys) {
		t.Errorf("%s: keys\n got %q\nwant %q", name, got, wantKeys)
	}
}

// kindOf is the letter of a value, "?" for one that clients could not take.
func kindOf(value json.RawMessage) string {
	text := string(value)
	switch {
	case text == "null":
		return "0"
	case text == "true", text == "false":
		return "b"
	case strings.HasPrefix(text, `"`):
		return "s"
	case strings.HasPrefix(text, "["):
		return "a"
	case text != "" && strings.Trim(text, "0123456789") == "":
		return "n"
	}
	return "?"
}

// TestShapesOnTheWire asks for the import at each status that it comes to without any of our additions.
func TestShapesOnTheWire(t *testing.T) {
	s := newStates(t)
	for status, want := range map[rehome.Status]shape{
		rehome.Importing: startShape, rehome.Complete: completeShape, rehome.Mapping: completeShape,
		rehome.Detecting: detectShape, rehome.DetectionNeedsAuth: askShape, rehome.DetectionFoundNothing: askShape,
		rehome.DetectionFoundMultiple: chooseShape, rehome.AuthFailed: signInShape, rehome.Failed: errorShape,
	} {
		path, from := s.at(t, status)
		r := s.want(t, 200, request{method: "GET", path: path, token: s.token})
		want.check(t, string(status), r.body)
		o := r.object(t)
		if o["vcs_url"] != from || o["url"] != s.URL+path || o["html_url"] != s.URL+strings.TrimPrefix(path, "/repos") ||
			o["authors_url"] != s.URL+path+"/authors" || o["repository_url"] != s.URL+strings.TrimSuffix(path, "/import") {
			t.Errorf("%s: %s", status, r.body)
		}
	}
	// A push is made of an approved import here, which has an addition of ours: it is left out.
	path, _ := s.at(t, rehome.Pushing)
	body := string(s.want(t, 200, request{method: "GET", path: path, token: s.token}).body)
	pushShape.check(t, "pushing", []byte(strings.Replace(body, `"hold":true,`, "", 1)))
}

// TestShapesOfLists holds an author and a large file against what clients know.
func TestShapesOfLists(t *testing.T) {
	s := start(t, nil)
	s.api.Importer.LargeOver = 10
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	begun := s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`})
	startShape.check(t, "PUT", begun.body)
	s.work(t)
	authors := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token})
	for n, author := range authors.list(t) {
		shown := s.want(t, 200, request{method: "PATCH", path: fmt.Sprintf("%s/authors/%v", at, author["id"]), token: token, body: "{}"})
		if author["remote_name_bytes"] == nil && author["remote_id_bytes"] == nil { // an addition, for what is not UTF-8
			authorShape.check(t, fmt.Sprintf("author %d", n), shown.body)
		}
	}
	files := s.want(t, 200, request{method: "GET", path: at + "/large_files", token: token})
	if len(files.list(t)) == 0 {
		t.Error("there are no large files")
	}
	largeShape.check(t, "large file", files.first(t))
	opted := s.want(t, 200, request{method: "PATCH", path: at + "/lfs", token: token, body: `{"use_lfs": "opt_in"}`})
	completeShape.check(t, "lfs", opted.body)
}
