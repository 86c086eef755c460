package host

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"rehome"
)

// service is a git sub-command that may run; there is no third.
type service string

const (
	uploadPack  service = "upload-pack"
	receivePack service = "receive-pack"
)

// grace is how long a child that was told to end may take to clear away its lock files.
const grace = 5 * time.Second

// maxSaid bounds what is kept of a child's standard error, bytes.
const maxSaid = 4 << 10

// child is a git process in its cage.
type child struct {
	*exec.Cmd
	said clipped
}

// command prepares git for one request on the repository in dir. The process and all it
// starts end when ctx does. protocol is "" or a value of GIT_PROTOCOL checked before.
func (h *Host) command(ctx context.Context, s service, dir, protocol string, flags ...string) *child {
	args := append(h.settings(dir), string(s), "--stateless-rpc")
	args = append(args, flags...)
	c := &child{Cmd: exec.CommandContext(ctx, h.o.Git, append(args, dir)...)}
	c.Dir = dir
	c.Env = environment(c.Path, protocol)
	c.Stderr = &c.said
	c.SysProcAttr = processGroup()
	c.Cancel = func() error { return signalGroup(c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = grace
	return c
}

// settings are git's options on the command line: they win over every file.
func (h *Host) settings(dir string) []string {
	var args []string
	for _, setting := range []string{
		"safe.directory=" + dir,
		"core.hooksPath=/dev/null",
		"core.logAllRefUpdates=false",
		"core.fsync=committed",
		"core.fsyncMethod=batch",
		"core.useReplaceRefs=false",
		"gc.auto=0",
		"maintenance.auto=false",
		"receive.autogc=false",
		"receive.fsckObjects=true",
		"receive.denyDeletes=false",
		"receive.maxInputSize=" + strconv.FormatInt(h.o.MaxPush, 10),
		"transfer.hideRefs=" + hiddenRefs,
		"transfer.advertiseSID=false",
		"transfer.advertiseObjectInfo=false",
		"uploadpack.allowFilter=false",
		"uploadpack.allowRefInWant=false",
		"uploadpack.allowTipSHA1InWant=false",
		"uploadpack.allowReachableSHA1InWant=false",
		"uploadpack.allowAnySHA1InWant=false",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

// environment is all a child sees of ours.
func environment(git, protocol string) []string {
	env := []string{
		"PATH=" + filepath.Dir(git) + ":/usr/bin:/bin",
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
	}
	if protocol != "" {
		env = append(env, "GIT_PROTOCOL="+protocol)
	}
	return env
}

// start starts the process with its limits in place before it reads anything.
func (c *child) start(maxFile int64) error {
	if err := c.Start(); err != nil {
		return err
	}
	if err := limit(c.Process.Pid, maxFile); err != nil {
		signalGroup(c.Process.Pid, syscall.SIGKILL)
		c.Wait()
		return err
	}
	return nil
}

// wait returns when the process and everything it started has ended. killed reports that
// it had no time to clear away its lock files.
func (c *child) wait() (killed bool, err error) {
	err = c.Wait()
	signalGroup(c.Process.Pid, syscall.SIGKILL)
	status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	return !ok || status.Signaled(), err
}

// clipped keeps the first maxSaid bytes written to it.
type clipped struct{ kept []byte }

func (c *clipped) Write(p []byte) (int, error) {
	c.kept = append(c.kept, p[:min(len(p), maxSaid-len(c.kept))]...)
	return len(p), nil
}

// text returns what was written, fit for a log.
func (c *clipped) text() string { return rehome.Clean(string(c.kept), maxSaid) }
