package history

import (
	"fmt"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
)

// TestLongLines remembers nothing of lines that are long with white space, and finds the same identity in them.
func TestLongLines(t *testing.T) {
	g := &Graph{}
	w := &taker{filler: &filler{graph: g, known: map[rehome.Identity]uint32{}}, seen: map[string]uint32{}}
	for n := range 100 {
		for _, spaces := range []int{1, longLine + n} {
			line := fmt.Sprintf("Jane%s<j@x>", strings.Repeat(" ", spaces))
			i := object.ParseIdent([]byte(line), 0, len(line))
			if got := w.identity([]byte(line), &i); got != 0 {
				t.Fatalf("with %d spaces it is identity %d", spaces, got)
			}
		}
	}
	if len(w.seen) != 1 || len(g.identities) != 1 {
		t.Errorf("it keeps %d lines and %d identities", len(w.seen), len(g.identities))
	}
}
