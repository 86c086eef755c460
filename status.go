package rehome

import (
	"slices"
	"strings"
)

// Status is where an import stands, in the words of the Source Imports API.
// Clients poll for these exact strings and know no others.
type Status string

// The statuses an import can have. Waiting is sent only for imports that asked to be held.
const (
	Detecting              Status = "detecting"                // finding out which version control answers
	DetectionNeedsAuth     Status = "detection_needs_auth"     // it wants credentials before it says
	DetectionFoundNothing  Status = "detection_found_nothing"  // something answers, but no repository
	DetectionFoundMultiple Status = "detection_found_multiple" // several projects, one has to be chosen
	Importing              Status = "importing"                // the raw step: history streams in
	AuthFailed             Status = "auth_failed"              // credentials wanted or refused, version control known
	Mapping                Status = "mapping"                  // the rewrite step
	WaitingToPush          Status = "waiting_to_push"          // held before the first push, until approved
	Pushing                Status = "pushing"                  // the push step
	Complete               Status = "complete"                 // pushed, read back and found equal
	Failed                 Status = "error"                    // FailedStep and Error say what happened
)

// Statuses lists every status in the order an import meets them.
func Statuses() []Status {
	return []Status{
		Detecting, DetectionNeedsAuth, DetectionFoundNothing, DetectionFoundMultiple,
		Importing, AuthFailed, Mapping, WaitingToPush, Pushing, Complete, Failed,
	}
}

// moves is the table of allowed moves: whatever changes a status asks it, and
// docs/state-machine.md is printed from it. The empty status is an import not yet stored.
var moves = map[Status][]Status{
	"":                     {Detecting, Importing},
	Detecting:              {Importing, DetectionNeedsAuth, DetectionFoundNothing, DetectionFoundMultiple, Failed},
	DetectionNeedsAuth:     {Detecting, Importing},
	DetectionFoundNothing:  {Detecting, Importing},
	DetectionFoundMultiple: {Detecting, Importing},
	Importing:              {Mapping, AuthFailed, Failed, Detecting},
	AuthFailed:             {Detecting, Importing, Mapping},
	Mapping:                {Pushing, WaitingToPush, Failed, Importing},
	WaitingToPush:          {Pushing, Mapping, Importing},
	Pushing:                {Complete, Failed, Mapping, Importing},
	Complete:               {Mapping, Importing},
	Failed:                 {Detecting, Importing, Mapping, Pushing},
}

// CanBecome reports whether an import at s may move to next. Staying is not a move.
func (s Status) CanBecome(next Status) bool { return slices.Contains(moves[s], next) }

// Running reports whether work goes on without anybody asking.
func (s Status) Running() bool {
	return s == Detecting || s == Importing || s == Mapping || s == Pushing
}

// Step returns the step that work at status s belongs to, "" where nothing runs.
func (s Status) Step() Step {
	switch s {
	case Detecting:
		return StepDetection
	case Importing:
		return StepRaw
	case Mapping:
		return StepRewrite
	case Pushing:
		return StepPush
	}
	return ""
}

// Diagram draws the table of allowed moves as a Mermaid state diagram.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, to := range moves[""] {
		b.WriteString("    [*] --> " + string(to) + "\n")
	}
	for _, from := range Statuses() {
		for _, to := range moves[from] {
			b.WriteString("    " + string(from) + " --> " + string(to) + "\n")
		}
	}
	return b.String()
}

// Step is one of the four steps of an import; FailedStep in the API is one of them.
type Step string

// The steps, left to right.
const (
	StepDetection Step = "detection"
	StepRaw       Step = "raw"
	StepRewrite   Step = "rewrite"
	StepPush      Step = "push"
)
