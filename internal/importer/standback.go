package importer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rehome"
	"rehome/internal/store"
)

// What one machine cannot do for its own sake, others may: where its disk is full, or where it was told of no destination and of
// other networks than they were. Such an import goes back to the queue and is not taken up here again while others live that
// have not tried it; after the last of them it ends in the error. With a built-in host there is one machine that can do it.

const (
	// standFor is how long a process whose disk was filled leaves new work to others, the first time in a row.
	standFor = time.Minute
	// mostStands is how often in a row that is twice as long as the time before.
	mostStands = 4
)

// stands is how a process leaves work to others. The zero value does not.
type stands struct {
	inARow int // since a step was done
	until  time.Time
}

// isOwn reports whether the cause of a failure may be one machine's alone.
func isOwn(c rehome.Code, cause error) bool {
	return c == rehome.DiskFull || c == rehome.BlockedByPolicy || errors.Is(cause, errNoHost)
}

// leftNote begins the note of an import that was left to others.
const leftNote = "Waiting for another machine, since one could not do it: "

// leaveToOthers gives an import back to the queue for others to take up; false when there is nobody who has not tried it.
func (w *worker) leaveToOthers(ctx context.Context, t *store.Tx, i *store.Import, e *rehome.Error, cause error) (bool, error) {
	if w.Host != nil || !isOwn(e.Code, cause) {
		return false, nil
	}
	if !slices.Contains(i.LeftBy, w.Folder.id) {
		i.LeftBy = append(i.LeftBy, w.Folder.id)
	}
	others, err := t.Others(ctx, i)
	if err != nil || !others {
		i.LeftBy = nil
		return false, err
	}
	i.DueAt, i.Attempts, i.Progress = t.Now, 0, noProgress
	i.State.Note = leftNote + e.Message
	w.left = true
	return true, nil
}

// leaves ends the turn of an import that was left to others.
func (w *worker) leaves(ctx context.Context, cause rehome.Code) {
	w.waits = true
	if cause != rehome.DiskFull {
		w.logOf(ctx, w.row.ID).WarnContext(ctx, "import left to others: check that flags are the same everywhere", "code", cause)
		return
	}
	w.logOf(ctx, w.row.ID).WarnContext(ctx, "import left to others: this disk has no room for it", "no_new_work_for", w.standBack())
}

// standBack has this process take up nothing new for a while, and returns for how long.
func (m *Importer) standBack() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	wait := standFor << min(m.stands.inARow, mostStands)
	m.stands.inARow++
	m.stands.until = m.Clock().Add(wait)
	return wait
}

func (m *Importer) standsBack() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Clock().Before(m.stands.until)
}

// fits notes that this disk had room for a step.
func (m *Importer) fits() {
	m.mu.Lock()
	m.stands.inARow = 0
	m.mu.Unlock()
}

// Rests says why this process takes up no imports now, "" where it does.
func (m *Importer) Rests() string {
	switch {
	case m.hasRoom() != nil:
		return "its disk is nearly full"
	case m.standsBack():
		return "its disk was full a while ago"
	}
	return ""
}

// Busy returns how many imports this process works on.
func (m *Importer) Busy() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.running)
}

// What a row's note says of a step that is held up, or begun again.
const (
	lostNote  = "Begun again after a worker was lost."
	storeNote = "Waiting for the object store, which does not answer."
)

// passing are the notes that say something only until the step at hand is done, by the kind of warning that watchers get.
var passing = map[string]string{lostNote: "begun_again", storeNote: "object_store_away", leftNote: "left_to_others"}

// passingKind is the kind of a passing note, "" for another.
func passingKind(note string) string {
	for begins, kind := range passing {
		if strings.HasPrefix(note, begins) {
			return kind
		}
	}
	return ""
}

// withoutPassing is a note once a step is done.
func withoutPassing(note string) string {
	if passingKind(note) != "" {
		return ""
	}
	return withoutWorking(note)
}

// beginAgain has the note of an import that is taken up say whether a worker was lost, and not what led here.
func (w *worker) beginAgain(ctx context.Context) error {
	switch {
	case w.row.State.Status.Step() == "":
		return nil
	case w.lease.Taken:
		return w.note(ctx, lostNote)
	case strings.HasPrefix(w.row.State.Note, leftNote):
		return w.note(ctx, "")
	}
	return nil
}

// note has the row say why the step at hand is held up, or begun again; "" takes such a note away.
func (w *worker) note(ctx context.Context, text string) error {
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		before := i.State.Note
		if i.State.Note = withoutPassing(before); text != "" {
			i.State.Note = text
		}
		if i.State.Note == before {
			return store.ErrUnchanged
		}
		return nil
	})
}
