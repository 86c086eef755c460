package importer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// Fetched is what the last raw step brought and what was made of it, as the rows know it: the repositories may be on another
// machine.
type Fetched struct {
	Refs     FetchedRefs
	Head     string // the source's default branch, a full name; "" when detached or unknown
	Skipped  []rehome.SkippedRef
	Warnings []rehome.Warning
	LFS      rehome.ReceiptLFS
	Mapped   int64    // identities that become others
	Last     *LastRun // nil before the import completed a second time
}

// FetchedRefs counts the refs that come along. The zero value says that they were not counted.
type FetchedRefs struct {
	Branches, Tags, Others int64
	First                  []string // names of some: the default branch, other branches, then the rest, as they can be shown
}

// Count is how many there are.
func (r FetchedRefs) Count() int64 { return r.Branches + r.Tags + r.Others }

// LastRun is what a run brought beside the one before.
type LastRun struct {
	At   time.Time // when it completed
	News rehome.News
}

// Fetched returns what the last raw step of the repository's import brought. NotFound without an import, and before that step ended.
func (m *Importer) Fetched(ctx context.Context, repositoryID int64) (Fetched, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return Fetched{}, err
	}
	known, err := m.knownFacts(ctx, i.ID)
	return Fetched{
		Refs: known.Refs, Head: known.Head, Skipped: known.Skipped, Warnings: known.Warnings, LFS: known.LFS, Mapped: i.Mapped, Last: known.Last,
	}, err
}

const (
	maxFirstRefs = 20
	maxFirstName = 1000 // bytes
)

// fetchedRefs counts refs, of which there may be a million, and names the first.
func fetchedRefs(refs []repo.Ref, head string) (f FetchedRefs) {
	before := func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a, head), rank(b, head)), strings.Compare(a, b))
	}
	var first []string
	for _, r := range refs {
		switch {
		case strings.HasPrefix(r.Name, "refs/heads/"):
			f.Branches++
		case strings.HasPrefix(r.Name, "refs/tags/"):
			f.Tags++
		default:
			f.Others++
		}
		if n, _ := slices.BinarySearchFunc(first, r.Name, before); n < maxFirstRefs {
			first = slices.Insert(first[:min(len(first), maxFirstRefs-1)], n, r.Name)
		}
	}
	for _, name := range first {
		f.First = append(f.First, rehome.Clean(name, maxFirstName))
	}
	return f
}

func rank(name, head string) int {
	switch {
	case name == head:
		return 0
	case strings.HasPrefix(name, "refs/heads/"):
		return 1
	case strings.HasPrefix(name, "refs/tags/"):
		return 2
	}
	return 3
}

// lastRun is what the rows say of the run before; nil for nothing.
func (w *worker) lastRun(ctx context.Context) (*LastRun, error) {
	known, err := w.facts(ctx)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil, nil
	}
	return known.Last, err
}

// receiptBefore is the receipt of the run before; nil for none, and for a damaged one: this run writes it anew, and must not end for news.
func (w *worker) receiptBefore(ctx context.Context) (*rehome.Receipt, error) {
	text, err := w.DB.Receipt(ctx, w.row.ID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r struct {
		rehome.ReceiptHead
		rehome.ReceiptRefs
	}
	if err := json.Unmarshal(text, &r); err != nil {
		w.Log.Warn("the receipt before is damaged, so what this run brought cannot be told", "import", w.row.ID, "error", err)
		return nil, nil
	}
	return &rehome.Receipt{Head: r.ReceiptHead, Refs: r.ReceiptRefs}, nil
}

// noteNews keeps what a run brought that has just completed.
func noteNews(ctx context.Context, t *store.Tx, importID int64, known facts, before, now *rehome.Receipt) error {
	if before == nil && known.Last == nil {
		return nil
	}
	if known.Last = nil; before != nil {
		known.Last = &LastRun{At: now.Head.CompletedAt, News: rehome.NewsOf(before, now)}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return fmt.Errorf("encode facts: %w", err)
	}
	return t.SetFacts(ctx, importID, text)
}
