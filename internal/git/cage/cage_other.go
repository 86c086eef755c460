//go:build unix && !linux

package cage

import "syscall"

// held is nothing: there is nothing here that a child could hang on.
type held struct{}

// launch starts the child as the head of a group of its own. Only Linux can limit a process that runs already, and confine
// one without a program in between.
func (c *Child) launch(Command) error {
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c.cmd.Start()
}

// reap waits for the child and kills what is left of its group.
func (c *Child) reap() error {
	err := c.cmd.Wait()
	signalGroup(c.cmd.Process.Pid, syscall.SIGKILL)
	return err
}

func surroundings() Around {
	return Around{On: []string{"end with the request"}, Off: []string{"limits, no network, no other files: on Linux only"}}
}

func (*Around) sayFiles() {}
