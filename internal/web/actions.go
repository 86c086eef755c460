package web

import (
	"strings"

	"rehome"
	"rehome/internal/importer"
)

// restart begins again what stopped, with what the form gives: credentials, a destination, options.
func (w *Web) restart(v *visit) error {
	if err := w.Importer.Room(); err != nil {
		return err
	}
	ctx, form := v.r.Context(), v.r.PostForm
	if form.Has("destination_password") {
		i, err := w.Importer.Get(ctx, v.repo.ID)
		if err != nil {
			return err
		}
		q := importer.DestinationRequest{URL: i.Destination.URL}
		if url := strings.TrimSpace(form.Get("destination")); url != "" {
			q.URL = url
		}
		user, password := strings.TrimSpace(form.Get("destination_username")), rehome.Secret(form.Get("destination_password"))
		if user != "" || password != "" {
			q.Username, q.Password = &user, &password
		}
		if _, err := w.Importer.SetDestination(ctx, v.repo.ID, q); err != nil {
			return err
		}
		return v.to(v.at(""))
	}
	q := importer.UpdateRequest{By: v.caller.User().ID}
	if form.Has("password") {
		user, password := strings.TrimSpace(form.Get("username")), rehome.Secret(form.Get("password"))
		q.Username, q.Password = &user, &password
	}
	if _, err := w.Importer.Update(ctx, v.repo.ID, q); err != nil {
		return err
	}
	return v.to(v.at(""))
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
