package submodule

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
)

// mapOf writes a commit map.
func mapOf(t testing.TB, f object.Format, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "map")
	text := fmt.Sprintf("%-*s new\n", 2*f.Size(), "old") + strings.Join(lines, "")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func digits(f object.Format, digit string) string { return strings.Repeat(digit, 2*f.Size()) }

func TestURL(t *testing.T) {
	none := mapOf(t, object.SHA1)
	for _, test := range []struct{ source, destination, from, to, url, want string }{
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://n.example/n/lib", "https://O.example:443/o/lib.git/", "https://n.example/n/lib"},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://me:word@n.example/n/lib.git", "git@o.example:o/lib.git", "https://n.example/n/lib.git"},
		{"https://o.example/o/app", "git@n.example:n/app", "git@o.example:o/lib", "git@n.example:n/lib.git", "https://me:word@o.example/o/lib.git", "git@n.example:n/lib.git"},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://n.example/n/lib.git", "../lib", ""},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://n.example/n/new-lib.git", "../lib", "../new-lib.git"},
		{"git@o.example:o/app", "git@n.example:n/app", "git@o.example:o/lib", "git@n.example:n/b.git", "../lib.git", "../b.git"},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://n.example/n/a%20b", "../lib", "https://n.example/n/a%20b"},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/p/lib", "https://n.example/n/lib", "../../p/lib", "https://n.example/n/lib"},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/p/lib", "https://n.example/p/lib", "../../p/lib", ""},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://m.example/n/lib", "../lib", "https://m.example/n/lib"},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "git@n.example:n/b", "../lib", "git@n.example:n/b"},
		{"https://o.example/o/app", "/d/app.git", "https://o.example/o/lib", "/d/lib.git", "../lib.git", ""},
		{"/s/app", "/d/app.git", "/s/lib", "/d/lib.git", "../lib", ""},
		{"/s/app", "/d/app.git", "/s/lib", "/d/b.git", "../lib", "../b.git"},
		{"/s/app", "/d/app.git", "/s/lib", "/e/b.git", "../lib", "/e/b.git"},
		{"/s/app", "/d/app.git", "/s/lib", "/d/lib.git", "file:///s/lib/.git", "/d/lib.git"},
		{"/s/app", "https://n.example/n/app", "/s/lib", "https://n.example/n/b", "/s/lib", "https://n.example/n/b"},
		{"/s/app", "/d/app.git", "/s/lib", "/d/lib.git", "", ""},
		{"/s/app", "/d/app.git", "/s/lib", "/d/lib.git", "/s/lib\n", ""},
		{"/s/app", "/d/app.git", "/s/lib", "/d/lib.git", "/s/library", ""},
		{"https://o.example/o/app", "https://n.example/n/app", "https://o.example/o/lib", "https://o.example/o/lib.git", "https://o.example/o/lib", ""},
	} {
		m, err := Open(test.source, test.destination, []Repository{{test.from, test.to, none}, {test.from, "https://second.example/x", none}})
		if err != nil {
			t.Fatal(err)
		}
		if got, changed := m.URL(test.url); got != test.want || changed != (test.want != "") {
			t.Errorf("%+v: got %q, %t", test, got, changed)
		}
	}
}

func TestCommit(t *testing.T) {
	for _, f := range []object.Format{object.SHA1, object.SHA256} {
		line := func(old, now string) string { return digits(f, old) + " " + digits(f, now) + "\n" }
		m, err := Open("/s/app", "/d/app", []Repository{
			{"/s/a", "/d/a", mapOf(t, f, line("1", "a"), line("2", "2"), line("3", "0"), line("4", "b"), line("5", "c"))},
			{"/s/b", "/d/b", mapOf(t, f, line("4", "c"), line("5", "c"))},
			{"/s/c", "/d/c", mapOf(t, object.SHA1+object.SHA256-f)},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			old, now string
			why      string
		}{
			{"1", "a", ""}, {"2", "2", ""}, {"3", "", "left history"}, {"4", "", "became " + digits(f, "b")}, {"5", "c", ""}, {"6", "", ""}, {"0", "", ""}, {"f", "", ""},
		} {
			old, err := object.ParseID(digits(f, test.old))
			if err != nil {
				t.Fatal(err)
			}
			now, known, err := m.Commit(old)
			if (err != nil) != (test.why != "") || err != nil && !strings.Contains(err.Error(), test.why) {
				t.Errorf("%s: error %v, want %q", test.old, err, test.why)
			}
			if err == nil && (known != (test.now != "") || known && now.String() != digits(f, test.now)) {
				t.Errorf("%s became %s, %t", test.old, now, known)
			}
		}
	}
}

// TestKey tells apart what may give other answers.
func TestKey(t *testing.T) {
	one := digits(object.SHA1, "1")
	same, other := mapOf(t, object.SHA1, one+" "+digits(object.SHA1, "2")+"\n"), mapOf(t, object.SHA1, one+" "+digits(object.SHA1, "3")+"\n")
	keys := map[string]int{(*Moved)(nil).Key(): 0}
	for n, c := range []struct{ source, destination, from, to, file string }{
		{"/s", "/d", "/a", "/b", same},
		{"/s", "/d", "/a", "/b", mapOf(t, object.SHA1, one+" "+digits(object.SHA1, "2")+"\n")},
		{"/t", "/d", "/a", "/b", same},
		{"/s", "/e", "/a", "/b", same},
		{"/s", "/d", "/c", "/b", same},
		{"/s", "/d", "/a", "/c", same},
		{"/s", "/d", "/a", "/b", other},
	} {
		m, err := Open(c.source, c.destination, []Repository{{c.from, c.to, c.file}})
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := keys[m.Key()]; ok != (n == 1) {
			t.Errorf("%d has the key of %d: %t", n, was, ok)
		}
		keys[m.Key()] = n
	}
}

// TestOpenRefuses reads commit maps that are none.
func TestOpenRefuses(t *testing.T) {
	one, two := digits(object.SHA1, "1"), digits(object.SHA1, "2")
	for _, text := range []string{
		"", "old new\n", mapHead + one + "\n", mapHead + one + " " + two, mapHead + two + " " + two + "\n" + one + " " + one + "\n", mapHead + one + " " + two + "\n" + one + " " + two + "\n",
		mapHead + "x" + one[1:] + " " + two + "\n", mapHead + strings.Repeat("1", 1<<20), mapHead + digits(object.SHA256, "1") + " " + digits(object.SHA256, "2") + "\n",
	} {
		file := filepath.Join(t.TempDir(), "map")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open("/s", "/d", []Repository{{"/a", "/b", file}}); err == nil {
			t.Errorf("%.100q was taken", text)
		}
	}
	if _, err := Open("/s", "/d", []Repository{{"/a", "/b", filepath.Join(t.TempDir(), "none")}}); err == nil {
		t.Error("a file that is not there was taken")
	}
}

var mapHead = fmt.Sprintf("%-40s new\n", "old")

func FuzzDecodeMap(f *testing.F) {
	f.Add([]byte(mapHead + digits(object.SHA1, "1") + " " + digits(object.SHA1, "2") + "\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := decodeMap(bytes.NewReader(text))
		if err == nil && len(text) != len(mapHead)+82*len(c.pairs)/40 && c.format == object.SHA1 {
			t.Errorf("%d bytes are %d of pairs", len(text), len(c.pairs))
		}
	})
}
