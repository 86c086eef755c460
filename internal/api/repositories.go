package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/git/object"
	"rehome/internal/wire"
)

const (
	maxDescription = 350 // characters, as on GitHub
	visibilities   = "public or private"
)

func (a *API) createForUser(ctx context.Context, c *call) (answer, error) {
	wanted, err := readRepository(c)
	if err != nil {
		return answer{}, err
	}
	wanted.Owner = c.caller.User()
	return a.create(ctx, c, wanted)
}

// createForOrg makes the owner, too, when an administrator asks for one that is not there.
func (a *API) createForOrg(ctx context.Context, c *call) (answer, error) {
	login := c.params["org"]
	if !c.caller.ActsFor(login) {
		return answer{}, errNotFound
	}
	wanted, err := readRepository(c)
	if err != nil {
		return answer{}, err
	}
	if wanted.Owner, err = a.Auth.Organization(ctx, login); err != nil {
		return answer{}, err
	}
	return a.create(ctx, c, wanted)
}

// readRepository reads what POST says about a repository. It is private unless that says otherwise.
func readRepository(c *call) (rehome.Repository, error) {
	f, err := readForm(c.w, c.r, "Repository")
	if err != nil {
		return rehome.Repository{}, err
	}
	r := rehome.Repository{Name: f.required("name"), Description: orEmpty(f.text("description")), Private: true}
	if private := readVisibility(f); private != nil {
		r.Private = *private
	}
	if r.Name != "" {
		checkName(f, r.Name)
	}
	checkDescription(f, r.Description)
	f.unsupported("auto_init")
	return r, f.err()
}

// readVisibility returns whether a repository is to be private, nil when that is not said. visibility goes before private.
func readVisibility(f *form) *bool {
	private := f.boolean("private")
	if visibility := f.text("visibility"); visibility != nil {
		hidden := *visibility != "public"
		private = &hidden
		if *visibility != "public" && *visibility != "private" {
			f.fault("visibility", "invalid", "visibility is not "+visibilities)
		}
	}
	return private
}

func checkDescription(f *form, description string) {
	if utf8.RuneCountInString(description) > maxDescription {
		f.fault("description", "invalid", fmt.Sprintf("description is longer than %d characters", maxDescription))
	}
	if strings.ContainsFunc(description, unicode.IsControl) {
		f.fault("description", "invalid", "description holds control characters")
	}
}

func checkName(f *form, name string) {
	if err := rehome.CheckRepositoryName(name); err != nil {
		f.fault("name", "invalid", rehome.AsError(err).Message)
	}
}

// create stores the row before the folder: a folder without a row could never be found again.
func (a *API) create(ctx context.Context, c *call, wanted rehome.Repository) (answer, error) {
	made, err := a.DB.CreateRepository(ctx, wanted)
	if err != nil && rehome.CodeOf(err) == rehome.AlreadyExists {
		return answer{}, &failure{status: 422, message: "Repository creation failed.", fields: []fieldError{
			{Resource: "Repository", Field: "name", Code: "custom", Message: "name already exists on this account"},
		}}
	}
	if err != nil {
		return answer{}, err
	}
	if a.Host == nil {
		return created(wire.Repository(c.urls, made, rights(c.caller, made)), c.urls.Repository(made)), nil
	}
	if err := a.Host.Create(ctx, made.ID, object.SHA1); err != nil {
		_, undo := a.DB.DeleteRepository(context.WithoutCancel(ctx), made.ID, nil)
		return answer{}, errors.Join(err, undo)
	}
	return created(wire.Repository(c.urls, made, rights(c.caller, made)), c.urls.Repository(made)), nil
}

func (a *API) repository(_ context.Context, c *call) (answer, error) {
	return ok(wire.Repository(c.urls, c.repo, rights(c.caller, c.repo))), nil
}

// deleteRepository stops the import first, so that nobody writes into the folder while
// it goes. The row goes last: should anything end this in the middle, the repository can
// be deleted again, while a folder without a row could never be found.
func (a *API) deleteRepository(ctx context.Context, c *call) (answer, error) {
	if err := a.Importer.Cancel(ctx, c.repo.ID, c.caller.User().ID); err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return answer{}, err
	}
	ctx = context.WithoutCancel(ctx) // a client that hangs up does not leave half a repository
	if a.Host == nil {
		return noContent(), a.Importer.DeleteRepository(ctx, c.repo.ID, c.caller.User().ID)
	}
	if err := a.Host.Remove(ctx, c.repo.ID); err != nil {
		return answer{}, fmt.Errorf("remove the folder of %s: %w", c.repo.FullName(), err)
	}
	return noContent(), a.Importer.DeleteRepository(ctx, c.repo.ID, c.caller.User().ID)
}

// rights are what the caller may do with the repository.
func rights(caller auth.Caller, r rehome.Repository) wire.Rights {
	return wire.Rights{Read: caller.CanRead(r), Write: caller.CanWrite(r)}
}
