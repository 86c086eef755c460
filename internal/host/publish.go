package host

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// Publication is what Publish does to a repository. Only From is required.
type Publication struct {
	From     *repo.Repo // whose packs hold what New of the updates reach
	Updates  []repo.Update
	Head     string   // the ref that HEAD is to name; "" leaves it as it is
	History  []string // names of From's packs of commits and tags, when together they have every parent of their commits
	Content  []string // names of From's packs of trees and blobs, when together they have every one that their trees lead to
	Replaces []string // names of such packs, of either kind, that From stands instead of
}

// Publish gives a repository the packs of p.From, by hard link, and then moves its refs in one
// transaction and sets HEAD. A repository that is still empty takes over From's object format. It is a
// *repo.MovedError when a ref is not what its Update expects; no ref has moved then. Doing it again with
// the refs of the moment changes nothing.
//
// The packs that p replaces, and those of history and content of an earlier publication that From has not, are
// removed as soon as nobody is in who may use them, unless a ref reaches what they alone have: then they stay
// until none does.
func (h *Host) Publish(ctx context.Context, repoID int64, p Publication) error {
	if err := h.adopt(ctx, repoID, p.From.Format()); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	err := h.use(ctx, repoID, func(_ context.Context, e *entry, r *repo.Repo) error {
		if err := e.supersede(r, p); err != nil {
			return err
		}
		if err := r.Link(p.From); err != nil {
			return err
		}
		if err := r.Update(p.Updates); err != nil {
			return err
		}
		return e.setHead(r, p.Head)
	})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := h.discard(ctx, repoID); err != nil && ctx.Err() == nil { // it is published; the next to leave tries again
		h.o.Log.ErrorContext(ctx, "superseded packs stay for now", "repository", repoID, "error", err)
	}
	return nil
}

// setHead makes HEAD name a ref, unless that is "".
func (e *entry) setHead(r *repo.Repo, head string) error {
	e.head.Lock()
	defer e.head.Unlock()
	now, err := r.Head()
	if err != nil || head == "" || head == now {
		return err
	}
	return r.SetHead(head)
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
