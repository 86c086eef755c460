// Package forge does what Git's protocol cannot do at a forge: it makes repositories, sets their default branch and knows what a forge refuses and why.
//
//	find     which forge serves an address, by name or by asking it              find.go
//	create   a repository that is missing, by the forge's API                    create.go, github.go, gitlab.go, gitea.go
//	branch   the default one                                                     branch.go
//	limits   what forges take at once, and what they like to be told             limits.go
//	hint     what to do about a forge's words for a refused push                 hint.go
//
// Everything here is from the forges' public documentation: docs.github.com/rest/repos, docs.gitlab.com/api/projects,
// docs.gitea.com/api and forgejo.org/docs/latest/user/api-usage.
package forge

import (
	"context"
	"net/url"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
)

// Kind is a family of forges that speak one API.
type Kind string

// The kinds whose API is known. Forgejo is a Gitea.
const (
	Unknown Kind = ""
	GitHub  Kind = "github"
	GitLab  Kind = "gitlab"
	Gitea   Kind = "gitea"
	Rehome  Kind = "rehome" // the host of rehome serve, whose calls are GitHub's
)

// name is what people call forges of the kind.
func (k Kind) name() string {
	switch k {
	case GitHub:
		return "GitHub"
	case GitLab:
		return "GitLab"
	case Rehome:
		return "Rehome"
	case Gitea:
		return "the forge" // Gitea, Forgejo, Codeberg …
	}
	return "the destination"
}

// Options say how forges are asked. Client is required.
type Options struct {
	Client  *egress.Client
	Version string                                           // Rehome's, told to forges
	Sleep   func(ctx context.Context, d time.Duration) error // before another try; nil is by the clock
}

// Forges asks forges. It is safe for concurrent use.
type Forges struct {
	o    Options
	wait time.Duration // for the beginning of an answer to what forges answer at once
}

// New returns what asks forges.
func New(o Options) *Forges {
	if o.Sleep == nil {
		o.Sleep = egress.Sleep
	}
	return &Forges{o, answerTime}
}

// Site is a repository's place at a forge, whether it is there or not. The zero Site is at no known forge.
type Site struct {
	Kind  Kind
	API   *url.URL // without a slash at the end, query and credentials; nil with Unknown
	Owner string   // a user, organisation or group; with GitLab it may have slashes; "" when the address names none
	Name  string

	username string
	token    rehome.Secret // or password; "" for none
	strayed  bool          // API is at another origin than the address, so the credentials do not go there
}

// full is the repository's name with that of its owner.
func (s Site) full() string { return s.Owner + "/" + s.Name }

// NewRepository says what a repository is to be like.
type NewRepository struct {
	Visibility    rehome.Visibility // "" is rehome.Private
	DefaultBranch string            // a short name; only a wish: GitHub and GitLab take the first branch that comes; "" for none
	Format        object.Format
}
