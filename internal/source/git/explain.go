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
	"rehome/internal/remote"
)

// maxText bounds foreign words in messages, in bytes.
const maxText = 300

// errAmbiguous says that a source contradicts itself.
var errAmbiguous = errors.New("contradicting refs")

// explain gives err its code and a sentence for people. discovery says that nothing has
// shown yet that there is a repository at all. Words that repeat what signs in at l are not shown.
func (g *Git) explain(ctx context.Context, l remote.Location, err error, discovery bool) error {
	var known *rehome.Error
	var said *protocol.RemoteError
	if errors.As(err, &said) && remote.RepeatsSecret(l, said.Text) {
		err = &protocol.RemoteError{Text: "words that repeat a password or token"}
	}
	if ctx.Err() == nil && !errors.As(err, &known) && !errors.As(err, &said) {
		if e := judge(err, g.peer); e != nil {
			e.Err = err
			return remote.Discreet(l, e)
		}
	}
	return remote.Discreet(l, transport.Explain(ctx, err, g.peer, discovery))
}

// raise says how limits of a pack can be raised, by what they bound.
var raise = map[string]string{
	pack.WhatObjects: "If that many are meant to come, raise {max_objects}.",
	pack.WhatBytes:   "If it is meant to be that large, raise {max_repository}.",
}

// judge says what is wrong with what the other side sent. nil for what is wrong with the conversation.
func judge(err error, peer string) *rehome.Error {
	var limit *pack.LimitError
	switch {
	case errors.Is(err, protocol.ErrShallow):
		return &rehome.Error{Code: rehome.SourceShallow, Message: fmt.Sprintf("The %s is a shallow clone: its history is cut off.", peer), Hint: "Import the full repository it was cloned from, or run git fetch --unshallow in it."}
	case errors.Is(err, errAmbiguous):
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The %s does not keep to Git's protocol (%s).", peer, rehome.Clean(err.Error(), maxText))}
	case errors.As(err, &limit):
		return &rehome.Error{Code: rehome.LimitPassed, Message: fmt.Sprintf("The %s passes a limit: %s.", peer, limit), Hint: raise[limit.What]}
	case transport.IsDiskFull(err):
		return nil
	case errors.Is(err, object.ErrCollision):
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The %s holds an object made for a SHA-1 collision attack.", peer)}
	case errors.Is(err, pack.ErrCorrupt):
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("The %s sent damaged objects (%s).", peer, rehome.Clean(err.Error(), maxText)), Hint: fmt.Sprintf("Run git fsck on the %s.", peer)}
	}
	return nil
}
