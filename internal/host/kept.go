package host

import (
	"context"
	"fmt"
	"maps"

	"rehome/internal/git/repo"
)

// KeptFor returns the names of the refs for which superseded history or content has to stay in a repository,
// nil when all of it is gone or only waits for a quiet moment. Where very much would have to be
// looked at, some may be missing from the list.
func (h *Host) KeptFor(ctx context.Context, repoID int64) (names []string, err error) {
	err = h.use(ctx, repoID, func(ctx context.Context, _ *entry, r *repo.Repo) error {
		m, err := remember(r.Dir())
		if err != nil || len(m.Superseded) == 0 {
			return err
		}
		names, err = refsThatNeed(ctx, r, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for superseded history of repository %d: %w", repoID, err)
	}
	return names, nil
}

// refsThatNeed returns the refs that reach what only superseded packs have.
func refsThatNeed(ctx context.Context, r *repo.Repo, m remembered) (names []string, err error) {
	err = lookForNeed(r, m, func(s *need, refs []repo.Ref) error {
		anyway := maps.Clone(s.needed) // stays whatever refs there are
		s.enough = len(anyway) + 1
		looked := 0
		for _, ref := range refs {
			s.needed = maps.Clone(anyway)
			if err := s.walk(ctx, []repo.Ref{ref}); err != nil {
				return err
			}
			if len(s.needed) > len(anyway) {
				names = append(names, ref.Name)
			}
			if looked += len(s.seen); looked > maxWalk || s.read > maxTrees {
				break
			}
		}
		return nil
	})
	return names, err
}
