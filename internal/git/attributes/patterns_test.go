package attributes

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome/internal/testenv"
)

// walked tells whether path is chosen, folder by folder.
func walked(p *Patterns, path string) bool {
	parts := strings.Split(path, "/")
	s := p.Start()
	for _, folder := range parts[:len(parts)-1] {
		s = p.Enter(s, []byte(folder))
	}
	return p.Matches(s, []byte(parts[len(parts)-1]))
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct{ patterns, yes, no string }{
		{"", "", "a d/a"},
		{"*.psd", "a.psd d/e/a.psd .psd", "a.psd2 a.PSD a.psd/b"},
		{"a", "a d/a d/e/a", "ab d/ab a/b"},
		{"/a", "a", "d/a a/b"},
		{"d/a", "d/a", "a d/ab x/d/a"},
		{"d/", "d/a d/e/a x/d/a", "d x/d dx/a xd/a"},
		{"/d/", "d/a d/e/a", "d x/d/a"},
		{"d/e/", "d/e/a d/e/f/a", "d/a x/d/e/a d/e"},
		{"*.dir/", "a.dir/x y/a.dir/z/x", "a.dir a.dirx/x"},
		{"**/d/", "d/a x/d/a", "d a"},
		{"d/**", "d/a d/e/a", "d x/d/a"},
		{"d/**/a", "d/a d/e/f/a", "a d/ab"},
		{"**/a", "a d/a", "ab"},
		{"**", "a d/a", ""},
		{"d/*", "d/a", "d/e/a"},
		{"[ab]?", "ax d/bx", "a cx axx"},
		{`\!a`, "!a", "a"},
		{"#a", "#a d/#a", "a"},
		{"a b", "d/a|b", "a"},
		{`"a"`, `"a"`, "a"},
		{"*.bin /x d/ é/*.Ä", "a.bin x y/d/z é/x.Ä", "y/x é/y/x.Ä"},
	} {
		list := strings.Fields(c.patterns)
		if strings.Contains(c.yes, "|") {
			list = []string{c.patterns}
		}
		p, err := ParsePatterns(list)
		must(t, err)
		check := func(paths string, want bool) {
			for _, path := range strings.Fields(paths) {
				path = strings.ReplaceAll(path, "|", " ")
				if got := p.Match([]byte(path)); got != want {
					t.Errorf("patterns %q match %q: %v", list, path, got)
				}
				if got := walked(p, path); got != want {
					t.Errorf("patterns %q match %q: %v, folder by folder", list, path, got)
				}
				if want && !p.MayMatch(base([]byte(path))) {
					t.Errorf("patterns %q may not match a file of the name of %q", list, path)
				}
			}
		}
		check(c.yes, true)
		check(c.no, false)
	}
}

func TestPatternsStates(t *testing.T) {
	parse := func(list ...string) *Patterns {
		p, err := ParsePatterns(list)
		must(t, err)
		return p
	}
	var none *Patterns
	if none.Start() != 0 || none.Match([]byte("a")) || none.MayMatch([]byte("a")) || none.Anchored() || none.String() != "" {
		t.Error("nil chooses something")
	}
	if p := parse(); p.Start() != 0 || p.Anchored() {
		t.Error("no patterns choose something")
	}
	p := parse("*.bin", "x", "[ab]*")
	if s := p.Start(); p.Anchored() || s == 0 || p.Enter(s, []byte("d")) != s {
		t.Error("folders matter to patterns of names")
	}
	p = parse("d/a", "e/**")
	s := p.Start()
	if !p.Anchored() || s == 0 || p.Enter(s, []byte("x")) != 0 || p.Enter(p.Enter(s, []byte("d")), []byte("y")) != 0 {
		t.Error("a folder that nothing is for is open")
	}
	if e := p.Enter(s, []byte("e")); e == 0 || p.Enter(e, []byte("f")) != e || p.Enter(s, []byte("e")) != e {
		t.Error("folders that are alike have several states")
	}
	if p.MayMatch([]byte("")) || !p.MayMatch([]byte("any")) {
		t.Error("e/** may not match any")
	}
	if p = parse("d/*.bin"); p.MayMatch([]byte("a.txt")) || !p.MayMatch([]byte("a.bin")) {
		t.Error("d/*.bin may match something else")
	}
	if p = parse("/d/x", "*.bin"); p.Enter(p.Start(), []byte("y")) == 0 || p.String() != "/d/x\n*.bin" {
		t.Error("a name may not match in each folder")
	}
}

func TestPatternsRefused(t *testing.T) {
	many := make([]string, maxPatterns+1)
	for i := range many {
		many[i] = fmt.Sprintf("f%d", i)
	}
	for _, c := range []struct {
		list  []string
		index int
	}{
		{[]string{"a", ""}, 1},
		{[]string{"/"}, 0},
		{[]string{"a", "b", "//"}, 2},
		{[]string{"!a"}, 0},
		{[]string{"a\nb"}, 0},
		{[]string{"a\x00"}, 0},
		{[]string{`a\`}, 0},
		{[]string{`a\/`}, 0},
		{[]string{"[a"}, 0},
		{[]string{"a/[[:nope:]]"}, 0},
		{[]string{strings.Repeat("a", maxPattern), strings.Repeat("a", maxPattern+1)}, 1},
		{many, maxPatterns},
		{slices.Repeat([]string{strings.Repeat("a", maxPattern)}, 65), 64},
	} {
		_, err := ParsePatterns(c.list)
		var refused *PatternError
		if !errors.As(err, &refused) || refused.Index != c.index || refused.Text != c.list[c.index] || refused.Why == "" {
			t.Errorf("patterns %.60q: %v", c.list, err)
		}
	}
	if _, err := ParsePatterns(many[:maxPatterns]); err != nil {
		t.Error(err)
	}
}

// Patterns with slashes and without choose what they do in .gitattributes, folder by folder
// too.
func TestRandomPatternsChooseAsGit(t *testing.T) {
	for seed := range uint64(rounds) {
		r := random{rand.New(rand.NewPCG(seed, 7))}
		var list []string
		for range 8 {
			if text := r.pattern(); parses(text) && !strings.HasSuffix(text, "/") && text[0] != '#' {
				list = append(list, text)
			}
		}
		if list == nil {
			continue
		}
		dir := t.TempDir()
		testenv.Git(t, dir, "init", "-q")
		must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte(strings.Join(list, " filter\n")+" filter\n"), 0o644))
		paths := make([]string, 300)
		for i := range paths {
			paths[i] = r.path()
		}
		in := strings.NewReader(strings.Join(paths, "\x00") + "\x00")
		out := strings.Split(testenv.GitIn(t, dir, in, "check-attr", "-z", "--stdin", "filter"), "\x00")
		p, err := ParsePatterns(list)
		must(t, err)
		for i, path := range paths {
			want := out[3*i+2] == "set"
			if p.Match([]byte(path)) != want || walked(p, path) != want {
				t.Fatalf("patterns %q, path %q: %v, folder by folder %v, git says %v", list, path, p.Match([]byte(path)), walked(p, path), want)
			}
			if want && !p.MayMatch(base([]byte(path))) {
				t.Fatalf("patterns %q may not match a file of the name of %q", list, path)
			}
		}
	}
}

func parses(text string) bool {
	_, err := ParsePatterns([]string{text})
	return err == nil
}

// When the sets may not be held, states are found anew.
func TestPatternsWithoutRoom(t *testing.T) {
	r := random{rand.New(rand.NewPCG(1, 8))}
	list := []string{"**/a*/**/b", "a/*/b/**", "*b"}
	p, err := ParsePatterns(list)
	must(t, err)
	p.paths.held = maxHeld
	for range 2000 {
		if path := r.path(); walked(p, path) != p.Match([]byte(path)) {
			t.Fatalf("path %q", path)
		}
	}
	if len(p.paths.apart) == 0 {
		t.Error("all sets are held")
	}
}

func TestPatternsConcurrently(t *testing.T) {
	p, err := ParsePatterns([]string{"**/a*/**/b", "a/*/b/**", "*b", "[ab]c"})
	must(t, err)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			r := random{rand.New(rand.NewPCG(uint64(n), 9))}
			for range 2000 {
				if path := r.path(); walked(p, path) != p.Match([]byte(path)) {
					t.Errorf("path %q", path)
				}
			}
		})
	}
	all.Wait()
}

func FuzzPatterns(f *testing.F) {
	f.Add("a/**/b\n*.bin\nd/", "d/a/x.bin")
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 300 || !fit(path) {
			return
		}
		p, err := ParsePatterns(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		got := p.Match([]byte(path))
		if walked(p, path) != got || got && !p.MayMatch(base([]byte(path))) {
			t.Fatalf("patterns %q, path %q: %v", text, path, got)
		}
	})
}

func BenchmarkPatterns(b *testing.B) {
	p, err := ParsePatterns([]string{"*.psd", "*.bin", "assets/**/*.png", "/big/", "*.[Zz]ip"})
	must(b, err)
	folder, file := []byte("assets"), []byte("a-file-of-code.go")
	b.Run("may match", func(b *testing.B) {
		for b.Loop() {
			_ = p.MayMatch(file)
		}
	})
	b.Run("enter and match", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Matches(p.Enter(p.Start(), folder), file)
		}
	})
}
