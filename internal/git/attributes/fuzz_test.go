package attributes

import (
	"bytes"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte("[attr]m filter=lfs\n*.bin m\n\"a\\tb\" -m\n"), []byte("d/a.bin"))
	f.Add([]byte("a[b-\n**/a*b?[[:alpha:]]**/ !text\n"), []byte("a"))
	f.Fuzz(func(t *testing.T, text, path []byte) {
		r := Parse(text)
		for _, attribute := range asked {
			v, found := r.Value(r.Macros(), path, attribute)
			if again, is := Lookup(r.Macros(), []*Rules{r}, path, attribute); again != v || is && !found {
				t.Fatalf("%q is %q for %q, %q by Lookup", attribute, v, path, again)
			}
		}
		if len(path) == 0 || bytes.IndexByte(path, 0) >= 0 {
			return
		}
		line := AppendLine(nil, path)
		if v, _ := Parse(line).Value(nil, path, "filter"); len(line) <= MaxLine && v.String() != "lfs" && path[len(path)-1] != '/' {
			t.Fatalf("line %q: filter is %q for %q", line, v, path)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b/**/[!x]?", []byte("ab/c/y1"))
	f.Add("**/a/**/b/**", []byte("x/a/b/c"))
	f.Fuzz(func(t *testing.T, text string, path []byte) {
		p, why := newPattern(text)
		if why != "" {
			return
		}
		var r run
		first := p.match(&r, path, base(path))
		if again := p.match(&r, path, base(path)); first != again {
			t.Fatalf("pattern %q matches %q once", text, path)
		}
	})
}

func BenchmarkValue(b *testing.B) {
	var text []byte
	for range 20 {
		text = append(text, "*.c text\n*.h text diff=cpp\ndocs/**/*.md text\n/build/* -text\n*.[Pp][Nn][Gg] binary\n"...)
	}
	r := Parse(text)
	path := []byte("src/some/folder/file.psd")
	b.ReportAllocs()
	for b.Loop() {
		if _, found := r.Value(nil, path, "filter"); found {
			b.Fatal("found")
		}
	}
}
