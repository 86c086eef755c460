package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestScriptsRunToTheirEnd refuses testscript's own stop, which ends a script there and calls it passed: a server is ended with halt.
func TestScriptsRunToTheirEnd(t *testing.T) {
	scripts, err := filepath.Glob("scripts/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^stop\b`).Match(text) {
			t.Errorf("%s has stop: the rest of it never runs", name)
		}
	}
}
