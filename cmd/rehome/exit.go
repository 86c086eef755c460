package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/git/repo"
	"rehome/internal/terminal"
)

// The exit codes scripts rely on.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3 // done, but something could not be carried
	exitInterrupted = 130
)

// usageError is a command line that cannot be carried out as it stands.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef makes a usageError; hint says what to do, "" points to --help.
func usagef(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

// errPartly ends a command that did its work but had to leave something behind, already listed.
var errPartly = errors.New("something could not be carried")

// report writes why a command ended, in one line or two (what happened, what to do), and returns the exit code.
func report(w io.Writer, style terminal.Style, ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errPartly) {
		return exitPartly
	}
	var kept *keptError
	errors.As(err, &kept)
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		say(w, style, "interrupted", leftBehind(kept))
		sayKept(w, kept)
		return exitInterrupted
	}
	var usage *usageError
	if errors.As(err, &usage) {
		hint := usage.hint
		if hint == "" {
			hint = "See rehome --help for how to call it."
		}
		say(w, style, usage.Error(), hint)
		return exitUsage
	}
	what, todo := explain(err)
	say(w, style, what, todo)
	sayKept(w, kept)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// leftBehind says what an interrupted command has left, and what to do.
func leftBehind(kept *keptError) string {
	if kept != nil && kept.pushing {
		return "A push was under way: its destination may have part of the refs. Run the same command again."
	}
	return "Nothing half-done is left behind; run the same command again."
}

// isUsage reports whether something that was given is wrong, rather than what was found in a repository.
func isUsage(err error) bool {
	var known *rehome.Error
	return errors.As(err, &known) && known.Code == rehome.Invalid && known.Field != ""
}

// explain puts an error into words: what happened, and what to do. On the user's
// own machine an error without a code is shown whole.
func explain(err error) (what, todo string) {
	var known *rehome.Error
	if errors.As(err, &known) {
		what, todo = inFlags(known.Message), known.Hint
	} else {
		what = rehome.Clean(err.Error(), 2000)
	}
	if todo == "" {
		todo = advice(err)
	}
	return what, spelled(todo)
}

// inFlags writes what begins with the API's name of a field as the command line calls it.
func inFlags(message string) string {
	for _, field := range []struct{ name, here string }{{"vcs_url ", "the source's URL "}, {"ssh_key ", "--ssh-key "}} {
		if rest, ok := strings.CutPrefix(message, field.name); ok {
			return field.here + rest
		}
	}
	return message
}

// advice is what to do when the error itself does not say.
func advice(err error) string {
	switch {
	case rehome.CodeOf(err) == rehome.Invalid:
		return "Correct it and run the command again."
	case errors.Is(err, repo.ErrLocked):
		return "Wait until no git command runs there; if none does, remove the file of that name with .lock behind it."
	case errors.Is(err, bucket.ErrAway):
		return "Check that the object store runs, and endpoint=… in --bucket."
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "Give another --listen."
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "Free some room on that disk and run the same command again."
	case errors.Is(err, syscall.ENOTDIR):
		return "A file stands where a folder is to be: check the path."
	case errors.Is(err, syscall.EISDIR):
		return "Give the name of a file: this is a folder."
	case errors.Is(err, syscall.EROFS), errors.Is(err, os.ErrPermission):
		return "Choose a folder you may write to."
	case errors.Is(err, os.ErrExist), rehome.CodeOf(err) == rehome.AlreadyExists:
		return "Choose a folder that does not exist yet, or an empty one."
	case errors.Is(err, os.ErrNotExist):
		return "Check the path."
	}
	return "Run the same command again; if it says this again, it is worth a report."
}

// say says what happened, and what to do. On a terminal lines break between words.
func say(w io.Writer, style terminal.Style, what, todo string) {
	fmt.Fprintf(w, "%s %s\n", style.Red("rehome:"), broken(w, tame(what)))
	if todo != "" {
		fmt.Fprintf(w, "%s%s\n", sayIndent, broken(w, tame(todo)))
	}
}

// sayIndent is as wide as "rehome: ".
const sayIndent = "        "

// broken breaks lines where a terminal is too narrow for them.
func broken(w io.Writer, text string) string {
	room := terminal.Columns(w) - len(sayIndent) - 1
	if room < 20 {
		return text
	}
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if terminal.Width(line) > room {
			lines[n] = line[:len(line)-len(strings.TrimLeft(line, " "))] + terminal.Wrap(line, room, sayIndent)
		}
	}
	return strings.Join(lines, "\n")
}

// tame makes a text of lines fit to show, whoever chose the names in it: rehome.Clean for each line, without the cuts.
func tame(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		rest := strings.TrimLeft(line, " \t")
		if clean := rehome.Clean(rest, 4*len(rest)); clean != strings.TrimRight(rest, " ") {
			lines[n] = line[:len(line)-len(rest)] + clean
		}
	}
	return strings.Join(lines, "\n")
}

// sayKept says where finished steps are, if there are any.
func sayKept(w io.Writer, kept *keptError) {
	if kept != nil {
		text := fmt.Sprintf("What is finished is kept in %s: the same command goes on from there, and rehome state remove forgets it.", tame(kept.dir))
		fmt.Fprintf(w, "%s%s\n", sayIndent, broken(w, text))
	}
}
