package host

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// Publish gives a repository the packs of raw, by hard link, and then moves its refs in one
// transaction and sets HEAD, unless head is "". A repository that is still empty takes over
// raw's object format. It is a *repo.MovedError when a ref is not what its Update expects;
// nothing has changed then. Doing it again with the refs of the moment changes nothing.
func (h *Host) Publish(ctx context.Context, repoID int64, raw *repo.Repo, updates []repo.Update, head string) error {
	if err := h.adopt(ctx, repoID, raw.Format()); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	err := h.use(ctx, repoID, func(_ context.Context, e *entry, r *repo.Repo) error {
		if err := r.Link(raw); err != nil {
			return err
		}
		if err := r.Update(updates); err != nil {
			return err
		}
		e.head.Lock()
		defer e.head.Unlock()
		now, err := r.Head()
		if err != nil || head == "" || head == now {
			return err
		}
		return r.SetHead(head)
	})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// adopt makes an empty repository one of format f; any other must be one.
func (h *Host) adopt(ctx context.Context, repoID int64, f object.Format) error {
	r, err := h.open(repoID)
	if err != nil || r.Format() == f {
		return err
	}
	e, err := h.entry(repoID)
	if err != nil {
		return err
	}
	_, leave, err := e.enterAlone(ctx, h.path(repoID))
	if err != nil {
		return err
	}
	defer leave()
	_, err = r.Adopt(f)
	return err
}

// followFirstBranch lets HEAD name a branch when it names none that exists: main or
// master where there is one, else the first by name.
func (e *entry) followFirstBranch(r *repo.Repo, refs []repo.Ref) error {
	e.head.Lock()
	defer e.head.Unlock()
	head, err := r.Head()
	if err != nil || head == "" || hasRef(refs, head) {
		return err
	}
	for _, name := range []string{"refs/heads/main", "refs/heads/master"} {
		if hasRef(refs, name) {
			return r.SetHead(name)
		}
	}
	if i := slices.IndexFunc(refs, func(ref repo.Ref) bool { return strings.HasPrefix(ref.Name, "refs/heads/") }); i >= 0 {
		return r.SetHead(refs[i].Name)
	}
	return nil
}

func hasRef(refs []repo.Ref, name string) bool {
	return slices.ContainsFunc(refs, func(ref repo.Ref) bool { return ref.Name == name })
}
