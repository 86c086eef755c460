// Package cage runs git's two pack programs on a local repository, with nothing of its surroundings.
//
// A child gets a fixed command line and environment, no settings but ours and the repository's
// own, no hooks, no transport to anywhere, limits, and a process group that ends as a whole.
package cage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Program is a git sub-command that may run; there is no third.
type Program string

// The programs.
const (
	UploadPack  Program = "upload-pack"
	ReceivePack Program = "receive-pack"
)

// Mode is how a program talks.
type Mode uint8

// The modes.
const (
	Session   Mode = iota // it says what it has, then answers until its input ends; a work tree's .git is found
	Advertise             // it says what it has and ends: GET info/refs of smart HTTP
	Answer                // it answers one request: POST of smart HTTP
)

// Limits of a child, besides those that limit sets.
const (
	maxScratch = 256 << 20       // of a file upload-pack writes: none but the list of a client's shallow commits
	grace      = 5 * time.Second // for clearing away lock files, once told to end
	wall       = 24 * time.Hour  // no honest transfer takes longer
	maxSaid    = 4 << 10         // kept of standard error, bytes
)

// Command says what is to run. Program and Dir are required.
type Command struct {
	Git      string // the program git; "" = the one in PATH
	Program  Program
	Mode     Mode
	Dir      string    // of the repository, absolute; the one folder trusted whoever owns it
	Protocol string    // GIT_PROTOCOL: "", "version=0", "version=1" or "version=2"
	HideRefs string    // prefix of the refs that are not for others; "" for none
	MaxInput int64     // bytes of a pack that receive-pack takes, and of a file it writes; required there
	Stdout   io.Writer // nil = Child.Stdout is a pipe

	grace, wall time.Duration // 0 = the constants
}

// Start starts the child. It ends, with everything it started, when ctx does: SIGTERM first,
// SIGKILL for what is left after 5 seconds. Its limits are in place before it can read a byte.
func Start(ctx context.Context, c Command) (*Child, error) {
	args, err := c.args()
	if err != nil {
		return nil, fmt.Errorf("start git: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, or(c.wall, wall))
	child, err := c.start(ctx, args)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start git %s: %w", c.Program, err)
	}
	child.cancel = cancel
	return child, nil
}

func (c Command) start(ctx context.Context, args []string) (*Child, error) {
	program := c.Git
	if program == "" {
		program = "git"
	}
	k := &Child{cmd: exec.CommandContext(ctx, program, args...)}
	k.cmd.Dir = "/"
	k.cmd.Env = environment(k.cmd.Path, c.Protocol)
	k.cmd.Stdout, k.cmd.Stderr = c.Stdout, &k.said
	k.cmd.SysProcAttr = processGroup()
	k.cmd.Cancel = func() error { return signalGroup(k.cmd.Process.Pid, syscall.SIGTERM) }
	k.cmd.WaitDelay = or(c.grace, grace)
	var err error
	if k.Stdin, err = k.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.Stdout == nil {
		if k.Stdout, err = k.cmd.StdoutPipe(); err != nil {
			return nil, errors.Join(err, k.Stdin.Close())
		}
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	if err := limit(k.cmd.Process.Pid, c.maxFile()); err != nil {
		signalGroup(k.cmd.Process.Pid, syscall.SIGKILL)
		k.cmd.Wait()
		return nil, err
	}
	return k, nil
}

// args returns the command line, or an error for one that may not be.
func (c Command) args() ([]string, error) {
	switch {
	case c.Program != UploadPack && c.Program != ReceivePack:
		return nil, fmt.Errorf("%q may not run", c.Program)
	case !filepath.IsAbs(c.Dir): // which also keeps it from being an option
		return nil, fmt.Errorf("the repository's folder %q is not absolute", c.Dir)
	case c.Program == ReceivePack && c.MaxInput <= 0:
		return nil, errors.New("receive-pack needs a limit")
	case c.Mode > Answer:
		return nil, fmt.Errorf("mode %d", c.Mode)
	}
	if c.Protocol != "" && c.Protocol != "version=0" && c.Protocol != "version=1" && c.Protocol != "version=2" {
		return nil, fmt.Errorf("protocol %q", c.Protocol)
	}
	args := append(c.settings(), string(c.Program))
	if c.Mode != Session {
		args = append(args, "--stateless-rpc")
		if c.Program == UploadPack {
			args = append(args, "--strict") // Dir is the repository, not one to be looked for
		}
	}
	if c.Mode == Advertise {
		args = append(args, "--http-backend-info-refs")
	}
	return append(args, c.Dir), nil
}

// settings are git's options on the command line: they win over every file.
func (c Command) settings() []string {
	all := []string{
		"safe.directory=" + c.Dir,
		"safe.directory=" + filepath.Join(c.Dir, ".git"),
		"core.hooksPath=/dev/null",
		"core.fsmonitor=false",
		"core.logAllRefUpdates=false",
		"core.fsync=committed",
		"core.fsyncMethod=batch",
		"core.useReplaceRefs=false",
		"gc.auto=0",
		"maintenance.auto=false",
		"receive.autogc=false",
		"receive.fsckObjects=true",
		"receive.denyDeletes=false",
		"receive.maxInputSize=" + strconv.FormatInt(c.MaxInput, 10),
		"transfer.advertiseSID=false",
		"transfer.advertiseObjectInfo=false",
		"uploadpack.allowFilter=false",
		"uploadpack.allowRefInWant=false",
		"uploadpack.allowTipSHA1InWant=false",
		"uploadpack.allowReachableSHA1InWant=false",
		"uploadpack.allowAnySHA1InWant=false",
	}
	if c.HideRefs != "" {
		all = append(all, "transfer.hideRefs="+c.HideRefs)
	}
	args := make([]string, 0, 2*len(all)+4)
	for _, setting := range all {
		args = append(args, "-c", setting)
	}
	return args
}

// maxFile bounds a file the child writes, bytes.
func (c Command) maxFile() int64 {
	if c.Program == ReceivePack {
		return c.MaxInput
	}
	return maxScratch
}

// environment is all a child sees of ours.
func environment(git, protocol string) []string {
	env := []string{
		"PATH=" + filepath.Dir(git) + ":/usr/bin:/bin",
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",     // no missing object is fetched from where a partial clone came from;
		"GIT_ALLOW_PROTOCOL=none", // git before 2.44 would, and finds no transport
	}
	if protocol != "" {
		env = append(env, "GIT_PROTOCOL="+protocol)
	}
	return env
}

func or(d, otherwise time.Duration) time.Duration {
	if d != 0 {
		return d
	}
	return otherwise
}
