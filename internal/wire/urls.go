package wire

import (
	"strconv"

	"rehome"
)

// URLs builds the URLs in objects. Clients check that those of answers lead back to where
// they asked, so an answer has the base its client used; a webhook has the server's own.
type URLs struct {
	Root string // where the server is, as "https://host:port/prefix"
	API  string // Root, or Root with /api/v3 when the client asked there
}

// Repository is the API's URL of a repository.
func (u URLs) Repository(r rehome.Repository) string {
	return u.API + "/repos/" + r.Owner.Login + "/" + r.Name
}

// Import is the API's URL of a repository's import.
func (u URLs) Import(r rehome.Repository) string { return u.Repository(r) + "/import" }

// Authors is where an import's identities are listed.
func (u URLs) Authors(r rehome.Repository) string { return u.Import(r) + "/authors" }

// Author is where one of them is mapped.
func (u URLs) Author(r rehome.Repository, id int64) string {
	return u.Authors(r) + "/" + strconv.FormatInt(id, 10)
}

// Owner is the API's URL of a user or an organisation, each in its place.
func (u URLs) Owner(o rehome.Owner) string {
	if o.Kind == rehome.Organization {
		return u.API + "/orgs/" + o.Login
	}
	return u.User(o)
}

// User is the API's URL of an owner among users. GitHub has organisations there, too.
func (u URLs) User(o rehome.Owner) string { return u.API + "/users/" + o.Login }

// HTML is a repository's page.
func (u URLs) HTML(r rehome.Repository) string { return u.Root + "/" + r.FullName() }

// HTMLImport is its import's page.
func (u URLs) HTMLImport(r rehome.Repository) string { return u.HTML(r) + "/import" }

// Clone is what git clones.
func (u URLs) Clone(r rehome.Repository) string { return u.HTML(r) + ".git" }
