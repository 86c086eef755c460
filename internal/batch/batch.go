// Package batch moves many repositories, some at a time, and goes on where it was stopped.
//
//	read    the file: every row with its flags, or every fault of it
//	order   repositories that are submodules of others before those
//	run     as many at a time as asked; a row that fails stops nobody but those that wait for it
//	note    in the journal that a row begins, and how it ended, each on disk before the next thing is done
//
// After a crash the journal tells which rows are done as they stand, and which one was under way.
package batch

// MaxRows is the most a batch may have.
const MaxRows = 100_000

// Row is one move of a batch.
type Row struct {
	Line        int // in the file, from 1
	Source      string
	Destination string
	Flags       map[string][]string // values by the flag's name, without dashes; only those that were given
}

// Status is how a row stands.
type Status string

// The statuses. Rows that are Done or Partly are not run again while they stay as they are.
const (
	Waiting     Status = "waiting"     // it has not begun
	Done        Status = "done"        //
	Partly      Status = "partly"      // done, but something could not be carried
	Failed      Status = "failed"      //
	Interrupted Status = "interrupted" // it was stopped; see Outcome.Pushing
)

// finished reports whether the row needs no other run.
func (s Status) finished() bool { return s == Done || s == Partly }

// Outcome is what came of a row. It is stored as JSON.
type Outcome struct {
	Status  Status  `json:"status"`
	Exit    int     `json:"exit"` // what rehome import would have ended with
	Commits int64   `json:"commits"`
	Bytes   int64   `json:"bytes"` // that the source sent
	Seconds float64 `json:"seconds"`
	News    string  `json:"news,omitempty"` // what a move with state brought that was not there, in a line; "" for the first one
	Message string  `json:"message"`        // what went wrong or is missing, in a line; may be empty

	Earlier bool `json:"-"` // of another run; nothing was done now
	Pushing bool `json:"-"` // it was stopped while it pushed: the destination may have part of the refs
}
