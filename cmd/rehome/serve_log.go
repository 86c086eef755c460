package main

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/store"
)

// logProtections says at start what git's children get, and what this machine lacks for more (docs/operating.md, "Protections").
func (p *parts) logProtections() {
	on, off := p.host.Protections()
	if len(on) > 0 {
		p.log.Info("git children are caged", "by", strings.Join(on, ", "))
	}
	if len(off) > 0 {
		p.log.Warn("git children are caged less than they can be", "missing", strings.Join(off, "; "))
	}
}

// ended tells webhooks of an import's end, in the transaction that brings it, and the log once that stands.
func (p *parts) ended(ctx context.Context, t *store.Tx, e rehome.ImportEnd) (told func(), err error) {
	hooks, err := p.hooks.ImportEnded(ctx, t, e)
	if err != nil {
		return nil, err
	}
	return func() {
		hooks()
		p.logEnd(ctx, e)
	}, nil
}

// logEnd writes one line about an import that is complete, failed or was cancelled; of a cancelled one there is no more
// than the repository.
func (p *parts) logEnd(ctx context.Context, e rehome.ImportEnd) {
	r, err := p.db.RepositoryByID(ctx, e.RepositoryID)
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		return // it went, and its import with it
	}
	if e.Outcome == rehome.Canceled {
		p.log.InfoContext(ctx, "import ended", "import", e.ImportID, "repository", r.FullName(), "status", e.Outcome)
		return
	}
	i, failed := p.db.ImportOf(ctx, e.RepositoryID)
	if err = errors.Join(err, failed); err != nil {
		p.warn("look at an import that ended", err)
		return
	}
	status := i.State.Status
	if e.Outcome == rehome.Success {
		status = rehome.Complete // whatever began after it
	}
	line := []any{
		"import", i.ID, "repository", r.FullName(), "status", status,
		"raw", i.Timing.Raw.Round(time.Millisecond), "rewrite", i.Timing.Rewrite.Round(time.Millisecond), "push", i.Timing.Push.Round(time.Millisecond),
	}
	if why := i.State.Err; why != nil && status != rehome.Complete {
		p.log.WarnContext(ctx, "import ended", append(line, "step", i.State.FailedStep, "code", why.Code, "why", why.Message)...)
		return
	}
	p.log.InfoContext(ctx, "import ended", line...)
}

// logStart says what runs here, and where it keeps what. URLs are without passwords.
func (p *parts) logStart() {
	f := &p.flags
	database, in := "a file in the data folder", "a folder in the data folder"
	if u, err := url.Parse(f.places.database); err == nil && p.shares() {
		database = u.Host + u.Path
	}
	if f.places.bucket != "" {
		in = bucket.Name(p.vitals.bucket)
	}
	to := f.destination.template
	if to == "" && f.role.hosts() {
		to = "the built-in host"
	}
	p.log.Info("started", "version", version, "commit", commit, "role", f.role.role, "process", p.folder.Called(), "data", string(p.dir), "database", database, "bucket", in,
		"destination", to, "workers", p.workers(), "min_free", f.keep.minFree.String(), "max_repository", f.limits.repository.String(),
		"max_running_per_user", f.role.running, "max_queued_per_user", f.role.queued)
	p.log.Info("sources", "allow_private_networks", f.network.private, "allow_network", f.network.allow.String(), "block_network", f.network.block.String(),
		"proxy", f.network.proxy != "", "max_objects", f.limits.objects, "max_refs", f.limits.refs, "allow_faults", f.limits.faults.String())
	p.log.Info("listening", "url", p.scheme()+"://"+p.listener.Addr().String())
	p.vitals.started = true
}

// logStopped is the last line of a server that had started.
func (p *parts) logStopped() {
	if p.vitals.started {
		p.log.Info("stopped")
	}
}

// damaged tells of a repository on the host that git cannot read.
func (p *parts) damaged(ctx context.Context, repositoryID int64, err error) {
	p.metrics.Damaged()
	line := []any{"repository_id", repositoryID, "err", err}
	if r, err := p.db.RepositoryByID(ctx, repositoryID); err == nil {
		line = append([]any{"repository", r.FullName()}, line...)
	}
	p.log.ErrorContext(ctx, "a repository on the host is damaged: run rehome check", line...)
}
