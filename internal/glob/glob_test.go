package glob

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"*", "", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"*.b", "a.b", true},
		{"*.b", "a.c", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a?c", "aéc", true},
		{"a*?c", "a\xff/c", true},
		{"a*b*c", "axbxbxc", true},
		{"a*b*c", "axbxbx", false},
		{"**", "abc", true},
		{strings.Repeat("a*", 1000) + "b", strings.Repeat("a", 10000), false},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("%.20q, %.20q: %v", c.pattern, c.name, got)
		}
	}
}
