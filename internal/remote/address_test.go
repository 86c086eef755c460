package remote

import "testing"

func TestKey(t *testing.T) {
	for _, test := range []struct{ a, b string }{
		{"https://Example.org/o/r.git", "https://example.org:443/o/r/"},
		{"git@example.org:o/r.git", "ssh://git@example.org/o/r"},
		{"https://example.org/o/r", "git://example.org/o/r.git"},
		{"/a/b", "/a/./b/"},
		{"/a/b", "file:///a/b"},
		{"https://me:word@example.org/o/r", "https://example.org/o/r"},
	} {
		if Key(test.a) != Key(test.b) {
			t.Errorf("%s is %q, %s is %q", test.a, Key(test.a), test.b, Key(test.b))
		}
	}
	for _, test := range []struct{ a, b string }{
		{"https://example.org:8443/o/r", "https://example.org/o/r"},
		{"/a/b", "/a/b.git"},
		{"https://example.org/o/r", "https://example.org/o/R"},
		{"a:b", "/a/b"},
	} {
		if Key(test.a) == Key(test.b) {
			t.Errorf("%s and %s are both %q", test.a, test.b, Key(test.a))
		}
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ source, url, want string }{
		{"https://h.example/o/a.git", "../b.git", "https://h.example/o/b.git"},
		{"https://h.example/o/a.git/", "../../p/b", "https://h.example/p/b"},
		{"git@h.example:o/a.git", "../b.git", "git@h.example:o/b.git"},
		{"ssh://git@h.example:2222/o/a.git", "./b", "ssh://git@h.example:2222/o/a.git/b"},
		{"/srv/a.git", "../b.git", "/srv/b.git"},
		{"/srv/a.git", "https://h.example/b", "https://h.example/b"},
		{"https://h.example/a", "../../../../b", "https://h.example/b"},
	} {
		if got := Resolve(test.source, test.url); got != test.want {
			t.Errorf("%s in %s: got %s, want %s", test.url, test.source, got, test.want)
		}
	}
}

// FuzzResolve: the URLs of submodules are anybody's.
func FuzzResolve(f *testing.F) {
	f.Add("https://h.example/o/a.git", "../../../x")
	f.Add("git@h.example:o/a.git", "./-x\n")
	f.Fuzz(func(t *testing.T, source, submodule string) {
		got := Resolve(source, submodule)
		Key(got)
		l, err := Parse("", source)
		if err != nil || Local(source) || !Relative(submodule) {
			return
		}
		if at, err := Parse("", got); err == nil && (at.URL.Host != l.URL.Host || at.URL.Scheme != l.URL.Scheme) {
			t.Errorf("%q in %q leads to %q", submodule, source, got)
		}
	})
}
