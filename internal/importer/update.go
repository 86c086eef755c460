package importer

import (
	"context"
	"errors"
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
	SSHKey      *SSHKey // one that is made starts nothing again: nobody has let it in yet
	Choices

	By  int64 // the owner who asks, of whom webhooks are told
	Now bool  // where a step waits for its next try, it waits no more
}

// isEmpty reports whether nothing that changes is given: the import is to be started again.
func (q UpdateRequest) isEmpty() bool { return q == UpdateRequest{URL: q.URL, By: q.By, Now: q.Now} }

// choosesOnly reports whether nothing but options is given, or a key that is not to be tried yet.
func (q UpdateRequest) choosesOnly() bool {
	only := UpdateRequest{URL: q.URL, Choices: q.Choices, By: q.By, Now: q.Now}
	if q.SSHKey != nil && q.SSHKey.Private == "" {
		only.SSHKey = q.SSHKey
	}
	return q == only && !q.isEmpty()
}

// Update changes what is wanted of the repository's import and starts it again, unless
// it runs: then what is given counts from the next try on, which does not wait any more. Options alone start nothing
// again; what was rewritten without them is rewritten with them. Of several projects that were
// found, VCS and TFVCProject choose one. NotFound when there is no import, Invalid for a version
// control system nothing can read, for a project that was not found, for credentials and
// a project that cannot be, for options there are none of, for another URL and for an import that is closed,
// DestinationMoved as with MapAuthor.
func (m *Importer) Update(ctx context.Context, repositoryID int64, q UpdateRequest) (rehome.Import, error) {
	if q.TFVCProject != nil {
		if err := checkProject(*q.TFVCProject); err != nil {
			return rehome.Import{}, err
		}
	}
	if err := q.check(); err != nil {
		return rehome.Import{}, err
	}
	if err := m.refuseChoices(ctx, repositoryID, q.Choices); err != nil {
		return rehome.Import{}, err
	}
	row, err := m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error { return m.update(i, q, t.Now) })
	return row.Import, err
}

func (m *Importer) update(i *store.Import, q UpdateRequest, now time.Time) error {
	if err := errors.Join(checkSameURL(i.Source.URL, q.URL), checkOpen(i)); err != nil {
		return err
	}
	if i.State.Status.Running() && q.isEmpty() {
		if q.Now && tryNow(i, now) {
			return nil
		}
		return store.ErrUnchanged
	}
	ran := i.State.Status.Running()
	chosen, err := m.choose(i, q.Choices, now)
	if err != nil {
		return err
	}
	key := i.Source.SSHPublicKey
	if err := m.updateKey(i, q.SSHKey); err != nil {
		return err
	}
	if q.choosesOnly() {
		if !chosen && i.Source.SSHPublicKey == key {
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
	if ran {
		tryNow(i, now) // what was given may help
	}
	return nil
}

// updateKey changes what signs in at the source over SSH.
func (m *Importer) updateKey(i *store.Import, k *SSHKey) error {
	if k == nil || *k == (SSHKey{}) { // to forget a key the address does not matter
		return m.changeKey(k, &i.Key, &i.Source.SSHPublicKey)
	}
	l, err := remote.Parse("vcs_url", i.Source.URL)
	if err != nil {
		return err
	}
	if err := checkKey(l, k); err != nil {
		return err
	}
	return m.changeKey(k, &i.Key, &i.Source.SSHPublicKey)
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
	i.Credentials, err = m.seal("vcs_username", c)
	return err
}
