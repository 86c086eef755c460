package api

import (
	"context"

	"rehome"
	"rehome/internal/wire"
)

// edit is what PATCH changes of a repository; nil fields stay as they are.
type edit struct {
	description   *string
	private       *bool
	defaultBranch string // "" leaves it
}

// editRepository moves HEAD before it changes the row: a branch that is not there changes nothing.
func (a *API) editRepository(ctx context.Context, c *call) (answer, error) {
	wanted, err := readEdit(c)
	if err != nil {
		return answer{}, err
	}
	if branch := wanted.defaultBranch; branch != "" && branch != c.repo.DefaultBranch && a.Host != nil {
		if err := a.Host.SetBranch(ctx, c.repo.ID, branch); err != nil {
			return answer{}, err
		}
		ctx = context.WithoutCancel(ctx) // a client that hangs up does not leave the row behind
	}
	changed, err := a.DB.ChangeRepository(ctx, c.repo.ID, wanted.apply)
	if err != nil {
		return answer{}, err
	}
	return ok(wire.Repository(c.urls, changed, rights(c.caller, changed))), nil
}

func (e edit) apply(r *rehome.Repository) {
	if e.description != nil {
		r.Description = *e.description
	}
	if e.private != nil {
		r.Private = *e.private
	}
	if e.defaultBranch != "" {
		r.DefaultBranch = e.defaultBranch
	}
}

// readEdit reads what PATCH says. A description of null is none, as answers show it; null says nothing of other keys.
func readEdit(c *call) (edit, error) {
	f, err := readForm(c.w, c.r, "Repository")
	if err != nil {
		return edit{}, err
	}
	wanted := edit{description: f.text("description"), private: readVisibility(f), defaultBranch: orEmpty(f.text("default_branch"))}
	if _, there := f.values["description"]; there && wanted.description == nil {
		wanted.description = new(string)
	}
	if wanted.description != nil {
		checkDescription(f, *wanted.description)
	}
	if name := f.text("name"); name != nil && *name != c.repo.Name {
		f.fault("name", "unprocessable", "name differs: repositories cannot be renamed yet")
	}
	return wanted, f.err()
}
