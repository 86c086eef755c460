package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"rehome/internal/lfs"
)

// UploadResult is what the server did not have, and has now.
type UploadResult struct {
	Sent  int64 // objects
	Bytes int64 // of these objects
}

// Upload sends those objects, each id named once, that the server says it does not have; all have to be in the
// store then. Done is told of each object that the server has, Bytes of bytes that went.
//
// Errors are *rehome.Error, or the store's own: DestinationRefused for credentials, rules and room, with the server's
// words; DestinationMissing where there is no Git LFS; DestinationCutOff for a server that breaks off or cannot
// be reached, after all tries; BlockedByPolicy. What one object is refused for does not keep others from being
// sent. The result is right with an error, too. Options that are about what is missing do not matter.
func Upload(ctx context.Context, o Options, objects []lfs.Object) (UploadResult, error) {
	return newUpload(o).run(ctx, objects)
}

// upload is one run of Upload.
type upload struct {
	*peer

	mu     sync.Mutex
	result UploadResult // guarded by mu, as all below
	taken  bool         // the server has at least one of the objects
	failed int          // objects that were refused
	first  lfs.Object   // of these, by id
	why    error        // the reason for first
}

func newUpload(o Options) *upload { return &upload{peer: newPeer(o, destination, forUpload)} }

func (u *upload) run(ctx context.Context, objects []lfs.Object) (UploadResult, error) {
	err := u.peer.run(ctx, objects, u.Workers, work{settle: u.settle, without: u.without})
	if err == nil {
		err = u.verdict()
	}
	return u.result, err
}

// settle sends one object, or notes why it is refused.
func (u *upload) settle(ctx context.Context, a answer) error {
	s := sending{upload: u, object: a.object}
	err := u.pursue(ctx, a, func(a answer) error { return s.step(ctx, a) }, s.onward)
	if err != nil {
		return u.without(ctx, err, a.object)
	}
	u.count(s)
	u.Done(a.object)
	return nil
}

func (u *upload) count(s sending) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.taken = true
	if s.sent {
		u.result.Sent++
		u.result.Bytes += s.object.Size
	}
}

// without notes an object that is refused, and ends the run when the reason is more than that.
func (u *upload) without(_ context.Context, why error, objects ...lfs.Object) error {
	var refusal *refusedError
	var lack *lackError
	var one *objectError
	switch {
	case errors.As(why, &refusal):
		return u.refuses(objects[0], refusal.why)
	case errors.As(why, &lack) && errors.As(lack.why, &one):
		return u.refuses(objects[0], one.err)
	case errors.As(why, &lack):
		return u.unusable(lack.why)
	}
	return why
}

// refuses notes an object that is refused. A server that takes none is soon asked for no more, and one that is
// full at once.
func (u *upload) refuses(o lfs.Object, why error) error {
	u.mu.Lock()
	u.failed++
	if u.why == nil || bytes.Compare(o.OID[:], u.first.OID[:]) < 0 {
		u.first, u.why = o, why
	}
	enough := !u.taken && u.failed >= maxRefused
	u.mu.Unlock()
	var s *statement
	if enough || errors.As(why, &s) && isQuota(s) && !isSize(s) {
		return u.verdict()
	}
	return nil
}

// verdict is the error for the objects that were refused; nil when there are none.
func (u *upload) verdict() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.why == nil {
		return nil
	}
	e := u.refusal(u.first, u.why)
	if n := u.failed - 1; n == 1 {
		e.Message += "; nor another one"
	} else if n > 1 {
		e.Message += fmt.Sprintf("; nor %d others", n)
	}
	e.Message += "."
	return e
}
