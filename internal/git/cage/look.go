package cage

import (
	"context"
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
	for _, a.Files = range []Files{Own, ReadAll, All} {
		if runs(ctx, git, a.Files) {
			a.sayFiles()
			return a
		}
	}
	return Around{Off: []string{"git cannot be started: install git 2.39 or newer"}}
}

// runs reports whether git can be started, and start another git.
func runs(ctx context.Context, git string, files Files) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	c := Command{Git: git, Program: UploadPack, Dir: "/nonexistent", Files: files, Stdout: io.Discard}
	child, err := c.start(ctx, []string{"-c", "alias.again=version", "again"})
	if err != nil {
		cancel()
		return false
	}
	child.cancel = cancel
	child.Stdin.Close()
	_, err = child.Wait()
	return err == nil
}
