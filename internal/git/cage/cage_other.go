//go:build unix && !linux

package cage

import "syscall"

// processGroup makes a child the head of a group of its own.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limit does nothing: only Linux can limit a process that runs already.
func limit(int, int64) error { return nil }

// reap waits for the child and kills what is left of its group.
func (c *Child) reap() error {
	err := c.cmd.Wait()
	signalGroup(c.cmd.Process.Pid, syscall.SIGKILL)
	return err
}
