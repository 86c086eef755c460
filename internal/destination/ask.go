package destination

import (
	"context"

	"rehome"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// Ask finds out whether a push to l may begin, or, with create, whether the repository may be made by whoever signs in. It
// changes nothing there. What a destination tells only of what it is sent, as its rules, it does not find out. Errors are as Read's.
func (g *Git) Ask(ctx context.Context, l remote.Location, create bool) error {
	err := g.opens(ctx, l, protocol.ReceivePack)
	if rehome.CodeOf(err) == rehome.DestinationRefused {
		// Gitea refuses a push to what is not there with 403, for it could be made by it. A fetch it answers with 404.
		if missing := g.opens(ctx, l, protocol.UploadPack); rehome.CodeOf(missing) == rehome.DestinationMissing {
			err = missing
		}
	}
	if err != nil && create && rehome.CodeOf(err) == rehome.DestinationMissing {
		err = g.mayCreate(ctx, l)
	}
	return discreet(l, err)
}

// opens begins a conversation and ends it.
func (g *Git) opens(ctx context.Context, l remote.Location, s protocol.Service) error {
	return g.trying(ctx, func() error {
		c, err := g.open(ctx, l, s)
		if err == nil {
			c.Close() //nolint:errcheck // it has answered
		}
		return explain(ctx, err)
	})
}

// mayCreate is Create without doing so.
func (g *Git) mayCreate(ctx context.Context, l remote.Location) error {
	if l.URL == nil {
		return unknownForge()
	}
	found, err := g.Forges.Find(ctx, l)
	if err != nil {
		return explain(ctx, err)
	}
	if found.Kind == "" {
		return unknownForge()
	}
	return explain(ctx, g.Forges.MayCreate(ctx, found))
}
