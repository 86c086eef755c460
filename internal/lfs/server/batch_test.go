package server

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"rehome/internal/lfs"
)

func TestBatch(t *testing.T) {
	w := start(t, nil)
	here, other := w.put(t, w.one, "content"), objectOf("other")
	const root = "https://forge.example:8443/prefix/octocat/one.git/info/lfs/"

	down := w.batch(t, w.one, "download", here, other, lfs.Object{OID: here.OID, Size: 8}).Objects
	if got := down[0].Actions; len(got) != 1 || got["download"].Href != root+"objects/"+here.OID.String() || down[0].Error != nil {
		t.Errorf("download: %v", down[0])
	}
	if down[1].Error == nil || down[1].Error.Code != 404 || down[1].Actions != nil {
		t.Errorf("download of what is not here: %v", down[1])
	}
	if down[2].Error == nil || down[2].Error.Code != 422 || down[2].Actions != nil {
		t.Errorf("download with another size: %v", down[2])
	}

	large := lfs.Object{OID: other.OID, Size: 1<<20 + 1}
	up := w.batch(t, w.one, "upload", here, other, large).Objects
	if up[0].Actions != nil || up[0].Error != nil {
		t.Errorf("upload of what is here: %v", up[0])
	}
	want := map[string]action{"upload": {Href: root + "objects/" + other.OID.String() + "?size=5"}, "verify": {Href: root + "verify"}}
	if got := up[1].Actions; !reflect.DeepEqual(got, want) || up[1].Error != nil {
		t.Errorf("upload: %v, want %v", up[1], want)
	}
	if up[2].Actions != nil || up[2].Error == nil || up[2].Error.Code != 422 {
		t.Errorf("upload of what is too large: %v", up[2])
	}
	w.batch(t, w.one, "download")
}

func TestBatchRequestsThatAreTaken(t *testing.T) {
	w := start(t, nil)
	o := w.put(t, w.one, "content")
	objects, err := json.Marshal(named(o))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fields  string
		headers []string
	}{
		{``, nil},
		{`"transfers": null, "ref": null,`, nil},
		{`"transfers": [],`, nil},
		{`"transfers": ["tus", "basic", "lfs-standalone-file"],`, nil},
		{`"ref": {"name": "refs/heads/main"}, "hash_algo": "sha256", "unknown": [1],`, nil},
		{``, []string{"Content-Type", mediaType + "; charset=utf-8", "Accept", mediaType + "; charset=utf-8"}},
		{``, []string{"Content-Type", mediaType + ";charset=UTF-8", "Accept", "text/html, " + mediaType + ";q=0.9"}},
		{``, []string{"Accept", "*/*"}},
		{``, []string{"Accept", "application/*"}},
	} {
		r := w.do(t, "POST", w.one, "objects/batch", strings.NewReader(`{"operation": "download", `+c.fields+` "objects": `+string(objects)+`}`), c.headers...)
		var a batchAnswer
		if err := json.Unmarshal(r.body, &a); err != nil || r.status != 200 || len(a.Objects) != 1 || a.Objects[0].Actions["download"].Href == "" {
			t.Errorf("%s %q: status %d: %s", c.fields, c.headers, r.status, r.body)
		}
	}
}

func TestBatchRequestsThatAreRefused(t *testing.T) {
	w := start(t, nil)
	object := `{"oid": "` + objectOf("content").OID.String() + `", "size": 7}`
	one := `"objects": [` + object + `]`
	many := `"objects": [` + strings.Repeat(object+",", maxBatch) + object + `]`
	for _, c := range []struct {
		body    string
		status  int
		headers []string
	}{
		{``, 400, nil},
		{`{`, 400, nil},
		{`{"operation": "download", ` + one + `} x`, 400, nil},
		{`null`, 422, nil},
		{`[]`, 422, nil},
		{`"download"`, 422, nil},
		{`{}`, 422, nil},
		{`{"operation": "download"}`, 422, nil},
		{`{"operation": "download", "objects": null}`, 422, nil},
		{`{"operation": "download", "objects": {}}`, 422, nil},
		{`{"operation": "download", "objects": [{"oid": 1, "size": 1}]}`, 422, nil},
		{`{"operation": "download", "objects": [{"oid": "x", "size": "1"}]}`, 422, nil},
		{`{"operation": "download", "objects": [{"oid": "x", "size": 1.5}]}`, 422, nil},
		{`{"operation": "download", "objects": [{"oid": "x", "size": 99999999999999999999}]}`, 422, nil},
		{`{"operation": "delete", ` + one + `}`, 422, nil},
		{`{"operation": "", ` + one + `}`, 422, nil},
		{`{"operation": "download", "transfers": ["tus"], ` + one + `}`, 422, nil},
		{`{"operation": "download", "transfers": "basic", ` + one + `}`, 422, nil},
		{`{"operation": "download", ` + many + `}`, 413, nil},
		{`{"operation": "download", ` + one + `, "pad": "` + strings.Repeat("x", maxJSON) + `"}`, 413, nil},
		{strings.Repeat("[", 100_000), 400, nil},
		{`{"operation": "download", ` + one + `}`, 415, []string{"Content-Type", "application/json"}},
		{`{"operation": "download", ` + one + `}`, 415, []string{"Content-Type", ""}},
		{`{"operation": "download", ` + one + `}`, 415, []string{"Content-Type", mediaType + "; charset=latin1"}},
		{`{"operation": "download", ` + one + `}`, 415, []string{"Content-Encoding", "gzip"}},
		{`{"operation": "download", ` + one + `}`, 406, []string{"Accept", "text/html"}},
		{`{"operation": "download", ` + one + `}`, 406, []string{"Accept", "application/json"}},
	} {
		what := fmt.Sprintf("%.80q %q", c.body, c.headers)
		w.do(t, "POST", w.one, "objects/batch", strings.NewReader(c.body), c.headers...).wantRefusal(t, what, c.status)
	}
}

// TestBatchOfBadObjects answers each of them with its error.
func TestBatchOfBadObjects(t *testing.T) {
	w := start(t, nil)
	good := objectOf("content").OID.String()
	for _, c := range []struct {
		object, algo string
		code         int
	}{
		{`{"oid": "", "size": 7}`, "", 422},
		{`{"size": 7}`, "", 422},
		{`{"oid": "` + strings.ToUpper(good) + `", "size": 7}`, "", 422},
		{`{"oid": "` + good[1:] + `", "size": 7}`, "", 422},
		{`{"oid": "` + good[:62] + `\r\n", "size": 7}`, "", 422},
		{`{"oid": "` + good + `\n", "size": 7}`, "", 422},
		{`{"oid": "../../../../` + good[12:] + `", "size": 7}`, "", 422},
		{`{"oid": "` + good + `", "size": -1}`, "", 422},
		{`{"oid": "` + good + `"}`, "", 422},
		{`{"oid": "` + good + `", "size": 7}`, "sha512", 409},
		{`{"oid": "` + good + `", "size": 7}`, "SHA256", 409},
	} {
		for _, operation := range []string{"download", "upload"} {
			list := c.object + `, {"oid": "` + good + `", "size": 7}`
			r := w.do(t, "POST", w.one, "objects/batch", strings.NewReader(`{"operation": "`+operation+`", "hash_algo": "`+c.algo+`", "objects": [`+list+`]}`))
			var a batchAnswer
			if err := json.Unmarshal(r.body, &a); err != nil || r.status != 200 || len(a.Objects) != 2 {
				t.Errorf("%s %s: status %d: %s", operation, c.object, r.status, r.body)
				continue
			}
			if o := a.Objects[0]; o.Error == nil || o.Error.Code != c.code || o.Actions != nil {
				t.Errorf("%s %s: %v", operation, c.object, o)
			}
			if o := a.Objects[1]; c.algo == "" && operation == "upload" && o.Actions["upload"].Href == "" {
				t.Errorf("the good one beside it: %v", o)
			}
		}
	}
}

func TestBatchWithoutTheRight(t *testing.T) {
	w := start(t, nil)
	o := w.put(t, w.one, "content")
	w.readOnly = true
	if a := w.batch(t, w.one, "download", o).Objects[0]; a.Actions["download"].Href == "" {
		t.Errorf("download: %v", a)
	}
	body := `{"operation": "upload", "objects": [{"oid": "` + o.OID.String() + `", "size": 7}]}`
	r := w.do(t, "POST", w.one, "objects/batch", strings.NewReader(body))
	r.wantRefusal(t, "nobody's upload", 401)
	if r.header.Get("LFS-Authenticate") != `Basic realm="Rehome"` {
		t.Errorf("it does not say how to sign in: %v", r.header)
	}
	w.do(t, "POST", w.one, "objects/batch", strings.NewReader(body), "Authorization", "Basic x").wantRefusal(t, "a reader's upload", 403)
}

func TestVerify(t *testing.T) {
	w := start(t, nil)
	o := w.put(t, w.one, "content")
	for _, c := range []struct {
		body   string
		status int
	}{
		{`{"oid": "` + o.OID.String() + `", "size": 8}`, 404},
		{`{"oid": "` + o.OID.String() + `"}`, 400},
		{`{"oid": "` + o.OID.String() + `\n", "size": 7}`, 400},
		{`{"oid": "` + objectOf("other").OID.String() + `", "size": 5}`, 404},
		{`[]`, 422},
		{`x`, 400},
	} {
		w.do(t, "POST", w.one, "verify", strings.NewReader(c.body)).wantRefusal(t, c.body, c.status)
	}
	wrong := w.do(t, "POST", w.one, "verify", strings.NewReader(`{"oid": "`+o.OID.String()+`", "size": 8}`))
	if !strings.Contains(string(wrong.body), "has 7 bytes, not 8") {
		t.Errorf("a wrong size: %s", wrong.body)
	}
	if r := w.do(t, "POST", w.one, "verify", strings.NewReader(`{"oid": "`+o.OID.String()+`", "size": 7}`)); r.status != 200 {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func TestWhatIsNotOffered(t *testing.T) {
	w := start(t, nil)
	oid := objectOf("content").OID.String()
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "locks", 404, ""},
		{"POST", "locks", 404, ""},
		{"POST", "locks/verify", 404, ""},
		{"POST", "locks/1/unlock", 404, ""},
		{"POST", "objects", 404, ""},
		{"GET", "", 404, ""},
		{"GET", "objects/", 404, ""},
		{"GET", "objects/" + oid[1:], 404, ""},
		{"GET", "objects/" + oid + "/", 404, ""},
		{"GET", "objects//" + oid, 404, ""},
		{"GET", "objects/" + oid + "%00", 404, ""},
		{"GET", "objects/batch", 405, "POST"},
		{"GET", "verify", 405, "POST"},
		{"POST", "objects/" + oid, 405, "GET, HEAD, PUT"},
		{"DELETE", "objects/" + oid, 405, "GET, HEAD, PUT"},
	} {
		r := w.do(t, c.method, w.one, c.path, nil)
		r.wantRefusal(t, c.method+" "+c.path, c.status)
		if got := r.header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: allows %q, want %q", c.method, c.path, got, c.allow)
		}
	}
}

// TestBatchGivesCredentialsBack to who sent them, for the requests that follow.
func TestBatchGivesCredentialsBack(t *testing.T) {
	w := start(t, nil)
	o := w.put(t, w.one, "content")
	for operation, object := range map[string]lfs.Object{"download": o, "upload": objectOf("other")} {
		body := fmt.Sprintf(`{"operation": %q, "objects": [{"oid": %q, "size": %d}]}`, operation, object.OID, object.Size)
		r := w.do(t, "POST", w.one, "objects/batch", strings.NewReader(body), "Authorization", "Basic abc")
		var a batchAnswer
		if err := json.Unmarshal(r.body, &a); err != nil || len(a.Objects[0].Actions) == 0 {
			t.Fatalf("%s: %s", operation, r.body)
		}
		for name, do := range a.Objects[0].Actions {
			if len(do.Header) != 1 || do.Header["Authorization"] != "Basic abc" {
				t.Errorf("%s: %v", name, do)
			}
		}
		if r.header.Get("Cache-Control") != "no-store" {
			t.Error("the answer may be kept")
		}
	}
}
