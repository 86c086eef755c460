// Package cage runs git's two pack programs on a local repository, with nothing of its surroundings.
//
// A child gets a fixed command line and environment, no settings but ours and the repository's own, no hooks, no transport to
// anywhere, limits, and a process group that ends as a whole: with its request, and with this process. On Linux, as far as
// the kernel can, it has no network, no files but those it needs, and few system calls; Look says what is there.
package cage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
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

// Files says which files a child may open.
type Files uint8

// The files. Own is what a server wants. ReadAll is for a repository of which parts may lie anywhere (alternates, work trees,
// included settings), All for one that may be written anywhere.
const (
	Own     Files = iota // of the repository, for receive-pack to write; and what programs need to run
	ReadAll              // any to read; to write as Own
	All
)

// Command says what is to run. Program and Dir are required.
type Command struct {
	Git      string // the program git; "" = the one in PATH
	Program  Program
	Mode     Mode
	Dir      string // of the repository, absolute; the one folder trusted whoever owns it
	Protocol string // GIT_PROTOCOL: "", "version=0", "version=1" or "version=2"
	Files    Files
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
	k.cmd.Cancel = func() error { return signalGroup(k.cmd.Process.Pid, syscall.SIGTERM) }
	k.cmd.WaitDelay = or(c.grace, grace)
	var err error
	if k.Stdin, err = k.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.Stdout == nil {
		if k.Stdout, err = k.cmd.StdoutPipe(); err != nil {
			k.cmd.Err = err // Start closes what is open, and returns it
			return nil, k.cmd.Start()
		}
	}
	if err := k.launch(c); err != nil {
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

func or(d, otherwise time.Duration) time.Duration {
	if d != 0 {
		return d
	}
	return otherwise
}
