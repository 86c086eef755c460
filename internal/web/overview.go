package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rehome"
	"rehome/internal/importer"
)

// overview is the page of one import.
type overview struct {
	standing
	Missing     bool // there is no import yet
	Queue       *queueLine
	Again       *againLine
	Source      string
	SSHKey      string // that the source's owner has to let in; "" for none
	Destination string
	Flow        flow
	Facts       []fact
	Problem     *shownProblem
	Ask         string // what would help: one of the asks; "" for nothing
	NoLFS       bool   // the destination did not take the Git LFS objects that large files were chosen to become
	Choices     []rehome.ProjectChoice
	Held        *held
	Done        *done
}

// refresh has a browser without JavaScript look again.
func (o overview) refresh() int {
	if o.Running {
		return unhurried
	}
	return 0
}

// fact is a line about an import.
type fact struct{ Name, Value string }

// done is what a complete import shows.
type done struct {
	Receipt *digest
	Clone   string
	Commits int64
	Mapped  bool // there is a commit map
	Closed  bool
	Sync    string // how often it is synced; "" for not by a clock
	Next    string // when the next sync is
	Elapsed string
	Behind  behind
	Last    *importer.LastRun
}

func (w *Web) overview(v *visit) error {
	o, err := w.look(v)
	if err != nil {
		return err
	}
	return w.page(v, http.StatusOK, "import", v.repo.FullName(), o)
}

// overviewBody is the part of the page that changes.
func (w *Web) overviewBody(v *visit) error {
	o, err := w.look(v)
	if err != nil {
		return err
	}
	return w.part(v, "import", "body", o)
}

func (w *Web) look(v *visit) (overview, error) {
	ctx := v.r.Context()
	i, err := w.Importer.Get(ctx, v.repo.ID)
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		return overview{Missing: true}, nil
	}
	if err != nil {
		return overview{}, err
	}
	turn, err := w.Importer.Turn(ctx, v.repo.ID)
	if err != nil {
		return overview{}, err
	}
	o := w.glance(v, i, turn)
	o.SSHKey, o.Flow = i.Source.SSHPublicKey, flowOf(i, turn.Position > 0)
	o.troubles(i)
	if i.State.Status == rehome.WaitingToPush {
		if o.Held, err = w.heldOf(v, i); err != nil {
			return overview{}, err
		}
	}
	if i.State.Status == rehome.Complete {
		if o.Done, err = w.doneOf(ctx, v, i); err != nil {
			return overview{}, err
		}
	}
	return o, nil
}

// glance is what the page says of an import in few words.
func (w *Web) glance(v *visit, i rehome.Import, turn importer.Turn) overview {
	now := w.Clock()
	o := overview{
		standing: standingOf(i, turn.Position), Queue: queueLineOf(turn, now), Again: againLineOf(turn), Source: i.Source.URL, Destination: w.destinationOf(v, i), Facts: facts(i, now),
	}
	if turn.Worker != "" && v.caller.Admin() {
		o.Facts = append(o.Facts, fact{"Worked on by", turn.Worker + ", for " + age(now.Sub(turn.StartedAt))})
	}
	return o
}

// destinationOf is where an import goes, as people know it; "" where nobody said so yet.
func (w *Web) destinationOf(v *visit, i rehome.Import) string {
	template := w.Importer.Elsewhere.Template
	switch {
	case i.Destination.URL != "":
		return i.Destination.URL
	case template != "":
		return strings.NewReplacer("{owner}", v.repo.Owner.Login, "{repo}", v.repo.Name).Replace(template) // neither holds what is escaped in URLs
	case w.Host == nil:
		return ""
	}
	return v.urls.Clone(v.repo)
}

// facts are what is known of an import, a line each.
func facts(i rehome.Import, now time.Time) []fact {
	var all []fact
	add := func(name, value string) { all = append(all, fact{name, value}) }
	if i.Source.VCS != "" {
		add("Kind", string(i.Source.VCS))
	}
	if n := max(i.Found.Commits, i.Progress.Commits); n > 0 {
		add("Commits", grouped(n))
	}
	if i.Found.Authors > 0 {
		add("Authors", grouped(i.Found.Authors))
	}
	if i.Progress.Bytes > 0 {
		add("Received", byteCount(i.Progress.Bytes))
	}
	if i.Progress.LFSTotal > 0 {
		add("Git LFS objects", fmt.Sprintf("%s of %s", grouped(i.Progress.LFS), grouped(i.Progress.LFSTotal)))
	}
	if i.Found.LargeFilesKnown && i.Found.LargeFiles > 0 {
		add("Large files", fmt.Sprintf("%s, %s", grouped(i.Found.LargeFiles), byteCount(i.Found.LargeFilesSize)))
	}
	add("Started", age(now.Sub(i.CreatedAt))+" ago")
	return all
}

// troubles says why an import stopped, and what would help.
func (o *overview) troubles(i rehome.Import) {
	e := i.State.Err
	if i.State.Status == rehome.DetectionFoundMultiple {
		o.Ask, o.Choices = "project", i.State.Choices
	}
	if e == nil {
		return
	}
	o.Problem = &shownProblem{Title: words[i.State.Status], Text: e.Message, Hint: hint(e.Hint)}
	o.Ask = askOf(i, e.Code)
	o.NoLFS = o.Ask == "destination" && i.LFS == rehome.LFSOptIn && strings.Contains(e.Message+e.Hint, "Git LFS")
}

// askOf is what would help an import that stopped for a cause. Each has a form in import.html.
func askOf(i rehome.Import, cause rehome.Code) string {
	switch {
	case i.State.Status == rehome.AuthFailed, i.State.Status == rehome.DetectionNeedsAuth:
		return "credentials"
	case i.State.Status == rehome.DetectionFoundNothing && i.Found.Commits == 0:
		return "address"
	case i.State.Status == rehome.DetectionFoundNothing:
		return "restart"
	case i.State.Status != rehome.Failed:
		return ""
	}
	switch cause {
	case rehome.DestinationRefused, rehome.DestinationMissing:
		return "destination"
	case rehome.DestinationMoved:
		if i.Destination.URL != "" { // on the host nothing of others' is overwritten
			return "moved"
		}
	case rehome.LFSMissing:
		return "missing LFS"
	case rehome.NotARepository, rehome.Unreachable, rehome.BlockedByPolicy:
		if i.State.FailedStep != rehome.StepPush && i.Found.Commits == 0 { // to begin anew loses what was mapped and chosen
			return "address"
		}
	}
	return "restart"
}

// doneOf is what there is to see and do after a move.
func (w *Web) doneOf(ctx context.Context, v *visit, i rehome.Import) (*done, error) {
	d := &done{Clone: w.destinationOf(v, i), Closed: !i.ClosedAt.IsZero(), Next: stamp(i.NextSyncAt), Mapped: i.Changes.Commits > 0}
	var err error
	if _, d.Receipt, err = w.receipts.of(ctx, w.DB, v.repo.ID); err != nil {
		return nil, err
	}
	fetched, err := w.Importer.Fetched(ctx, v.repo.ID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return nil, err
	}
	d.Last, d.Behind = fetched.Last, d.Receipt.Behind
	if i.Options.SyncEvery > 0 {
		d.Sync = optionsOf(i.Options).interval()
	}
	h := d.Receipt.Head
	if w.Host == nil || i.Destination.URL != "" || w.Importer.Elsewhere.Template != "" {
		d.Clone = h.Destination.URL
	}
	d.Commits, d.Elapsed = h.Commits, age(h.CompletedAt.Sub(h.StartedAt))
	return d, nil
}
