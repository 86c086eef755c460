package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/git/object"
)

// makeGitHub makes a repository: POST /user/repos for whoever's token it is, POST /orgs/{org}/repos for all others.
func (c call) makeGitHub(ctx context.Context, r NewRepository) (answer, bool, error) {
	if r.Format != object.SHA1 {
		return answer{}, false, noFormat(c.Site, r.Format)
	}
	own, err := c.isOwn(ctx)
	if err != nil {
		return answer{}, false, err
	}
	ask := map[string]any{"name": c.Name, "private": r.Visibility != rehome.Public, "auto_init": false}
	path := "/user/repos"
	if !own {
		path = "/orgs/" + url.PathEscape(c.Owner) + "/repos"
	}
	if r.Visibility == rehome.InternalVisibility {
		if own {
			return answer{}, false, noInternal("GitHub knows internal repositories in the organisations of an enterprise only.")
		}
		ask["visibility"] = "internal"
	}
	a, err := c.do(ctx, http.MethodPost, path, ask)
	if err != nil || a.ok() {
		return a, false, err
	}
	if a.status == http.StatusUnprocessableEntity && strings.Contains(words(a.body), "already exists") {
		return a, true, nil
	}
	return a, false, c.notMade(a, own)
}

// isOwn reports whether the token is that of the owner. Tokens of programs are nobody's, and some may not say whose they are.
func (c call) isOwn(ctx context.Context) (bool, error) {
	a, err := c.do(ctx, http.MethodGet, "/user", nil)
	if err != nil {
		return false, err
	}
	switch {
	case a.ok():
		var user struct {
			Login string `json:"login"`
		}
		if err := a.decode(&user); err != nil {
			return false, err
		}
		return strings.EqualFold(user.Login, c.Owner), nil
	case a.status == http.StatusForbidden || a.status == http.StatusNotFound:
		return c.username != "" && strings.EqualFold(c.username, c.Owner), nil
	}
	return false, c.refused("does not say whose token it is", a, c.tokenHint())
}

// notMade is the error of GitHub and Gitea for a repository that they do not make.
func (c call) notMade(a answer, own bool) error {
	what := fmt.Sprintf("does not make the repository %s", c.full())
	if a.status == http.StatusNotFound && !own {
		hint := fmt.Sprintf("Make the organisation %s first, or give a token that may make repositories in it. ", c.Owner)
		if c.Kind == Gitea {
			hint += "If that is your own name, the token needs the scope write:user, too."
		} else {
			hint += c.tokenHint()
		}
		return &rehome.Error{
			Code: rehome.DestinationMissing, Hint: hint,
			Message: fmt.Sprintf("%s has no organisation %s in which the token may make repositories: %s.", c.sentence(), c.Owner, c.said(a)),
		}
	}
	hint := c.tokenHint()
	if a.status == http.StatusUnprocessableEntity || a.status == http.StatusBadRequest {
		hint = "Choose another name or visibility, or make an empty repository there by hand."
	}
	return c.refused(what, a, hint)
}

// hasNoBranches reports whether a repository at GitHub is empty; for what has no commit at all it may say 409.
func (c call) hasNoBranches(ctx context.Context) (bool, error) {
	a, err := c.do(ctx, http.MethodGet, c.place()+"/branches?per_page=1", nil)
	if err != nil {
		return false, err
	}
	if a.status == http.StatusConflict || a.status == http.StatusNotFound {
		return true, nil
	}
	if !a.ok() {
		return false, c.refused("does not list the branches", a, c.tokenHint())
	}
	var branches []json.RawMessage
	err = a.decode(&branches)
	return len(branches) == 0, err
}

func noInternal(why string) error {
	return &rehome.Error{Code: rehome.DestinationRefused, Message: why, Hint: "Choose private or public."}
}

func noFormat(s Site, f object.Format) error {
	return &rehome.Error{
		Code: rehome.DestinationRefused, Message: fmt.Sprintf("%s keeps no %s repositories.", s.sentence(), f),
		Hint: "Choose a forge that does.",
	}
}
