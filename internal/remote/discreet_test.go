package remote

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"rehome"
)

func TestDiscreet(t *testing.T) {
	const password = "canary-word"
	l := Location{Username: "ada", Password: password}
	for _, err := range []error{
		fmt.Errorf("read %q: %w", "xcanary-wordx", io.ErrUnexpectedEOF),
		fmt.Errorf("plain: %w", &rehome.Error{Code: rehome.Unreachable, Message: "Cannot connect to canary-word.example.", Hint: "Try canary-word.", Err: io.ErrUnexpectedEOF}),
		&rehome.Error{Code: rehome.Unreachable, Message: "It broke.", Hint: "Try again.", Err: fmt.Errorf("%w: dial canary-word.example", io.ErrUnexpectedEOF)},
		&rehome.Error{Code: rehome.Unreachable, Message: "It broke.", Err: fmt.Errorf("%w: YWRhOmNhbmFyeS13b3Jk", io.ErrUnexpectedEOF)},
	} {
		got := Discreet(l, err)
		e := rehome.AsError(got)
		if said := fmt.Sprint(got, e.Message, e.Hint, e.Err); strings.Contains(said, "canary") || strings.Contains(said, "YWRh") {
			t.Errorf("%v became %q", err, said)
		}
		if e.Code != rehome.CodeOf(err) || !errors.Is(got, io.ErrUnexpectedEOF) {
			t.Errorf("%v became %v, of another kind", err, got)
		}
	}
	for _, err := range []error{nil, io.EOF, &rehome.Error{Code: rehome.Unreachable, Message: "ada is not known."}} {
		if got := Discreet(l, err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
