package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// faultIn is the variable that the test binary of cmd/rehome takes its fault from.
const faultIn = "REHOME_TEST_FAULT"

// program is that binary.
var program string

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rehome-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "rehome")
	if out, err := exec.Command("go", "test", "-c", "-o", program, "rehome/cmd/rehome").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build rehome: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// process is a place for a process of the server: one runs there after the other, with the same command line.
// It is for one goroutine, but for what says otherwise.
type process struct {
	name string
	dir  string   // its data folder
	args []string // of rehome
	env  []string
	log  string // a file

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // how; set before ended is closed
	up    time.Time     // when it listened
	base  string        // the URL it listens on
}

// start runs the program, with a fault that it is to meet or none, and waits until it listens.
func (p *process) start(fault string) error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the program has its own
	fmt.Fprintf(log, "--- %s begins, fault %q\n", time.Now().UTC().Format(time.TimeOnly), fault)
	p.cmd = exec.Command(program, p.args...)
	p.cmd.Env = append(append(testenv.Env(), p.env...), faultIn+"="+fault)
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	listens := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, base, ok := strings.Cut(lines.Text(), "listening on "); ok {
				listens <- base
				break
			}
		}
		close(listens)
		io.Copy(io.Discard, out) //nolint:errcheck // until it ends
	})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		reading.Wait()
		p.err = cmd.Wait()
		close(ended)
	}(p.cmd, p.ended)
	select {
	case base, ok := <-listens:
		if !ok {
			<-p.ended
			return fmt.Errorf("%s ended before it listened: %w", p.name, p.err)
		}
		p.base, p.up = base, time.Now()
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("%s does not listen after %v", p.name, patience)
	}
}

// patience is how long anything may take that needs a moment.
const patience = time.Minute

// signal sends the process a signal; it may have ended.
func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) } //nolint:errcheck // as it says

// kill ends it at once and waits.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait reports whether the process has ended by itself after a time.
func (p *process) wait(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// stopped reports whether the process has been stopped by a signal.
func (p *process) stopped() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "T")
}

// drain ends it as supervisors do, and returns how long that took.
func (p *process) drain() (time.Duration, error) {
	began := time.Now()
	p.signal(syscall.SIGTERM)
	if !p.wait(patience) {
		p.kill()
		return patience, errors.New("it did not end")
	}
	return time.Since(began), p.err
}

// met reports whether the last process that ran here met its fault.
func (p *process) met() bool {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return false
	}
	return strings.Contains(string(text[strings.LastIndex(string(text), "--- "):]), "fault met: ")
}

// tell shows the end of the log.
func (p *process) tell(t *testing.T) {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return
	}
	t.Logf("%s said:\n%s", p.name, text[max(0, len(text)-12<<10):])
}
