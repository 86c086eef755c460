package web

import (
	"fmt"
	"time"

	"rehome"
	"rehome/internal/importer"
)

// standing is where an import stands, in words.
type standing struct {
	Status  rehome.Status
	Kind    string // for colours: running, waiting, good, bad
	Text    string
	Note    string // why it stands there, a sentence or more; "" for nothing to say
	Percent int    // of the step at hand; -1 for unknown
	Running bool
}

// words of the statuses.
var words = map[rehome.Status]string{
	rehome.Detecting: "Finding out what answers", rehome.DetectionNeedsAuth: "Waits for credentials", rehome.DetectionFoundNothing: "No repository found",
	rehome.DetectionFoundMultiple: "Several projects found: choose one", rehome.Importing: "Fetching", rehome.AuthFailed: "Waits for other credentials",
	rehome.Mapping: "Rewriting", rehome.WaitingToPush: "Held until you approve", rehome.Pushing: "Pushing", rehome.Complete: "Complete", rehome.Failed: "Failed",
}

func standingOf(i rehome.Import, position int) standing {
	s := standing{Status: i.State.Status, Text: words[i.State.Status], Percent: -1, Running: i.State.Status.Running()}
	switch i.State.Status {
	case rehome.Importing:
		s.Percent = i.Progress.Percent
	case rehome.Pushing:
		s.Percent = i.Progress.PushPercent
	}
	switch {
	case s.Running && position > 0:
		s.Kind, s.Text = "waiting", fmt.Sprintf("Waits for its turn, place %d", position)
	case s.Running:
		s.Kind = "running"
		if i.State.Note != "" && !importer.TriesAgain(i.State.Note) {
			s.Text = i.State.Note
		}
	case i.State.Status == rehome.Complete:
		s.Kind = "good"
	case i.State.Status == rehome.WaitingToPush || i.State.Status == rehome.DetectionFoundMultiple:
		s.Kind = "waiting"
	default:
		s.Kind = "bad"
	}
	if s.Running && importer.TriesAgain(i.State.Note) {
		if s.Note = i.State.Note; position == 0 {
			s.Text = "Trying again"
		}
	}
	if s.Status == rehome.Complete && !i.ClosedAt.IsZero() {
		s.Text = "Finished"
	}
	return s
}

// queueLine says how an import waits for a worker.
type queueLine struct {
	Place int
	For   string
	Why   string // what else it waits for; "" for nothing
}

// queueLineOf is nil for an import that does not wait.
func queueLineOf(t importer.Turn, now time.Time) *queueLine {
	if t.Position == 0 {
		return nil
	}
	return &queueLine{t.Position, age(now.Sub(t.Since)), t.Why}
}

// againLine says which try of a step comes next.
type againLine struct{ Try, Tries int }

// againLineOf is nil for an import that waits for no other try.
func againLineOf(t importer.Turn) *againLine {
	if t.Try == 0 {
		return nil
	}
	return &againLine{t.Try, t.Tries}
}

// age writes how long ago something was, or how long it takes.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
