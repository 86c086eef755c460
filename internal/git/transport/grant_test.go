package transport

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
	"rehome/internal/testenv"
)

func TestLFSGrant(t *testing.T) {
	script := `case "$2 $1" in
"download "*/r.git) echo '{"href": "http://127.0.0.1:1/r.git/info/lfs/", "header": {"authorization": "RemoteAuth canary", "Host": "evil"}, "expires_in": 60}' ;;
"upload "*) echo "ERROR: Write access to repository not granted." >&2; exit 1 ;;
*) echo "usage" >&2; exit 1 ;;
esac`
	s, l := served(t, testenv.SSHOptions{Bin: map[string]string{"git-lfs-authenticate": script}})
	tr := speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{s.KnownHosts}}})
	got, err := tr.LFSGrant(t.Context(), l, Download)
	if err != nil {
		t.Fatal(err)
	}
	if got.Endpoint.String() != "http://127.0.0.1:1/r.git/info/lfs" || !cmp.Equal(got.Header, http.Header{"Authorization": {"RemoteAuth canary"}}) {
		t.Errorf("%+v", got)
	}
	_, err = tr.LFSGrant(t.Context(), l, Upload)
	if e := rehome.AsError(err); e.Code != rehome.CredentialsRefused || e.Message != "The destination refuses this: \"ERROR: Write access to repository not granted.\"." {
		t.Errorf("%v", err)
	}
	l.URL.Path = "/elsewhere"
	_, err = tr.LFSGrant(t.Context(), l, Download)
	if e := rehome.AsError(err); e.Code != rehome.LFSMissing || e.Message != "The source gives no right to Git LFS objects over SSH: it says \"usage\"." {
		t.Errorf("%v", err)
	}
}

func TestNoLFSGrant(t *testing.T) {
	for name, c := range map[string]struct {
		force string
		code  rehome.Code
	}{
		"not there": {"echo sh: 1: git-lfs-authenticate: not found >&2; exit 127", rehome.LFSMissing},
		"nothing":   {"true", rehome.LFSMissing},
		"too much":  {"while :; do echo words words words words; done", rehome.LFSMissing},
	} {
		s, l := served(t, testenv.SSHOptions{Force: c.force})
		_, err := speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{s.KnownHosts}}}).LFSGrant(t.Context(), l, Download)
		if rehome.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that says a byte now and then is given up.
func TestTrickledLFSGrant(t *testing.T) {
	s, l := served(t, testenv.SSHOptions{Force: "while :; do echo; sleep 0.05; done"})
	tr := speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{s.KnownHosts}}, Patience: 500 * time.Millisecond})
	if _, err := tr.LFSGrant(t.Context(), l, Download); rehome.CodeOf(err) != rehome.Unreachable || !errors.Is(err, egress.ErrLate) {
		t.Errorf("%v", err)
	}
}

func TestParseGrant(t *testing.T) {
	l := location(t, "ssh://git@h:2222/a/b")
	for text, want := range map[string]string{
		`{}`:                                   "https://h/a/b.git/info/lfs",
		`{"href":"https://x/y/"}`:              "https://x/y",
		`{"href":"https://x/y?z=1#f"}`:         "https://x/y?z=1",
		`{"header":{"A-B":"c d"}}`:             "https://h/a/b.git/info/lfs",
		`{"href":"ftp://x/y"}`:                 "",
		`{"href":"ssh://x/y"}`:                 "",
		`{"href":"/y"}`:                        "",
		`{"href":"https://u:canary@x/y"}`:      "",
		`{"href":"https://x/y\u0000"}`:         "",
		`{"href":"https:x"}`:                   "",
		`{"header":{"A B":"c"}}`:               "",
		`{"header":{"":"c"}}`:                  "",
		`{"header":{"A":"canary\r\nHost: x"}}`: "",
		`{"header":{"A\n":"c"}}`:               "",
		`{"header":{"A":1}}`:                   "",
		`[]`:                                   "",
		`<html>canary`:                         "",
	} {
		g, err := parseGrant([]byte(text), l, Source)
		if want == "" && (rehome.CodeOf(err) != rehome.LFSMissing || strings.Contains(err.Error(), "canary")) || want != "" && (err != nil || g.Endpoint.String() != want) {
			t.Errorf("%s: %v, %v", text, g.Endpoint, err)
		}
	}
}

func FuzzParseGrant(f *testing.F) {
	f.Add(`{"href":"https://x/y?z=1#f","header":{"authorization":"Basic x"},"expires_in":1}`)
	f.Add(`{"header":{"a\r\n":"\u0000"}}`)
	l, _ := remote.Parse("url", "ssh://git@h/r")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseGrant([]byte(text), l, Source)
		if err != nil {
			return
		}
		r, err := http.NewRequest(http.MethodPost, g.Endpoint.String()+"/objects/batch", nil)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Hostname() == "" || r.URL.User != nil {
			t.Errorf("%q leads to %s", text, r.URL)
		}
		r.Header = g.Header
		var b strings.Builder
		if err := r.Header.Write(&b); err != nil || strings.Count(b.String(), "\r\n") != len(g.Header) {
			t.Errorf("%q became %q, %v", text, b.String(), err)
		}
	})
}

func FuzzHostKeys(f *testing.F) {
	_, key := testenv.SSHKey(f)
	for _, s := range []string{"h " + key, "|1|AAAA|AAAA " + key, "*,!h " + key, "@revoked [h]:22 " + key, "# x\n\n@cert-authority *.h " + key} {
		f.Add(s, "h:22")
	}
	f.Fuzz(func(t *testing.T, text, address string) {
		found, err := scanHostKeys(strings.NewReader(text), "f", address)
		for _, k := range found {
			if err == nil && (k.key == nil || k.line < 1 || k.line > strings.Count(text, "\n")+1) {
				t.Errorf("%q: %+v", text, k)
			}
		}
	})
}
