// Package transfer moves Git LFS objects from and to servers by the batch API and the basic transfer (git-lfs docs/api).
//
//	batch     asks for 100 objects at a time, ahead of what moves                    batch.go, reply.go, peer.go
//	download  several at a time: what a cut left is kept, and Range asks on          object.go
//	upload    several at a time, from the beginning after a cut, and verified then   upload.go, sending.go, outgoing.go
//	store     hashes each as it comes; only what is right is ever in it, or goes out
//
// Whatever may pass is tried again after a while (retry.go), with links that are new: old ones may have
// run out. What a source says it does not have, or never gives right, is missing, which is no error here. One
// that cannot be reached is, unless AllowMissing says otherwise (unreached.go). What a destination does not
// take is an error with its words (refusal.go, remedy.go).
package transfer

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
)

// Options say where objects come from or go to. Client, Endpoint and Store are required.
type Options struct {
	Client   *egress.Client
	Endpoint *url.URL // of the LFS API, as https://host/r.git/info/lfs

	// Username and Password go to the endpoint's own origin only. Foreign says that they are for another one, so
	// that nobody can sign in at this endpoint: what it wants credentials for is missing.
	Username string
	Password rehome.Secret
	Foreign  bool

	Configured   bool // the source's .lfsconfig names the endpoint; errors say so
	AllowMissing bool // what cannot be had because the server cannot be reached, after all tries, is missing, too

	Ref    string      // that the objects are for, by its full name; the server is told; "" = none
	Header http.Header // goes with batches, to the endpoint's own origin only, as egress.ForeignHeader gives what a grant over SSH has; wins over Username and Password

	Store   *lfs.Store
	Workers int                                              // objects at a time; 0 = 8
	Agent   string                                           // User-Agent
	Done    func(lfs.Object)                                 // told of each that is where it should be now, from several goroutines; may be nil
	Bytes   func(int64)                                      // told of bytes that moved, now and then, also in vain, from several goroutines; may be nil
	Sleep   func(ctx context.Context, d time.Duration) error // before another try
}

// Result is what the server could not give.
type Result struct {
	Missing []lfs.Object // sorted by id
	Wrong   []lfs.Object // those of them that the server has other bytes for, sorted, too
	Why     error        // the reason for the first of them, fit to show; nil when there is none
}

const (
	defaultWorkers = 8 // as git-lfs has (lfs.concurrenttransfers)
	batchSize      = 100
	keepers        = 120 // objects that wait for the disk while others come: it gets through many as quickly as through one
)

// Download brings objects, each id named once, into the store. Errors are *rehome.Error with the codes
// Unreachable, SourceCutOff, CredentialsWanted, CredentialsRefused and Cancelled, or the store's own.
func Download(ctx context.Context, o Options, objects []lfs.Object) (Result, error) {
	return newDownload(o).run(ctx, objects)
}

// ReadBack is Download from where objects were pushed to: errors call the server the destination's.
func ReadBack(ctx context.Context, o Options, objects []lfs.Object) (Result, error) {
	d := newDownload(o)
	d.side.noun, d.side.whose = destination.noun, destination.whose
	return d.run(ctx, objects)
}

// download is one run of Download.
type download struct {
	*peer
	lines chan struct{} // one for each download that is on its way: Workers of them

	mu     sync.Mutex
	result Result           // guarded by mu, as all below
	whyFor lfs.OID          // the object that result.Why is for
	came   int              // objects
	inRow  int              // objects given up since the last that came
	gone   map[string]error // hosts that gave no answer, and why; only with AllowMissing
}

func newDownload(o Options) *download {
	p := newPeer(o, source, forDownload)
	return &download{peer: p, gone: map[string]error{}, lines: make(chan struct{}, p.Workers)}
}

func (d *download) run(ctx context.Context, objects []lfs.Object) (Result, error) {
	err := d.peer.run(ctx, objects, d.Workers+keepers, work{settle: d.settle, without: d.without})
	if err != nil {
		return Result{}, err
	}
	for _, list := range [][]lfs.Object{d.result.Missing, d.result.Wrong} {
		slices.SortFunc(list, func(a, b lfs.Object) int { return bytes.Compare(a.OID[:], b.OID[:]) })
	}
	return d.result, nil
}

// without notes that objects are missing, unless the reason is more than that.
func (d *download) without(ctx context.Context, why error, objects ...lfs.Object) error {
	var refusal *refusedError
	var lack *lackError
	switch {
	case errors.As(why, &refusal):
		d.lacks(objects[0], refusal.why, objects[1:]...)
	case errors.As(why, &lack):
		d.lacks(objects[0], lack.why, objects[1:]...)
	case d.forgoes(ctx, why):
		d.lacks(objects[0], why, objects[1:]...)
	default:
		return why
	}
	return nil
}

// otherError says that a server has something else under the id of an object.
type otherError struct{ error }

// Unwrap returns the error underneath.
func (e *otherError) Unwrap() error { return e.error }

func isOther(why error) bool {
	var other *otherError
	var wrong *lfs.MismatchError
	return errors.As(why, &other) || errors.As(why, &wrong)
}

// lacks notes an object that is missing, why, and others for the same reason.
func (d *download) lacks(o lfs.Object, why error, others ...lfs.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.result.Missing = append(append(d.result.Missing, o), others...)
	if isOther(why) {
		d.result.Wrong = append(d.result.Wrong, o)
	}
	if why != nil && (d.result.Why == nil || bytes.Compare(o.OID[:], d.whyFor[:]) < 0) {
		d.result.Why, d.whyFor = why, o.OID
	}
}
