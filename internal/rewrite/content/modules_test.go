package content

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/submodule"
	"rehome/internal/testenv"
)

// moved says that commits of /s/lib, which is at /d/lib, became others, by hex digits.
func moved(t testing.TB, pairs ...string) *submodule.Moved {
	t.Helper()
	file := filepath.Join(t.TempDir(), "map")
	text := fmt.Sprintf("%-40s new\n", "old")
	for _, pair := range pairs {
		text += pair + "\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := submodule.Open("/s/app", "/e/app", []submodule.Repository{{Source: "/s/lib", Destination: "/d/lib", Map: file}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func digits(d string) string { return strings.Repeat(d, 40) }

// imported makes a repository of what git fast-import reads.
func imported(t testing.TB, stream string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Git(t, ".", "init", "-q", "--bare", dir)
	testenv.GitIn(t, dir, strings.NewReader(stream), "fast-import", "--quiet")
	return dir
}

const onCommit = "commit refs/heads/main\ncommitter A <a@x> 1 +0000\ndata 0\n"

// runModules makes the content of a history whose submodules are moved.
func runModules(t testing.TB, stream string, m *submodule.Moved) (*Result, *Options, error) {
	t.Helper()
	from, roots := received(t, imported(t, stream), object.SHA1)
	o := options(t, from, roots, 100)
	o.Choice, o.Submodules = rehome.LFSUndecided, m
	r, err := Run(t.Context(), o)
	return r, &o, err
}

// TestAstray has a submodule at a commit that left history: the error says where.
func TestAstray(t *testing.T) {
	stream := onCommit + "M 160000 " + digits("1") + " fine\nM 160000 " + digits("2") + " a/b/lib\n"
	r, o, err := runModules(t, stream, moved(t, digits("1")+" "+digits("a"), digits("2")+" "+digits("0")))
	want := &rehome.Error{}
	if !errors.As(err, &want) || want.Code != rehome.Invalid || !strings.Contains(want.Message, `"a/b/lib"`) || !strings.Contains(want.Message, digits("2")) {
		t.Errorf("%v, %v", r, err)
	}
	if names, err := o.Into.PackNames(); err != nil || len(names) > 0 {
		t.Errorf("it left %q, %v", names, err)
	}
}

// TestModulesThatStay reads what looks like .gitmodules, or is too much.
func TestModulesThatStay(t *testing.T) {
	const text = "[submodule \"a\"]\n\turl = /s/lib\n"
	file := func(mode, name, text string) string {
		return fmt.Sprintf("M %s inline %s\ndata %d\n%s\n", mode, name, len(text), text)
	}
	for name, entry := range map[string]string{
		"nothing":      file("100644", "x", text),
		"a symlink":    file("120000", ".gitmodules", text),
		"a folder":     file("100644", ".gitmodules/x", text),
		"below":        file("100644", "a/.gitmodules", text),
		"other case":   file("100644", ".Gitmodules", text),
		"huge":         file("100644", ".gitmodules", text+strings.Repeat("# and so on, and on\n", submodule.MaxFile/20)),
		"broken":       file("100644", ".gitmodules", text+"[\n"),
		"binary":       file("100644", ".gitmodules", "\x00\xff\xfe\r\x00"),
		"others":       file("100644", ".gitmodules", strings.ReplaceAll(text, "lib", "other")),
		"no submodule": "M 160000 " + digits("9") + " lib\n" + file("100644", ".gitmodules", "[include]\n\tpath = /s/lib\n"),
	} {
		r, _, err := runModules(t, onCommit+entry, moved(t, digits("1")+" "+digits("a")))
		if err != nil || r.Changed() || r.Pack != "" || r.Submodules.Files != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	big := file("100644", ".gitmodules", text+strings.Repeat("# and so on, and on\n", submodule.MaxFile/20-10))
	if r, _, err := runModules(t, onCommit+big, moved(t)); err != nil || r.Pack == "" || r.Submodules.Files != 1 {
		t.Errorf("large: %+v, %v", r, err)
	}
}

// BenchmarkSubmodules has every one of 2,000 commits name another commit of a submodule, in a folder of many.
func BenchmarkSubmodules(b *testing.B) {
	var stream strings.Builder
	var pairs []string
	for n := range 2000 {
		stream.WriteString(onCommit)
		fmt.Fprintf(&stream, "M 160000 %040x vendor/lib\nM 644 inline a/%d/%d\ndata %d\n%d\n", n+1, n%20, n%300, len(fmt.Sprint(n)), n)
		pairs = append(pairs, fmt.Sprintf("%040x %040x", n+1, n+1+1<<20))
	}
	from, roots := received(b, imported(b, stream.String()), object.SHA1)
	m := moved(b, pairs...)
	b.ReportAllocs()
	for b.Loop() {
		o := options(b, from, roots, 3000)
		o.Choice, o.Submodules = rehome.LFSUndecided, m
		if r, err := Run(b.Context(), o); err != nil || r.Submodules.Commits != 2000 {
			b.Fatal(r, err)
		}
	}
}
