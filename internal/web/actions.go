package web

import (
	"strings"

	"rehome"
	"rehome/internal/importer"
)

// restart begins again what stopped, with what the form gives: credentials or a destination.
func (w *Web) restart(v *visit) error {
	if err := w.Importer.Room(); err != nil {
		return err
	}
	ctx, form := v.r.Context(), v.r.PostForm
	user, password := typed(form.Get("username")), secretOf(form.Get("password"))
	i, err := w.Importer.Get(ctx, v.repo.ID)
	if err != nil {
		return err
	}
	to := strings.TrimSpace(form.Get("destination"))
	if same := to == w.destinationOf(v, i) && user == nil && password == nil; form.Has("destination") && !same {
		_, err = w.Importer.SetDestination(ctx, v.repo.ID, importer.DestinationRequest{
			URL: to, Username: user, Password: password,
		})
	} else {
		_, err = w.Importer.Update(ctx, v.repo.ID, importer.UpdateRequest{Username: user, Password: password, By: v.caller.User().ID})
	}
	if err != nil {
		return err
	}
	return v.to(v.at(""))
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

func (w *Web) approve(v *visit) error {
	if _, err := w.Importer.Approve(v.r.Context(), v.repo.ID); err != nil {
		return err
	}
	return v.to(v.at(""))
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
