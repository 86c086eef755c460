package api

import (
	"context"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/wire"
)

// setDestination has the repository's imports push to a forge elsewhere, from the next push on.
func (a *API) setDestination(ctx context.Context, c *call) (answer, error) {
	f, err := readForm(c.w, c.r, "Import")
	if err != nil {
		return answer{}, err
	}
	wanted := importer.DestinationRequest{
		URL: f.required("url"), Username: f.text("username"), Password: f.secret("password"), Create: f.boolean("create"), SSHKey: f.sshKey("ssh_key"),
		Visibility:   word(f, "visibility", "private, internal or public", rehome.ParseVisibility),
		OnDivergence: word(f, "on_divergence", "stop, skip or overwrite", rehome.ParseDivergence),
	}
	f.only("url", "username", "password", "create", "ssh_key", "visibility", "on_divergence")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	d, err := a.Importer.SetDestination(ctx, c.repo.ID, wanted)
	if err != nil {
		return answer{}, err
	}
	return ok(destinationObject(d)), nil
}

func (a *API) destination(ctx context.Context, c *call) (answer, error) {
	d, err := a.Importer.Destination(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(destinationObject(d)), nil
}

// destinationObject is a destination with what counts where nothing was said, and without what signs in there.
func destinationObject(d rehome.Destination) *wire.Object {
	onDivergence, visibility := rehome.Stop, rehome.Private
	if d.OnDivergence != "" {
		onDivergence = d.OnDivergence
	}
	if d.Visibility != "" {
		visibility = d.Visibility
	}
	return wire.New("url", d.URL, "on_divergence", string(onDivergence), "create", d.Create, "visibility", string(visibility),
		"ssh_public_key", wire.TextOrNull(d.SSHPublicKey))
}

// finish asks for the last sync, after which the import is closed.
func (a *API) finish(ctx context.Context, c *call) (answer, error) {
	im, err := a.Importer.Finish(ctx, c.repo.ID, c.caller.User().ID)
	if err != nil {
		return answer{}, err
	}
	return ok(importObject(c.urls, c.repo, im)), nil
}
