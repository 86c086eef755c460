package cage

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// probe prints one line for each thing that a program taken over by somebody would try.
func probe() {
	parent := unix.Getppid()
	for _, try := range []struct {
		name string
		call func() error
	}{
		{"IPv4", socket(unix.AF_INET, unix.SOCK_STREAM)},
		{"IPv6", socket(unix.AF_INET6, unix.SOCK_DGRAM)},
		{"Unix", socket(unix.AF_UNIX, unix.SOCK_STREAM)},
		{"netlink", socket(unix.AF_NETLINK, unix.SOCK_RAW)},
		{"packets", socket(unix.AF_PACKET, unix.SOCK_RAW)},
		{"io_uring", func() error {
			var p [120]byte
			_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&p)), 0)
			return none(errno)
		}},
		{"ptrace", func() error { return unix.PtraceAttach(parent) }},
		{"limits of others", func() error { return unix.Prlimit(parent, unix.RLIMIT_CORE, nil, new(unix.Rlimit)) }},
		{"own limits", func() error { return unix.Prlimit(0, unix.RLIMIT_CORE, nil, new(unix.Rlimit)) }},
		{"namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"clone a namespace", func() error {
			_, _, errno := unix.Syscall(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0)
			return none(errno)
		}},
		{"session", func() error { _, err := unix.Setsid(); return err }},
		{"mount", func() error { return unix.Mount("none", "/mnt", "tmpfs", 0, "") }},
		{"keys", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true); return err }},
		{"pipe", func() error { var p [2]int; return unix.Pipe(p[:]) }},
	} {
		fmt.Printf("%s: %v\n", try.name, try.call())
	}
	fmt.Println("group: ", unix.Setpgid(0, 0))
	fmt.Println("it lives on")
	os.Exit(0)
}

func socket(family, kind int) func() error {
	return func() error { _, err := unix.Socket(family, kind, 0); return err }
}

func none(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// needs skips a test where the kernel has not what it is about.
func needs(t *testing.T, what bool) {
	t.Helper()
	if !what {
		t.Skip("this kernel cannot do that")
	}
}

// A child that somebody has taken over reaches no network and no other process, and who tries to leave the group is dead.
func TestFewSystemCalls(t *testing.T) {
	needs(t, found().seccomp)
	k := start(t, Command{Git: script(t, "exec "+os.Args[0]+" "+probing), Program: UploadPack, Dir: "/r", Files: ReadAll})
	out, err := io.ReadAll(k.Stdout)
	killed, ended := k.Wait()
	const no = "operation not permitted\n"
	want := "IPv4: " + no + "IPv6: " + no + "Unix: " + no + "netlink: " + no + "packets: " + no + "io_uring: " + no + "ptrace: " + no +
		"limits of others: " + no + "own limits: <nil>\nnamespace: " + no + "clone a namespace: " + no + "session: " + no +
		"mount: " + no + "keys: " + no + "pipe: <nil>\n"
	if err != nil || !killed || ended == nil || string(out) != want {
		t.Errorf("%v, killed %v, %v; got\n%s", err, killed, ended, out)
	}
}

func TestOwnFilesOnly(t *testing.T) {
	needs(t, found().landlock > 0)
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{secret: "secret\n", filepath.Join(dir, "HEAD"): "own\n", filepath.Join(dir, "sub", "x"): "x"} {
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := `cd ` + dir + `; try() { "$@" 2>/dev/null || echo no; }
try cat HEAD; try cat ` + secret + `; try ls ` + filepath.Dir(secret) + `; try sh -c 'cat /etc/hosts >/dev/null'
try sh -c 'echo >new' && try sh -c 'mv new sub/new && echo moved'; try sh -c 'echo >>` + secret + ` && echo wrote'; try sh -c 'echo >/tmp/cage-test-new'`
	for _, tt := range []struct {
		program Program
		files   Files
		want    string
	}{
		{UploadPack, Own, "own no no no no no no no"},
		{ReceivePack, Own, "own no no no moved no no"},
		{UploadPack, ReadAll, "own secret secret no no no no"},
		{ReceivePack, ReadAll, "own secret secret moved no no"},
	} {
		k := start(t, Command{Git: script(t, lines), Program: tt.program, Dir: dir, Files: tt.files, MaxInput: 1 << 20})
		out, err := io.ReadAll(k.Stdout)
		k.Wait()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != tt.want {
			t.Errorf("%s, files %d: got %q, want %q; %v, %s", tt.program, tt.files, got, tt.want, err, k.Said())
		}
	}
}

// What was given up for a child was given up for it alone.
func TestOwnRightsStay(t *testing.T) {
	needs(t, found().seccomp)
	rights := func(of string) (r []string) {
		text, _ := os.ReadFile(of) // a thread may have gone meanwhile
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); slices.Contains([]string{"CapEff", "NoNewPrivs", "Seccomp"}, name) {
				r = append(r, strings.TrimSpace(value))
			}
		}
		return r
	}
	before := rights("/proc/self/status")
	for range 20 {
		k := start(t, Command{Git: script(t, `grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; read go`), Program: UploadPack, Dir: "/r", Files: ReadAll})
		k.Stdin.Close()
		out, err := io.ReadAll(k.Stdout)
		k.Wait()
		fields := strings.Fields(string(out))
		if err != nil || len(fields) != 6 || fields[3] != "1" || fields[5] != "2" {
			t.Fatalf("the child has %q", fields)
		}
		if caps, err := strconv.ParseUint(fields[1], 16, 64); err != nil || caps&^kept != 0 {
			t.Fatalf("the child can do %x", caps)
		}
	}
	changed := func() (list []string) {
		threads, _ := filepath.Glob("/proc/self/task/*/status")
		for _, thread := range threads {
			if now := rights(thread); now != nil && !slices.Equal(now, before) {
				list = append(list, fmt.Sprint(thread, now))
			}
		}
		return list
	}
	for i := 0; len(changed()) > 0; i++ { // a thread ends some time after its goroutine
		if i == 500 {
			t.Fatalf("it was %v: %v", before, changed())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestLook(t *testing.T) {
	needs(t, found().seccomp && found().landlock > 0)
	if a := Look(t.Context(), ""); a.Files != Own || len(a.Off) > 0 || len(a.On) != 4 {
		t.Errorf("git here: %+v", a)
	}
	elsewhere := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for lines, want := range map[string]Files{
		"cat " + elsewhere:     ReadAll,
		"echo >" + elsewhere:   All,
		"exit 1":               Own, // it does not run at all
		"cat /etc/ld.so.cache": Own,
	} {
		if a := Look(t.Context(), script(t, lines)); a.Files != want {
			t.Errorf("%s: %+v", lines, a)
		}
	}
	if a := Look(t.Context(), script(t, "echo it is broken >&2; exit 7")); len(a.Off) != 1 || !strings.Contains(a.Off[0], "exit status 7: it is broken") {
		t.Errorf("the cause is lost: %+v", a)
	}
}
