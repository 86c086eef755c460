package cage

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The limits hold for what the child starts once it has read a byte.
func TestLimits(t *testing.T) {
	git := script(t, `read go; sh -c 'ulimit -t; ulimit -d; ulimit -f; ulimit -c'`)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "objects/pack"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "objects/pack/pack-1.idx"), make([]byte, 28<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		c    Command
		want string
	}{
		{Command{Program: ReceivePack, Mode: Answer, Dir: "/r", MaxInput: 1 << 20}, "3600\n2097152\n2048\n0\n"},
		{Command{Program: UploadPack, Mode: Answer, Dir: "/r"}, "3600\n1048576\n524288\n0\n"},
		{Command{Program: UploadPack, Mode: Answer, Dir: dir}, "3600\n1049088\n524288\n0\n"}, // half a KiB for each of 1024 objects
		{Command{Program: UploadPack, Dir: "/r"}, "3600\n8388608\n524288\n0\n"},
	} {
		tt.c.Git = git
		k := start(t, tt.c)
		io.WriteString(k.Stdin, "go\n")
		out, err := io.ReadAll(k.Stdout)
		if _, ended := k.Wait(); err != nil || ended != nil || string(out) != tt.want {
			t.Errorf("%+v: got %q, want %q; %v, %v: %s", tt.c, out, tt.want, err, ended, k.Said())
		}
	}
}

// Who is killed takes all that its children started with it: those that listen to nothing, and those that are stopped.
func TestEndsWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentGit+"="+script(t, `trap '' TERM HUP INT PIPE
sleep 1000 & a=$!
(kill -STOP $(sh -c 'echo $PPID'); :) & b=$!
sh -c 'sleep 1000; :' & echo $$ $a $b $!
kill -STOP $$`))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	pids := strings.Fields(line)
	if len(pids) != 4 {
		t.Fatalf("the parent says %q", line)
	}
	for _, word := range pids {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		wantGone(t, []int{pid})
	}
}
