package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome/internal/api/described"
)

var parsed = sync.OnceValues(func() (*described.Description, error) { return described.Parse(description) })

// asDescribed is the description that answers are held against.
func asDescribed(t testing.TB) *described.Description {
	t.Helper()
	d, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// accessWords are the description's words for who may.
var accessWords = map[access]string{
	probe: "probe", anyone: "anyone", signedIn: "signed-in", creates: "repo:create",
	seesOwner: "owner:read", reads: "repo:read", writes: "repo:write", administers: "repo:admin",
	keepsHooks: "hooks:repository", keepsOrgHooks: "hooks:organization",
}

// TestRoutesAreDescribed: the table of routes and the description say the same, in the same words.
func TestRoutesAreDescribed(t *testing.T) {
	s := start(t, nil)
	have := map[string]string{}
	for _, rt := range s.api.routes() {
		have[rt.method+" "+rt.pattern] = accessWords[rt.access]
	}
	ids := map[string]bool{}
	for _, o := range asDescribed(t).Operations {
		name := o.Method + " " + o.Path
		if word, ok := have[name]; !ok || word != o.Access || word == "" {
			t.Errorf("%s is described for %q, the route is for %q", name, o.Access, word)
		}
		delete(have, name)
		if o.ID == "" || ids[o.ID] {
			t.Errorf("%s: the id %q is taken or none", name, o.ID)
		}
		ids[o.ID] = true
	}
	if len(have) > 0 {
		t.Errorf("routes that are not described: %v", have)
	}
}

// document is the part of the description that is checked for its form.
type document struct {
	Words      map[string]string `json:"x-rehome-access-words"`
	Paths      map[string]map[string]json.RawMessage
	Components map[string]map[string]json.RawMessage
}

type describedOperation struct {
	Access   string                `json:"x-rehome-access"`
	Security []map[string][]string `json:"security"`
	Summary  string
}

// accessScopes are what the description's security says for a word: the scopes of which
// one is enough, "any" for a token of any scopes, "none" where it works without a token.
var accessScopes = map[string][]string{
	"probe": nil, "anyone": {"none", "any"}, "signed-in": {"any"},
	"repo:create": {"repo"}, "owner:read": {"none", "any"}, "repo:read": {"none", "any"}, "repo:write": {"repo"}, "repo:admin": {"repo"},
	"hooks:repository": {"repo", "admin:repo_hook"}, "hooks:organization": {"admin:org_hook"},
}

// scopes are an operation's, each one there for both ways to sign in.
func (o describedOperation) scopes() (scopes []string) {
	var byPassword []string
	for _, one := range o.Security {
		if len(one) == 0 {
			scopes, byPassword = append(scopes, "none"), append(byPassword, "none")
		}
		for scheme, names := range one {
			name := cmp.Or(strings.Join(names, " and "), "any")
			if scheme == "password" {
				byPassword = append(byPassword, name)
			} else {
				scopes = append(scopes, name)
			}
		}
	}
	if !slices.Equal(scopes, byPassword) {
		return append(scopes, "by password: "+strings.Join(byPassword, ", "))
	}
	return scopes
}

// TestDescriptionIsWhole: every word is explained, security fits it, and what is kept for reuse is used.
func TestDescriptionIsWhole(t *testing.T) {
	var doc document
	if err := json.Unmarshal(description, &doc); err != nil {
		t.Fatal(err)
	}
	for _, word := range accessWords {
		if doc.Words[word] == "" {
			t.Errorf("%q is not explained", word)
		}
	}
	if len(doc.Words) != len(accessWords) {
		t.Errorf("%d words, want %d", len(doc.Words), len(accessWords))
	}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var o describedOperation
			if err := json.Unmarshal(raw, &o); err != nil || o.Summary == "" || o.Security == nil {
				t.Errorf("%s %s: %v, %+v", method, path, err, o)
			}
			if got := o.scopes(); !slices.Equal(got, accessScopes[o.Access]) {
				t.Errorf("%s %s: security is %q, want %q", method, path, got, accessScopes[o.Access])
			}
		}
	}
	for kind, all := range doc.Components {
		for name := range all {
			if kind != "securitySchemes" && !bytes.Contains(description, []byte(`"#/components/`+kind+"/"+name+`"`)) {
				t.Errorf("nothing uses %s/%s", kind, name)
			}
		}
	}
}

func TestDescriptionIsServed(t *testing.T) {
	s := start(t, nil)
	r := s.want(t, 200, request{method: "GET", path: "/openapi.json", token: "nonsense"})
	if _, err := described.Parse(r.body); err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s: %v", r.Header.Get("Content-Type"), err)
	}
	r = s.want(t, 304, request{method: "GET", path: "/api/v3/openapi.json", headers: []string{"If-None-Match", r.Header.Get("ETag")}})
	if len(r.body) > 0 {
		t.Errorf("body %q", r.body)
	}
}

// TestServersAreWhereItWasAsked: a client that is made from the description asks where the description came from.
func TestServersAreWhereItWasAsked(t *testing.T) {
	s := start(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for base, headers := range map[string][]string{
		s.URL:                       nil,
		"https://new.example/moved": {"X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "new.example", "X-Forwarded-Prefix", "/moved"},
	} {
		for _, prefix := range []string{"", enterprise} {
			r := s.want(t, 200, request{method: "GET", path: prefix + "/openapi.json", headers: headers})
			var doc struct{ Servers []struct{ URL string } }
			if err := json.Unmarshal(r.body, &doc); err != nil {
				t.Fatal(err)
			}
			if len(doc.Servers) != 2 || doc.Servers[0].URL != base || doc.Servers[1].URL != base+enterprise {
				t.Errorf("asked at %s%s: %v", base, prefix, doc.Servers)
			}
		}
	}
}
