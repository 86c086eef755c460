package survey

import (
	"fmt"
	"runtime"
	"testing"

	"rehome/internal/git/object"
)

// reversed is a tree of n entries of which none is in order, and then those named.
func reversed(n int, more ...string) []byte {
	var data []byte
	entry := func(name string) { data = fmt.Appendf(data, "100644 %s\x00%020d", name, 1) }
	for i := n; i > 0; i-- {
		entry(fmt.Sprintf("%08d", i))
	}
	for _, name := range more {
		entry(name)
	}
	return data
}

func TestScattered(t *testing.T) {
	for _, tt := range []struct {
		more []string
		want string
	}{
		{nil, ""},
		{[]string{"00000007"}, "00000007"},
		{[]string{"00000007", "00000009"}, "00000009"},
		{[]string{"z", "y", "z"}, "z"},
	} {
		walk := treeWalk{survey: &Survey{}, format: object.SHA1, data: reversed(100, tt.more...)}
		walk.scattered()
		if string(walk.at) != tt.want || walk.faults.Has(object.DuplicateEntries) != (tt.want != "") {
			t.Errorf("%q: found %q, %v", tt.more, walk.at, walk.faults)
		}
	}
}

// A tree may have eleven million entries, and each worker one such tree: what is kept of each entry is bounded.
func TestScatteredMemory(t *testing.T) {
	const n, most = 1 << 18, 10 // bytes for each entry
	walk := treeWalk{survey: &Survey{}, format: object.SHA1, data: reversed(n)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	walk.scattered()
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > most {
		t.Errorf("%d bytes for each entry, want %d at most", each, most)
	}
}
