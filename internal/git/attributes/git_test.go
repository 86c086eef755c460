package attributes

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// asked are the attributes the tests ask for; some are macros in some files.
var asked = []string{"filter", "text", "binary", "m", "n"}

// says gives what git says of asked for each path in a work tree with the files, by folder
// ("" is the root): path, attribute, value in turn.
func says(t *testing.T, files map[string]string, paths []string) []string {
	t.Helper()
	dir := t.TempDir()
	testenv.Git(t, dir, "init", "-q")
	for folder, text := range files {
		must(t, os.MkdirAll(filepath.Join(dir, folder), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, folder, ".gitattributes"), []byte(text), 0o644))
	}
	in := strings.NewReader(strings.Join(paths, "\x00") + "\x00")
	out := testenv.GitIn(t, dir, in, append([]string{"check-attr", "-z", "--stdin"}, asked...)...)
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}

// weSay is says by this package.
func weSay(files map[string]string, paths []string) []string {
	rules := map[string]*Rules{}
	for folder, text := range files {
		rules[folder] = Parse([]byte(text))
	}
	m := rules[""].Macros()
	var out []string
	for _, path := range paths {
		list := []*Rules{rules[""]}
		for i, c := range []byte(path) {
			if c == '/' {
				list = append(list, rules[path[:i]])
			}
		}
		for _, a := range asked {
			v, _ := Lookup(m, list, []byte(path), a)
			out = append(out, path, a, v.String())
		}
	}
	return out
}

// checkGit fails when git says something else than we.
func checkGit(t *testing.T, files map[string]string, paths []string) {
	t.Helper()
	want, got := says(t, files, paths), weSay(files, paths)
	if len(want) != len(got) {
		t.Fatalf("git says %d things, we %d", len(want), len(got))
	}
	for i := 2; i < len(got); i += 3 {
		if !slices.Equal(got[i-2:i+1], want[i-2:i+1]) {
			t.Fatalf("files %q: %q, git says %q", files, got[i-2:i+1], want[i-2:i+1])
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAsGit(t *testing.T) {
	paths := []string{
		"a", "b", "a.bin", "a b", "!a", "#a", "[attr]x", "x", "\"a", "a\tb", "d/a", "d/a.bin", "d/e/a", "d/e/f/a.bin", "é", "d/é", "\xff", "a\nb",
		`a\b`, "a*", "**", "d/a*b", "ad/x/a", "a]b", "[", "d/[a]", "-a", "ends ", "\ufeffa", "A", "d/A.BIN", "a-", "a/b/c", "foo/bar", "foo/x/bar", "foobar/x/bar",
	}
	for name, text := range map[string]string{
		"empty":           "",
		"comments":        "#a filter=x\n  # a filter=y\n\\#a filter=z\n",
		"later wins":      "a filter=one\na filter=two\na text\n",
		"later in line":   "a filter=one filter=two -filter filter\n",
		"kinds":           "a filter\nb -filter\na.bin !filter\nx filter=\n",
		"bad names":       "a filter=x ba*d\nb filter=x -\nx filter=x --y\na.bin =x\nd/a -=x\n",
		"minus with =":    "a -filter=x\nb !filter=y\n",
		"byte order mark": "\ufeffa filter=x\nb filter=y\n",
		"mark later":      "b filter=y\n\ufeffa filter=x\n",
		"carriage":        "a filter=x\r\nb filter=y\r\n",
		"tabs":            "\ta\tfilter=x\ttext\n",
		"no line feed":    "a filter=x",
		"negative":        "!a filter=x\n\\!a filter=y\n",
		"quoted":          "\"a b\" filter=x\n\"a\\tb\" filter=y\n\"\\\"a\" filter=z\n\"\\303\\251\" filter=e\n\"\\377\" filter=f\n\"a\\nb\" text\n\"a\"filter=glued\n",
		"bad quotes":      "\"a b filter=x\n\"a\\qb\" filter=y\n\"\\4\" text\n\"\\3\" text\n\"a\\\n",
		"quoted zero":     "\"a\\000b\" filter=x\n",
		"quoted negative": "\"!a\" filter=x\n",
		"quoted hash":     "\"#a\" filter=x\n",
		"empty quotes":    "\"\" filter=x\n",
		"macro":           "[attr]m filter=lfs -text n\na m\nb m filter=x\nx filter=x m\nd/a -m\n",
		"macro of macro":  "[attr]m n\n[attr]n filter=deep\na m\nb m -n\nx -n m\n",
		"macro of itself": "[attr]m m n\n[attr]n m filter=x\na m\n",
		"macro later":     "a m\n[attr]m filter=one\n[attr]m filter=two\n",
		"macro binary":    "[attr]binary filter=x\na binary\n",
		"binary":          "a binary\nb -binary\nx binary text\n",
		"macro quoted":    "\"[attr]m\" filter=x\na m\n\"[attr] n\" filter=y\nb n\n",
		"macro bad":       "[attr]m* filter=x\n[attr] x filter=y\n[attr]m fi*lter\na m\n[attr]- text\n",
		"macro says none": "[attr]m filter=x\n[attr]m\na m\n",
		"macro in quotes": "\"\\133attr]m\" filter=x\na m\n",
		"zero":            "a filter=x\x00 text\nb filter=y\n",
		"folders":         "d/ filter=x\nd/e/ filter=y\n/d/ text\n",
		"anchored":        "/a filter=x\n/d/a filter=y\n//b filter=z\n",
		"stars":           "d/*a filter=x\nd/** text\n**/a m\na/**/c n\n** filter=y\n",
		"odd stars":       "foo**bar filter=a\nfoo**/bar filter=b\nfoo/**bar filter=c\n*** text\nd/***/a m\nd/**/ n\n",
		"escaped":         "a\\* filter=x\n\\*\\* filter=y\nd/\\[a] text\na\\\\b m\na\\ n\n",
		"escaped slash":   "d\\/a filter=x\nd/**\\/a.bin filter=y\n",
		"classes":         "[ab] filter=x\n[!a] text\n[^b] m\n[]a] n\n[[:upper:]] filter=u\na[]]b filter=b\na[-]  filter=d\n[\\!#]a filter=e\n",
		"bad classes":     "[ filter=x\n[a filter=y\n[[:nope:]] text\n[[:a filter=z\n[[:a] m\n[[:]] n\n[]] filter=a\n",
		"says nothing":    "a\nb filter=x\nb\n",
		"too long":        "a filter=x\na filter=" + strings.Repeat("y", 2040-9) + "\nb filter=" + strings.Repeat("y", 2047-9) + "\nx filter=" + strings.Repeat("y", 2048-9) + "\n",
	} {
		t.Run(name, func(t *testing.T) { checkGit(t, map[string]string{"": text}, paths) })
	}
}

func TestDeeperFilesAsGit(t *testing.T) {
	root := "[attr]m filter=lfs\n*.bin m\n/d/a filter=root\nd/e/* text\na n\n"
	for _, deeper := range []map[string]string{
		{"d": "*.bin -filter\n"},
		{"d": "*.bin -m\n"},
		{"d": "*.bin !m\n", "d/e": "*.bin m\n"},
		{"d": "[attr]m filter=other\n*.bin m\n/a filter=deep\n"},
		{"d": "e/a filter=deep\n", "d/e": "f/*.bin text\n", "d/e/f": "a.bin !text\n"},
	} {
		files := map[string]string{"": root}
		for folder, text := range deeper {
			files[folder] = text
		}
		checkGit(t, files, []string{"a", "a.bin", "d/a", "d/a.bin", "d/e/a", "d/e/a.bin", "d/e/f/a.bin", "x/d/a"})
	}
}

// A file alone tells that a macro is taken back in it.
func TestValueOfMacroTakenBack(t *testing.T) {
	m := Parse([]byte("[attr]n filter=lfs\n[attr]m n\n[attr]o text\n")).Macros()
	for text, want := range map[string]string{
		"a -m": "unspecified", "a !m": "unspecified", "a -n": "unspecified", "a m=x": "unspecified", "a m": "lfs", "a -m m": "lfs", "a m -m": "unspecified",
		"a filter=x\na -m": "x", "a -o": "nothing", "a -x": "nothing", "b -m": "nothing", "a -m\na filter=x": "x",
	} {
		v, found := Parse([]byte(text)).Value(m, []byte("a"), "filter")
		if got := v.String(); found && got != want || !found && want != "nothing" {
			t.Errorf("%q: %s, %v, want %s", text, got, found, want)
		}
	}
}

func TestMacrosString(t *testing.T) {
	text := "[attr]z -a !b c d=e\n\"[attr] m\" n\n[attr]m\n"
	want := "[attr]binary -diff -merge -text\n[attr]m\n[attr]z -a !b c d=e\n"
	m := Parse([]byte(text)).Macros()
	if got := m.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if again := Parse([]byte(want)).Macros().String(); again != want {
		t.Errorf("read again: %q, want %q", again, want)
	}
	if got := Parse(nil).Macros().String(); got != "" {
		t.Errorf("none: %q", got)
	}
}

// random makes files and paths of few letters, so that much matches.
type random struct{ *rand.Rand }

// of joins up to n of the parts.
func (r random) of(n int, parts ...string) string {
	var b strings.Builder
	for range 1 + r.IntN(n) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

func (r random) pattern() string {
	return r.of(7, "a", "b", "a", "b", "/", "/", "*", "**", "/**/", "**/", "/**", "?", "[ab]", "[!a]", "[^b-c]", "[a-", "]", "[", `\`, `\a`, `\*`, `\/`, "[[:alpha:]]", "é", "\xc3", ".", "!", "#", "-", "[]", "[a\\]-c]")
}

func (r random) line() string {
	p := r.pattern()
	switch r.IntN(8) {
	case 0:
		p = `"` + strings.ReplaceAll(p, `\`, `\\`) + `"`
	case 1:
		p = `"` + p + `"`
	case 2:
		p = "[attr]" + r.of(1, "m", "n", "binary", "text")
	}
	for range r.IntN(3) {
		p += r.of(1, " ", "\t", "  ", " ", " ", "\r") + r.of(1, "", "-", "!", "") + r.of(1, asked...) + r.of(1, "", "", "=x", "=lfs", "=")
	}
	return p + r.of(1, "\n", "\n", "\n", "\r\n", " \n")
}

func (r random) file() string {
	var b strings.Builder
	for range r.IntN(7) {
		b.WriteString(r.line())
	}
	return b.String()
}

func (r random) path() string {
	parts := make([]string, 1+r.IntN(4))
	for i := range parts {
		parts[i] = r.of(3, "a", "b", "a", "b", "c", "é", "\xc3", "*", `\`, "[", "]", "!", "#", "-", "a.")
	}
	return strings.Join(parts, "/")
}

func TestRandomAsGit(t *testing.T) {
	for seed := range uint64(rounds) {
		r := random{rand.New(rand.NewPCG(seed, 4))}
		files := map[string]string{"": r.file(), "a": r.file(), "a/b": r.file()}
		paths := make([]string, 200)
		for i := range paths {
			if paths[i] = r.path(); i%3 == 0 {
				paths[i] = "a/b/" + paths[i]
			}
		}
		checkGit(t, files, paths)
	}
}

// Each line is asked for apart: no other one hides it.
func TestRandomPatternsAsGit(t *testing.T) {
	for seed := range uint64(rounds) {
		r := random{rand.New(rand.NewPCG(seed, 5))}
		var text bytes.Buffer
		var patterns []string
		for i := range 150 {
			p := r.pattern()
			patterns = append(patterns, p)
			fmt.Fprintf(&text, "%s p%d\n", p, i)
		}
		paths := make([]string, 150)
		for i := range paths {
			paths[i] = r.path()
		}
		dir := t.TempDir()
		testenv.Git(t, dir, "init", "-q")
		must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), text.Bytes(), 0o644))
		in := strings.NewReader(strings.Join(paths, "\x00") + "\x00")
		want := map[string]bool{}
		out := strings.Split(testenv.GitIn(t, dir, in, "check-attr", "-z", "--stdin", "-a"), "\x00")
		for i := 2; i < len(out); i += 3 {
			want[out[i-2]+"\x00"+out[i-1]] = true
		}
		rules := Parse(text.Bytes())
		for _, path := range paths {
			for i, p := range patterns {
				a := fmt.Sprintf("p%d", i)
				if _, got := rules.Value(nil, []byte(path), a); got != want[path+"\x00"+a] {
					t.Errorf("pattern %q, path %q: %v", p, path, got)
				}
			}
		}
	}
}

// rounds is how often the random tests ask git.
const rounds = 12
