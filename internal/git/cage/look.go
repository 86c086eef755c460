package cage

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Around is what children have around them on this machine.
type Around struct {
	Files Files    // the narrowest with which git runs here
	On    []string // protections, in words
	Off   []string // and those that are missing, with what they need
}

// patience bounds the wait for a git that only says its version.
const patience = 10 * time.Second

// Look tries what children can be given here. git as in Command.
func Look(ctx context.Context, git string) Around {
	a := surroundings()
	var err error
	for _, a.Files = range []Files{Own, ReadAll, All} {
		if err = tryGit(ctx, git, a.Files); err == nil {
			a.sayFiles()
			return a
		}
	}
	return Around{Off: []string{fmt.Sprintf("git cannot be started (%v): install git 2.39 or newer", err)}}
}

// tryGit starts git, and has it start another git.
func tryGit(ctx context.Context, git string, files Files) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	c := Command{Git: git, Program: UploadPack, Dir: "/nonexistent", Files: files, Stdout: io.Discard}
	child, err := c.start(ctx, []string{"-c", "alias.again=version", "again"})
	if err != nil {
		cancel()
		return err
	}
	child.cancel = cancel
	child.Stdin.Close()
	if _, err = child.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, child.Said())
	}
	return nil
}
