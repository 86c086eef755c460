package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/terminal"
)

// steps is what a terminal is shown of an import: a line for each of its steps. Safe for concurrent use.
type steps struct {
	style terminal.Style
	now   func() time.Time
	began time.Time

	mu       sync.Mutex
	rows     []stepRow // in their order; guarded by mu, as what follows
	authors  int64     // told of one by one
	asked    bool      // the source was asked for its history
	stopping bool
	moved    movement
}

// movement is what a terminal's summary takes from events.
type movement struct {
	warnings       tally
	received, sent int64 // bytes
	steps          []stepTook
	took           time.Duration // in all, with what an earlier run had begun and this one ended
}

// stepRow is what is known of a step.
type stepRow struct {
	step         rehome.Step
	state        stepState
	began, ended time.Time
	last         rehome.ProgressEvent // the newest
	told         time.Time            // when that came
	text         string               // in place of it
	did          string               // once it is done
}

type stepState int

const (
	stepWaits stepState = iota
	stepRuns
	stepDone
	stepSkipped // an earlier run had done it
	stepStopped
)

// called is what people are told of a step.
func (r *stepRow) called() string {
	return map[rehome.Step]string{
		rehome.StepDetection: "detect", rehome.StepRaw: "fetch", rehome.StepRewrite: "rewrite", rehome.StepPush: "push",
	}[r.step]
}

// newSteps begins with the first of the steps: from now until the source has answered.
func newSteps(style terminal.Style, now func() time.Time, of ...rehome.Step) *steps {
	s := &steps{style: style, now: now, began: now()}
	for _, step := range of {
		s.rows = append(s.rows, stepRow{step: step})
	}
	s.rows[0].state, s.rows[0].began = stepRuns, now()
	return s
}

// event takes what happened.
func (s *steps) event(e rehome.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case rehome.EventStatus:
		s.status(e)
	case rehome.EventAuthor:
		s.authors++
		if s.asked && s.rows[0].state == stepRuns {
			s.enter(rehome.StepRaw, s.now())
		}
	case rehome.EventProgress:
		s.progress(e)
	case rehome.EventWarning:
		s.moved.warnings.add(e.Text)
	case rehome.EventDone:
		s.done(e.Receipt)
	}
}

// status ends steps and begins others. That the source is asked for its history does not mean yet that it answers.
func (s *steps) status(e rehome.Event) {
	switch step := e.Status.Step(); {
	case e.Status == rehome.Complete, e.Status == rehome.WaitingToPush:
		s.finish(len(s.rows), s.now())
	case e.Status == rehome.Importing && s.rows[0].state != stepDone:
		s.asked = true
		s.enter(rehome.StepDetection, s.now())
	case step != "":
		s.enter(step, s.now())
	}
}

// enter begins a step, unless it runs: those before it are done, and those after it are to come again.
func (s *steps) enter(step rehome.Step, at time.Time) {
	n := s.place(step)
	if n < 0 || s.rows[n].state == stepRuns {
		return
	}
	s.finish(n, at)
	for after := n; after < len(s.rows); after++ {
		s.rows[after] = stepRow{step: s.rows[after].step}
	}
	s.rows[n].state, s.rows[n].began = stepRuns, at
}

// place is where a step stands, -1 where it is not shown.
func (s *steps) place(step rehome.Step) int {
	return slices.IndexFunc(s.rows, func(r stepRow) bool { return r.step == step })
}

// finish ends what runs of the first n steps. Those of them that never ran were done by an earlier run; that the source
// was asked and sent nothing is no step left out.
func (s *steps) finish(n int, at time.Time) {
	for before := range s.rows[:n] {
		switch r := &s.rows[before]; {
		case r.state == stepWaits && s.asked:
			r.state, r.began, r.ended, r.did = stepDone, at, at, "nothing to do"
		case r.state == stepWaits, r.state == stepRuns && r.step == rehome.StepDetection && n > 1 && !s.asked:
			r.state = stepSkipped
		case r.state == stepRuns:
			r.state, r.ended = stepDone, at
			r.did = r.outcome(s.seen(r))
		}
	}
}

// seen is how many authors are known.
func (s *steps) seen(r *stepRow) int64 { return max(s.authors, r.last.Authors) }

func (s *steps) progress(e rehome.Event) {
	if e.ProgressEvent == nil {
		return
	}
	n := s.place(e.Step)
	if n < 0 || s.rows[n].state == stepDone { // a late word
		return
	}
	s.enter(e.Step, s.now())
	s.rows[n].last, s.rows[n].text, s.rows[n].told = *e.ProgressEvent, e.Text, s.now()
	switch e.Step {
	case rehome.StepRaw:
		s.moved.received = max(s.moved.received, e.Bytes)
	case rehome.StepPush:
		s.moved.sent = max(s.moved.sent, e.Bytes)
	}
}

// done tells what the steps came to.
func (s *steps) done(head *rehome.ReceiptHead) {
	s.finish(len(s.rows), s.now())
	if head == nil {
		return
	}
	for n := range s.rows {
		switch r := &s.rows[n]; {
		case r.state != stepDone:
		case r.step == rehome.StepRaw:
			r.last.Commits = max(r.last.Commits, head.Commits)
			r.did = r.outcome(s.seen(r))
		case r.step == rehome.StepRewrite && head.Changed+head.TagsChanged == 0:
			r.did = "nothing changed"
		case r.step == rehome.StepRewrite:
			r.did = fmt.Sprintf("%s and %s changed", counted(head.Changed, "commit"), counted(head.TagsChanged, "tag"))
		case r.step == rehome.StepPush:
			r.did = joined(r.did, head.Verified+" read back and compared")
		}
	}
}

// stop says of the step under way that it came to no end.
func (s *steps) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.rows {
		if r := &s.rows[n]; r.state == stepRuns {
			r.state, r.ended = stepStopped, s.now()
			r.did = joined("stopped", r.outcome(s.seen(r)))
			if r.last.Percent != nil {
				r.did = fmt.Sprintf("stopped at %d%%", *r.last.Percent) + strings.TrimPrefix(r.did, "stopped")
			}
		}
	}
}

// stops says that an interrupt was heard.
func (s *steps) stops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// warn keeps a warning for the end.
func (s *steps) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved.warnings.add(text)
}

// movement is what was seen so far.
func (s *steps) movement() *movement {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := s.moved
	last := s.began
	for n := range s.rows {
		if r := &s.rows[n]; r.state == stepDone {
			moved.steps = append(moved.steps, stepTook{r.called(), r.ended.Sub(r.began)})
			last = r.ended
		}
	}
	moved.took = last.Sub(s.began)
	return &moved
}

func joined(parts ...string) string {
	var there []string
	for _, part := range parts {
		if part != "" {
			there = append(there, part)
		}
	}
	return strings.Join(there, ", ")
}

// outcome is what a step did.
func (r *stepRow) outcome(authors int64) string {
	switch {
	case r.step == rehome.StepDetection && r.state != stepStopped:
		return "the source answers"
	case r.step == rehome.StepDetection:
		return ""
	}
	return strings.Join(r.amounts(authors, false), ", ")
}

// quiet is for how long a step may say nothing before that is told.
const quiet = 10 * time.Second

// lately are the numbers of a step that runs, and how fast they grow, unless nothing came any more.
func (r *stepRow) lately(authors int64, now time.Time) []string {
	all := r.amounts(authors, true)
	switch silence := now.Sub(r.told); {
	case r.told.IsZero():
	case silence >= quiet && r.last.Bytes > 0:
		all = append(all, "nothing for "+tookText(silence.Truncate(time.Second)))
	case r.last.Rate > 0:
		all = append(all, bytesText(r.last.Rate)+"/s")
	}
	return all
}

// left is how long the step will take, 0 where that is not known or nothing comes any more.
func (r *stepRow) left(now time.Time) time.Duration {
	if r.last.ETA == nil || now.Sub(r.told) >= quiet {
		return 0
	}
	return time.Duration(*r.last.ETA) * time.Second
}

// amounts are the numbers of a step, the most telling first.
func (r *stepRow) amounts(authors int64, running bool) (all []string) {
	p := &r.last
	add := func(n int64, text string) {
		if n > 0 {
			all = append(all, text)
		}
	}
	of := func(n int64) string {
		if p.BytesTotal != nil && running {
			return bytesText(n) + " of " + bytesText(*p.BytesTotal)
		}
		return bytesText(n)
	}
	if p.LFS != nil && p.LFSTotal != nil {
		add(1, fmt.Sprintf("%d of %s", *p.LFS, counted(*p.LFSTotal, "Git LFS object")))
	}
	switch r.step {
	case rehome.StepRaw:
		add(p.Commits, counted(p.Commits, "commit"))
		add(authors, counted(authors, "author"))
		add(p.Bytes, bytesText(p.Bytes))
	case rehome.StepRewrite:
		add(p.Commits, fmt.Sprintf("%d commits and tags", p.Commits))
		add(p.Bytes, of(p.Bytes)+" converted")
	case rehome.StepPush:
		add(p.Bytes, of(p.Bytes)+" sent")
	}
	return all
}
