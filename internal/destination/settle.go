package destination

import (
	"context"
	"fmt"
	"time"

	"rehome"
	"rehome/internal/git/protocol"
	"rehome/internal/git/transport"
)

// settle finds out what became of a step whose answer did not come: the refs say it. It returns cause unless all of
// them are what they were to be.
func (s *session) settle(ctx context.Context, done step, cause error, broken transport.Conversation) error {
	e := rehome.AsError(explain(ctx, cause))
	if ctx.Err() != nil || e.Code != rehome.DestinationCutOff {
		return cause
	}
	if known := rehome.AsError(cause); known.Code == rehome.Unreachable && known.Err != nil { // it was reached before
		cause = &rehome.Error{
			Code: rehome.DestinationCutOff, Message: "The connection to the destination broke during the push.",
			Hint: "Start the import again: it goes on from what the destination has.", Err: cause,
		}
	}
	cause = s.waited(ctx, cause)
	broken.Close() //nolint:errcheck // cause says what went wrong
	c, err := s.open(ctx, s.p.Location, protocol.ReceivePack)
	if err != nil {
		return cause
	}
	defer c.Close()
	now := stateOf(c.Advertisement().Refs, c.Advertisement().Format)
	for _, u := range done.updates {
		if is := now.Has(u.Name); is != u.New && !(is.IsZero() && u.New.IsZero()) {
			return cause
		}
	}
	return nil
}

// waited says of a push that was cut off how long the destination had worked on it, once that was long.
func (s *session) waited(ctx context.Context, cause error) error {
	since := s.sent.Load()
	if since == nil {
		return cause
	}
	minutes := int(s.now().Sub(*since) / time.Minute)
	if minutes < 1 {
		return cause
	}
	text := fmt.Sprintf("%d minutes", minutes)
	if minutes == 1 {
		text = "1 minute"
	}
	return &rehome.Error{
		Code:    rehome.DestinationCutOff,
		Message: fmt.Sprintf("Everything was sent, and the push was cut off after %s without an answer. %s", text, rehome.AsError(explain(ctx, cause)).Message),
		Hint:    "A forge may have a limit of its own for how long it works on a push, and may still be at work. Start the import again in a while: it goes on from what the destination has.",
		Err:     cause,
	}
}
