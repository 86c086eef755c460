package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/importer"
)

// held is what waits for approval.
type held struct {
	To     string
	Counts rehome.Found
	Did    rehome.Changes
	Choice rehome.LFSChoice
	importer.Fetched
	Unnamed int64 // refs that come along beside those that are named
	Behind  behind
	People  []person
	Others  int64    // who become others beside those people
	Rules   []string // what the options do there
	Unknown []string
	Seen    string // what all this is, for the form to bring along
}

// MissingLFS is how many Git LFS objects the source lacks.
func (h *held) MissingLFS() int64 { return int64(len(h.LFS.Missing)) }

// person is an identity that becomes another. Commits is 0 where they were not counted.
type person struct {
	From, To rehome.Identity
	Commits  int64
}

// behind are the refs that stay behind, by why they do.
type behind struct {
	Total int
	Why   []reason
}

// Refs is how many stay behind.
func (b behind) Refs() int64 { return int64(b.Total) }

// reason is why some refs stay behind. Names are the first of them.
type reason struct {
	Text  string
	Count int
	Names []string
}

// Unnamed is how many stay behind for it beside those that are named.
func (r reason) Unnamed() int64 { return int64(r.Count - len(r.Names)) }

// namedRefs is how many refs that stay behind are named.
const namedRefs = 20

// behindOf sums up refs that stay behind, the most frequent reason first.
func behindOf(skipped []rehome.SkippedRef) behind {
	var b behind
	for _, s := range skipped {
		b.add(s)
	}
	return b.sorted()
}

// add counts one more.
func (b *behind) add(s rehome.SkippedRef) {
	b.Total++
	text := rehome.Clean(s.Reason, maxShown)
	n := slices.IndexFunc(b.Why, func(r reason) bool { return r.Text == text }) // there are a few
	if n < 0 {
		n = len(b.Why)
		b.Why = append(b.Why, reason{Text: text})
	}
	b.Why[n].Count++
	if len(b.Why[n].Names) < namedRefs {
		b.Why[n].Names = append(b.Why[n].Names, rehome.Clean(s.Name, maxShown))
	}
}

// sorted returns what was counted, with as many names as a page shows.
func (b behind) sorted() behind {
	slices.SortStableFunc(b.Why, func(a, b reason) int { return cmp.Compare(b.Count, a.Count) })
	left, reasons := namedRefs, len(b.Why)
	for n := range b.Why {
		w := &b.Why[n]
		w.Names = w.Names[:min(len(w.Names), max(left/max(reasons-n, 1), 1))]
		left -= len(w.Names)
	}
	return b
}

// heldOf says what approval would publish.
func (w *Web) heldOf(v *visit, i rehome.Import) (*held, error) {
	ctx := v.r.Context()
	h := &held{To: w.destinationOf(v, i), Seen: seenOf(i), Counts: i.Found, Did: i.Changes, Choice: i.LFS}
	var err error
	if h.Fetched, err = w.Importer.Fetched(ctx, v.repo.ID); err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return nil, err
	}
	h.Unnamed, h.Behind = h.Refs.Count()-int64(len(h.Refs.First)), behindOf(h.Skipped)
	h.Warnings = h.Warnings[:min(len(h.Warnings), namedWarnings)]
	if h.People, err = w.people(ctx, v.repo.ID, h.Mapped); err != nil {
		return nil, err
	}
	h.Others = max(h.Mapped-int64(len(h.People)), 0)
	elsewhere := i.Destination.URL != "" || w.Importer.Elsewhere.Template != ""
	branch := strings.TrimPrefix(h.Head, "refs/heads/")
	if len(h.Refs.First) > 0 && h.Refs.First[0] != rehome.Clean(h.Head, maxShown) {
		branch = "" // it does not come along, or there is no commit on it
	}
	h.Rules = rulesOf(i, branch, elsewhere)
	h.Unknown = []string{"What came to the source since it was fetched: a sync brings it after the push."}
	if elsewhere {
		h.Unknown = append(h.Unknown, "Which refs are there already, and whether the destination takes all of this: it is asked at the push.")
	}
	return h, nil
}

// namedWarnings is how many of the warnings about what was fetched are shown.
const namedWarnings = 20

// namedPeople is how many of those who become others are named.
const namedPeople = 10

// people are some of those who become others, who has most commits first.
func (w *Web) people(ctx context.Context, repositoryID, mapped int64) (list []person, err error) {
	if mapped == 0 {
		return nil, nil
	}
	shape, err := w.Importer.Shape(ctx, repositoryID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return nil, err
	}
	for _, a := range shape.Authors {
		if len(list) < namedPeople && a.Becomes != a.Identity {
			p := person{From: a.Identity, To: a.Becomes}
			for _, m := range a.Months {
				p.Commits += m.Commits
			}
			list = append(list, p)
		}
	}
	if len(list) == min(namedPeople, int(mapped)) {
		return list, nil
	}
	more, _, err := w.Importer.FindAuthors(ctx, repositoryID, importer.AuthorQuery{Mapped: true, Limit: namedPeople})
	for _, a := range more {
		to, _ := a.Mapped()
		named := slices.ContainsFunc(list, func(p person) bool { return p.From == a.Remote() })
		if !named && len(list) < namedPeople {
			list = append(list, person{From: a.Remote(), To: to})
		}
	}
	return list, err
}

// rulesOf say what the options do at the destination. branch is the source's default one, "" for none.
func rulesOf(i rehome.Import, branch string, elsewhere bool) (all []string) {
	o, d := i.Options, i.Destination
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch name := rehome.Clean(branch, maxShown); {
	case branch == "":
		add("The default branch of the source is not among what comes along.")
	case o.DefaultBranch != "" && o.DefaultBranch != branch:
		add("The default branch, %s, is called %s there, unless there is a branch of that name already.", name, o.DefaultBranch)
	default:
		add("The default branch is %s.", name)
	}
	add("%s", divergenceRule(d.OnDivergence, elsewhere))
	if d.Create {
		add("The repository is made there when it is missing: %s.", cmp.Or(string(d.Visibility), "private"))
	}
	add("%s", map[rehome.Depth]string{
		"": "Then every ref is read back and compared.", rehome.VerifyObjects: "Then it is looked whether every object is there.", rehome.VerifyBytes: "Then every object is read back and hashed.",
	}[o.Verify])
	if o.Prune {
		add("Refs that are forced or deleted at the source later are so there, too; old tips stay below refs/rehome/kept/.")
	} else {
		add("Refs that are forced or deleted at the source later stay there as they are.")
	}
	if o.SyncEvery > 0 {
		add("What is new at the source follows %s.", optionsOf(o).interval())
	}
	return all
}

// divergenceRule says what becomes of refs that somebody else has there.
func divergenceRule(d rehome.Divergence, elsewhere bool) string {
	switch {
	case elsewhere && d == rehome.Skip:
		return "A ref that somebody else made or moved there stays as it is, and the receipt lists it."
	case elsewhere && d == rehome.Overwrite:
		return "A ref that somebody else made or moved there is overwritten; what it was stays below refs/rehome/kept/."
	}
	return "A ref that somebody else made or moved there stops the push, which names it."
}
