package git

import (
	"context"
	"errors"
	"fmt"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/protocol"
	"rehome/internal/git/transport"
)

// maxText bounds foreign words in messages, in bytes.
const maxText = 300

// errAmbiguous says that a source contradicts itself.
var errAmbiguous = errors.New("contradicting refs")

// explain gives err its code and a sentence for people. discovery says that nothing has
// shown yet that there is a repository at all.
func explain(ctx context.Context, err error, discovery bool) error {
	var known *rehome.Error
	var said *protocol.RemoteError
	if ctx.Err() == nil && !errors.As(err, &known) && !errors.As(err, &said) {
		if e := judge(err); e != nil {
			e.Err = err
			return e
		}
	}
	return transport.Explain(ctx, err, transport.Source, discovery)
}

// judge says what is wrong with what a source sent. nil for what is wrong with the conversation.
func judge(err error) *rehome.Error {
	var limit *pack.LimitError
	switch {
	case errors.Is(err, protocol.ErrShallow):
		return &rehome.Error{Code: rehome.SourceShallow, Message: "The source is a shallow clone: its history is cut off.", Hint: "Import the full repository it was cloned from, or run git fetch --unshallow in it."}
	case errors.Is(err, errAmbiguous):
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The source does not keep to Git's protocol (%s).", rehome.Clean(err.Error(), maxText))}
	case errors.As(err, &limit):
		return &rehome.Error{Code: rehome.LimitPassed, Message: fmt.Sprintf("The source passes a limit: %s.", limit)}
	case transport.IsDiskFull(err):
		return nil
	case errors.Is(err, object.ErrCollision):
		return &rehome.Error{Code: rehome.CorruptObject, Message: "The source holds an object made for a SHA-1 collision attack."}
	case errors.Is(err, pack.ErrCorrupt):
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The source sent damaged objects (%s).", rehome.Clean(err.Error(), maxText)), Hint: "Run git fsck on the source."}
	}
	return nil
}
