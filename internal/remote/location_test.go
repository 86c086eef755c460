package remote

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rehome"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ raw, url, user, password string }{
		{"https://git.example.com/a/b.git", "https://git.example.com/a/b.git", "", ""},
		{"HTTP://Git.example.com:8080/a", "http://Git.example.com:8080/a", "", ""},
		{"https://u:p%40ss@h/r", "https://h/r", "u", "p@ss"},
		{"https://token@h/r", "https://h/r", "token", ""},
		{"https://:secret@h/r", "https://h/r", "", "secret"},
		{"https://h/r#readme", "https://h/r", "", ""},
		{"http://[2001:db8::1]:80/r", "http://[2001:db8::1]:80/r", "", ""},
		{"https://h/a%20b/c%2Fd", "https://h/a%20b/c%2Fd", "", ""},
		{"https://h", "https://h", "", ""},
		{"http://127.0.0.1:3000/r", "http://127.0.0.1:3000/r", "", ""},
	} {
		l, err := Parse("vcs_url", c.raw)
		if err != nil {
			t.Errorf("%q: %v", c.raw, err)
			continue
		}
		if l.String() != c.url || l.Username != c.user || string(l.Password) != c.password || l.Path != "" {
			t.Errorf("%q: got %s, %q, %q; want %s, %q, %q", c.raw, l, l.Username, string(l.Password), c.url, c.user, c.password)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{
		"", " ", "-", "--upload-pack=touch /tmp/x", "-oProxyCommand=x",
		"file:///etc/passwd", "/etc/passwd", "./r", "r.git", "C:\\r", "\\\\host\\r",
		"ext::sh -c touch", "ssh://git@h", "ssh://-x@h/r", "ssh://h/-x", "git@h:", "git@h:-x", "-x@h:r", "a b@h:r", "ssh://-oProxyCommand=x/r", "git@-h:r", "ftp://h/r", "svn://h/r", "javascript:alert(1)", "http+git://h/r",
		"http://", "http:///r", "https://:443/r", "http:h/r", "//h/r", "https://u:p@/r",
		"https://h/r\n", "https://h/\x00", "https://h/\x7f", "https://h/a%0ab", "https://h/a%00b", "https://u%0a:p@h/r", "https://u:p%0d@h/r", "https://u%3aa:p@h/r",
		" https://h/r", "https://h/r ", "https://h:0/r", "https://h:65536/r", "https://h:x/r", "https://h:-1/r",
		"https://-h/r", "https://h/%zz", "https://h/r?private_token=x", "https://h/r?", "http://[::1/r", "http://a b/r", "http://a\\b/r",
		"ssh://git@github.com,h.example/r", "git@github.com,h.example:r", "git@*:r", "ssh://h*/r", "git@!h:r", "git@|1|a|b:r", "git@h#:r", "git@a@b:r", "git@h?:r", "git://h;x/r", "git://h&x/r",
		"https://h/" + strings.Repeat("a", MaxURL),
	} {
		l, err := Parse("vcs_url", raw)
		var e *rehome.Error
		if !errors.As(err, &e) || e.Code != rehome.Invalid || e.Field == "" {
			t.Errorf("%q: %v, %v", raw, l, err)
		}
	}
}

func TestParseSSH(t *testing.T) {
	for _, c := range []struct{ raw, text, url, user, password string }{
		{"git@h:a/b.git", "git@h:a/b.git", "ssh://git@h/a/b.git", "git", ""},
		{"git@[2001:db8::1]:a", "git@[2001:db8::1]:a", "ssh://git@[2001:db8::1]/a", "git", ""},
		{"me@h:/srv/a b", "ssh://me@h/srv/a%20b", "ssh://me@h/srv/a%20b", "me", ""},
		{"ssh://git@h/r", "ssh://git@h/r", "ssh://git@h/r", "git", ""},
		{"SSH://h:22/r", "ssh://h:22/r", "ssh://h:22/r", "", ""},
		{"git+ssh://h/~me/r", "ssh://h/~me/r", "ssh://h/~me/r", "", ""},
		{"ssh+git://git:canary@h/r", "ssh://git@h/r", "ssh://git@h/r", "git", "canary"},
		{"git://h:9418/r.git", "git://h:9418/r.git", "git://h:9418/r.git", "", ""},
	} {
		l, err := Parse("vcs_url", c.raw)
		if err != nil {
			t.Errorf("%q: %v", c.raw, err)
			continue
		}
		if l.String() != c.text || l.URL.String() != c.url || l.Username != c.user || string(l.Password) != c.password {
			t.Errorf("%q: got %s, %s, %q, %q; want %+v", c.raw, l, l.URL, l.Username, string(l.Password), c)
		}
		again, err := Parse("vcs_url", l.String())
		if err != nil || again.String() != l.String() || again.Home != l.Home {
			t.Errorf("%q: read again it is %v, %v", c.raw, again, err)
		}
	}
}

func TestLocationHidesItsCredentials(t *testing.T) {
	l, err := Parse("vcs_url", "https://user:canary@h/r")
	if err != nil {
		t.Fatal(err)
	}
	_, refused := Parse("vcs_url", "https://user:canary@h:bad/r")
	if text := fmt.Sprintf("%v %+v %#v %s %v", l, l, l.Password, l, refused); strings.Contains(text, "canary") {
		t.Error(text)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://u:p@h:1/r#x", "-x", "http://[::1%25e]/", "ext::x", "https://h/a%0ab", "a@b,c:d", "ssh://a@[::1%25,]/x", "http://[::%25\x83]", "http://[::%25é]", "http://\xff/", strings.Repeat("\xd6", MaxURL/2) + "@h:a", "R@H[:/\xb5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := Parse("vcs_url", raw)
		if err != nil {
			return
		}
		again, err := Parse("vcs_url", l.String())
		if err != nil || again.String() != l.String() {
			t.Errorf("%q became %q, which became %q, %v", raw, l, again, err)
		}
		if strings.ContainsAny(l.URL.Host, " ,*?!#|@") {
			t.Errorf("%q has the host %q", raw, l.URL.Host)
		}
		if l.URL.User != nil && !l.SSH() || hasControl(l.String()) || l.String()[0] == '-' {
			t.Errorf("%q passed as %q", raw, l)
		}
	})
}

func TestLFS(t *testing.T) {
	for raw, want := range map[string]string{
		"https://h:1/a":              "https://h:1/a.git/info/lfs",
		"http://h/a.git/":            "http://h/a.git/info/lfs",
		"ssh://git@h:22/a%2Fb":       "https://h/a%2Fb.git/info/lfs",
		"git@[2001:db8::1]:a.git":    "https://[2001:db8::1]/a.git/info/lfs",
		"git://[2001:db8::1]:9418/a": "https://[2001:db8::1]/a.git/info/lfs",
	} {
		l, err := Parse("vcs_url", raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.LFS().String(); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}
