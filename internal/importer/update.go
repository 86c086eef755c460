package importer

import (
	"context"
	"time"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/store"
)

// UpdateRequest changes an import; nil fields stay as they are. All nil asks to take
// up what is new at the source.
type UpdateRequest struct {
	URL         string // has to be the import's, as some clients send it along; userinfo in it does not count, "" is any
	Username    *string
	Password    *rehome.Secret
	VCS         *rehome.VCS
	TFVCProject *string
	Hold        *bool // stop before the first push until Approve; true is Invalid once that has begun
	MapTrailers *bool // map identities in trailers of messages, too
	MapHashes   *bool // rewrite hashes of commits in messages, too

	// AllowMissingLFS goes on without Git LFS objects that the source lacks. An import that failed for them is
	// tried again with it.
	AllowMissingLFS *bool

	By int64 // the owner who asks, of whom webhooks are told
}

// isEmpty reports whether nothing that changes is given: the import is to be started again.
func (q UpdateRequest) isEmpty() bool { return q == UpdateRequest{URL: q.URL, By: q.By} }

func (q UpdateRequest) choices() choices {
	return choices{q.Hold, q.MapTrailers, q.MapHashes, q.AllowMissingLFS}
}

// choosesOnly reports whether nothing but options is given.
func (q UpdateRequest) choosesOnly() bool {
	c := q.choices()
	return c != choices{} && q == UpdateRequest{URL: q.URL, Hold: c.hold, MapTrailers: c.mapTrailers, MapHashes: c.mapHashes, AllowMissingLFS: c.allowMissingLFS, By: q.By}
}

// Update changes what is wanted of the repository's import and starts it again, unless
// it runs: then what is given counts from the next try on. Options alone start nothing
// again; what was rewritten without them is rewritten with them. Of several projects that were
// found, VCS and TFVCProject choose one. NotFound when there is no import, Invalid for a version
// control system nothing can read, for a project that was not found, for credentials and
// a project that cannot be, and for another URL, DestinationMoved as with MapAuthor.
func (m *Importer) Update(ctx context.Context, repositoryID int64, q UpdateRequest) (rehome.Import, error) {
	if q.TFVCProject != nil {
		if err := checkProject(*q.TFVCProject); err != nil {
			return rehome.Import{}, err
		}
	}
	if err := m.refuseChoices(ctx, repositoryID, q.choices()); err != nil {
		return rehome.Import{}, err
	}
	row, err := m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error { return m.update(i, q, t.Now) })
	return row.Import, err
}

func (m *Importer) update(i *store.Import, q UpdateRequest, now time.Time) error {
	if err := checkSameURL(i.Source.URL, q.URL); err != nil {
		return err
	}
	if i.State.Status.Running() && q.isEmpty() {
		return store.ErrUnchanged
	}
	ran := i.State.Status.Running()
	chosen, err := m.choose(i, q.choices(), now)
	if err != nil {
		return err
	}
	if q.choosesOnly() {
		if !chosen {
			return store.ErrUnchanged
		}
		return nil
	}
	if err := m.updateCredentials(i, q); err != nil {
		return err
	}
	if err := m.updateProject(i, q); err != nil {
		return err
	}
	switch {
	case !ran:
		i.StartedBy = q.By
		tryAgain(i, now)
	case i.State.Status == rehome.Detecting && i.Source.VCS != "":
		i.State.Status = rehome.Importing
	}
	return nil
}

// checkSameURL refuses a URL other than that of the import.
func checkSameURL(have, given string) error {
	if given == "" {
		return nil
	}
	l, err := remote.Parse("vcs_url", given)
	if err != nil || l.String() == have {
		return err
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: "vcs_url",
		Message: "The import is from another URL.", Hint: "DELETE the import and PUT again to import another URL.",
	}
}

// updateProject takes the version control system and the project that are given. One of
// several that the source listed is not judged here: its reader knows them.
func (m *Importer) updateProject(i *store.Import, q UpdateRequest) error {
	if i.State.Status == rehome.DetectionFoundMultiple && (q.VCS != nil || q.TFVCProject != nil) {
		one, err := chosen(i.State.Choices, q.VCS, q.TFVCProject)
		if err == nil {
			i.Source.VCS, i.Source.VCSGiven, i.Source.TFVCProject = one.VCS, true, one.TFVCProject
		}
		return err
	}
	if q.VCS != nil && *q.VCS != "" && *q.VCS != i.Source.VCS {
		if err := m.checkVCS(*q.VCS); err != nil {
			return err
		}
	}
	if q.VCS != nil && *q.VCS != "" {
		i.Source.VCS, i.Source.VCSGiven = *q.VCS, true
	}
	if q.TFVCProject != nil {
		i.Source.TFVCProject = *q.TFVCProject
	}
	return nil
}

// updateCredentials seals anew what is given; what is not stays as it was.
func (m *Importer) updateCredentials(i *store.Import, q UpdateRequest) error {
	if q.Username == nil && q.Password == nil {
		return nil
	}
	c, err := m.unseal(i.Credentials)
	if err != nil && (q.Username == nil || q.Password == nil) {
		return err
	}
	if q.Username != nil {
		c.username = rehome.Secret(*q.Username)
	}
	if q.Password != nil {
		c.password = *q.Password
	}
	i.Credentials, err = m.seal(c)
	return err
}
