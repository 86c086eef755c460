package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/protocol"
)

// maxText bounds foreign words in messages, in bytes.
const maxText = 300

// errAmbiguous says that a source contradicts itself.
var errAmbiguous = errors.New("contradicting refs")

// explain gives err its code and a sentence for people. discovery says that nothing has
// shown yet that there is a repository at all.
func explain(ctx context.Context, err error, discovery bool) error {
	if ctx.Err() != nil {
		return &rehome.Error{Code: rehome.Cancelled, Message: "The fetch was cancelled.", Err: err}
	}
	if discovery && errors.Is(err, egress.ErrNotHTTP) {
		e := notARepository("what answers does not speak HTTP")
		e.Err = err
		return e
	}
	var known *rehome.Error
	if errors.As(err, &known) {
		return err
	}
	e := judge(err, discovery)
	e.Err = err
	if errors.Is(err, context.DeadlineExceeded) {
		e.Err = fmt.Errorf("%w: %w", egress.ErrLate, err)
	}
	return e
}

func judge(err error, discovery bool) *rehome.Error {
	var said *protocol.RemoteError
	var refLimit *protocol.LimitError
	var packLimit *pack.LimitError
	switch {
	case errors.As(err, &said):
		return remoteSays(said.Text, discovery)
	case errors.Is(err, protocol.ErrShallow):
		return &rehome.Error{Code: rehome.SourceShallow, Message: "The source is a shallow clone: its history is cut off.", Hint: "Import the full repository it was cloned from, or run git fetch --unshallow in it."}
	case errors.As(err, &refLimit):
		return &rehome.Error{Code: rehome.LimitPassed, Message: fmt.Sprintf("The source has more than %d %s.", refLimit.Limit, refLimit.What)}
	case errors.As(err, &packLimit):
		return &rehome.Error{Code: rehome.LimitPassed, Message: fmt.Sprintf("The source passes a limit: %s.", packLimit)}
	case isDiskFull(err):
		return &rehome.Error{Code: rehome.DiskFull, Message: "There is no room left on Rehome's disk.", Hint: "Free some room and start the import again."}
	case errors.Is(err, object.ErrCollision):
		return &rehome.Error{Code: rehome.CorruptObject, Message: "The source holds an object made for a SHA-1 collision attack."}
	case errors.Is(err, pack.ErrCorrupt):
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The source sent damaged objects (%s).", rehome.Clean(err.Error(), maxText)), Hint: "Run git fsck on the source."}
	}
	return judgeStream(err, discovery)
}

// judgeStream judges what went wrong with the stream as such.
func judgeStream(err error, discovery bool) *rehome.Error {
	var read *readError
	broken := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, egress.ErrIdle)
	malformed := errors.Is(err, protocol.ErrMalformed) || errors.Is(err, errAmbiguous)
	switch {
	case malformed && discovery:
		return notARepository("what answers does not speak Git's protocol")
	case malformed:
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The source does not keep to Git's protocol (%s).", rehome.Clean(err.Error(), maxText))}
	case discovery && errors.Is(err, context.DeadlineExceeded):
		return &rehome.Error{Code: rehome.Unreachable, Message: "The source did not tell its refs in time.", Hint: "Try again."}
	case broken && discovery:
		return &rehome.Error{Code: rehome.Unreachable, Message: "The source stopped answering before it told its refs.", Hint: "Try again."}
	case broken || errors.As(err, &read):
		return &rehome.Error{Code: rehome.SourceCutOff, Message: "The source stopped sending before the end.", Hint: "Try again; nothing of the broken transfer was kept."}
	case discovery:
		return &rehome.Error{Code: rehome.Unreachable, Message: "The connection to the source broke.", Hint: "Try again."}
	}
	return &rehome.Error{Code: rehome.Internal, Message: rehome.AsError(err).Message, Hint: rehome.AsError(err).Hint}
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// remoteSays puts the other side's last words into an error.
func remoteSays(text string, discovery bool) *rehome.Error {
	text = rehome.Clean(text, maxText)
	if discovery {
		return notARepository(fmt.Sprintf("the server says %q", text))
	}
	hint := "Try again, or ask whoever runs the source."
	if strings.Contains(strings.ToLower(text), "corrupt") {
		hint = "Run git fsck at the source."
	}
	return &rehome.Error{Code: rehome.SourceCutOff, Message: fmt.Sprintf("The source gave up: %q.", text), Hint: hint}
}

func notARepository(why string) *rehome.Error {
	return &rehome.Error{
		Code:    rehome.NotARepository,
		Message: fmt.Sprintf("There is no Git repository at this address: %s.", why),
		Hint:    "Check the address; it is the one git clone takes.",
	}
}
