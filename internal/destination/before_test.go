package destination

import (
	"context"
	"errors"
	"io"
	"testing"

	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// TestBeforeEndsThePush: nothing goes out where the caller says no, in one step or several, and its error is no fault of the destination's.
func TestBeforeEndsThePush(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	no, asked := errors.Join(errors.New("somebody else has it now"), io.ErrUnexpectedEOF), 0 // as of a connection that breaks
	p := w.first()
	for _, limit := range []int64{0, 4000} {
		p.Limit, asked = limit, 0
		p.Before = func(_ context.Context, step []repo.Update) error {
			if asked++; (step == nil) != (limit == 0) {
				t.Errorf("with a limit of %d: %d updates", limit, len(step))
			}
			return no
		}
		if _, err := w.Push(t.Context(), p); !errors.Is(err, no) || asked != 1 || len(w.pushes()) > 0 || len(w.waited) > 0 {
			t.Errorf("pushed with %v, asked %d times", err, asked)
		}
	}
	if refs := testenv.ShowRefs(t, w.to); len(refs) > 0 {
		t.Errorf("refs: %q", refs)
	}
}
