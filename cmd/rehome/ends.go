package main

import (
	"context"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/transport"
	"rehome/internal/importer"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/source/git"
)

// network is what both ends of a move are reached by.
type network struct {
	client *egress.Client
	ssh    transport.SSH
}

// sources is the list of version control systems that can be read.
func (n network) sources() map[rehome.VCS]source.Source {
	return map[rehome.VCS]source.Source{rehome.Git: n.git()}
}

func (n network) git() *git.Git { return n.gitAt(transport.Source) }

// gitAt reads the end that errors call by peer.
func (n network) gitAt(peer string) *git.Git {
	return git.New(git.Options{Client: n.client, Version: version, SSH: n.ssh, Peer: peer})
}

// forges is what pushes to Git servers elsewhere.
func (n network) forges(objects *lfs.Store) *destination.Git {
	return destination.New(destination.Options{
		Transport: transport.New(transport.Options{Client: n.client, Version: version, SSH: n.ssh}),
		Client:    n.client,
		Forges:    forge.New(forge.Options{Client: n.client, Version: version}),
		LFS:       objects,
		Version:   version,
	})
}

// ask finds out whether a move may push to its destination, where that is a forge.
func (m *Main) ask(ctx context.Context, to remote.Location, f importFlags) error {
	if to.URL == nil {
		return nil
	}
	n, err := m.ownMachine(f.ssh, m.noteOf(f.json, f.quiet))
	if err != nil {
		return err
	}
	defer n.client.Close()
	return importer.AskDestination(ctx, n.forges(nil), to, f.to.create)
}

// destinationFlags say where a server's imports go when nothing else was said.
type destinationFlags struct {
	template string
	user     string
	create   bool
	limit    size // of one push; 0 is what the forge is known for
}

func (f destinationFlags) elsewhere(password rehome.Secret) importer.Elsewhere {
	return importer.Elsewhere{Template: f.template, Username: f.user, Password: password, Create: f.create}
}

// check refuses flags that contradict each other.
func (f destinationFlags) check() error {
	switch {
	case f.template == "" && (f.user != "" || f.create):
		return usagef("Give --destination, too, or leave them out.", "--dest-user and --create are about --destination")
	case f.template == "":
		return nil
	}
	if err := importer.CheckTemplate(f.template); err != nil {
		return usagef("Write it as https://forge.example/{owner}/{repo}.git.", "--destination: %w", err)
	}
	return nil
}
