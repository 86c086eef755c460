package importer

import (
	"context"
	"strings"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/git/repo"
)

// ordered is updates of a forge in the order in which they go.
type ordered struct {
	keep []repo.Update // refs for old tips: before these are there nothing may take them away
	now  []repo.Update
	last []repo.Update // the branch that is the default one there, which no forge lets go before another is
}

func inOrder(updates []repo.Update, head string) (o ordered) {
	for _, u := range updates {
		switch {
		case strings.HasPrefix(u.Name, keptRefs) && u.Old.IsZero():
			o.keep = append(o.keep, u)
		case u.New.IsZero() && u.Name == head:
			o.last = append(o.last, u)
		default:
			o.now = append(o.now, u)
		}
	}
	return o
}

// dropHead makes head the default branch and deletes the one that it was.
func (f *forgeEnd) dropHead(ctx context.Context, done *finished, gone []repo.Update, head string) ([]destination.Refusal, error) {
	if len(gone) == 0 {
		return nil, nil
	}
	if err := f.stillOurs(ctx); err != nil {
		return nil, err
	}
	unset := f.Forge.SetDefaultBranch(ctx, f.at, strings.TrimPrefix(head, "refs/heads/"))
	res, err := f.Forge.Push(ctx, destination.Push{Location: f.at, From: done.repo, Updates: gone, Limit: f.PushLimit, Before: func(ctx context.Context, _ []repo.Update) error { return f.stillOurs(ctx) }})
	if err == nil && len(res.Refused) > 0 && unset != nil {
		e := rehome.AsError(unset)
		res.Refused[0].Hint = e.Message + " " + e.Hint
	}
	return res.Refused, err
}
