package cage

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome/internal/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv(parentGit) != "" {
		parent()
	}
	if len(os.Args) == 2 && os.Args[1] == probing {
		probe()
	}
	goleak.VerifyTestMain(m)
}

// parentGit makes this test binary the parent of one child, for TestEndsWithItsParent.
const parentGit = "CAGE_TEST_PARENT"

// probing has it say what it may do where git would run, for TestFewSystemCalls.
const probing = "cage-test-probe"

func parent() {
	k, err := Start(context.Background(), Command{Git: os.Getenv(parentGit), Program: UploadPack, Dir: "/r"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, k.Stdout)
	os.Exit(1)
}

// script makes a program that stands where git would, to see what a child sees.
func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t *testing.T, c Command) *Child {
	t.Helper()
	k, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTwoProgramsOnlyAndNoOptions(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	git := script(t, "touch "+marker)
	for name, c := range map[string]Command{
		"another program":     {Program: "upload-archive", Dir: "/r"},
		"an option":           {Program: "--exec-path=/tmp", Dir: "/r"},
		"none":                {Dir: "/r"},
		"relative folder":     {Program: UploadPack, Dir: "r"},
		"folder like option":  {Program: UploadPack, Dir: "--strict"},
		"no folder":           {Program: UploadPack},
		"protocol":            {Program: UploadPack, Dir: "/r", Protocol: "version=2:x=1"},
		"push without limit":  {Program: ReceivePack, Dir: "/r"},
		"mode there is not":   {Program: UploadPack, Dir: "/r", Mode: 3},
		"program there isn't": {Program: UploadPack, Dir: "/r", Git: "/nonexistent/git"},
	} {
		if c.Git == "" {
			c.Git = git
		}
		if k, err := Start(t.Context(), c); err == nil {
			k.Stop()
			t.Errorf("%s was started", name)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("something ran")
	}
}

func TestNothingOfTheSurroundings(t *testing.T) {
	for _, name := range []string{"GIT_DIR", "GIT_CONFIG_COUNT", "GIT_SSH_COMMAND", "HOME", "SECRET", "GIT_EXEC_PATH"} {
		t.Setenv(name, "canary")
	}
	git := script(t, `env; pwd`)
	for _, protocol := range []string{"", "version=1"} {
		k := start(t, Command{Git: git, Program: UploadPack, Dir: "/r", Protocol: protocol})
		out, err := io.ReadAll(k.Stdout)
		if _, ended := k.Wait(); err != nil || ended != nil {
			t.Fatal(err, ended)
		}
		var names []string
		for line := range strings.Lines(string(out)) {
			if name, _, ok := strings.Cut(line, "="); ok && name != "_" && name != "PWD" && name != "OLDPWD" && name != "SHLVL" {
				names = append(names, name)
			}
		}
		want := []string{
			"GIT_ALLOW_PROTOCOL", "GIT_ATTR_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_NO_LAZY_FETCH",
			"GIT_NO_REPLACE_OBJECTS", "GIT_TERMINAL_PROMPT", "HOME", "LC_ALL", "PATH",
		}
		if protocol != "" {
			want = append(want, "GIT_PROTOCOL")
		}
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) || bytes.Contains(out, []byte("canary")) {
			t.Errorf("the child sees %q, want %q:\n%s", names, want, out)
		}
		if !bytes.Contains(out, []byte("\n/\n")) {
			t.Errorf("it does not work in /:\n%s", out)
		}
	}
}

func TestCommandLines(t *testing.T) {
	git := script(t, `echo "$@"`)
	for _, tt := range []struct {
		c    Command
		want string
	}{
		{Command{Program: UploadPack}, " upload-pack /r\n"},
		{Command{Program: UploadPack, Mode: Advertise}, " upload-pack --stateless-rpc --strict --http-backend-info-refs /r\n"},
		{Command{Program: UploadPack, Mode: Answer}, " upload-pack --stateless-rpc --strict /r\n"},
		{Command{Program: ReceivePack, Mode: Advertise, MaxInput: 5}, " receive-pack --stateless-rpc --http-backend-info-refs /r\n"},
		{Command{Program: ReceivePack, Mode: Answer, MaxInput: 5, HideRefs: "refs/x/"}, " -c transfer.hideRefs=refs/x/ receive-pack --stateless-rpc /r\n"},
	} {
		tt.c.Git, tt.c.Dir = git, "/r"
		var out bytes.Buffer
		tt.c.Stdout = &out
		if _, err := start(t, tt.c).Wait(); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if !strings.HasSuffix(got, tt.want) || strings.Count(got, "safe.directory=") != 2 || !strings.Contains(got, "-c safe.directory=/r -c safe.directory=/r/.git -c core.hooksPath=/dev/null ") {
			t.Errorf("got %q, want …%q", got, tt.want)
		}
	}
}

func TestWhatAChildSaysIsBoundedAndCleaned(t *testing.T) {
	k := start(t, Command{Git: script(t, `printf 'a\033[31m\nb'; printf 'a\033[31m\nb' >&2; head -c 100000 /dev/zero | tr '\0' x >&2; exit 3`), Program: UploadPack, Dir: "/r", Stdout: io.Discard})
	killed, err := k.Wait()
	if said := k.Said(); killed || err == nil || !strings.HasPrefix(said, "a [31m bxxx") || len(said) > maxSaid {
		t.Errorf("killed %v, %v: %.20q, %d bytes", killed, err, said, len(said))
	}
}

// stubborn starts children that do not listen to SIGTERM, and returns their numbers once all run.
func stubborn(t *testing.T, ctx context.Context, c Command) (*Child, []int) {
	t.Helper()
	c.Git, c.Program, c.Dir, c.grace = script(t, `trap '' TERM; (sleep 1000; :) & echo $$ $!; wait`), UploadPack, "/r", 50*time.Millisecond
	k, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(k.Stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for word := range strings.FieldsSeq(line) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return k, pids
}

// wantGone waits until the processes have ended; a zombie that nobody has waited for has.
func wantGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		for i := 0; syscall.Kill(pid, 0) == nil && !isZombie(pid); i++ {
			if i == 500 {
				t.Errorf("process %d runs on", pid)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestKilledWhole(t *testing.T) {
	t.Run("stopped", func(t *testing.T) {
		k, pids := stubborn(t, t.Context(), Command{})
		k.Stop()
		wantGone(t, pids)
	})
	t.Run("paused", func(t *testing.T) {
		k, pids := stubborn(t, t.Context(), Command{})
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
		}
		k.Stop()
		wantGone(t, pids)
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		k, pids := stubborn(t, ctx, Command{})
		cancel()
		if killed, err := k.Wait(); !killed || err == nil {
			t.Errorf("killed %v, %v", killed, err)
		}
		wantGone(t, pids)
	})
	t.Run("wall", func(t *testing.T) {
		k, pids := stubborn(t, t.Context(), Command{wall: 200 * time.Millisecond})
		if killed, err := k.Wait(); !killed || err == nil {
			t.Errorf("killed %v, %v", killed, err)
		}
		wantGone(t, pids)
	})
	t.Run("what outlives the leader", func(t *testing.T) {
		k := start(t, Command{Git: script(t, `sleep 1000 & echo $!`), Program: UploadPack, Dir: "/r"})
		line, err := bufio.NewReader(k.Stdout).ReadString('\n')
		pid, _ := strconv.Atoi(strings.TrimSpace(line))
		if killed, ended := k.Wait(); err != nil || killed || ended != nil {
			t.Errorf("%v, killed %v, %v", err, killed, ended)
		}
		wantGone(t, []int{pid})
	})
}

func TestToldToEndBeforeKilled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	k, err := Start(ctx, Command{Git: script(t, `trap 'echo cleared; exit 1' TERM; echo ready; while :; do sleep 0.02; done`), Program: UploadPack, Dir: "/r"})
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(k.Stdout)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	line, err := out.ReadString('\n')
	if killed, _ := k.Wait(); line != "cleared\n" || killed {
		t.Errorf("%q, %v, killed %v", line, err, killed)
	}
}

func TestGitSpeaks(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "work", ".git")
	testenv.Rich(t, dir, "sha1")
	for _, c := range []Command{
		{Program: UploadPack, Dir: filepath.Dir(dir), Protocol: "version=2"},
		{Program: UploadPack, Dir: dir, Mode: Advertise, Protocol: "version=2"},
		{Program: ReceivePack, Dir: dir, Mode: Advertise, MaxInput: 1 << 20},
	} {
		k := start(t, c)
		head := make([]byte, 4)
		_, err := io.ReadFull(k.Stdout, head)
		k.Stop()
		if err != nil || head[0] != '0' {
			t.Errorf("%+v: %q, %v: %s", c, head, err, k.Said())
		}
	}
	var out bytes.Buffer
	k := start(t, Command{Program: UploadPack, Dir: filepath.Dir(dir), Mode: Answer, Stdout: &out})
	if _, err := k.Wait(); err == nil || !strings.Contains(k.Said(), "not appear to be a git repository") {
		t.Errorf("a work tree was served: %v, %s", err, k.Said())
	}
}
