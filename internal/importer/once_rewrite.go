package importer

import (
	"context"
	"fmt"
	"io"
	"slices"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/git/repo"
	"rehome/internal/mailmap"
	"rehome/internal/rewrite"
	"rehome/internal/submodule"
	"rehome/internal/survey"
)

// OncePlan says what Once changes of a history. The zero value changes nothing.
type OncePlan struct {
	Authors   *mailmap.Map         // nil maps nobody
	Trailers  bool                 // map identities in trailers of messages, too
	Hashes    bool                 // rewrite hashes of commits in messages, too
	Unmatched func([]mailmap.Line) // told of the map's lines that are for nobody, if there are any; may be nil
	CommitMap io.Writer            // gets the commit map; may be nil

	Large    rehome.LFSChoice     // what becomes of files over OnceOptions.LargeOver; "" is undecided
	Match    *attributes.Patterns // files they match are large, too; nil is none
	FromTips bool                 // with opt_out, also files that branches end with

	Submodules *submodule.Moved // repositories that history has as submodules and that were moved; may be nil
}

// rewritten is what a rewrite made.
type rewritten struct {
	final   []finalRef // removed ones included
	changes rehome.Changes
	mapped  int64 // identities that become others
	authors map[rehome.Identity]rehome.Identity
	made    madeLarge
	tips    []rehome.TipFile // files removed that branches ended with
}

// choice is what becomes of large files.
func (p OncePlan) choice() rehome.LFSChoice {
	if p.Large == "" {
		return rehome.LFSUndecided
	}
	return p.Large
}

// of returns the plan for the identities of a history and its files of more than so many bytes.
func (p OncePlan) of(all []survey.Identity, over int64) rewrite.Plan {
	plan := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{}, Hashes: p.Hashes, Submodules: p.Submodules}
	if p.choice() != rehome.LFSUndecided {
		plan.Large = rewrite.LargeFiles{Choice: p.Large, Over: over, Match: p.Match}
	}
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

// rewrite makes the new history of what was fetched and puts it in its place there.
func (o *once) rewrite(ctx context.Context, got raw) (rewritten, error) {
	res, did, err := o.remake(ctx, got, got.Repo)
	if err != nil || res == nil {
		return did, err
	}
	if len(did.tips) > 0 && !o.Plan.FromTips {
		return did, tipsError(did.tips)
	}
	if o.Plan.CommitMap != nil {
		if err := res.WriteMap(o.Plan.CommitMap); err != nil {
			return did, fmt.Errorf("write commit map: %w", err)
		}
	}
	if did.changes == (rehome.Changes{}) {
		return did, nil
	}
	replaced := res.Replaced
	if res.Pack != "" {
		replaced = append(slices.Clone(replaced), got.Received.HistoryName)
	}
	replaced = slices.DeleteFunc(replaced, func(name string) bool { return name == "" || name == res.Pack || name == res.Content })
	return did, replaceHistory(got.Repo, did.final, replaced)
}

// remake makes the new history in into beside the old one, which into has as well; nil only finds out what
// would change. The result is nil where nothing is to change.
func (o *once) remake(ctx context.Context, got raw, into *repo.Repo) (*rewrite.Result, rewritten, error) {
	plan := o.Plan.of(got.found.Identities, o.LargeOver)
	did := rewritten{final: unchanged(got.Refs), mapped: int64(len(plan.Authors)), authors: plan.Authors}
	if changesNothing(plan) && o.Plan.CommitMap == nil {
		return nil, did, nil
	}
	options := rewrite.Options{
		From: got.Repo, Refs: got.Refs, Into: into, Plan: plan, Progress: o.rewriting, Converting: o.converting,
	}
	if into != nil && plan.Large.Choice == rehome.LFSOptIn {
		var err error
		if options.Store, err = localLFS(into.Dir()); err != nil {
			return nil, did, err
		}
	}
	res, err := rewrite.Run(ctx, options)
	if err != nil {
		return nil, did, err
	}
	did.changes, did.final, did.made = changesOf(res), finalOf(res), madeOf(largePlan{}, res)
	if into != nil && plan.Large.Choice == rehome.LFSOptOut {
		did.tips, err = lostAtTips(ctx, into, did.final)
	}
	return res, did, err
}

// replaceHistory moves the refs to the new history and removes the packs that it stands instead of.
func replaceHistory(r *repo.Repo, final []finalRef, replaced []string) error {
	var updates []repo.Update
	for _, f := range final {
		if f.source != f.final {
			updates = append(updates, repo.Update{Name: f.name, Old: f.source, New: f.final})
		}
	}
	if err := r.Update(updates); err != nil {
		return fmt.Errorf("move refs to the new history: %w", err)
	}
	for _, name := range replaced {
		if err := r.RemovePack(name); err != nil {
			return fmt.Errorf("remove what was replaced: %w", err)
		}
	}
	return nil
}

// rewriting tells how far a rewrite has come.
func (o *once) rewriting(done, total int64) {
	e := &rehome.ProgressEvent{Commits: done}
	if total > 0 {
		o.mu.Lock()
		begin := 0
		if o.converts {
			begin = streaming
		}
		o.mu.Unlock()
		percent := begin + int(min(done, total)*int64(100-begin)/total)
		e.Percent = &percent
	}
	o.tellRewrite(e, done == total)
}

// converting tells how many bytes have become Git LFS objects, which is most of the work and comes first.
func (o *once) converting(done, total int64) {
	o.mu.Lock()
	o.converts = true
	o.mu.Unlock()
	percent := 0
	if total > 0 {
		percent = int(float64(done) / float64(total) * streaming)
	}
	o.tellRewrite(&rehome.ProgressEvent{Bytes: done, BytesTotal: &total, Percent: &percent}, done == total)
}

func (o *once) tellRewrite(e *rehome.ProgressEvent, ended bool) {
	o.making.tell(o.mark, o.Clock(), e)
	if o.due(&e.Authors) || ended {
		o.tell(rehome.Event{Kind: rehome.EventProgress, Step: rehome.StepRewrite, Status: rehome.Mapping, ProgressEvent: e})
	}
}
