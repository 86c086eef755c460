package web

import (
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/picture"
)

// step is one of those of the flow, as the page shows it.
type step struct {
	Name, State string // State: done, now, queued, waits, failed or later
}

var stepNames = []struct {
	step rehome.Step
	name string
}{{rehome.StepDetection, "Remote URL"}, {rehome.StepRaw, "Fetch"}, {rehome.StepRewrite, "Rewrite"}, {rehome.StepPush, "Push"}, {"", "Verified home"}}

var stepWords = map[string]string{"done": "done", "now": "under way", "queued": "waits its turn", "waits": "waits for you", "failed": "stopped here", "later": "to come"}

// stepsOf says how far an import is, and whether it is queued there. The last is no step but what comes of them.
func stepsOf(i rehome.Import, queued bool) []step {
	now, state := i.State.Status.Step(), "now"
	if queued {
		state = "queued"
	}
	switch i.State.Status {
	case rehome.Complete:
		now = "none"
	case rehome.Failed:
		now, state = i.State.FailedStep, "failed"
	case rehome.DetectionNeedsAuth, rehome.DetectionFoundNothing:
		now, state = rehome.StepDetection, "failed"
	case rehome.DetectionFoundMultiple:
		now, state = rehome.StepDetection, "waits"
	case rehome.AuthFailed:
		now, state = rehome.StepRaw, "failed"
	case rehome.WaitingToPush:
		now, state = rehome.StepPush, "waits"
	}
	var all []step
	at := "done"
	refused := i.State.Status == rehome.Failed && now == rehome.StepPush && !i.Found.LargeFilesKnown // the destination is asked before anything is fetched
	for _, s := range stepNames {
		if s.step == now {
			all, at = append(all, step{s.name, state}), "later"
			continue
		}
		if refused && (s.step == rehome.StepRaw || s.step == rehome.StepRewrite) {
			all = append(all, step{s.name, "later"})
			continue
		}
		all = append(all, step{s.name, at})
	}
	return all
}

// flow is the way of an import, with where it is.
type flow struct {
	Boxes  []flowBox
	Arrows []picture.Rect // from the left to the right of each
	Again  string         // path of the way back, for what is new; "" once there is none
}

// flowBox is a step in it: its words, the middle of them, and where its right side is.
type flowBox struct {
	picture.Rect
	step
	Lines         []string
	Middle, Right float64
}

// Measures of the flow, in units: a box, what is between two, and where the way back runs.
const (
	flowHeight = 104
	flowGap    = 44
	flowEdge   = 6 // of lines; the marks at corners reach out farther
)

// flowOf lays out the steps of an import, which may be queued. One that is closed does not begin again.
func flowOf(i rehome.Import, queued bool) flow {
	f := flow{}
	steps := stepsOf(i, queued)
	boxes := picture.Row(len(steps), picture.Rect{X: flowEdge, Y: 24, W: picture.Width - 4*flowEdge, H: flowHeight}, flowGap)
	for n, s := range steps {
		r := boxes[n].Snap()
		f.Boxes = append(f.Boxes, flowBox{r, s, strings.Fields(s.Name), r.X + r.W/2, r.X + r.W})
		if n > 0 {
			before := boxes[n-1].Snap()
			from := before.X + before.W
			f.Arrows = append(f.Arrows, picture.Rect{X: from + 6, Y: r.Y + r.H/2, W: r.X - from - 12})
		}
	}
	if i.ClosedAt.IsZero() {
		to, from := f.Boxes[0].Middle, f.Boxes[len(f.Boxes)-1].Middle
		f.Again = fmt.Sprintf("M%.0f 176v20H%.0fv-18m-10 10l10 -10l10 10", from, to)
	}
	return f
}
