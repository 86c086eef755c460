package mailmap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rehome"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func id(text string) rehome.Identity {
	p, _, _ := cutPart(text)
	return rehome.Identity{Name: p.name, Mail: p.mail}
}

func TestUsers(t *testing.T) {
	m, err := Parse([]byte("ada = Ada L <ada@y>\nbob@svn=Bob<bob@y> # note\neve = <eve@y>\nnull = No One <>\nx y = a = b <z@y>\n<m@y> <ada>\n(no author) = Nobody <n@y>\nbob@svn = Bobby <bob@y>\n"))
	must(t, err)
	for from, want := range map[string]string{
		"ADA <ada@uuid>":         "Ada L <ada@y>",
		"x <Ada>":                "x <m@y>", // a rule of Git's form comes first
		"ada <ada>":              "ada <m@y>",
		"x <bob@SVN>":            "Bobby <bob@y>",
		"Eve <e@x>":              "Eve <eve@y>",
		"null <e@x>":             "No One <>",
		"X Y <>":                 "a = b <z@y>",
		"(no author) <(no a)@u>": "Nobody <n@y>",
	} {
		if got, ok := m.Lookup(id(from)); got != id(want) || !ok {
			t.Errorf("%s: got %v %v, want %s", from, got, ok, want)
		}
	}
	if got, ok := m.Lookup(id("adam <adam@x>")); ok || got != id("adam <adam@x>") {
		t.Errorf("somebody else became %v", got)
	}
}

func TestOtherEncodings(t *testing.T) {
	m, err := Parse([]byte("\xef\xbb\xbfJürg <j@y> JÜrg <j@x>\nJürg <j@y> Jürg <j@x>\n"))
	must(t, err)
	if got, ok := m.Lookup(rehome.Identity{Name: "J\xfcrg", Mail: "j@x"}); !ok || got != id("Jürg <j@y>") {
		t.Errorf("Latin-1 became %v", got)
	}
}

func TestOverrides(t *testing.T) {
	m, err := Parse([]byte("A <a@x>\n<n@x> <a@x>\nB <A@x>\nB <b@x> C <a@x>\nu = U <u@x>\nu = V <u@x>\nB <a@x>\nD <m@x> <a@x>\nB <b@x> c <a@x>\n"))
	must(t, err)
	var got []string
	for _, o := range m.Overrides() {
		got = append(got, fmt.Sprintf("%d over %d", o.Line.Number, o.Earlier))
	}
	if want := []string{"3 over 1", "6 over 5", "8 over 7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaults(t *testing.T) {
	for line, want := range map[string]string{
		"nonsense":                           "has no <mail>",
		"Ada <a@x":                           "has a < without its >",
		"<a@b <c@d>":                         "has a < without its >",
		"A <a@b> <c@d <e@f>":                 "has a < without its >",
		"Ada a@x>":                           "has no <mail>",
		"<a@x>":                              "gives neither a new name nor a new mail",
		"Ada <> <a@x>":                       "has an empty mail first",
		"Ada <>":                             "has an empty mail first",
		"Ada <a@x> Bob b@x":                  "goes on after its last <mail>",
		"Ada <a@x> Bob <b@x":                 "has a < without its >",
		"A <a@x> B <b@x> C <c@x>":            "goes on after its last <mail>",
		" # Ada <a@x>":                       "is a comment only when nothing stands before the #",
		"= Ada <a@x>":                        "names no user before the =",
		"ada = <>":                           "gives neither a new name nor a new mail",
		"ada = Ada":                          "has no <mail>",
		"A>b <a@x>":                          "has a new name that holds < or >",
		"Ada <a<b> <a@x>":                    "has a new email that holds < or >",
		"A\x01 <a@x>":                        "has a new name that holds a line feed or another control character",
		"A\rb <a@x>":                         "has a new name that holds a line feed or another control character",
		"A\x00b <a@x>":                       "holds a NUL",
		"\xff <a@x>":                         "has a new name that is not UTF-8",
		strings.Repeat("n", 1001) + " <a@x>": "has a new name that is longer than 1000 bytes",
	} {
		_, err := Parse([]byte("# first\n\n" + line + "\nAda <a@x>\n"))
		var bad *Error
		if !errors.As(err, &bad) || len(bad.Faults) != 1 || bad.Faults[0].Line != 3 || bad.Faults[0].Why != want {
			t.Errorf("%q: got %v, want %s", line, err, want)
		}
	}
	_, err := Parse([]byte("one\ntwo\nAda <a@x>\nthree"))
	var bad *Error
	if !errors.As(err, &bad) || len(bad.Faults) != 3 || bad.Faults[2] != (Fault{4, "three", "has no <mail>"}) {
		t.Errorf("got %+v", err)
	}
}

func TestBounds(t *testing.T) {
	_, err := Parse(make([]byte, maxText+1))
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("a large map: %v", err)
	}
	_, err = Parse([]byte(strings.Repeat("\n", maxLines)))
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("a long map: %v", err)
	}
	_, err = Parse([]byte(strings.Repeat("\n", maxLines-1)))
	must(t, err)
}

func TestCheckIdentity(t *testing.T) {
	for _, good := range [][2]string{{"", ""}, {"Ada", "a@x"}, {"李 \"x\" #=&", "a b@x"}, {strings.Repeat("n", 1000), "m"}} {
		if err := CheckIdentity(good[0], good[1]); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"a\nb", "a\rb", "a\x00b", "a\x7f", "a\u0085b", "a<b", "a>b", "\xff", strings.Repeat("n", 1001)} {
		var e *rehome.Error
		if err := CheckIdentity(bad, "a@x"); !errors.As(err, &e) || e.Code != rehome.Invalid || e.Field != "name" {
			t.Errorf("name %q: %v", bad, err)
		}
		if err := CheckIdentity("Ada", bad); !errors.As(err, &e) || e.Code != rehome.Invalid || e.Field != "email" || rehome.Clean(e.Message, 1000) != e.Message {
			t.Errorf("mail %q: %v", bad, err)
		}
	}
}

func TestUnmatched(t *testing.T) {
	m, err := Parse([]byte("A <a@x>\nB <b@y> Bob <b@x>\n# c\nC <c@y> Bob <a@x>\nzoe = Z <z@y>\nb@X = Z <z@y>\nU <u@y> Jürg <j@x>\nN <n@x>\n"))
	must(t, err)
	ids := []rehome.Identity{id("x <A@X>"), id("BOB <b@x>"), {Name: "J\xfcrg", Mail: "j@x"}}
	var got []int
	for _, l := range m.Unmatched(slices.Values(ids)) {
		got = append(got, l.Number)
	}
	var slow []int
	for l := range m.Lines() {
		if !slices.ContainsFunc(ids, l.Matches) {
			slow = append(slow, l.Number)
		}
	}
	if want := []int{4, 5, 8}; !slices.Equal(got, want) || !slices.Equal(slow, want) {
		t.Errorf("got %v and %v, want %v", got, slow, want)
	}
}

func TestWrite(t *testing.T) {
	ids := []rehome.Identity{
		id("Ada <a@x>"), id("Bob <b@x>"), id("bob <B@x>"),
		{Name: "J\xfcrg", Mail: "j@x"},
		id("Jürg <j@x>"), id("No Mail <>"), id(" <a@x>"),
		id(" <b@x>"), id("#1 <x@x>"), id("x = y <y@x>"),
		{Name: " z ", Mail: "z"},
		{Name: "a\rb", Mail: "c"},
		{Name: "q>", Mail: "q"},
		{},
		{Name: "Jo", Mail: "q<r"},
	}
	var b strings.Builder
	must(t, Write(&b, ids, func(n int) string { return fmt.Sprintf("%d commits", n) }))
	want := `Ada <a@x> Ada <a@x> # 0 commits
# Bob <b@x> Bob <b@x> # 1 commits; another differs in case or encoding only; as a rule it is for both
`
	if !strings.HasPrefix(b.String(), want) || !strings.Contains(b.String(), "\n<a@x> <a@x> # 6 commits\n") || !strings.Contains(b.String(), "\nx = y <y@x> x = y <y@x> #") {
		t.Errorf("got\n%s", b.String())
	}
	m, err := Parse([]byte(b.String()))
	must(t, err)
	for _, one := range ids {
		if got, _ := m.Lookup(one); got != one {
			t.Errorf("%q became %q by\n%s", one, got, b.String())
		}
	}
}

func BenchmarkMap(b *testing.B) {
	var text strings.Builder
	ids := make([]rehome.Identity, 100_000)
	for n := range ids {
		ids[n] = rehome.Identity{Name: fmt.Sprintf("Person %d", n), Mail: fmt.Sprintf("person%d@example.com", n)}
		fmt.Fprintf(&text, "New %d <new%d@example.org> Person %d <person%d@example.com>\n", n, n, n, n)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse([]byte(text.String()))
		must(b, err)
		for _, id := range ids {
			if _, ok := m.Lookup(id); !ok {
				b.Fatal(id)
			}
		}
	}
}
