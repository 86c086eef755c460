package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"rehome"
	"rehome/internal/lfs"
)

// Check asks the server which of the objects it lacks, in their order, without moving a byte of them. Errors are as
// with Upload. Nothing but Client, Endpoint, the credentials, Ref, Header, Agent and Sleep matters in o.
func Check(ctx context.Context, o Options, objects []lfs.Object) (missing []lfs.Object, err error) {
	p := newPeer(o, destination, forDownload)
	c := checking{peer: p, lacks: map[lfs.OID]bool{}}
	if err := p.run(ctx, objects, 2, work{settle: c.settle, without: c.without}); err != nil {
		return nil, err
	}
	for _, o := range objects {
		if c.lacks[o.OID] {
			missing = append(missing, o)
		}
	}
	return missing, nil
}

// checking is one run of Check.
type checking struct {
	*peer
	mu    sync.Mutex
	lacks map[lfs.OID]bool // guarded by mu
}

func (c *checking) settle(ctx context.Context, a answer) error {
	err := c.pursue(ctx, a, func(a answer) error {
		if why := c.says(a); why != nil {
			return why
		}
		if a.link == nil || a.size != a.object.Size {
			return &lackError{&objectError{a.object.OID, errors.New("it does not have it")}}
		}
		return nil
	}, nil)
	if err != nil {
		return c.without(ctx, err, a.object)
	}
	return nil
}

// without notes an object that is not there, and ends the run when the reason is more than that.
func (c *checking) without(_ context.Context, why error, objects ...lfs.Object) error {
	var refusal *refusedError
	var lack *lackError
	var one *objectError
	var s *statement
	switch {
	case errors.As(why, &refusal):
		return c.unusable(refusal.why)
	case !errors.As(why, &lack):
		return why
	case !errors.As(lack.why, &one):
		return c.unusable(lack.why)
	case errors.As(one, &s) && (s.code == http.StatusUnauthorized || s.code == http.StatusForbidden):
		return &rehome.Error{
			Code: c.side.refused, Message: fmt.Sprintf("The %s does not say whether it has object %s: %v.", c.name(), objects[0].OID, s),
			Hint: c.side.wrong, Err: one,
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lacks[objects[0].OID] = true
	return nil
}
