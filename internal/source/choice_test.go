package source

import (
	"slices"
	"strings"
	"testing"

	"rehome"
)

func TestRefChoice(t *testing.T) {
	for _, c := range []struct {
		include, exclude, name, want string
	}{
		{"", "", "refs/heads/main", ""},
		{"main", "", "refs/heads/main", ""},
		{"main", "", "refs/tags/main", ""},
		{"main", "", "refs/heads/maint", reasonNotIncluded},
		{"main", "", "refs/notes/main", reasonNotIncluded},
		{"refs/heads/main", "", "refs/tags/main", reasonNotIncluded},
		{"release/*", "", "refs/heads/release/1/2", ""},
		{"release/*", "", "refs/heads/release/", ""},
		{"release/*", "", "refs/heads/release", reasonNotIncluded},
		{"refs/*", "", "refs/notes/commits", ""},
		{"*", "", "refs/notes/commits", reasonNotIncluded},
		{"v?.?", "", "refs/tags/v1.2", ""},
		{"v?.?", "", "refs/tags/v1.22", reasonNotIncluded},
		{"v?", "", "refs/tags/vé", ""},
		{"v??", "", "refs/tags/v\xff\xfe", ""},
		{"*a*b*c", "", "refs/heads/xaxbxbxc", ""},
		{"*a*b*c", "", "refs/heads/xaxbxbx", reasonNotIncluded},
		{"", "wip/*", "refs/heads/wip/x", reasonExcluded},
		{"", "wip/*", "refs/heads/main", ""},
		{"wip/*", "wip/x", "refs/heads/wip/x", reasonExcluded},
		{"[ab]", "", "refs/heads/a", reasonNotIncluded},
		{"main dev", "", "refs/heads/dev", ""},
	} {
		choice := RefChoice{strings.Fields(c.include), strings.Fields(c.exclude)}
		if got := choice.Reason(c.name); got != c.want {
			t.Errorf("%q without %q, of %q: %q, want %q", c.include, c.exclude, c.name, got, c.want)
		}
		if got := LeftByChoice(c.want); got != (c.want != "") {
			t.Errorf("%q left by choice: %v", c.want, got)
		}
	}
}

func TestRefChoiceIdle(t *testing.T) {
	names := slices.Values([]string{"refs/heads/master", "refs/tags/v1", "refs/tags/v2", "refs/pull/1/head"})
	for _, c := range []struct{ include, want string }{
		{"", ""},
		{"master v*", ""},
		{"main v* master", "main"},
		{"refs/pull/* pull/* refs/heads/dev*", "pull/* refs/heads/dev*"},
	} {
		choice := RefChoice{Include: strings.Fields(c.include)}
		if got := strings.Join(choice.Idle(names), " "); got != c.want {
			t.Errorf("of %q %q match nothing, want %q", c.include, got, c.want)
		}
	}
}

func TestRefChoiceNames(t *testing.T) {
	c := RefChoice{Include: []string{"refs/*", "refs/pull/*/head", "changes/*"}}
	for name, want := range map[string]bool{"refs/pull/1/head": true, "refs/pull/1/merge": false} {
		if got := c.Names(name, "refs/pull/"); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if c.Names("refs/changes/1", "refs/changes/") {
		t.Error("a pattern that does not begin so names a ref")
	}
}

// A pattern of many stars takes no time out of proportion.
func TestRefPatternsOfManyStars(t *testing.T) {
	choice := RefChoice{Include: []string{strings.Repeat("a*", 500) + "b"}}
	if choice.Reason("refs/heads/"+strings.Repeat("a", 4000)) == "" {
		t.Error("matches")
	}
}

func TestCheckRefPatterns(t *testing.T) {
	got, err := CheckRefPatterns("refs", []string{"main", "v*", "main"})
	if err != nil || strings.Join(got, " ") != "main v*" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]string{{""}, {"a b"}, {"a\n"}, {"a\x00"}, {"\x7f"}, {"\xff"}, {strings.Repeat("a", 1025)}, make([]string, 201)} {
		_, err := CheckRefPatterns("exclude_refs", bad)
		if known := rehome.AsError(err); err == nil || known.Code != rehome.Invalid || known.Field != "exclude_refs" {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	if _, err := CheckRefPatterns("refs", []string{strings.Repeat("é", 512)}); err != nil {
		t.Error(err)
	}
}
