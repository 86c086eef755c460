package importer

import (
	"context"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/store"
)

// detect is the first step of an import whose version control system is not known.
func (w *worker) detect(ctx context.Context) error {
	l, err := w.location()
	if err != nil {
		return err
	}
	vcs, err := detect(ctx, w.Source, l)
	if err != nil {
		return err
	}
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		if i.State.Status != rehome.Detecting {
			return store.ErrUnchanged // somebody named it meanwhile
		}
		i.Source.VCS = vcs
		become(i, rehome.Importing)
		i.State.Note = ""
		return nil
	})
}

// detect asks each reader in turn what answers at l. When none knows it, an answer that
// wants credentials counts more than one that is no repository, and that more than none.
func detect(ctx context.Context, readers map[rehome.VCS]source.Source, l source.Location) (rehome.VCS, error) {
	worst := error(&rehome.Error{Code: rehome.NotARepository, Message: "There is no reader for any version control system."})
	weight := -1
	for _, vcs := range []rehome.VCS{rehome.Git, rehome.Subversion, rehome.Mercurial, rehome.TFVC} {
		if readers[vcs] == nil {
			continue
		}
		found, err := readers[vcs].Detect(ctx, l)
		if err == nil {
			return found.VCS, nil
		}
		n := 0
		switch code := rehome.CodeOf(err); {
		case isAboutCredentials(code):
			n = 2
		case code == rehome.NotARepository:
			n = 1
		}
		if n > weight {
			worst, weight = err, n
		}
	}
	return "", worst
}
