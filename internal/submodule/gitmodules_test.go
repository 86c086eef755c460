package submodule

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/internal/testenv"
)

// TestMain has every run draw the same files; flags say otherwise.
func TestMain(m *testing.M) {
	flag.Set("rapid.seed", "20240229")
	flag.Set("rapid.checks", "200")
	flag.Set("rapid.nofailfile", "true")
	flag.Parse()
	os.Exit(m.Run())
}

// TestEdit has other URLs put into .gitmodules files: nothing else of them changes.
func TestEdit(t *testing.T) {
	m := Moved{
		source: "https://old.example/o/app.git", destination: "https://new.example/n/app.git",
		exact: map[string]string{"old.example/o/lib": "https://new.example/n/lib.git", "/srv/lib": `/moved/a "b"; #c\d`},
	}
	for _, test := range []struct{ text, want string }{
		{"[submodule \"a\"]\n\turl = https://old.example/o/lib.git\n", "[submodule \"a\"]\n\turl = https://new.example/n/lib.git\n"},
		{"\xef\xbb\xbf[submodule \"a\"]\r\n\tURL=git@old.example:o/lib\r\n", "\xef\xbb\xbf[submodule \"a\"]\r\n\tURL=https://new.example/n/lib.git\r\n"},
		{"[submodule.a]url = ssh://git@OLD.example:22/o/lib/ ; why\n\n\n", "[submodule.a]url = https://new.example/n/lib.git ; why\n\n\n"},
		{"[submodule \"a\"]\nurl = \"https://me:word@old.example/o/lib\" # x", "[submodule \"a\"]\nurl = \"https://new.example/n/lib.git\" # x"},
		{"[submodule \"a\"]\nurl = https://old.\"example\"/o/lib", "[submodule \"a\"]\nurl = https://new.example/n/lib.git"},
		{"[submodule \"a\"]\nurl = https://old.exam\\\nple/o/lib  \npath = x", "[submodule \"a\"]\nurl = https://new.example/n/lib.git  \npath = x"},
		{"[submodule \"a\"]\nurl = \\\n  https://old.example/o/lib", "[submodule \"a\"]\nurl = \\\n  https://new.example/n/lib.git"},
		{"[submodule \"a\"]\nurl = /srv/lib\n", "[submodule \"a\"]\nurl = \"/moved/a \\\"b\\\"; #c\\\\d\"\n"},
		{"[submodule \"a\"]\nurl = /srv/lib\nurl = https://old.example/o/lib\n", "[submodule \"a\"]\nurl = \"/moved/a \\\"b\\\"; #c\\\\d\"\nurl = https://new.example/n/lib.git\n"},
		{"[submodule \"a]\\\"b\"]\nurl=https://old.example/o/lib", "[submodule \"a]\\\"b\"]\nurl=https://new.example/n/lib.git"},
		{"[submodule \"a\"]\nurl = https://old.example/o/library\n", ""},
		{"[submodule \"a\"]\npushurl = https://old.example/o/lib\nurl\n", ""},
		{"[submodule]\nurl = https://old.example/o/lib\n", ""},
		{"[remote \"a\"]\nurl = https://old.example/o/lib\n", ""},
		{"[include]\npath = https://old.example/o/lib\n[url \"https://old.example/o/lib\"]\ninsteadof = x\n", ""},
		{"url = https://old.example/o/lib\n", ""},
		{"[submodule \"a\"]\n# url = https://old.example/o/lib\n", ""},
		{"[submodule \"a\"]\nurl = \"https://old.example/o/lib\n", ""},
		{"[submodule \"a\"]\nurl = https://old.example/o/lib\n\x00", ""},
		{"[submodule \"a\"]\nurl = https://old.example/o/lib\x00x\n", "[submodule \"a\"]\nurl = https://new.example/n/lib.git\n"},
		{"[submodule \"a\"]\nurl = \"https://old.example/o/lib\r\"\n", ""},
		{"[submodule \"a\"]\nurl = https://old.example/o/lib\\x\n", ""},
		{"[submodule \"a\"\nurl = https://old.example/o/lib\n", ""},
		{"[submodule \"a\"]\nurl = https://old.example/o/lib\n[", ""},
		{"", ""},
		{"\xef\xbb", ""},
	} {
		got, changed := m.Edit([]byte(test.text))
		if string(got) != test.want || changed != (test.want != "") {
			t.Errorf("%q became\n%q, %t; want\n%q", test.text, got, changed, test.want)
		}
		if changed {
			if again, twice := m.Edit(got); twice {
				t.Errorf("%q becomes %q in the end", got, again)
			}
		}
	}
}

// list is what git reads in a config: names with their values. ok is false when it cannot.
func list(t *testing.T, dir, text string) (all []string, ok bool) {
	t.Helper()
	file := filepath.Join(dir, "modules")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "git", "config", "--file", file, "--null", "--list")
	cmd.Env = testenv.Env()
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(out), "\x00"), true
}

// TestEditAsGitReads has git read files before and after: only URLs of submodules that were moved are others.
func TestEditAsGitReads(t *testing.T) {
	m := Moved{source: "/s/app", destination: "/d/app", exact: map[string]string{"/old": "/new #1", "/other": "/next"}}
	parts := []string{
		"[submodule \"a\"]", "[Submodule \"B\\\"\"]", "[submodule.c]", "[submodule]", "[core]", "[a \"submodule.x\"]", "[submodule \"\"]", "[submodule\t\"a\"]", "[submodule \"a\" ]", "[submodule.a \"b\"]",
		"\n", "\n", "\n", "\n\t", "\r\n", "\r", " ", "\\\n", "\\\r\n", "\xef\xbb\xbf", "]", "[", "\x00", "=", "1",
		"url = /old", "url=/old", "URL=\"/old\"", "url = /ol\\\nd", "url", "url = \"/o\"ld ", "url = /other ; c", "url = \"/old", "url = /old\\t", "url = /old#", "url = \\\"/old", "url2 = /old", "u-rl=/old", "path = /old", "url = /old /old", "url =\t/old\t",
		"# url = /old", ";", "\"", "path = x",
	}
	dir := t.TempDir()
	rapid.Check(t, func(t2 *rapid.T) {
		text := ""
		for range rapid.IntRange(1, 14).Draw(t2, "parts") {
			text += rapid.SampledFrom(parts).Draw(t2, "part")
		}
		got, changed := m.Edit([]byte(text))
		before, ok := list(t, dir, text)
		if !ok {
			if changed {
				t2.Errorf("git cannot read %q, and it became %q", text, got)
			}
			return
		}
		want := slices.Clone(before)
		for i, pair := range want {
			name, value, _ := strings.Cut(pair, "\n")
			if strings.HasPrefix(name, "submodule.") && strings.HasSuffix(name, ".url") && strings.Count(name, ".") > 1 {
				if now := m.exact[value]; now != "" {
					want[i] = name + "\n" + now
				}
			}
		}
		if changed == slices.Equal(before, want) {
			t2.Errorf("%q: changed is %t", text, changed)
		}
		if !changed {
			return
		}
		if after, ok := list(t, dir, string(got)); !ok || !slices.Equal(after, want) {
			t2.Errorf("%q became %q: git reads %q, want %q", text, got, after, want)
		}
	})
}

func FuzzEdit(f *testing.F) {
	for _, text := range []string{
		"[submodule \"a\"]\n\turl = /old\n", "\xef\xbb\xbf[submodule.a]url=\"/old\"\r\n;x", "[submodule \"a\\\"\"]\nurl = /ol\\\nd # x", "[", "\\", "a=\"",
	} {
		f.Add([]byte(text))
	}
	m := Moved{source: "/s/app", destination: "/d/app", exact: map[string]string{"/old": "/new"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		was := bytes.Clone(text)
		got, changed := m.Edit(text)
		if !bytes.Equal(text, was) {
			t.Fatal("it writes into what it is given")
		}
		if !changed {
			return
		}
		if !isReadable(got) {
			t.Errorf("%q became %q, which cannot be read", text, got)
		}
		if _, again := m.Edit(got); again {
			t.Errorf("%q became %q, which goes on to change", text, got)
		}
	})
}

func BenchmarkEdit(b *testing.B) {
	m := Moved{source: "/s/app", destination: "/d/app", exact: map[string]string{"old.example/o/lib": "https://new.example/n/lib"}}
	var text []byte
	for i := range 50 {
		text = append(text, "[submodule \"a\"]\n\tpath = a\n\turl = https://old.example/o/lib"...)
		text = append(text, bytes.Repeat([]byte("x"), i%2)...)
		text = append(text, '\n')
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		m.Edit(text)
	}
}
