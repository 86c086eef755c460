package destination

import (
	"context"
	"errors"
	"strings"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/transport"
)

// pauses are how long to wait after an attempt that broke.
var pauses = [...]time.Duration{time.Second, 5 * time.Second}

// trying makes an attempt until it succeeds or fails for what another one does not change.
func (g *Git) trying(ctx context.Context, attempt func() error) error {
	for n := 0; ; n++ {
		err := attempt()
		for errors.Is(err, errAgain) {
			err = attempt()
		}
		if errors.As(err, &callersError{}) || rehome.CodeOf(err) != rehome.DestinationCutOff || egress.Lasting(err) || n == len(pauses) {
			return err
		}
		if g.Sleep(ctx, pauses[n]) != nil {
			return explain(ctx, context.Cause(ctx))
		}
	}
}

// ends is what the codes of a source mean at the other end.
var ends = map[rehome.Code]rehome.Code{
	rehome.Unreachable:        rehome.DestinationCutOff,
	rehome.SourceCutOff:       rehome.DestinationCutOff,
	rehome.NotARepository:     rehome.DestinationMissing,
	rehome.CredentialsWanted:  rehome.DestinationRefused,
	rehome.CredentialsRefused: rehome.DestinationRefused,
	rehome.LimitPassed:        rehome.DestinationRefused,
	rehome.CorruptObject:      rehome.DestinationRefused, // it does not keep to the protocol
	rehome.SourceShallow:      rehome.DestinationRefused,
}

// explain gives err the code that it has at this end.
func explain(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errAgain) || errors.As(err, &callersError{}) {
		return err
	}
	err = transport.Explain(ctx, err, transport.Destination, false)
	e := *rehome.AsError(err)
	if errors.Is(err, transport.ErrTooLarge) { // which it will be at the next try, too
		e.Code = rehome.LimitPassed
	}
	if code, ok := ends[e.Code]; ok {
		e.Code, e.Err = code, err
		e.Message = strings.Replace(e.Message, "at this address", "at the destination's address", 1)
		if hint := forge.Hint(forge.Unknown, e.Message); hint != "" && e.Code == rehome.DestinationRefused {
			e.Hint = hint
		}
		return &e
	}
	return err
}
