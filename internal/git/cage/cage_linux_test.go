package cage

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The limits hold for what the child starts once it has read a byte.
func TestLimits(t *testing.T) {
	git := script(t, `read go; sh -c 'ulimit -t; ulimit -d; ulimit -f; ulimit -c'`)
	for _, tt := range []struct {
		c    Command
		want string
	}{
		{Command{Program: ReceivePack, Mode: Answer, MaxInput: 1 << 20}, "3600\n8388608\n2048\n0\n"},
		{Command{Program: UploadPack, Mode: Answer}, "3600\n8388608\n524288\n0\n"},
	} {
		tt.c.Git, tt.c.Dir = git, "/r"
		k := start(t, tt.c)
		io.WriteString(k.Stdin, "go\n")
		out, err := io.ReadAll(k.Stdout)
		if _, ended := k.Wait(); err != nil || ended != nil || string(out) != tt.want {
			t.Errorf("%s: got %q, want %q; %v, %v: %s", tt.c.Program, out, tt.want, err, ended, k.Said())
		}
	}
}

func TestEndsWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentGit+"="+script(t, `echo $$; exec sleep 1000`))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil {
		t.Fatalf("the parent says %q", line)
	}
	wantGone(t, []int{pid})
}
