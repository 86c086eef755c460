package repo

import "testing"

func FuzzCloneConfig(f *testing.F) {
	f.Add("[core]\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n")
	f.Add("[a \"b\\\"]\"] c = \"d # e\" \\\n f ; g\n")
	f.Fuzz(func(t *testing.T, text string) {
		parseCloneConfig([]byte(text)) //nolint:errcheck // it must not panic, nor run on
		n := 0
		readConfig(text, func(_, _, _ string) { n++ })
		if n > len(text) {
			t.Errorf("%d variables in %d bytes", n, len(text))
		}
	})
}

func FuzzAlternates(f *testing.F) {
	f.Add("/a/objects\n# no\n\"/quoted \\303\\274\\n\"\n../b\n\"/broken\n")
	f.Fuzz(func(t *testing.T, text string) {
		total := 0
		for _, path := range parseAlternates(text) {
			if path == "" {
				t.Error("an empty path")
			}
			total += len(path)
		}
		if total > len(text) {
			t.Errorf("%d bytes of paths in %d bytes", total, len(text))
		}
	})
}
