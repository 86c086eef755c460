package destination

import (
	"context"
	"errors"
	"sync/atomic"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/lfs/transfer"
	"rehome/internal/remote"
)

// sendLFS brings the Git LFS objects of a push that the destination lacks. A grant that runs out is asked for again, as
// long as objects get there.
func (g *Git) sendLFS(ctx context.Context, p Push) error {
	if len(p.Objects) == 0 {
		return nil
	}
	for best := int64(0); ; {
		o, err := g.lfsOptions(ctx, p.Location, "upload")
		if err != nil {
			return err
		}
		var there atomic.Int64
		o.Ref = p.Head
		o.Done = func(lfs.Object) { p.Progress(Progress{LFS: there.Add(1)}) }
		_, err = transfer.Upload(ctx, o, p.Objects)
		if !errors.Is(err, transfer.ErrGrant) || there.Load() <= best {
			return err
		}
		best = there.Load()
	}
}

// CheckLFS asks which of the Git LFS objects a destination lacks.
func (g *Git) CheckLFS(ctx context.Context, l remote.Location, objects []lfs.Object) ([]lfs.Object, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	o, err := g.lfsOptions(ctx, l, "download")
	if err != nil {
		return nil, discreet(l, explain(ctx, err))
	}
	missing, err := transfer.Check(ctx, o, objects)
	return missing, discreet(l, explain(ctx, err))
}

// lfsOptions say where the Git LFS API of a destination is, and how to sign in there.
func (g *Git) lfsOptions(ctx context.Context, l remote.Location, operation string) (transfer.Options, error) {
	o := transfer.Options{Client: g.Client, Store: g.LFS, Agent: g.agent, Sleep: g.Sleep, Username: l.Username, Password: l.Password}
	switch {
	case l.HTTP():
		o.Endpoint = l.LFS()
		return o, nil
	case l.SSH():
		grant, err := g.Transport.LFSGrant(ctx, l, operation)
		o.Endpoint, o.Header, o.Username, o.Password = grant.Endpoint, grant.Header, "", ""
		return o, err
	}
	return o, &rehome.Error{
		Code:    rehome.DestinationRefused,
		Message: "The destination's address is of a kind over which no Git LFS objects can be sent.",
		Hint:    "Give its https or ssh address.",
	}
}
