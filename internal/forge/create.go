package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"rehome"
)

// Create makes the repository at s, without any commit. One that is there already, as when somebody else was faster, is no
// error where it is empty and may be written to. Errors are *rehome.Error: DestinationMissing for an owner that is not
// there, DestinationMoved for a repository that is not empty, DestinationRefused, DestinationCutOff, BlockedByPolicy, Cancelled.
func (f *Forges) Create(ctx context.Context, s Site, r NewRepository) error {
	if r.Visibility == "" {
		r.Visibility = rehome.Private
	}
	c := call{f, s}
	if err := c.ready("make a repository"); err != nil {
		return err
	}
	made, there, err := c.make(ctx, r)
	switch {
	case err != nil:
		return err
	case there:
		return c.adopt(ctx)
	}
	var is repository
	if err := made.decode(&is); err != nil {
		return err
	}
	if !strings.EqualFold(is.full(), s.full()) {
		return &rehome.Error{
			Code:    rehome.DestinationRefused,
			Message: fmt.Sprintf("%s made the repository as %q, not as %q.", s.sentence(), rehome.Clean(is.full(), maxWords), s.full()),
			Hint:    "Give its address as the destination, or delete it there.",
		}
	}
	return nil
}

// MayCreate reports what keeps Create from making a repository at s, as far as that shows without trying: it has no token, or
// one that its forge does not know. Errors are as Create's.
func (f *Forges) MayCreate(ctx context.Context, s Site) error {
	c := call{f, s}
	if err := c.ready("make a repository"); err != nil {
		return err
	}
	a, err := c.do(ctx, http.MethodGet, "/user", nil)
	if err == nil && a.status == http.StatusUnauthorized {
		return c.refused("does not know the token", a, c.tokenHint())
	}
	return err
}

// make asks for the repository; there says that it is there already.
func (c call) make(ctx context.Context, r NewRepository) (made answer, there bool, err error) {
	switch c.Kind {
	case GitHub, Rehome:
		return c.makeGitHub(ctx, r)
	case GitLab:
		return c.makeGitLab(ctx, r)
	}
	return c.makeGitea(ctx, r)
}

// ready reports why the site cannot be asked to do something, as in "make a repository".
func (c call) ready(what string) error {
	e := &rehome.Error{Code: rehome.DestinationRefused}
	switch {
	case c.Kind == Unknown || c.API == nil:
		e.Message = fmt.Sprintf("The destination is no forge whose API is known, so Rehome cannot %s there.", what)
		e.Hint = "Do it there by hand."
	case c.Owner == "":
		e.Message = fmt.Sprintf("The destination's address names no owner and repository as %s has them.", c.Kind.name())
		e.Hint = "Check the address."
	case c.strayed:
		e.Message = fmt.Sprintf("The destination's API is at %s, where the token for the given address may not go.", rehome.Clean(c.API.Host, maxWords))
		e.Hint = "Give that address as the destination."
	case c.token == "":
		e.Message = fmt.Sprintf("To %s, %s wants a token, and there is none.", what, c.Kind.name())
		e.Hint = "Give it as the destination's password. " + c.tokenHint()
	default:
		return nil
	}
	return e
}

// repository is what forges tell of one, as far as it matters: docs.github.com/rest/repos/repos#get-a-repository,
// docs.gitlab.com/api/projects#retrieve-a-project, docs.gitea.com/api (Repository).
type repository struct {
	FullName      string `json:"full_name"`
	FullPath      string `json:"path_with_namespace"` // GitLab
	DefaultBranch string `json:"default_branch"`
	Archived      bool   `json:"archived"`
	Empty         *bool  `json:"empty"`      // Gitea
	EmptyRepo     *bool  `json:"empty_repo"` // GitLab
	Permissions   struct {
		Push *bool `json:"push"` // GitHub, Gitea
	} `json:"permissions"`
}

// saysEmpty reports whether the forge says that nothing was pushed yet; GitHub says nothing.
func (r repository) saysEmpty() bool {
	return r.Empty != nil && *r.Empty || r.EmptyRepo != nil && *r.EmptyRepo
}

func (r repository) full() string { return r.FullName + r.FullPath }

// place is the path of the repository in its API.
func (s Site) place() string {
	if s.Kind == GitLab {
		return "/projects/" + url.PathEscape(s.full())
	}
	return "/repos/" + url.PathEscape(s.Owner) + "/" + url.PathEscape(s.Name)
}

// look reads the repository; without an error a is the answer when that is none.
func (c call) look(ctx context.Context) (is repository, a answer, err error) {
	a, err = c.do(ctx, http.MethodGet, c.place(), nil)
	if err != nil || !a.ok() {
		return is, a, err
	}
	return is, a, a.decode(&is)
}

// adopt judges a repository that is there already.
func (c call) adopt(ctx context.Context) error {
	is, a, err := c.look(ctx)
	if err != nil {
		return err
	}
	e := &rehome.Error{Code: rehome.DestinationRefused}
	switch {
	case a.status == http.StatusNotFound || a.status == http.StatusForbidden:
		e.Message = fmt.Sprintf("%s has a repository %s that the token does not show.", c.sentence(), c.full())
		e.Hint = "Give a token that may read and write it, or choose another name."
	case !a.ok():
		return c.refused("does not show the repository", a, c.tokenHint())
	case is.Archived:
		e.Message, e.Hint = "The destination is archived.", "Unarchive it at the forge."
	case is.Permissions.Push != nil && !*is.Permissions.Push:
		e.Message = fmt.Sprintf("%s has a repository %s that the token may not write to.", c.sentence(), c.full())
		e.Hint = "Give a token of somebody who may, or choose another name."
	default:
		return c.adoptEmpty(ctx, is)
	}
	return e
}

func (c call) adoptEmpty(ctx context.Context, is repository) error {
	empty := is.saysEmpty()
	if is.Empty == nil && is.EmptyRepo == nil {
		var err error
		if empty, err = c.hasNoBranches(ctx); err != nil {
			return err
		}
	}
	if empty {
		return nil
	}
	return &rehome.Error{
		Code:    rehome.DestinationMoved,
		Message: fmt.Sprintf("Somebody else made the repository %s meanwhile, and it is not empty.", c.full()),
		Hint:    "Choose another name, or start again: then what is there counts as found there.",
	}
}
