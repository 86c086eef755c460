package forge

import (
	"context"
	"net/http"
	"net/url"

	"rehome"
	"rehome/internal/git/object"
)

// makeGitea makes a repository: POST /user/repos for whoever's token it is, POST /orgs/{org}/repos for all others.
func (c call) makeGitea(ctx context.Context, r NewRepository) (answer, bool, error) {
	if r.Visibility == rehome.InternalVisibility {
		return answer{}, false, noInternal("Gitea and Forgejo know no internal repositories.")
	}
	own, err := c.isOwn(ctx)
	if err != nil {
		return answer{}, false, err
	}
	ask := map[string]any{"name": c.Name, "private": r.Visibility != rehome.Public, "auto_init": false}
	if r.DefaultBranch != "" {
		ask["default_branch"] = r.DefaultBranch
	}
	if r.Format != object.SHA1 {
		ask["object_format_name"] = r.Format.String()
	}
	path := "/user/repos"
	if !own {
		path = "/orgs/" + url.PathEscape(c.Owner) + "/repos"
	}
	a, err := c.do(ctx, http.MethodPost, path, ask)
	switch {
	case err != nil || a.ok():
		return a, false, err
	case a.status == http.StatusConflict:
		return a, true, nil
	case a.status == http.StatusInternalServerError && r.Format != object.SHA1: // its git is older than 2.42
		return a, false, noFormat(c.Site, r.Format)
	}
	return a, false, c.notMade(a, own)
}
