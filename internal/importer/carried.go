package importer

import (
	"context"
	"encoding/json"
	"fmt"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// fewerBefore reports whether an earlier push carried fewer commits than raw has, to which more was added since.
func (w *worker) fewerBefore(ctx context.Context) (bool, error) {
	text, err := w.DB.Receipt(ctx, w.row.ID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return false, nil
	}
	var last rehome.ReceiptHead
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	return last.Carried != last.Commits, err
}

// countCarried counts the commits of raw that carried refs lead to. Unless any of so many refs stayed behind, was replaced or was
// so before, which fewer says, these are all.
func (p *proof) countCarried(ctx context.Context, raw *repo.Repo, refs int, fewer bool) error {
	if p.carried = p.Commits; len(p.final) == refs && len(p.stays) == 0 && len(p.pruned.replaced) == 0 && !fewer {
		return nil
	}
	objects, err := raw.Objects()
	if err != nil {
		return fmt.Errorf("open raw repository: %w", err)
	}
	defer objects.Close()
	return pack.Guard(func() (err error) {
		p.carried, err = commitsFrom(ctx, objects, p.final)
		return err
	})
}

// commitsFrom counts the commits that refs lead to at the source.
func commitsFrom(ctx context.Context, objects *repo.Objects, refs []finalRef) (n int64, err error) {
	turn := compute.Take()
	defer turn.Give()
	seen := map[object.ID]struct{}{}
	var todo []object.ID
	add := func(id object.ID) {
		if _, again := seen[id]; !again {
			seen[id] = struct{}{}
			todo = append(todo, id)
		}
	}
	for _, r := range refs {
		add(r.source)
	}
	for len(todo) > 0 && ctx.Err() == nil {
		turn.Pass()
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		t, links, err := objects.Links(id)
		if err != nil {
			return 0, err
		}
		if t == object.Commit {
			n++
		}
		if t == object.Commit || t == object.Tag {
			for _, l := range links {
				add(l)
			}
		}
	}
	return n, context.Cause(ctx)
}
