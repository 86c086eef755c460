package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/git/object"
)

// makeGitLab makes a project: GET /namespaces/{path} for the id of the group or user, then POST /projects.
func (c call) makeGitLab(ctx context.Context, r NewRepository) (answer, bool, error) {
	id, err := c.namespace(ctx)
	if err != nil {
		return answer{}, false, err
	}
	ask := map[string]any{
		"name": c.Name, "path": c.Name, "namespace_id": id,
		"visibility": string(r.Visibility), "initialize_with_readme": false,
	}
	if r.Format != object.SHA1 {
		ask["repository_object_format"] = r.Format.String()
	}
	a, err := c.do(ctx, http.MethodPost, "/projects", ask)
	if err != nil || a.ok() {
		return a, false, err
	}
	said := words(a.body)
	switch {
	case a.status == http.StatusBadRequest && strings.Contains(said, "has already been taken"):
		return a, true, nil
	case strings.Contains(said, "visibility_level"):
		return a, false, c.refused(fmt.Sprintf("does not make %s projects there", r.Visibility), a, "Choose another visibility, or ask whoever runs the group.")
	}
	hint := c.tokenHint()
	if a.status == http.StatusBadRequest {
		hint = "Choose another name, or make an empty project there by hand."
	}
	return a, false, c.refused("does not make the project "+c.full(), a, hint)
}

// namespace returns the id of the group or user that is to have the project.
func (c call) namespace(ctx context.Context) (int64, error) {
	a, err := c.do(ctx, http.MethodGet, "/namespaces/"+url.PathEscape(c.Owner), nil)
	if err != nil {
		return 0, err
	}
	if a.status == http.StatusNotFound {
		return 0, &rehome.Error{
			Code:    rehome.DestinationMissing,
			Message: fmt.Sprintf("GitLab has no group or user %s that the token shows.", c.Owner),
			Hint:    "Make the group first. " + c.tokenHint(),
		}
	}
	if !a.ok() {
		return 0, c.refused("does not show the group or user "+c.Owner, a, c.tokenHint())
	}
	var is struct {
		ID       int64  `json:"id"`
		FullPath string `json:"full_path"`
	}
	if err := a.decode(&is); err != nil {
		return 0, err
	}
	if is.ID <= 0 || !strings.EqualFold(is.FullPath, c.Owner) {
		return 0, &rehome.Error{
			Code:    rehome.DestinationRefused,
			Message: fmt.Sprintf("GitLab shows %q where %s was asked for.", rehome.Clean(is.FullPath, maxWords), c.Owner),
			Hint:    "Give the group's address of today.",
		}
	}
	return is.ID, nil
}
