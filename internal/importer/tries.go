package importer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/egress"
	"rehome/internal/store"
)

// defaultBackoff are the waits between the tries of a step that was cut off: together some eight minutes, besides what
// the ends try by themselves. No worker is held meanwhile.
var defaultBackoff = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute}

// maxLate is how often an end that did not answer in time is tried again: each try holds a worker for long.
const maxLate = 1

// canPass reports whether the cause of a failed try may be gone at another one a little later, after so many
// others of at most so many.
func canPass(cause error, tried, most int) bool {
	if !isCutOff(cause) || egress.Lasting(cause) {
		return false
	}
	if errors.Is(cause, egress.ErrLate) {
		most = min(most, maxLate)
	}
	return tried < most
}

// isCutOff reports whether the network, or the other side of it, ended a step, be that the object store.
func isCutOff(cause error) bool {
	if errors.Is(cause, bucket.ErrAway) {
		return true
	}
	switch rehome.CodeOf(cause) {
	case rehome.Unreachable, rehome.SourceCutOff, rehome.DestinationCutOff:
		return true
	}
	return false
}

// againNote is in the note that says why a try failed, and stands in a row until the other side speaks again.
const againNote = " Trying again at "

// tryLater makes the step at hand due once more after the next of the waits, and says when that is.
func tryLater(i *store.Import, cause *rehome.Error, now time.Time, waits []time.Duration) {
	i.DueAt = now.Add(jittered(waits[i.Attempts]))
	i.Attempts++
	i.State.Note = againAt(cause.Message, i.DueAt)
}

// tryNow ends the wait for the next try of the step at hand, and reports whether there was one.
func tryNow(i *store.Import, now time.Time) bool {
	if i.Attempts == 0 || !i.DueAt.After(now) {
		return false
	}
	i.DueAt = now
	if at := strings.LastIndex(i.State.Note, againNote); at >= 0 {
		i.State.Note = againAt(i.State.Note[:at], now)
	}
	return true
}

// againAt is the note of a step that failed for a cause and is tried again at a time.
func againAt(cause string, at time.Time) string {
	return strings.TrimSpace(cause) + againNote + at.UTC().Format("15:04:05") + " UTC."
}

// TriesAgain reports whether a note says why a try failed, and when another one comes.
func TriesAgain(note string) bool { return strings.Contains(note, againNote) }

// jittered is a wait that is a quarter shorter or longer at most, so that what was cut off together does not come back
// together.
func jittered(wait time.Duration) time.Duration {
	return wait - wait/4 + rand.N(wait/2+1)
}

// withTries adds to the cause how often a step was tried, after so many tries before.
func withTries(e *rehome.Error, before int) *rehome.Error {
	if before == 0 || !isCutOff(e) {
		return e
	}
	added := *e
	added.Message = fmt.Sprintf("%s It was tried %d times.", strings.TrimSpace(e.Message), before+1)
	return &added
}
