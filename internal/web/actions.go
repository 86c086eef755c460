package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"rehome"
	"rehome/internal/importer"
)

// restart begins again what stopped, with what the form gives: credentials, a destination, or what is to be let pass.
func (w *Web) restart(v *visit) error {
	if err := w.Importer.Room(); err != nil {
		return err
	}
	ctx, form := v.r.Context(), v.r.PostForm
	i, err := w.Importer.Get(ctx, v.repo.ID)
	if err != nil {
		return err
	}
	if q, to := w.otherDestination(v, i); to {
		_, err = w.Importer.SetDestination(ctx, v.repo.ID, q)
	} else {
		q := importer.UpdateRequest{Username: typed(form.Get("username")), Password: secretOf(form.Get("password")), By: v.caller.User().ID, Now: true}
		if form.Has("allow_missing_lfs") {
			yes := true
			q.AllowMissingLFS = &yes
		}
		_, err = w.Importer.Update(ctx, v.repo.ID, q)
	}
	if err != nil {
		return err
	}
	return v.to(v.at(""))
}

// otherDestination is what a form says of the destination; false where it says nothing, or nothing new.
func (w *Web) otherDestination(v *visit, i rehome.Import) (q importer.DestinationRequest, to bool) {
	form := v.r.PostForm
	q = importer.DestinationRequest{
		URL: strings.TrimSpace(form.Get("destination")), Username: typed(form.Get("username")), Password: secretOf(form.Get("password")),
	}
	if divergence, known := rehome.ParseDivergence(form.Get("on_divergence")); known {
		q.OnDivergence = &divergence
	}
	if form.Has("create") {
		yes := true
		q.Create = &yes
	}
	same := q == importer.DestinationRequest{URL: w.destinationOf(v, i)}
	return q, form.Has("destination") && !same
}

// typed is what was typed into a field, nil for nothing: what there was before stays.
func typed(text string) *string {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return &text
}

func secretOf(text string) *rehome.Secret {
	if text == "" {
		return nil
	}
	s := rehome.Secret(text)
	return &s
}

// choose names one of several projects.
func (w *Web) choose(v *visit) error {
	vcs := rehome.VCS(v.r.PostFormValue("vcs"))
	project := v.r.PostFormValue("tfvc_project")
	q := importer.UpdateRequest{VCS: &vcs, By: v.caller.User().ID}
	if project != "" {
		q.TFVCProject = &project
	}
	if _, err := w.Importer.Update(v.r.Context(), v.repo.ID, q); err != nil {
		return err
	}
	return v.to(v.at(""))
}

// approve has pushed what the page showed that the form is on. What is another by now has to be looked at first.
func (w *Web) approve(v *visit) error {
	i, err := w.Importer.Get(v.r.Context(), v.repo.ID)
	if err != nil {
		return err
	}
	if seen := v.r.PostFormValue("seen"); seen != "" && seen != seenOf(i) {
		return &problem{status: http.StatusUnprocessableEntity, title: "Nothing was pushed", text: "What would be pushed, or where to, was changed since you loaded the page.", hint: "Look at it again, and approve then."}
	}
	if _, err := w.Importer.Approve(v.r.Context(), v.repo.ID); err != nil {
		return err
	}
	return v.to(v.at(""))
}

// seenOf is what somebody has seen who approves: the same as long as the same is pushed to the same place by the same rules.
func seenOf(i rehome.Import) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%v %v %v %v", i.Wanted, i.LFS, i.Options, i.Destination))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (w *Web) finish(v *visit) error {
	if _, err := w.Importer.Finish(v.r.Context(), v.repo.ID, v.caller.User().ID); err != nil {
		return err
	}
	return v.to(v.at(""))
}

// cancel deletes the import; the repository stays.
func (w *Web) cancel(v *visit) error {
	if v.r.PostFormValue("sure") == "" {
		return &problem{status: 422, title: "Nothing was stopped", text: "Tick the box beside the button: an import that was stopped cannot go on.", hint: "Go back to the import."}
	}
	if err := w.Importer.Cancel(v.r.Context(), v.repo.ID, v.caller.User().ID); err != nil {
		return err
	}
	return v.to(v.urls.Root + "/")
}
