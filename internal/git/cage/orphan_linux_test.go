package cage

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The first process of a container inherits what its children leave behind, and nobody else clears the dead away.
func TestLeavesNoDead(t *testing.T) {
	inherit := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	inherit(1)
	defer inherit(0)
	k := start(t, Command{Git: script(t, "sleep 1000 & a=$!\nsleep 1000 & echo $a $!\nwait"), Program: UploadPack, Dir: "/r"})
	line, err := bufio.NewReader(k.Stdout).ReadString('\n')
	k.Stop()
	pids := strings.Fields(line)
	if err != nil || len(pids) != 2 {
		t.Fatalf("it says %q: %v", line, err)
	}
	for _, pid := range pids {
		if status, err := os.ReadFile(filepath.Join("/proc", pid, "status")); err == nil {
			t.Errorf("%s is still there:\n%.80s", pid, status)
		}
	}
}
