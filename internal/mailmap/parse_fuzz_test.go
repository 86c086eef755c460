package mailmap

import (
	"bytes"
	"testing"

	"rehome"
)

func FuzzParse(f *testing.F) {
	for _, text := range forms {
		f.Add([]byte(text), "Ada", "a@x")
	}
	f.Add([]byte("ada = Ada <a@y>\n"), "ada", "")
	f.Add([]byte("a\xfc = A <a>"), "a\xfc", "x")
	f.Add([]byte("<0><>"), "\n", "0")
	f.Fuzz(func(t *testing.T, text []byte, name, mail string) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse([]byte(m.String()))
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q became %q: %v", text, m, err)
		}
		ids := []rehome.Identity{{Name: name, Mail: mail}}
		for l := range m.Lines() {
			ids = append(ids, rehome.Identity{Name: l.rule.oldName, Mail: l.rule.oldMail}, rehome.Identity{Name: name, Mail: l.rule.oldMail})
		}
		for _, id := range ids[:min(len(ids), 50)] {
			one, found := m.Lookup(id)
			if two, same := again.Lookup(id); one != two || found != same {
				t.Errorf("%q: %q by %q, %q by %q", id, one, text, two, m)
			}
			if found && one.Name != id.Name && CheckIdentity(one.Name, "") != nil {
				t.Errorf("%q became %q", id, one)
			}
		}
		var out bytes.Buffer
		if err := Write(&out, ids, nil); err != nil {
			t.Fatal(err)
		}
		filled, err := Parse(out.Bytes())
		if err != nil {
			t.Fatalf("%q: %v", out.Bytes(), err)
		}
		for _, id := range ids {
			if got, _ := filled.Lookup(id); got != id {
				t.Errorf("%q became %q by %q", id, got, out.Bytes())
			}
		}
	})
}
