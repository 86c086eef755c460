package testenv

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// ServeDaemon serves the bare repositories below root by git daemon until the test ends and returns the base URL, as
// git://127.0.0.1:PORT. enable names services besides upload-pack, as "receive-pack".
func ServeDaemon(t testing.TB, root string, enable ...string) string {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null",
		"daemon", "--inetd", "--export-all", "--informative-errors", "--base-path=" + abs,
	}
	for _, service := range enable {
		args = append(args, "--enable="+service)
	}
	s := serveInetd(t, func() *exec.Cmd {
		cmd := exec.Command("git", append(args, abs)...)
		cmd.Env = Env()
		return cmd
	})
	return fmt.Sprintf("git://%s", s.Addr)
}
