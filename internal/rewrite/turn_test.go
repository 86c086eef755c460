package rewrite

import (
	"testing"

	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/pack"
)

// A batch that panics gives its turn back: else there were a processor less until the process ends.
func TestBatchGivesItsTurnBack(t *testing.T) {
	compute.Limit(1)
	defer compute.Limit(0)
	beyond := &batch{items: []item{{end: 1}}}
	panicked := true
	err := pack.Guard(func() error {
		beyond.deflate(deflate.NewEncoder(nil))
		panicked = false
		return nil
	})
	if err == nil || !panicked {
		t.Error("it did not panic")
	}
	compute.Take().Give() // waits for ever when it is held
}
