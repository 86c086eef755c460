package importer

import (
	"context"
	"fmt"
	"io"
	"slices"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/mailmap"
	"rehome/internal/rewrite"
	"rehome/internal/survey"
)

// OncePlan says what Once changes of a history. The zero value changes nothing.
type OncePlan struct {
	Authors   *mailmap.Map         // nil maps nobody
	Trailers  bool                 // map identities in trailers of messages, too
	Hashes    bool                 // rewrite hashes of commits in messages, too
	Unmatched func([]mailmap.Line) // told of the map's lines that are for nobody, if there are any; may be nil
	CommitMap io.Writer            // gets the commit map; may be nil
}

// rewritten is what a rewrite made.
type rewritten struct {
	final   []finalRef
	changes rehome.Changes
	mapped  int64 // identities that become others
	authors map[rehome.Identity]rehome.Identity
}

// of returns the plan for the identities of a history.
func (p OncePlan) of(all []survey.Identity) rewrite.Plan {
	plan := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{}, Hashes: p.Hashes}
	if p.Authors == nil {
		return plan
	}
	ids := make([]rehome.Identity, len(all))
	for n, a := range all {
		ids[n] = rehome.Identity{Name: string(a.Name), Mail: string(a.Mail)}
		if to, ok := p.Authors.Lookup(ids[n]); ok && to != ids[n] {
			plan.Authors[ids[n]] = to
		}
	}
	if p.Trailers {
		plan.Trailers = p.Authors.Lookup
	}
	if left := p.Authors.Unmatched(slices.Values(ids)); len(left) > 0 && p.Unmatched != nil {
		p.Unmatched(left)
	}
	return plan
}

// rewrite makes the new history of what was fetched and puts it in its place there. With
// into nil it only finds out what would change.
func (o *once) rewrite(ctx context.Context, got raw, into *repo.Repo) (rewritten, error) {
	plan := o.Plan.of(got.found.Identities)
	did := rewritten{final: unchanged(got.Refs), mapped: int64(len(plan.Authors)), authors: plan.Authors}
	if changesNothing(plan) && o.Plan.CommitMap == nil {
		return did, nil
	}
	res, err := rewrite.Run(ctx, rewrite.Options{
		From: got.Repo, Refs: got.Refs, Into: into, Plan: plan, Progress: o.rewriting,
	})
	if err != nil {
		return did, err
	}
	did.changes, did.final = changesOf(res), finalOf(res)
	if o.Plan.CommitMap != nil {
		if err := res.WriteMap(o.Plan.CommitMap); err != nil {
			return did, fmt.Errorf("write commit map: %w", err)
		}
	}
	if into == nil || res.Pack == "" {
		return did, nil
	}
	return did, replaceHistory(into, did.final, got.Received.HistoryName)
}

// replaceHistory moves the refs to the new history and removes the old one's pack.
func replaceHistory(r *repo.Repo, final []finalRef, old string) error {
	var updates []repo.Update
	for _, f := range final {
		if f.source != f.final {
			updates = append(updates, repo.Update{Name: f.name, Old: f.source, New: f.final})
		}
	}
	if err := r.Update(updates); err != nil {
		return fmt.Errorf("move refs to the new history: %w", err)
	}
	if err := r.RemovePack(old); err != nil {
		return fmt.Errorf("remove the old history: %w", err)
	}
	return nil
}

// rewriting tells how far a rewrite has come.
func (o *once) rewriting(done, total int64) {
	e := &rehome.ProgressEvent{Commits: done}
	if total > 0 {
		percent := int(min(done, total) * 100 / total)
		e.Percent = &percent
	}
	if o.due(&e.Authors) || done == total {
		o.tell(rehome.Event{Kind: rehome.EventProgress, Step: rehome.StepRewrite, Status: rehome.Mapping, ProgressEvent: e})
	}
}
