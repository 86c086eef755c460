package remote

import (
	"cmp"
	"errors"

	"rehome"
)

// withheld stands for what a server says when what signs in there cannot be taken out of it.
const withheld = "What the other side says repeats a password or token, and is not shown."

// Discreet takes out of an error what signs in at l, which a server may have repeated: out of its text, its hint, and of
// what is underneath, for the log. The code, and what errors.Is finds, stay.
func Discreet(l Location, err error) error {
	if err == nil {
		return nil
	}
	var e *rehome.Error
	known := errors.As(err, &e)
	said := err.Error()
	if known {
		said += "\n" + e.Message + "\n" + e.Hint
		if e.Err != nil {
			said += "\n" + e.Err.Error()
		}
	}
	if !RepeatsSecret(l, said) {
		return err
	}
	quiet := &discreetError{err, cmp.Or(Redact(l, err.Error()), withheld)}
	if !known {
		return quiet
	}
	if e.Err != nil {
		quiet.text = cmp.Or(Redact(l, e.Err.Error()), withheld)
	}
	return &rehome.Error{Code: e.Code, Message: cmp.Or(Redact(l, e.Message), withheld), Hint: Redact(l, e.Hint), Field: e.Field, Err: quiet}
}

// discreetError is an error with another text.
type discreetError struct {
	err  error
	text string
}

func (e *discreetError) Error() string { return e.text }

// Unwrap returns the error with its own text.
func (e *discreetError) Unwrap() error { return e.err }
