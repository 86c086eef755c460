package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

var lfsConfigs = map[string]string{
	"":                             "",
	"[lfs":                         "",
	"[lfs]\n\turl = https://h/a\n": "https://h/a",
	"[LFS]\r\n URL=\"https://h/a b\" ; here\r\n":                               "https://h/a b",
	"[lfs]\nurl = a\nurl = b\n":                                                "b",
	"[remote \"origin\"]\n\tlfsurl = https://h/r\n":                            "https://h/r",
	"[remote \"origin\"]\nlfsurl = https://h/r\n[lfs]\nurl = https://h/a":      "https://h/a",
	"[remote \"other\"]\n\tlfsurl = https://h/r\n":                             "",
	"[lfs \"https://h/a\"]\naccess = basic\n":                                  "",
	"# [lfs]\n; url = x\n[lfs]\nfetchexclude = *\nurl=https://h/c # comment\n": "https://h/c",
	"[lfs]\nurl = https://h/a\\\n/b\n":                                         "https://h/a/b",
}

// TestLFSConfig compares with git config.
func TestLFSConfig(t *testing.T) {
	for text, want := range lfsConfigs {
		if got := lfsURL(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		file := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		says := ""
		for _, key := range []string{"remote.origin.lfsurl", "lfs.url"} {
			if out, err := testenv.Run(t.Context(), t.TempDir(), nil, "config", "-f", file, key); err == nil {
				says = out
			}
		}
		if text != "[lfs" && says != want {
			t.Errorf("%q: git has %q, want %q", text, says, want)
		}
	}
}

func FuzzLFSConfig(f *testing.F) {
	for text := range lfsConfigs {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if url := lfsURL(text); len(url) > len(text) || strings.Count(url, "\x00") > strings.Count(text, "\x00") {
			t.Errorf("%q became %q", text, url)
		}
	})
}
