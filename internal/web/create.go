package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"rehome"
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
	Elsewhere     string // the template of where imports go that name no destination; "" for the built-in host
	Hosted        bool
	Found         *detected
	Err           *shownProblem
	Field         string // the field at fault
}

// destinationForm says where an import goes.
type destinationForm struct {
	URL, Username string
	Create        bool
}

// optionForm are the options of an import.
type optionForm struct {
	Hold, Prune, MapTrailers, MapHashes, AllowMissingLFS bool
	Refs, ExcludeRefs, DefaultBranch                     string
}

// detected is what answers at a URL.
type detected struct {
	VCS     rehome.VCS
	Problem *shownProblem
	Wants   bool // credentials
}

func (w *Web) newForm(v *visit) error {
	return w.page(v, http.StatusOK, "new", "New import", w.blank(v))
}

func (w *Web) blank(v *visit) newImport {
	f := newImport{Owner: v.caller.User().Login, Owners: append([]string{v.caller.User().Login}, v.caller.Token.Owners...)}
	f.Hosted, f.Elsewhere = w.Host != nil, w.Importer.Elsewhere.Template
	f.Options.Hold = !f.Hosted || f.Elsewhere != ""
	f.URL = v.r.URL.Query().Get("url")
	return f
}

// filled reads the form.
func (w *Web) filled(v *visit) newImport {
	f, get := w.blank(v), func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	f.URL, f.Username, f.Owner, f.Name, f.Public = get("url"), get("username"), get("owner"), get("name"), get("public") != ""
	f.Destination = destinationForm{URL: get("destination"), Username: get("destination_username"), Create: get("create") != ""}
	f.Options = optionsOf(get)
	return f
}

func optionsOf(get func(string) string) optionForm {
	return optionForm{
		Hold: get("hold") != "", Prune: get("prune") != "", MapTrailers: get("map_trailers") != "", MapHashes: get("map_hashes") != "",
		AllowMissingLFS: get("allow_missing_lfs") != "", Refs: get("refs"), ExcludeRefs: get("exclude_refs"), DefaultBranch: get("default_branch"),
	}
}

// choices are the options as the importer takes them.
func (o optionForm) choices() importer.Choices {
	refs, exclude := strings.Fields(o.Refs), strings.Fields(o.ExcludeRefs)
	return importer.Choices{
		Hold: &o.Hold, Prune: &o.Prune, MapTrailers: &o.MapTrailers, MapHashes: &o.MapHashes, AllowMissingLFS: &o.AllowMissingLFS,
		Refs: &refs, ExcludeRefs: &exclude, DefaultBranch: &o.DefaultBranch,
	}
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

// create makes the repository's row and starts the import. Where the import cannot start the row goes again.
func (w *Web) create(v *visit) error {
	f := w.filled(v)
	if f.Name == "" {
		f.Name = nameOf(f.URL)
	}
	repo, err := w.make(v, f)
	if err == nil {
		if err = w.begin(v, repo, f); err == nil {
			v.repo = repo
			return v.to(v.at(""))
		}
		err = errors.Join(err, w.undo(v, repo))
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		return err
	}
	shown := p.shown()
	f.Err, f.Field = &shown, rehome.AsError(err).Field
	return w.page(v, p.status, "new", "New import", f)
}

// make makes the repository, where there is room for an import.
func (w *Web) make(v *visit, f newImport) (rehome.Repository, error) {
	ctx := v.r.Context()
	if err := w.Importer.Room(); err != nil {
		return rehome.Repository{}, err
	}
	if f.URL == "" {
		return rehome.Repository{}, &rehome.Error{Code: rehome.Invalid, Field: "vcs_url", Message: "Where does the repository come from? Give its URL."}
	}
	if _, err := remote.Parse("the URL", f.URL); err != nil {
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

// begin says where the import goes, and starts it.
func (w *Web) begin(v *visit, r rehome.Repository, f newImport) error {
	ctx := v.r.Context()
	if f.Destination.URL != "" {
		password := rehome.Secret(v.r.PostFormValue("destination_password"))
		_, err := w.Importer.SetDestination(ctx, r.ID, importer.DestinationRequest{
			URL: f.Destination.URL, Username: &f.Destination.Username, Password: &password, Create: &f.Destination.Create,
		})
		if err != nil {
			return err
		}
	}
	start := importer.StartRequest{
		URL: f.URL, Username: f.Username, Password: rehome.Secret(v.r.PostFormValue("password")),
		Choices: f.Options.choices(), By: v.caller.User().ID,
	}
	if v.r.PostFormValue("make_ssh_key") != "" {
		start.SSHKey = &importer.SSHKey{Make: true}
	}
	_, err := w.Importer.Start(ctx, r, start)
	return err
}
