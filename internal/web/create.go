package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/git/object"
	"rehome/internal/importer"
	"rehome/internal/remote"
)

// newImport is the form, as it was filled in.
type newImport struct {
	URL, Username string
	Owner, Name   string
	Owners        []string
	Public        bool
	Destination   destinationForm
	Options       optionForm
	Folded        foldedFields
	Elsewhere     string // the template of where imports go that name no destination; "" for the built-in host
	Hosted        bool
	Instead       int64 // the import that ends when this one begins; 0 for none
	Err           *shownProblem
	Wrong         map[string]string // what is wrong with a field that is not folded, by its name
	Again         bool              // a password or key was given, and has to be once more
}

// detected is what answers at a URL.
type detected struct {
	VCS     rehome.VCS
	Problem *shownProblem
	Wants   bool // credentials
}

func (w *Web) newForm(v *visit) error {
	query := v.r.URL.Query()
	f := w.blank(v, query.Get("owner"))
	f.URL, f.Name = query.Get("url"), query.Get("name")
	if err := w.fillIn(v, &f); err != nil {
		return err
	}
	return w.page(v, http.StatusOK, "new", "New import", f.shown(nil))
}

// blank is the form before anything is in it, but for an owner that the caller acts for.
func (w *Web) blank(v *visit, owner string) newImport {
	f := newImport{Owner: v.caller.User().Login, Owners: append([]string{v.caller.User().Login}, v.caller.Token.Owners...)}
	f.Hosted, f.Elsewhere = w.Host != nil, w.Importer.Elsewhere.Template
	f.Options.Hold = !f.Hosted || f.Elsewhere != ""
	f.Destination.Hold = !f.Options.Hold
	n := slices.IndexFunc(f.Owners, func(o string) bool { return strings.EqualFold(o, owner) })
	switch {
	case n >= 0:
		f.Owner = f.Owners[n]
	case auth.CheckLogin(owner) == nil && v.caller.ActsFor(owner):
		f.Owner, f.Owners = owner, append(f.Owners, owner)
	}
	return f
}

// filled reads the form.
func (w *Web) filled(v *visit) newImport {
	get := func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	f := w.blank(v, get("owner"))
	f.URL, f.Username, f.Owner, f.Name, f.Public = get("url"), get("username"), get("owner"), get("name"), get("public") != ""
	f.Destination, f.Options = destinationFrom(get), optionsFrom(get)
	f.Instead, _ = strconv.ParseInt(get("instead"), 10, 64)
	f.Folded.SourceKey, f.Folded.DestinationKey = get("ssh_key"), get("destination_ssh_key")
	here, there := get("password")+get("private_key"), get("destination_password")+get("destination_private_key")
	f.Again = here+there != ""
	f.opened(w.blank(v, f.Owner), here != "", there != "")
	return f
}

// opened has the folds stay open in which something was typed: other than there is in a blank form, or what is not shown again.
func (f *newImport) opened(blank newImport, here, there bool) {
	now, before := f.shown(nil).Folded, blank.shown(nil).Folded
	f.Folded.Options.Open = differ(now.Options.Fields, before.Options.Fields)
	f.Folded.Keys.Open = here || f.Username != "" || differ(now.Keys.Fields, before.Keys.Fields)
	f.Folded.Making.Open = there || f.Destination.URL+f.Destination.Username != "" || differ(now.Making.Fields, before.Making.Fields)
}

// foldedFields are those that the form shares with the page of options.
type foldedFields struct {
	Options, Keys, Making     folded
	SourceKey, DestinationKey string // what was chosen of the keys
}

// folded are fields that one has to ask for.
type folded struct {
	Fields []optionField
	Open   bool // something was typed into one of them, or one is at fault
}

// formNames are the fields of the form that are not folded, and those that the importer calls otherwise.
var (
	formNames = map[string]string{"the URL": "url", "vcs_url": "url", "vcs_username": "username", "vcs_password": "password"}
	plain     = []string{"url", "username", "password", "owner", "name", "destination", "destination_username", "destination_password"}
)

// wrongIn says what is wrong with a field that is not folded, by its name.
func wrongIn(err error) map[string]string {
	for _, name := range plain {
		if field := []optionField{{Name: name}}; blame(field, err) {
			return map[string]string{name: field[0].Err}
		}
	}
	return nil
}

// shown has the folded fields, with an error at the one that it is about; nil is none.
func (f newImport) shown(err error) newImport {
	here, there := keyFields("", "", "the source"), keyFields("destination_", "", "the destination")
	here[0].Value, there[0].Value = f.Folded.SourceKey, f.Folded.DestinationKey
	f.Folded.Options.Fields, f.Folded.Keys.Fields, f.Folded.Making.Fields = f.Options.fields(), here, append(f.Destination.makingFields(), there...)
	if f.Hosted && f.Elsewhere == "" {
		f.Folded.Making.Fields = slices.Insert(f.Folded.Making.Fields, 0, optionField{
			Name: "hold_there", Label: "Stop before the first push there, until I approve", Kind: "check", On: f.Destination.Hold, Does: "You see what would be pushed before anybody else does.",
		})
	}
	for _, part := range []*folded{&f.Folded.Options, &f.Folded.Keys, &f.Folded.Making} {
		for n := range part.Fields {
			part.Fields[n].Counts = "" // all of it counts from the beginning
		}
		part.Open = blame(part.Fields, err) || part.Open
	}
	return f
}

var odd = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// nameOf suggests a name for what comes from a URL: its last segment.
func nameOf(u string) string {
	u = strings.TrimSuffix(strings.TrimRight(u, "/"), ".git")
	name := odd.ReplaceAllString(u[strings.LastIndexAny(u, "/:")+1:], "-")
	return strings.Trim(name[:min(len(name), 100)], "-.")
}

// detectFor bounds the question what answers at a URL: somebody waits for it.
const detectFor = 15 * time.Second

// detect says what answers at the URL typed so far.
func (w *Web) detect(v *visit) error {
	f := w.filled(v)
	if f.URL == "" {
		return w.part(v, "new", "found", detected{})
	}
	leave, ok := w.detected.Enter(v.caller.Token.ID)
	if !ok {
		shown := errCrowded.shown()
		return w.part(v, "new", "found", detected{Problem: &shown})
	}
	defer leave()
	ctx, cancel := context.WithTimeout(v.r.Context(), detectFor)
	defer cancel()
	var d detected
	found, err := w.Importer.Detect(ctx, f.URL, f.Username, rehome.Secret(v.r.PostFormValue("password")))
	switch {
	case err != nil && rehome.CodeOf(err) == rehome.CredentialsWanted:
		d.Wants = true
	case err != nil:
		shown := problemOf(err).shown()
		d.Problem = &shown
	default:
		d.VCS = found.VCS
	}
	return w.part(v, "new", "found", d)
}

// create makes the repository, unless it is there and waits for an import, and starts the import. Where the import cannot start, what was
// made goes again.
func (w *Web) create(v *visit) error {
	f := w.filled(v)
	if f.Name == "" {
		f.Name = nameOf(f.URL)
	}
	repo, found, err := w.place(v, f)
	if err == nil {
		if err = w.begin(v, repo, f); err == nil {
			v.repo = repo
			return v.to(v.at(""))
		}
		if !found {
			err = errors.Join(err, w.undo(v, repo))
		}
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		return err
	}
	shown := p.shown()
	err = renamed(err, formNames)
	f.Err, f.Wrong = &shown, wrongIn(err)
	return w.page(v, p.status, "new", "New import", f.shown(err))
}

// place is the repository that the form is about: found, or else made for it.
func (w *Web) place(v *visit, f newImport) (r rehome.Repository, found bool, err error) {
	if err = f.check(); err != nil {
		return r, false, err
	}
	if r, found, err = w.waiting(v, f); err == nil && !found {
		r, err = w.make(v, f)
	}
	return r, found, err
}

// check refuses a form that cannot be, whatever is there.
func (f newImport) check() error {
	if f.URL == "" {
		return &rehome.Error{Code: rehome.Invalid, Field: "vcs_url", Message: "Where does the repository come from? Give its URL."}
	}
	_, err := remote.Parse("the URL", f.URL)
	if err == nil {
		_, err = f.Options.choices()
	}
	return err
}

// make makes the repository, where there is room for an import.
func (w *Web) make(v *visit, f newImport) (rehome.Repository, error) {
	ctx := v.r.Context()
	if err := w.Importer.Room(); err != nil {
		return rehome.Repository{}, err
	}
	if !v.caller.ActsFor(f.Owner) {
		return rehome.Repository{}, &rehome.Error{Code: rehome.Invalid, Field: "owner", Message: "You may not import for this owner."}
	}
	r := rehome.Repository{Name: f.Name, Private: !f.Public, Owner: v.caller.User()}
	if err := rehome.CheckRepositoryName(f.Name); err != nil {
		return r, err
	}
	if !strings.EqualFold(f.Owner, v.caller.User().Login) {
		org, err := w.Auth.Organization(ctx, f.Owner)
		if err != nil {
			return r, err
		}
		r.Owner = org
	}
	made, err := w.DB.CreateRepository(ctx, r)
	if err != nil || w.Host == nil {
		return made, err
	}
	if err := w.Host.Create(ctx, made.ID, object.SHA1); err != nil {
		return made, errors.Join(err, w.undo(v, made))
	}
	return made, nil
}

// undo removes a repository that was made in vain.
func (w *Web) undo(v *visit, r rehome.Repository) error {
	ctx := context.WithoutCancel(v.r.Context())
	if w.Host != nil {
		if err := w.Host.Remove(ctx, r.ID); err != nil {
			return fmt.Errorf("remove the folder of %s: %w", r.FullName(), err)
		}
	}
	return w.Importer.DeleteRepository(ctx, r.ID, v.caller.User().ID)
}

// begin says where the import goes, and starts it, in place of the one that it names.
func (w *Web) begin(v *visit, r rehome.Repository, f newImport) error {
	if f.Instead != 0 {
		if err := w.Importer.Cancel(v.r.Context(), r.ID, v.caller.User().ID); err != nil && rehome.CodeOf(err) != rehome.NotFound {
			return err
		}
	}
	ctx, get := v.r.Context(), func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	if f.Destination.URL != "" {
		f.Options.Hold = f.Options.Hold || f.Destination.Hold
		q, err := f.Destination.request(get)
		if err != nil {
			return err
		}
		q.Password = secretOf(v.r.PostFormValue("destination_password"))
		if _, err := w.Importer.SetDestination(ctx, r.ID, q); err != nil {
			return renamed(err, destinationNames)
		}
	}
	start := importer.StartRequest{
		URL: f.URL, Username: f.Username, Password: rehome.Secret(v.r.PostFormValue("password")), SSHKey: keyFrom("", get), By: v.caller.User().ID,
	}
	var err error
	if start.Choices, err = f.Options.choices(); err != nil {
		return err
	}
	_, err = w.Importer.Start(ctx, r, start)
	return err
}
