package destination

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// Refusal is a ref that the destination did not take.
type Refusal struct {
	Name  string
	Words string // why, in the destination's own words, fit to show
	Hint  string // what to do about it; "" when nothing better is known
	Moved bool   // somebody else made or moved it
}

// judge takes the destination's report of a step.
func (s *session) judge(ctx context.Context, done step, report protocol.Report, said *words) error {
	if s.leavesOut() && lacksObjects(report, said) {
		s.goesBy++
		return errAgain
	}
	if report.Unpack != "" {
		return s.unpackError(ctx, report.Unpack, said)
	}
	told := make(map[string]protocol.RefReport, len(report.Refs))
	for _, r := range report.Refs {
		told[r.Name] = r
	}
	var refused []Refusal
	for _, u := range done.updates {
		r, ok := told[u.Name]
		switch {
		case !ok:
			refused = append(refused, Refusal{Name: u.Name, Words: "it did not say what became of it"})
		case r.Reason != "":
			refused = append(refused, s.refusal(ctx, u.Name, r.Reason, said))
		}
	}
	refused = s.arrived(ctx, done, withoutEcho(refused))
	if len(refused) > 0 {
		refused[0].explain(said.text())
	}
	s.result.Refused = append(s.result.Refused, refused...)
	return nil
}

// arrived leaves out the refs that were refused because an earlier push, which counted as cut off, has moved them
// meanwhile to where they belong.
func (s *session) arrived(ctx context.Context, done step, refused []Refusal) []Refusal {
	if !slices.ContainsFunc(refused, func(r Refusal) bool { return r.Moved }) {
		return refused
	}
	c, err := s.open(ctx, s.p.Location, protocol.ReceivePack)
	if err != nil {
		return refused
	}
	defer c.Close()
	now := stateOf(c.Advertisement().Refs, c.Advertisement().Format)
	there := make(map[string]bool, len(done.updates))
	for _, u := range done.updates {
		is := now.Has(u.Name)
		there[u.Name] = is == u.New || is.IsZero() && u.New.IsZero()
	}
	return slices.DeleteFunc(refused, func(r Refusal) bool { return there[r.Name] })
}

// lacksObjects reports whether a destination had not all that a pack leaves out. What is too large says so.
func lacksObjects(r protocol.Report, said *words) bool {
	if r.Unpack != "" {
		why := r.Unpack + " " + said.text()
		return !strings.Contains(why, "exceed") && !strings.Contains(why, "too large") && !strings.Contains(why, "No space left")
	}
	return slices.ContainsFunc(r.Refs, func(ref protocol.RefReport) bool {
		return strings.Contains(ref.Reason, "missing necessary objects") || strings.Contains(ref.Reason, "bad pack")
	})
}

func (s *session) refusal(ctx context.Context, name, reason string, said *words) Refusal {
	r := Refusal{Name: name, Words: shown(s.p.Location, reason), Hint: s.hint(ctx, reason+"\n"+said.text())}
	for _, stale := range []string{"incorrect old value", "reference already exists", "cannot lock ref", "failed to update ref", "fetch first", "stale info"} {
		r.Moved = r.Moved || strings.Contains(reason, stale)
	}
	return r
}

// explain adds what the destination said besides, which the first refusal has for all.
func (r *Refusal) explain(text string) {
	switch {
	case text == "":
	case strings.Contains(text, r.Words):
		r.Words = text
	default:
		r.Words += ": " + text
	}
}

// withoutEcho leaves out the refs that were refused only because others were, if any was refused for a reason of its own.
func withoutEcho(all []Refusal) []Refusal {
	echo := func(r Refusal) bool {
		return strings.HasPrefix(r.Words, "atomic push fail") || strings.HasPrefix(r.Words, "atomic transaction fail") || strings.HasPrefix(r.Words, "transaction failed")
	}
	if own := slices.DeleteFunc(slices.Clone(all), echo); len(own) > 0 {
		return own
	}
	return all
}

// unpackError is the error for a pack that the destination could not take.
func (s *session) unpackError(ctx context.Context, reason string, said *words) error {
	text := shown(s.p.Location, reason)
	if more := said.text(); more != "" {
		text += ": " + more
	}
	hint := s.hint(ctx, reason+"\n"+said.text())
	if hint == "" {
		hint = "Ask whoever runs it; a limit on the size of a push can be met with {push_limit}."
	}
	return &rehome.Error{
		Code: rehome.DestinationRefused, Hint: hint,
		Message: fmt.Sprintf("The destination could not take what was pushed: %q.", text),
	}
}

const (
	maxReason = 300
	maxSaid   = 600 // bytes of what a destination says besides, that are shown
	maxKept   = 16 << 10
	maxTalk   = 64 << 20 // bytes of what a destination says besides, read or not
)

// errTalks says that a destination talks on and on.
var errTalks = &rehome.Error{Code: rehome.DestinationRefused, Message: "The destination does not come to an end with what it says.", Hint: "Ask whoever runs it."}

// words gathers what a destination says on the side while it works.
type words struct {
	of    remote.Location
	kept  []byte
	heard int
	stop  context.CancelCauseFunc // ends a conversation in which it says too much
}

func (w *words) hear(piece []byte) {
	if w.heard += len(piece); w.heard > maxTalk {
		w.stop(errTalks)
	}
	w.kept = append(w.kept, piece...)
	if len(w.kept) > maxKept {
		w.kept = append(w.kept[:0], w.kept[len(w.kept)-maxKept/2:]...)
	}
}

// text is what was said, without counters of progress, in one line.
func (w *words) text() string {
	if remote.RepeatsSecret(w.of, string(w.kept)) {
		return withheld
	}
	var lines []string
	for line := range bytes.SplitSeq(bytes.ReplaceAll(w.kept, []byte("\r"), []byte("\n")), []byte("\n")) {
		line := bare(string(line))
		if line == "" || isCounter(line) || slices.Contains(lines, line) {
			continue
		}
		lines = append(lines, line)
	}
	return rehome.Clean(strings.Join(lines, " "), maxSaid)
}

// bare is a text of a destination, fit to show, without what it puts before it to say that it is its own, or an error.
func bare(text string) string {
	text = rehome.Clean(text, maxReason)
	for {
		prefix, rest, ok := strings.Cut(text, ":")
		switch strings.ToLower(prefix) {
		case "error", "remote", "fatal":
		default:
			ok = false
		}
		if rest = strings.TrimSpace(rest); !ok || rest == "" {
			return text
		}
		text = rest
	}
}

// isCounter reports whether a line tells of progress only.
func isCounter(line string) bool {
	for _, prefix := range []string{"Resolving deltas", "Unpacking objects", "Receiving objects", "Checking connectivity", "Updating references", "Counting objects", "Processing changes"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return strings.Trim(line, "=-*. ") == ""
}
