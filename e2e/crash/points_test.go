package crash

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every point that the work of imports names is one where processes are killed.
func TestEveryPointIsKnown(t *testing.T) {
	files, err := filepath.Glob("../../internal/importer/*.go")
	must(t, err)
	named := regexp.MustCompile(`\bfault\("([^"]+)"\)`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		must(t, err)
		for _, point := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(slices.Concat(points, seldom), strings.ReplaceAll(point[1], " ", "_")) {
				t.Errorf("nobody is killed at %q", point[1])
			}
		}
	}
	if found < 8 {
		t.Errorf("%d points found: they are named in another way now", found)
	}
}
