package importer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/store"
)

// StartRequest says what to import.
type StartRequest struct {
	URL         string     // of a Git server, as remote.Parse takes it; userinfo in it counts as Username and Password
	VCS         rehome.VCS // "" finds out
	Username    string
	Password    rehome.Secret
	SSHKey      *SSHKey // nil for none
	TFVCProject string
	Choices

	By int64 // the owner who asks, of whom webhooks are told
}

// Start makes the repository's import, or returns the one there is for the same URL.
// One that had stopped is tried again, with the credentials given now; options that are
// given hold from now on in any case. Another URL is refused with Invalid; so are URLs and version control systems nothing can read.
func (m *Importer) Start(ctx context.Context, r rehome.Repository, q StartRequest) (rehome.Import, error) {
	l, err := m.parse(q.URL)
	if err != nil {
		return rehome.Import{}, err
	}
	if err := m.checkVCS(q.VCS); err != nil {
		return rehome.Import{}, err
	}
	if err := errors.Join(checkProject(q.TFVCProject), q.check(), checkKey(l, q.SSHKey)); err != nil {
		return rehome.Import{}, err
	}
	sealed, err := m.seal("vcs_username", credentials{rehome.Secret(or(q.Username, l.Username)), or(q.Password, l.Password)})
	if err != nil {
		return rehome.Import{}, err
	}
	if err := m.refuseHomeless(ctx, r.ID); err != nil {
		return rehome.Import{}, err
	}
	if err := m.refuseChoices(ctx, r.ID, q.Choices); err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return rehome.Import{}, err
	}
	wanted := store.Import{Credentials: sealed, StartedBy: q.By, Import: rehome.Import{
		RepositoryID: r.ID,
		Source:       rehome.Source{VCS: q.VCS, VCSGiven: q.VCS != "", URL: l.String(), TFVCProject: q.TFVCProject},
		Options:      rehome.Options{Engine: rehome.Engine},
	}}
	q.applyTo(&wanted.Options)
	if err := m.changeKey(q.SSHKey, &wanted.Key, &wanted.Source.SSHPublicKey); err != nil {
		return rehome.Import{}, err
	}
	tryAgain(&wanted, time.Time{}) // the store fills in its own time
	before, changed := rehome.Status(""), true
	made, err := m.DB.CreateImport(ctx, wanted, func(t *store.Tx, have *store.Import) error {
		before = have.State.Status
		err := m.startAgain(have, wanted, q, t.Now)
		changed = !errors.Is(err, store.ErrUnchanged)
		return err
	})
	if err == nil && changed {
		m.tell(ctx, before, &made)
	}
	return made.Import, err
}

// refuseHomeless refuses an import that has nowhere to go.
func (m *Importer) refuseHomeless(ctx context.Context, repositoryID int64) error {
	if m.Host != nil {
		return nil
	}
	_, ok, err := m.destinationOf(ctx, repositoryID)
	if err == nil && !ok {
		refused := *errNoHost
		refused.Code, refused.Field = rehome.Invalid, "destination"
		return &refused
	}
	return err
}

// or returns a unless it is empty.
func or[S ~string](a, b S) S {
	if a != "" {
		return a
	}
	return b
}

// parse reads a source's URL and refuses what policy forbids at once.
func (m *Importer) parse(raw string) (remote.Location, error) {
	if m.isPath(raw) {
		return remote.Location{Path: raw}, nil
	}
	l, err := remote.Parse("vcs_url", raw)
	if err != nil {
		return l, err
	}
	if err := m.CheckURL(l.URL); err != nil {
		e := rehome.AsError(err)
		return l, &rehome.Error{Code: rehome.Invalid, Field: "vcs_url", Message: e.Message, Hint: e.Hint, Err: err}
	}
	return l, nil
}

// isPath reports whether a source is a path of this machine.
func (m *Importer) isPath(source string) bool { return m.Paths && filepath.IsAbs(source) }

func (m *Importer) checkVCS(vcs rehome.VCS) error {
	if vcs == "" || m.Source[vcs] != nil {
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: "vcs",
		Message: fmt.Sprintf("This server cannot read %s repositories yet.", rehome.Clean(string(vcs), 40)),
		Hint:    "It can read " + strings.Join(m.readable(), ", ") + ".",
	}
}

// readable names the version control systems that there are readers for.
func (m *Importer) readable() []string {
	var names []string
	for _, vcs := range detectionOrder {
		if m.Source[vcs] != nil {
			names = append(names, string(vcs))
		}
	}
	return names
}

// maxProject is more than the 64 characters a TFVC project's name can have, in bytes.
const maxProject = 256

func checkProject(name string) error {
	if len(name) <= maxProject && rehome.Clean(name, maxProject) == name {
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: "tfvc_project",
		Message: "The project's name is too long, or holds control characters or stray spaces.",
	}
}

// startAgain is what a start does to the import there is.
func (m *Importer) startAgain(have *store.Import, wanted store.Import, q StartRequest, now time.Time) error {
	if have.Source.URL != wanted.Source.URL {
		return &rehome.Error{
			Code: rehome.Invalid, Field: "vcs_url",
			Message: "The repository has an import from another URL.", Hint: "Cancel that one with DELETE first.",
		}
	}
	if q.Choices != (Choices{}) {
		if err := checkOpen(have); err != nil {
			return err
		}
	}
	s := have.State.Status
	chosen, err := m.choose(have, q.Choices, now)
	if err != nil {
		return err
	}
	if s.Running() || s == rehome.Complete || s == rehome.WaitingToPush {
		if !chosen {
			return store.ErrUnchanged
		}
		return nil
	}
	have.Credentials, have.StartedBy = wanted.Credentials, wanted.StartedBy
	if q.SSHKey != nil && !(q.SSHKey.Make && have.Key != nil) {
		have.Key, have.Source.SSHPublicKey = wanted.Key, wanted.Source.SSHPublicKey
	}
	if wanted.Source.VCSGiven {
		have.Source.VCS, have.Source.VCSGiven = wanted.Source.VCS, true
	}
	if wanted.Source.TFVCProject != "" { // else the one that was chosen stays
		have.Source.TFVCProject = wanted.Source.TFVCProject
	}
	tryAgain(have, now)
	return nil
}

// tryAgain makes a new raw generation wanted, and with it a new plan. Nobody has approved of
// what it will bring.
func tryAgain(i *store.Import, now time.Time) {
	i.Wanted.Raw++
	i.Wanted.Plan++
	i.Approved = false
	i.Attempts, i.LeftBy = 0, nil
	i.DueAt = now
	i.Progress = noProgress
	i.State = rehome.State{Status: rehome.Importing}
	if i.Source.VCS == "" {
		i.State.Status = rehome.Detecting
	}
}
