package destination

import (
	"context"
	"sync"

	"rehome"
	"rehome/internal/forge"
	"rehome/internal/remote"
)

// site is what is known of the forge that a destination is at.
type site struct {
	forge.Site
	limits  forge.Limits
	options []string // for pushes
}

// sites remembers which forge serves which origin. The zero value is ready.
type sites struct {
	mu    sync.Mutex
	known map[string]forge.Kind // by host and port; guarded by mu
}

const maxSites = 10_000

func (s *sites) get(host string) (forge.Kind, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, ok := s.known[host]
	return kind, ok
}

func (s *sites) put(host string, kind forge.Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxSites {
		s.known = map[string]forge.Kind{}
	}
	s.known[host] = kind
}

// site finds out which forge serves l, once for each host. In doubt it is none: then nothing special is done.
func (g *Git) site(ctx context.Context, l remote.Location) site {
	if l.URL == nil {
		return site{}
	}
	kind, ok := g.sites.get(l.URL.Host)
	if !ok {
		found, err := g.Forges.Find(ctx, l)
		if err != nil {
			return site{limits: g.LimitsOf(l.URL.Hostname(), "")}
		}
		kind = found.Kind
		g.sites.put(l.URL.Host, kind)
	}
	return site{limits: g.LimitsOf(l.URL.Hostname(), kind), options: forge.PushOptions(kind)}
}

// hint says what to do about a destination's words.
func (s *session) hint(ctx context.Context, words string) string {
	kind := forge.Kind("")
	if s.p.URL != nil {
		kind, _ = s.sites.get(s.p.URL.Host)
	}
	return forge.Hint(kind, words)
}

// Create makes the repository at l by its forge's API, unless it is there. Errors are *rehome.Error with the
// destination_* codes.
func (g *Git) Create(ctx context.Context, l remote.Location, r forge.NewRepository) error {
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
	return explain(ctx, g.Forges.Create(ctx, found, r))
}

func unknownForge() error {
	return &rehome.Error{
		Code:    rehome.DestinationMissing,
		Message: "The destination is no forge whose API is known, so the repository cannot be made there.",
		Hint:    "Make an empty repository there by hand, and leave {create} out.",
	}
}

// SetDefaultBranch makes branch, a short name, the default one by the forge's API.
func (g *Git) SetDefaultBranch(ctx context.Context, l remote.Location, branch string) error {
	if l.URL == nil {
		return unknownBranch()
	}
	found, err := g.Forges.Find(ctx, l)
	if err != nil {
		return explain(ctx, err)
	}
	if found.Kind == "" {
		return unknownBranch()
	}
	return explain(ctx, g.Forges.SetDefaultBranch(ctx, found, branch))
}

func unknownBranch() error {
	return &rehome.Error{
		Code:    rehome.DestinationRefused,
		Message: "The destination is no forge whose API is known, so its default branch cannot be set from here.",
		Hint:    "Set it there by hand.",
	}
}

// Limits says what the forge at l takes at most; zero fields are not known.
func (g *Git) Limits(ctx context.Context, l remote.Location) forge.Limits {
	return g.site(ctx, l).limits
}
