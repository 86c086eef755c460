package web

import (
	"cmp"
	"net/http"
	"strings"

	"rehome"
	"rehome/internal/importer"
)

// optionsPage shows what was asked of an import besides authors and large files, a form for each of its parts.
type optionsPage struct {
	Open   bool // it can be changed
	Groups []optionGroup
	Err    *shownProblem
}

// optionGroup are the options that are changed together.
type optionGroup struct {
	Part, Title string
	At          string // where it is about
	Counts      string // from when a change of it counts
	Key         string // public, to be let in; "" for none
	Fields      []optionField
	Shown       string // what the fields have as they are shown
	Save        string // what the button says
	Saved       bool
}

// The parts, in the order of the page.
const (
	partOptions     = "options"
	partSource      = "source"
	partDestination = "destination"
)

// destinationForm says where an import goes.
type destinationForm struct {
	URL, Username            string
	Create                   bool
	Visibility, OnDivergence string

	Hold bool // of a new import: it stops before its first push there, also where one that stays here does not
}

func destinationFrom(get func(string) string) destinationForm {
	return destinationForm{
		URL: get("destination"), Username: get("destination_username"), Create: get("create") != "",
		Visibility: get("visibility"), OnDivergence: get("on_divergence"), Hold: get("hold_there") != "",
	}
}

// request is what the importer is asked for, but for a password.
func (d destinationForm) request(get func(string) string) (importer.DestinationRequest, error) {
	visibility, ok := rehome.ParseVisibility(d.Visibility)
	if !ok && d.Visibility != "" {
		return importer.DestinationRequest{}, &rehome.Error{Code: rehome.Invalid, Field: "visibility", Message: "A repository is private, internal or public."}
	}
	divergence, ok := rehome.ParseDivergence(d.OnDivergence)
	if !ok && d.OnDivergence != "" {
		return importer.DestinationRequest{}, &rehome.Error{Code: rehome.Invalid, Field: "on_divergence", Message: "Such refs stop the import, are left or are overwritten."}
	}
	return importer.DestinationRequest{
		URL: d.URL, Username: typed(d.Username), Create: &d.Create, Visibility: &visibility, OnDivergence: &divergence, SSHKey: keyFrom("destination_", get),
	}, nil
}

// destinationNames are the fields of a destination in a form, by the API's names.
var destinationNames = map[string]string{"url": "destination", "username": "destination_username", "ssh_key": "destination_ssh_key"}

// sourceNames are those of a source.
var sourceNames = map[string]string{"vcs_username": "username", "vcs_password": "password"}

var (
	visibilityChoices = []optionChoice{{"", "private"}, {"internal", "whoever has an account there may read it"}, {"public", "everybody may read it"}}
	divergenceChoices = []optionChoice{{"", "stop the import and name them"}, {"skip", "leave them as they are there"}, {"overwrite", "overwrite them; what they were stays below refs/rehome/kept/"}}
)

// makingFields are about a repository that is made, and about what others do there.
func (d destinationForm) makingFields() []optionField {
	return []optionField{
		{Name: "create", Label: "Make the repository when it is missing", Kind: "check", On: d.Create, Does: "Through the API of GitHub, GitLab, Gitea, Forgejo or another Rehome.", Counts: nextPush},
		{Name: "visibility", Label: "One that is made is", Kind: "one", Value: d.Visibility, Of: visibilityChoices, Does: "What is there already stays as visible as it is.", Counts: nextPush},
		{Name: "on_divergence", Label: "Refs that somebody else moved there", Kind: "one", Value: d.OnDivergence, Of: divergenceChoices, Does: "Of the refs that this import wrote, or is to write for the first time.", Counts: nextPush},
	}
}

func (d destinationForm) fields(public string) []optionField {
	all := []optionField{
		{Name: "destination", Label: "URL to push to", Kind: "text", Value: d.URL, Does: "Another one can be given until the first push. It forgets what signed in at the one before.", Counts: "Counts from the next push on; an import that failed at its push tries again at once."},
		{Name: "destination_username", Label: "User name", Kind: "text", Value: d.Username, Empty: "as before", Does: "Left empty, it stays as it was."},
		{Name: "destination_password", Label: "Password or token", Kind: "password", Does: "Left empty, it stays as it was. It is kept sealed and never shown."},
	}
	return append(append(all, d.makingFields()...), keyFields("destination_", public, "the destination")...)
}

func sourceFields(username, public string) []optionField {
	return append([]optionField{
		{Name: "username", Label: "User name", Kind: "text", Value: username, Empty: "as before", Does: "Left empty, it stays as it was."},
		{Name: "password", Label: "Password or token", Kind: "password", Does: "Left empty, it stays as it was. It is kept sealed and never shown."},
	}, keyFields("", public, "the source")...)
}

func destinationOf(d rehome.Destination) destinationForm {
	f := destinationForm{URL: d.URL, Create: d.Create, Visibility: string(d.Visibility), OnDivergence: string(d.OnDivergence)}
	if d.Visibility == rehome.Private {
		f.Visibility = ""
	}
	if d.OnDivergence == rehome.Stop {
		f.OnDivergence = ""
	}
	return f
}

// optionsPageOf is the page of an import. What was typed into a form takes the place of what there is.
func (w *Web) optionsPageOf(v *visit, i rehome.Import) optionsPage {
	to := w.destinationOf(v, i)
	p := optionsPage{Open: i.ClosedAt.IsZero(), Groups: []optionGroup{
		{Part: partOptions, Title: "Options", Fields: optionsOf(i.Options).fields(), Save: "Save the options"},
		{Part: partSource, Title: "What signs in at the source", At: i.Source.URL, Counts: "Counts at once: the import starts again with it or, where it runs, from its next try on. A key that is made here starts nothing: let it in first.", Fields: sourceFields("", i.Source.SSHPublicKey), Key: i.Source.SSHPublicKey, Save: "Save and use it"},
		{Part: partDestination, Title: "Destination", At: to, Fields: destinationOf(i.Destination).fields(i.Destination.SSHPublicKey), Key: i.Destination.SSHPublicKey, Save: "Save the destination"},
	}}
	for n := range p.Groups {
		p.Groups[n].Shown = shownOf(p.Groups[n].Fields)
		p.Groups[n].Saved = v.r.Method == http.MethodGet && v.r.URL.Query().Get("saved") == p.Groups[n].Part
	}
	if !p.Open {
		p.Groups = []optionGroup{p.Groups[0], {Part: partDestination, Title: "Destination", At: to}}
		if i.Destination.URL != "" {
			p.Groups[1].Fields = destinationOf(i.Destination).makingFields()
		}
	}
	return p
}

func (w *Web) options(v *visit) error {
	i, err := w.Importer.Get(v.r.Context(), v.repo.ID)
	if err != nil {
		return err
	}
	return w.page(v, http.StatusOK, "options", "Options of "+v.repo.FullName(), w.optionsPageOf(v, i))
}

// changeOptions takes one part of the page.
func (w *Web) changeOptions(v *visit) error {
	i, err := w.Importer.Get(v.r.Context(), v.repo.ID)
	if err != nil {
		return err
	}
	part, get := v.r.PostFormValue("part"), func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	var typed []optionField
	switch part {
	case partSource:
		typed, err = sourceFields(get("username"), i.Source.SSHPublicKey), w.changeSource(v, get)
	case partDestination:
		d := destinationFrom(get)
		typed, err = d.fields(i.Destination.SSHPublicKey), w.changeDestination(v, d, i, get)
	case partOptions:
		o := optionsFrom(get)
		typed, err = o.fields(), w.setOptions(v, o, i)
	default:
		err = &rehome.Error{Code: rehome.Invalid, Message: "The form does not say what it is about.", Hint: "Load the page again."}
	}
	if err == nil {
		return v.to(v.at("options?saved=" + part))
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		return err
	}
	page := w.optionsPageOf(v, i)
	for n := range page.Groups {
		if page.Groups[n].Part == part && page.Open {
			page.Groups[n].Fields = typed
			page.Groups[n].Shown = cmp.Or(get("shown"), page.Groups[n].Shown)
		}
	}
	shown := p.shown()
	shown.Title = "Nothing was saved"
	if blame(typed, err) {
		shown.Text, shown.Hint = "What is wrong stands at the field.", ""
	}
	page.Err = &shown
	return w.page(v, p.status, "options", "Options of "+v.repo.FullName(), page)
}

// setOptions changes those options that were changed in the form, and are not so already.
func (w *Web) setOptions(v *visit, o optionForm, i rehome.Import) error {
	if shown, ok := shownBy(v); ok {
		o = o.since(optionsFrom(shown), optionsOf(i.Options))
	}
	wanted, err := o.choices()
	if err != nil {
		return err
	}
	leave(&wanted.Hold, i.Options.Hold)
	leave(&wanted.Prune, i.Options.Prune)
	leave(&wanted.MapTrailers, i.Options.MapTrailers)
	leave(&wanted.MapHashes, i.Options.MapHashes)
	leave(&wanted.AllowMissingLFS, i.Options.AllowMissingLFS)
	leave(&wanted.DefaultBranch, i.Options.DefaultBranch)
	leave(&wanted.SyncEvery, i.Options.SyncEvery)
	leave(&wanted.Verify, i.Options.Verify)
	leaveLines(&wanted.Refs, i.Options.Refs)
	leaveLines(&wanted.ExcludeRefs, i.Options.ExcludeRefs)
	if wanted == (importer.Choices{}) { // an update of nothing would start the import again
		return nil
	}
	_, err = w.Importer.Update(v.r.Context(), v.repo.ID, importer.UpdateRequest{Choices: wanted, By: v.caller.User().ID})
	return err
}

// leave asks for nothing where it is so already: hold, for one, cannot be asked for when the push is made.
func leave[T comparable](wanted **T, is T) {
	if **wanted == is {
		*wanted = nil
	}
}

func leaveLines(wanted **[]string, is string) {
	if strings.Join(**wanted, "\n") == is {
		*wanted = nil
	}
}

// changeSource takes what signs in at the source.
func (w *Web) changeSource(v *visit, get func(string) string) error {
	q := importer.UpdateRequest{Username: typed(get("username")), Password: secretOf(v.r.PostFormValue("password")), SSHKey: keyFrom("", get), By: v.caller.User().ID}
	if q.Username == nil && q.Password == nil && q.SSHKey == nil {
		return &rehome.Error{Code: rehome.Invalid, Field: "password", Message: "Nothing was given: a user name, a password or a key."}
	}
	_, err := w.Importer.Update(v.r.Context(), v.repo.ID, q)
	return renamed(err, sourceNames)
}

func (w *Web) changeDestination(v *visit, d destinationForm, i rehome.Import, get func(string) string) error {
	if d.URL == "" {
		e := &rehome.Error{Code: rehome.Invalid, Field: "destination", Message: "The rest is about a repository on another forge.", Hint: "Give its URL."}
		if i.Destination.URL != "" {
			e.Message, e.Hint = "A destination cannot be taken away.", "Another one can be given until the first push."
		}
		return e
	}
	if shown, ok := shownBy(v); ok {
		was, now := destinationFrom(shown), destinationOf(i.Destination)
		if was.URL != now.URL { // what signs in was typed for the one that was shown
			return &rehome.Error{Code: rehome.Invalid, Field: "destination", Message: "It was made another one meanwhile.", Hint: "Load the page again."}
		}
		keep(&d.Create, was.Create, now.Create)
		keep(&d.Visibility, was.Visibility, now.Visibility)
		keep(&d.OnDivergence, was.OnDivergence, now.OnDivergence)
	}
	q, err := d.request(get)
	if err != nil {
		return err
	}
	q.Password = secretOf(v.r.PostFormValue("destination_password"))
	_, err = w.Importer.SetDestination(v.r.Context(), v.repo.ID, q)
	return renamed(err, destinationNames)
}
