package git

import (
	"context"

	"rehome/internal/remote"
	"rehome/internal/source"
)

// List says which refs Fetch would carry with that choice and which not, without fetching. The Result has no Repo,
// and Refs have their Peeled where the server tells it.
func (g *Git) List(ctx context.Context, l remote.Location, choice source.RefChoice) (source.Result, error) {
	c, refs, err := g.contact(ctx, l, question{source.DefaultLimits.Refs, []string{"HEAD", "refs/"}, g.silence.Fetch})
	if err != nil {
		return source.Result{}, err
	}
	defer c.Close()
	p, err := choose(ctx, refs, choice, c.Advertisement())
	if err != nil {
		return source.Result{}, g.explain(ctx, l, err, false)
	}
	return source.Result{Head: p.head, HeadLeft: p.headLeft, Refs: p.carried, Skipped: p.skipped}, nil
}
