package importer

import (
	"context"
	"errors"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/remote"
)

// AskDestination finds out whether imports may push to l, as far as that shows before anything is pushed: a wrong password, a
// missing repository that nobody wants made, or a host that does not answer are an error, with the words of a push.
func AskDestination(ctx context.Context, to *destination.Git, l remote.Location, create bool) error {
	return missingAt(to.Ask(ctx, l, create), create)
}

// ask does so before a first import fetches what may be gigabytes. Later ones have been there.
func (w *worker) ask(ctx context.Context) error {
	if w.row.Done.Raw > 0 || !w.row.CompletedAt.IsZero() {
		return nil
	}
	to, err := w.end(ctx)
	if err != nil {
		return err
	}
	f, elsewhere := to.(*forgeEnd)
	if !elsewhere {
		return nil
	}
	if err := AskDestination(ctx, f.Forge, f.at, f.to.Create); err != nil {
		return &pushError{err}
	}
	return nil
}

// pushError is why nothing can be pushed, found out at an earlier step.
type pushError struct{ err error }

func (e *pushError) Error() string { return e.err.Error() }

// Unwrap returns what a push would have failed with.
func (e *pushError) Unwrap() error { return e.err }

// failedStep is the step that an error is of which ended the work at a status.
func failedStep(at rehome.Status, cause error) rehome.Step {
	var early *pushError
	if errors.As(cause, &early) {
		return rehome.StepPush
	}
	return at.Step()
}

// missingAt says of a destination that is not there how it comes to be.
func missingAt(err error, create bool) error {
	var known *rehome.Error
	if !errors.As(err, &known) || known.Code != rehome.DestinationMissing || create {
		return err
	}
	e := *known
	e.Hint = "Make an empty repository there, or have it made: {create}."
	return &e
}
