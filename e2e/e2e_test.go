// Package e2e runs the built program as its users do: scripts of commands, and the API clients that exist.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"rehome/internal/testenv"
)

// program is the built rehome.
var program string

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rehome-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "rehome")
	out, err := exec.Command("go", "build", "-o", program, "rehome/cmd/rehome").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build rehome: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "scripts",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, pair := range testenv.Env() {
				name, value, _ := cutPair(pair)
				if name != "PATH" {
					env.Setenv(name, value)
				}
			}
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("TOKEN", adminToken)
			env.Setenv("REHOME_ADMIN_TOKEN", adminToken)
			env.Values[stateKey{}] = &state{tb: env.T().(testing.TB), servers: map[string]*server{}}
			env.Defer(func() { stopAll(env.Values[stateKey{}].(*state)) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"repository": makeRepository,
			"origin":     startOrigin,
			"grow":       grow,
			"tip":        tip,
			"serve":      startServer,
			"halt":       stopServer,
			"http":       request,
			"page":       browse,
			"poll":       poll,
			"await":      awaitAnswer,
			"same":       same,
			"receipt":    checkReceipt,
			"exits":      exits,
			"empties":    empties,
			"read":       readInto,
			"author":     author,
			"rewritten":  rewritten,
			"lacks":      lacks,
			"lfs":        useLFS,
			"receiver":   startReceiver,
			"relay":      startRelay,
			"received":   received,
		},
	})
}
