package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Versity is a real object store on loopback, versitygw on a folder of its own: what it answers for outlives Stop.
// Safe for concurrent use.
type Versity struct {
	URL         string // as http://127.0.0.1:PORT, no slash at the end
	Key, Secret string // of who may do everything
	Dir         string // with a folder for each bucket, and in that a file for each key

	side string // what it knows of the files
	log  string

	mu    sync.Mutex
	cmd   *exec.Cmd  // guarded by mu; nil while stopped
	ended chan error // guarded by mu
}

// NewVersity starts an object store that ends with the test and has the buckets named. It is never skipped: a program that
// is not there is built.
func NewVersity(t testing.TB, buckets ...string) *Versity {
	t.Helper()
	v, err := StartVersity(t.TempDir(), buckets...)
	must(t, err)
	t.Cleanup(func() {
		v.Stop()
		if t.Failed() {
			data, _ := os.ReadFile(v.log) //nolint:errcheck // it is for people
			t.Logf("the object store said:\n%s", data[max(0, len(data)-4<<10):])
		}
	})
	return v
}

// StartVersity is NewVersity for a program that is no test: it works in dir, and ends with Stop.
func StartVersity(dir string, buckets ...string) (*Versity, error) {
	program, err := findVersity()
	if err != nil {
		return nil, err
	}
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	v := &Versity{
		URL: "http://" + address, Key: "rehome", Secret: "a long secret of tests",
		Dir: filepath.Join(dir, "files"), side: filepath.Join(dir, "side"), log: filepath.Join(dir, "log"),
	}
	folders := []string{v.side}
	for _, bucket := range buckets {
		folders = append(folders, filepath.Join(v.Dir, bucket))
	}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	return v, v.start(program)
}

// Stop kills the object store as a power cut would.
func (v *Versity) Stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cmd == nil {
		return
	}
	v.cmd.Process.Kill() //nolint:errcheck // it may have ended
	<-v.ended
	v.cmd = nil
}

// Start starts it again, on the same address and with the same files.
func (v *Versity) Start(t testing.TB) {
	t.Helper()
	program, err := findVersity()
	must(t, err)
	must(t, v.start(program))
}

func (v *Versity) start(program string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	log, err := os.OpenFile(v.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the program has its own
	cmd := exec.Command(program, "--port", strings.TrimPrefix(v.URL, "http://"), "--quiet", "--keep-alive", "posix", "--sidecar", v.side, v.Dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TZ=UTC", "ROOT_ACCESS_KEY=" + v.Key, "ROOT_SECRET_KEY=" + v.Secret}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	v.cmd, v.ended = cmd, ended
	return v.answers(ended)
}

// answers waits until it does.
func (v *Versity) answers(ended chan error) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if resp, err := client.Get(v.URL + "/"); err == nil {
			return resp.Body.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the object store ended: %v", err)
		default:
		}
	}
	return errors.New("the object store does not answer")
}

// findVersity returns versitygw: that of REHOME_VERSITYGW, or bin/versitygw of this module, which is built when it is not
// there. That takes two minutes the first time.
var findVersity = sync.OnceValues(func() (string, error) {
	if program := os.Getenv("REHOME_VERSITYGW"); program != "" {
		return program, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	program := filepath.Join(root, "bin", "versitygw")
	if isProgram(program) {
		return program, nil
	}
	return program, buildTool(root, program, "github.com/versity/versitygw/cmd/versitygw")
})

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o100 != 0
}

// moduleRoot returns the folder of this module's go.mod, which is at or above the test's.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(mod), "module rehome\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the tests run outside of their module")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// buildTool builds a program of internal/tools. Of the tests of several packages, which run at once, one does it and the
// others wait.
func buildTool(root, program, module string) error {
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(program+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if isProgram(program) {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program+".new", module)
	cmd.Dir = filepath.Join(root, "internal", "tools")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", module, err, said)
	}
	return os.Rename(program+".new", program)
}
