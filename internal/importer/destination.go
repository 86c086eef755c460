package importer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/store"
)

// Elsewhere is the forge that imports push to when nobody named another destination.
type Elsewhere struct {
	Template string // its URL, with {owner} and {repo}; "" is the built-in host
	Username string
	Password rehome.Secret
	Create   bool // make what is missing, private
}

// CheckTemplate refuses a template that does not make a URL of every repository.
func CheckTemplate(template string) error {
	for _, part := range []string{"{owner}", "{repo}"} {
		if !strings.Contains(template, part) {
			return fmt.Errorf("the destination lacks %s", part) // the rest may hold a password
		}
	}
	_, err := remote.Parse("destination", expand(template, "owner", "repo"))
	return err
}

func expand(template, owner, name string) string {
	return strings.NewReplacer("{owner}", url.PathEscape(owner), "{repo}", url.PathEscape(name)).Replace(template)
}

// DestinationRequest says where the imports of a repository push to. Nil fields stay as they were.
type DestinationRequest struct {
	URL          string
	Username     *string
	Password     *rehome.Secret
	Create       *bool
	Visibility   *rehome.Visibility
	OnDivergence *rehome.Divergence
	SSHKey       *SSHKey
}

// SetDestination makes a forge elsewhere the destination of a repository's imports. When one failed at its push, it
// is tried again. Invalid for a URL nothing can be pushed to, and for another one once something was pushed.
func (m *Importer) SetDestination(ctx context.Context, repositoryID int64, q DestinationRequest) (rehome.Destination, error) {
	l, err := remote.Parse("url", q.URL)
	if err == nil {
		err = m.checkDestination(l)
	}
	if err != nil {
		return rehome.Destination{}, err
	}
	var row *store.Import
	var before rehome.Status
	d, err := m.DB.ChangeDestination(ctx, repositoryID, func(t *store.Tx, d *store.Destination, i *store.Import) error {
		if i != nil {
			row, before = i, i.State.Status
			if err := checkOpen(i); err != nil {
				return err
			}
		}
		if d.URL != l.String() {
			if err := leaveDestination(ctx, t, repositoryID, i); err != nil {
				return err
			}
		}
		if err := m.changeDestination(d, l, q); err != nil {
			return err
		}
		if i != nil && i.State.Status == rehome.Failed && i.State.FailedStep == rehome.StepPush {
			pushAgain(i, t.Now)
		}
		return nil
	})
	if err == nil && row != nil && row.State.Status != before {
		m.tell(ctx, before, row)
	}
	return d.Destination, err
}

// pushAgain tries a push again, or the fetch before it when the destination was asked before that.
func pushAgain(i *store.Import, now time.Time) {
	if i.Done.Raw == 0 {
		tryAgain(i, now)
		return
	}
	letPush(i, now)
}

// Destination returns the destination of a repository's imports; NotFound when that is the built-in host.
func (m *Importer) Destination(ctx context.Context, repositoryID int64) (rehome.Destination, error) {
	d, err := m.DB.Destination(ctx, repositoryID)
	return d.Destination, err
}

// checkDestination refuses at once what nothing can be pushed to.
func (m *Importer) checkDestination(l remote.Location) error {
	if m.Forge == nil {
		return &rehome.Error{Code: rehome.Invalid, Field: "url", Message: "This server pushes to its own host only."}
	}
	if l.URL.Scheme == "git" {
		return &rehome.Error{
			Code: rehome.Invalid, Field: "url", Message: "url begins with git://, where nobody can sign in to push.", Hint: "Give the https or ssh URL.",
		}
	}
	if l.HTTP() && slices.ContainsFunc(strings.Split(l.URL.Path, "/"), func(part string) bool { return part == "." || part == ".." }) {
		return &rehome.Error{
			Code: rehome.Invalid, Field: "url", Message: "url has . or .. in its path.", Hint: "Give the path that it comes to.",
		}
	}
	if err := m.CheckURL(l.URL); err != nil {
		e := rehome.AsError(err)
		return &rehome.Error{Code: rehome.Invalid, Field: "url", Message: e.Message, Hint: e.Hint, Err: err}
	}
	return nil
}

// leaveDestination forgets what was to be written to a destination, so that there can be another one. i is nil for no
// import. Invalid once something arrived there, or may arrive now. What a push that failed may have left there stays.
func leaveDestination(ctx context.Context, t *store.Tx, repositoryID int64, i *store.Import) error {
	wrote, err := t.WrittenRefs(ctx, repositoryID)
	if err != nil || len(wrote) == 0 {
		return err
	}
	late := i != nil && (!i.CompletedAt.IsZero() || i.State.Status == rehome.Pushing)
	var names []string
	for name, ref := range wrote {
		late = late || ref.Wrote != ""
		names = append(names, name)
	}
	if !late {
		return t.DropWritten(ctx, repositoryID, names)
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: "url",
		Message: "Something was pushed already, and its destination stays.",
		Hint:    "To push elsewhere, start an import into another repository.",
	}
}

// changeDestination takes what was asked for. Credentials are for one address: another one forgets them.
func (m *Importer) changeDestination(d *store.Destination, l remote.Location, q DestinationRequest) error {
	if d.URL != l.String() {
		*d = store.Destination{RepositoryID: d.RepositoryID}
	}
	d.URL = l.String()
	if q.Create != nil {
		d.Create = *q.Create
	}
	if q.Visibility != nil {
		d.Visibility = *q.Visibility
	}
	if q.OnDivergence != nil {
		d.OnDivergence = *q.OnDivergence
	}
	if err := errors.Join(checkKey(l, q.SSHKey), m.changeKey(q.SSHKey, &d.Key, &d.SSHPublicKey)); err != nil {
		return err
	}
	c, err := m.unseal(d.Credentials)
	if err != nil {
		return err
	}
	given := q.Username != nil || q.Password != nil || l.Password != ""
	if q.Username != nil {
		c.username = rehome.Secret(*q.Username)
	} else if l.Username != "" && !l.SSH() {
		c.username, given = rehome.Secret(l.Username), true
	}
	if q.Password != nil {
		c.password = *q.Password
	} else if l.Password != "" {
		c.password = l.Password
	}
	if given {
		d.Credentials, err = m.seal("username", c)
	}
	return err
}

// destinationRow is where an import pushes to, with what signs in there.
type destinationRow struct {
	store.Destination
	set      store.Destination // as it is stored; zero where it is not
	username string
	password rehome.Secret
	key      rehome.Secret
}

// destinationOf finds out where a repository's imports push to; false is the built-in host.
func (m *Importer) destinationOf(ctx context.Context, repositoryID int64) (row destinationRow, ok bool, err error) {
	row.Destination, err = m.DB.Destination(ctx, repositoryID)
	if rehome.CodeOf(err) == rehome.NotFound && err != nil {
		return m.templateFor(ctx, repositoryID)
	}
	if err != nil {
		return row, false, err
	}
	row.set = row.Destination
	c, err := m.unseal(row.Credentials)
	if err != nil {
		return row, false, err
	}
	row.username, row.password = string(c.username), c.password
	if row.Key != nil {
		row.key, err = m.Seal.Unseal(row.Key)
	}
	return row, true, err
}

// templateFor is the destination that the operator chose for every repository.
func (m *Importer) templateFor(ctx context.Context, repositoryID int64) (row destinationRow, ok bool, err error) {
	if m.Elsewhere.Template == "" {
		return row, false, nil
	}
	r, err := m.DB.RepositoryByID(ctx, repositoryID)
	if err != nil {
		return row, false, err
	}
	row.RepositoryID = repositoryID
	row.URL = expand(m.Elsewhere.Template, r.Owner.Login, r.Name)
	row.Create = m.Elsewhere.Create
	if !r.Private {
		row.Visibility = rehome.Public
	}
	row.username, row.password = m.Elsewhere.Username, m.Elsewhere.Password
	return row, true, nil
}

// locate is the address of a destination with what signs in there.
func (m *Importer) locate(d destinationRow) (remote.Location, error) {
	l, err := remote.Parse("url", d.URL)
	if err != nil {
		return l, err
	}
	if d.username != "" && !l.SSH() {
		l.Username = d.username
	}
	if d.password != "" {
		l.Password = d.password
	}
	l.Key = d.key
	return l, nil
}
