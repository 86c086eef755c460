package api

import (
	"context"
	"slices"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/wire"
)

func (a *API) startImport(ctx context.Context, c *call) (answer, error) {
	f, err := readForm(c.w, c.r, "Import")
	if err != nil {
		return answer{}, err
	}
	wanted := importer.StartRequest{
		URL:         f.required("vcs_url"),
		Username:    orEmpty(f.text("vcs_username")),
		Password:    rehome.Secret(orEmpty(f.text("vcs_password"))),
		TFVCProject: orEmpty(f.text("tfvc_project")),
		SSHKey:      f.sshKey("ssh_key"),
		Choices:     readChoices(f),

		By: c.caller.User().ID,
	}
	if vcs := readVCS(f); vcs != nil {
		wanted.VCS = *vcs
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	im, err := a.Importer.Start(ctx, c.repo, wanted)
	if err != nil {
		return answer{}, err
	}
	return created(importObject(c.urls, c.repo, im), c.urls.Import(c.repo)), nil
}

// readVCS returns the version control system the form names, nil for none.
func readVCS(f *form) *rehome.VCS {
	name := f.text("vcs")
	if name == nil || *name == "" {
		return nil
	}
	vcs, ok := rehome.ParseVCS(*name)
	if !ok {
		f.fault("vcs", "invalid", "vcs is not git, subversion, mercurial or tfvc")
		return nil
	}
	return &vcs
}

func (a *API) importStatus(ctx context.Context, c *call) (answer, error) {
	im, err := a.Importer.Get(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(importObject(c.urls, c.repo, im)), nil
}

// updateImport takes new credentials, a choice of project or options; without any of them it restarts.
func (a *API) updateImport(ctx context.Context, c *call) (answer, error) {
	f, err := readForm(c.w, c.r, "Import")
	if err != nil {
		return answer{}, err
	}
	wanted := importer.UpdateRequest{
		URL: orEmpty(f.text("vcs_url")), Username: f.text("vcs_username"), VCS: readVCS(f), TFVCProject: f.text("tfvc_project"),
		Password: f.secret("vcs_password"), SSHKey: f.sshKey("ssh_key"), Choices: readChoices(f),

		By: c.caller.User().ID,
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	im, err := a.Importer.Update(ctx, c.repo.ID, wanted)
	if err != nil {
		return answer{}, err
	}
	return ok(importObject(c.urls, c.repo, im)), nil
}

// approve lets a held import push.
func (a *API) approve(ctx context.Context, c *call) (answer, error) {
	im, err := a.Importer.Approve(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(importObject(c.urls, c.repo, im)), nil
}

func (a *API) cancelImport(ctx context.Context, c *call) (answer, error) {
	if err := a.Importer.Cancel(ctx, c.repo.ID, c.caller.User().ID); err != nil {
		return answer{}, err
	}
	return noContent(), nil
}

// receipt sends the importer's bytes as they are: the receipt's own checksum is over them.
func (a *API) receipt(ctx context.Context, c *call) (answer, error) {
	text, err := a.Importer.Receipt(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	return ok(verbatim(text)), nil
}

// imports lists the imports of the owners the caller acts for.
func (a *API) imports(ctx context.Context, c *call) (answer, error) {
	query := c.r.URL.Query()
	status := rehome.Status(query.Get("status"))
	if status != "" && !slices.Contains(rehome.Statuses(), status) {
		return answer{}, invalid(fieldError{Resource: "Import", Field: "status", Code: "invalid", Message: "status is none an import can have"})
	}
	p := pageOf(query)
	found, total, err := a.Importer.List(ctx, importer.Filter{Owners: c.caller.Logins(), Status: status, Page: p.number, PerPage: p.size})
	if err != nil {
		return answer{}, err
	}
	list := make([]*wire.Object, 0, len(found))
	for _, one := range found {
		list = append(list, listedObject(c.urls, one))
	}
	ans := ok(list)
	ans.headers = p.link(c.urls.API+"/imports", query, int(total))
	return ans, nil
}

func listedObject(u wire.URLs, l importer.Listed) *wire.Object {
	o := importObject(u, l.Repository, l.Import)
	o.Add("full_name", l.Repository.FullName(), "created_at", wire.Stamp(l.CreatedAt), "updated_at", wire.Stamp(l.UpdatedAt),
		"queue_position", l.QueuePosition, "worker", wire.TextOrNull(l.Worker), "started_at", wire.Stamp(l.StartedAt), "disk_bytes", l.DiskBytes, "raw_expires_at", wire.Stamp(l.RawExpiresAt))
	return o
}
