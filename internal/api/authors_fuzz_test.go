package api

import (
	"testing"
	"unicode/utf8"
)

// Whatever is sent as a map, it is refused or its strings can be shown again.
func FuzzParseEntries(f *testing.F) {
	for _, s := range []string{
		`[]`, `null`, `[{}]`, `[{"id": 7, "name": "A", "email": "a@y"}]`, `[{"remote_name": "A", "remote_id": "a@x"}, {"id": "x"}]`,
		`[{"id": 1e99}]`, `[{"id": -1}]`, `[[]]`, `[{"name": "\ud800"}]`, `[{"name": null}, null]`, "[\xff]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		given, err := parseEntries(body)
		if err != nil {
			if failureOf(err, "Import").status >= 500 {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if given.Entries == nil {
			t.Errorf("%q is a map without entries", body)
		}
		for _, e := range given.Entries {
			for _, s := range []*string{e.RemoteName, e.RemoteID, e.Name, e.Email} {
				if s != nil && !utf8.ValidString(*s) {
					t.Errorf("%q has %q", body, *s)
				}
			}
		}
	})
}
