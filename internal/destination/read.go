package destination

import (
	"context"
	"slices"
	"strings"

	"rehome/internal/destination/split"
	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
)

// State is what a destination has.
type State struct {
	Refs   []repo.Ref // sorted by name
	Head   string     // the ref that HEAD names, "" when that is not known
	Format object.Format
}

// Read asks a destination for its refs, as somebody who clones it. It tries again what may pass. Errors are
// *rehome.Error with the destination_* codes, BlockedByPolicy and Cancelled.
func (g *Git) Read(ctx context.Context, l remote.Location) (State, error) {
	var s State
	err := g.trying(ctx, func() (err error) {
		s, err = g.read(ctx, l)
		return explain(ctx, err)
	})
	return s, discreet(l, err)
}

func (g *Git) read(ctx context.Context, l remote.Location) (State, error) {
	c, err := g.open(ctx, l, protocol.UploadPack)
	if err != nil {
		return State{}, err
	}
	defer c.Close()
	ad := c.Advertisement()
	refs := ad.Refs
	if ad.Version == 2 {
		ask := protocol.LsRefs{
			Agent: g.agent, Format: ad.Format, Prefixes: []string{"HEAD", "refs/"},
			Unborn: ad.Capabilities.Feature("ls-refs", "unborn"),
		}
		in, err := c.Ask(ctx, transport.Request{Write: ask.Encode, Silence: g.silence})
		if err != nil {
			return State{}, err
		}
		if refs, err = protocol.ReadLsRefs(in, ad.Format, limits); err != nil {
			return State{}, err
		}
		c.Finish()
	}
	return stateOf(refs, ad.Format), nil
}

func (g *Git) open(ctx context.Context, l remote.Location, s protocol.Service) (transport.Conversation, error) {
	return g.Transport.Open(ctx, l, transport.Question{Service: s, Limits: limits, Silence: g.silence, Peer: transport.Destination})
}

// stateOf sorts what a server told. Of a ref that comes twice the first counts: what is read is proven or refused later.
func stateOf(told []protocol.Ref, f object.Format) State {
	s := State{Format: f}
	for _, r := range told {
		switch {
		case r.Name == "HEAD":
			s.Head = r.Target
		case strings.HasPrefix(r.Name, "refs/") && !r.ID.IsZero():
			s.Refs = append(s.Refs, repo.Ref{Name: r.Name, ID: r.ID, Peeled: r.Peeled})
		}
	}
	slices.SortStableFunc(s.Refs, func(a, b repo.Ref) int { return strings.Compare(a.Name, b.Name) })
	s.Refs = slices.CompactFunc(s.Refs, func(a, b repo.Ref) bool { return a.Name == b.Name })
	return s
}

// Left reports whether there are refs that a push in several steps made for itself and did not come to delete.
func (s *State) Left() bool {
	return slices.ContainsFunc(s.Refs, func(r repo.Ref) bool { return split.Own(r.Name) })
}

// Has returns what the ref of that name stands for, the zero id where there is none.
func (s *State) Has(name string) object.ID {
	i, ok := slices.BinarySearchFunc(s.Refs, name, func(r repo.Ref, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return s.Format.Zero()
	}
	return s.Refs[i].ID
}
