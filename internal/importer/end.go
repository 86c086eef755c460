package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/git/repo"
	"rehome/internal/host"
	"rehome/internal/remote"
	"rehome/internal/store"
)

// end is where a repository's pushes go: the built-in host, or a forge elsewhere.
type end interface {
	// refs returns what is there now and the ref that HEAD names, "" where that is not known.
	refs(ctx context.Context) (have []repo.Ref, head string, err error)
	// publish makes it what p says and returns the refs that were not taken; the others have moved.
	publish(ctx context.Context, done *finished, p publication) ([]destination.Refusal, error)
	// hasLFS is an error unless whoever clones it gets each of the objects.
	hasLFS(ctx context.Context, objects []store.LFSObject) error
	// settled looks at what was published and says what the receipt has to warn of.
	settled(ctx context.Context, head string) ([]rehome.Warning, error)
	about() endFacts
}

// endFacts are what is known of an end without asking it.
type endFacts struct {
	url        string // holds no credentials; "" is the built-in host's
	where      remote.Location
	divergence rehome.Divergence
}

// publication is what becomes of an end.
type publication struct {
	updates []repo.Update
	wrote   map[string]store.WrittenRef
	head    string // the default branch; "" leaves it as it is
	first   bool   // nothing of ours is there yet
	partly  bool   // refs are left to somebody else, with what only they reach
}

// toOther reports whether the destination was set anew since the push at hand began.
func (w *worker) toOther(ctx context.Context, t *store.Tx) bool {
	d, err := t.Destination(ctx, w.row.RepositoryID)
	if err != nil {
		return rehome.CodeOf(err) == rehome.NotFound && w.to.URL != ""
	}
	return d.Destination != w.to.Destination || !bytes.Equal(d.Credentials, w.to.Credentials) || !bytes.Equal(d.Key, w.to.Key)
}

// errOtherEnd says that the push at hand goes to what is the destination no more.
var errOtherEnd = errors.New("the destination was set anew meanwhile")

// end returns where the repository's pushes go.
func (w *worker) end(ctx context.Context) (end, error) {
	d, ok, err := w.destinationOf(ctx, w.row.RepositoryID)
	w.to = d.set
	switch {
	case err != nil:
		return nil, err
	case ok:
		return w.forgeEnd(d)
	case w.Host == nil:
		return nil, errNoHost
	}
	return hostEnd{w}, nil
}

// errNoHost refuses an import that would go to a host which is not there.
var errNoHost = &rehome.Error{
	Code: rehome.DestinationMissing, Message: "No repositories are hosted here, and the import has no destination.",
	Hint: "Name one with PUT …/import/destination first; an operator can name one for all with --destination.",
}

// hostEnd is the built-in host.
type hostEnd struct{ *worker }

func (h hostEnd) refs(ctx context.Context) ([]repo.Ref, string, error) {
	have, head, err := h.Host.Refs(ctx, h.row.RepositoryID)
	if err != nil {
		return nil, "", destinationError(fmt.Errorf("read destination: %w", err))
	}
	return have, head, nil
}

func (h hostEnd) publish(ctx context.Context, done *finished, p publication) ([]destination.Refusal, error) {
	if err := h.checkLFS(ctx, done.lfs); err != nil {
		return nil, err
	}
	// Refs move only where they are what they were when they were read; this keeps a worker that stood still meanwhile from
	// bringing packs, too.
	if err := h.DB.Renew(ctx, h.lease, h.leaseFor); err != nil {
		return nil, err
	}
	return nil, destinationError(h.Host.Publish(ctx, h.row.RepositoryID, host.Publication{
		From: done.repo, Updates: p.updates, Head: p.head, History: done.history, Content: done.content, Replaces: done.replaces,
	}))
}

func (h hostEnd) hasLFS(ctx context.Context, objects []store.LFSObject) error {
	return h.checkLFS(ctx, objects)
}

// settled warns of old history that has to stay.
func (h hostEnd) settled(ctx context.Context, _ string) ([]rehome.Warning, error) {
	refs, err := h.Host.KeptFor(ctx, h.row.RepositoryID)
	if err != nil { // what was pushed is there all the same
		h.logOf(ctx, h.row.ID).WarnContext(ctx, "look for old history", "err", err)
	}
	return keptWarning(refs), ctx.Err()
}

func (h hostEnd) about() endFacts {
	return endFacts{where: remote.Location{Path: h.Host.Dir(h.row.RepositoryID)}, divergence: rehome.Stop}
}
