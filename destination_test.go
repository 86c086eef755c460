package rehome

import "testing"

func TestParseWords(t *testing.T) {
	depth := func(s string) (string, bool) { d, ok := ParseDepth(s); return string(d), ok }
	divergence := func(s string) (string, bool) { d, ok := ParseDivergence(s); return string(d), ok }
	visibility := func(s string) (string, bool) { v, ok := ParseVisibility(s); return string(v), ok }
	for _, c := range []struct {
		name  string
		parse func(string) (string, bool)
		words []string
	}{
		{"depth", depth, []string{"refs", "objects", "bytes"}},
		{"divergence", divergence, []string{"stop", "skip", "overwrite"}},
		{"visibility", visibility, []string{"private", "internal", "public"}},
	} {
		for _, word := range c.words {
			if got, ok := c.parse(word); got != word || !ok {
				t.Errorf("%s %q: got %q, %v", c.name, word, got, ok)
			}
		}
		for _, word := range []string{"", "Refs", "STOP", " private", "public\n", "all"} {
			if got, ok := c.parse(word); got != "" || ok {
				t.Errorf("%s %q: got %q, %v", c.name, word, got, ok)
			}
		}
	}
}

// Options are compared as a whole, to see whether anything changed.
func TestOptionsCompare(t *testing.T) {
	a := Options{Refs: "main\nv*", Verify: VerifyObjects, SyncEvery: 1}
	if b := a; a != b || a == (Options{}) {
		t.Error("options do not compare")
	}
}
