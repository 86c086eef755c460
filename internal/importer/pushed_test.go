package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// TestPushedIsAGuess goes by the indexes that can be read, whatever lies beside them.
func TestPushedIsAGuess(t *testing.T) {
	dir := t.TempDir()
	p := &pushed{format: object.SHA1, dir: dir}
	if p.has() != nil {
		t.Error("nothing was pushed, and is there")
	}
	ids := map[string]string{}
	for _, format := range []string{"sha1", "sha256"} {
		source := filepath.Join(t.TempDir(), "r.git")
		testenv.Synthetic(t, source, format, testenv.Size{Commits: 5, Files: 3})
		testenv.Git(t, source, "repack", "-adq")
		found, err := filepath.Glob(filepath.Join(source, "objects", "pack", "*.idx"))
		must(t, err)
		text, err := os.ReadFile(found[0])
		must(t, err)
		for name, text := range map[string][]byte{format: text, format + "-cut": text[:len(text)-30], format + "-empty": nil} {
			must(t, os.WriteFile(filepath.Join(dir, name+".idx"), text, 0o600))
			p.packs = append(p.packs, name)
		}
		ids[format] = strings.TrimSpace(testenv.Git(t, source, "rev-parse", "HEAD"))
	}
	p.packs = append(p.packs, "gone")
	has := p.has()
	for format, want := range map[string]bool{"sha1": true, "sha256": false} {
		id, err := object.ParseID(ids[format])
		must(t, err)
		if has(id.Bytes()[:object.SHA1.Size()]) != want {
			t.Errorf("%s: %v, want %v", format, !want, want)
		}
	}
	if len(p.indexes) != 1 {
		t.Errorf("%d indexes are open", len(p.indexes))
	}
	p.close()
	p.close()
}
