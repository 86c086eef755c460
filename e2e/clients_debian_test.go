package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// pyGithub is the visit of PyGithub.
func pyGithub(t *testing.T, v visit) {
	python := interpreter(t, "python3-github", "import github", "/usr/bin/python3", "python3")
	v.runScript(t, copyScripts(t, "pygithub"), python, "imports.py")
}

// octokitRuby is the visit of octokit.rb.
func octokitRuby(t *testing.T, v visit) {
	ruby := interpreter(t, "ruby-octokit", `require "octokit"`, "/usr/bin/ruby", "ruby")
	v.runScript(t, copyScripts(t, "octokit.rb"), ruby, "imports.rb")
}

// interpreter returns the first program that can load a library. Debian's own come
// first: they are the ones that see what apt installed.
func interpreter(t *testing.T, library, load string, programs ...string) string {
	t.Helper()
	flag := map[bool]string{true: "-c", false: "-e"}[strings.HasPrefix(library, "python3-")]
	var said strings.Builder
	for _, program := range programs {
		out, err := exec.Command(program, flag, load).CombinedOutput()
		if err == nil {
			return program
		}
		said.WriteString(program + ": " + err.Error() + "\n" + string(out))
	}
	t.Fatalf("Debian's package %s is missing: install it with apt-get, or its library by hand where there is no apt-get\n%s", library, said.String())
	return ""
}
