package rewrite

import (
	"rehome"
	"rehome/internal/git/history"
)

// effort bounds what following notes takes. Trees may name each other many times over, so that
// a few of them stand for more notes than there is memory or time for. The bounds are far above
// a note for every object of the history, each in a commit of its own.
type effort struct {
	held, mostHeld   int64 // bytes of memory, about
	steps, mostSteps int64 // entries that change or are written
}

const (
	entrySize  = 256 // bytes that an entry takes besides its path
	folderSize = 256 // bytes, never counted as given back
	knownSize  = 96  // bytes for each tree written
	treeWork   = 256 // steps that reading a tree counts as

	heldFloor, heldEach   = 64 << 20, 1 << 10  // bytes, for any history and for each of its objects
	stepsFloor, stepsEach = 64 << 20, 64 << 10 // the same
)

func newEffort(g *history.Graph) effort {
	n := int64(g.Len())
	return effort{mostHeld: heldFloor + heldEach*n, mostSteps: stepsFloor + stepsEach*n}
}

// maxNotesTrees is how many trees rewriting the notes on a history makes at most.
func maxNotesTrees(g *history.Graph) int64 { return newEffort(g).mostHeld / knownSize }

func (e *entry) size() int { return entrySize + len(e.path) }

func (e *effort) hold(bytes int) error {
	if e.held += int64(bytes); e.held > e.mostHeld {
		return tooManyNotes()
	}
	return nil
}

func (e *effort) letGo(bytes int) { e.held -= int64(bytes) }

func (e *effort) work(steps int) error {
	if e.steps += int64(steps); e.steps > e.mostSteps {
		return tooManyNotes()
	}
	return nil
}

func tooManyNotes() error {
	return &rehome.Error{Code: rehome.LimitPassed, Message: "The source's notes (refs/notes) have more entries than can be followed."}
}
