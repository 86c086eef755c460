// Package transfer downloads Git LFS objects by the batch API and the basic transfer (git-lfs docs/api).
//
//	batch     asks for 100 objects at a time, ahead of the downloads           batch.go, reply.go
//	download  several at a time: what a cut left is kept, and Range asks on    object.go
//	store     hashes each as it comes; only what is right is ever in it
//
// Whatever may pass is tried again after a while (retry.go), with links that are new: old ones may have
// run out. What a server says it does not have, or never gives right, is missing, which is no error here. One
// that cannot be reached is, unless AllowMissing says otherwise (unreached.go).
package transfer

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
)

// Options say where objects come from and go to. Client, Endpoint and Store are required.
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

	Store   *lfs.Store
	Workers int                                              // downloads at a time; 0 = 8
	Agent   string                                           // User-Agent
	Done    func(lfs.Object)                                 // told of each that is in Store now, from several goroutines; may be nil
	Bytes   func(int64)                                      // told of bytes that came, now and then, also in vain, from several goroutines; may be nil
	Sleep   func(ctx context.Context, d time.Duration) error // before another try
}

// Result is what the server could not give.
type Result struct {
	Missing []lfs.Object // sorted by id
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

// download is one run of Download.
type download struct {
	Options
	bounds bounds
	lines  chan struct{} // one for each download that is on its way: Workers of them

	mu     sync.Mutex
	result Result           // guarded by mu, as all below
	whyFor lfs.OID          // the object that result.Why is for
	came   int              // objects
	inRow  int              // objects given up since the last that came
	gone   map[string]error // hosts that gave no answer, and why; only with AllowMissing
}

// bounds are the times that a server may take. Tests have shorter ones.
type bounds struct {
	batch time.Duration // for the answer to a batch
	step  time.Duration // for the next stepBytes of an object, the beginning of the answer included
}

// stepBytes in bounds.step is the slowest that a download may be: about 1 KiB a second.
const stepBytes = 256 << 10

func newDownload(o Options) *download {
	if o.Workers <= 0 {
		o.Workers = defaultWorkers
	}
	if o.Done == nil {
		o.Done = func(lfs.Object) {}
	}
	if o.Bytes == nil {
		o.Bytes = func(int64) {}
	}
	return &download{Options: o, gone: map[string]error{}, lines: make(chan struct{}, o.Workers), bounds: bounds{batch: 5 * time.Minute, step: 4 * time.Minute}}
}

func (d *download) run(ctx context.Context, objects []lfs.Object) (Result, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	answers := make(chan answer, batchSize)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(answers)
		if err := d.batches(ctx, objects, answers); err != nil {
			stop(err)
		}
	})
	for range min(d.Workers+keepers, len(objects)) {
		wg.Go(func() {
			for a := range answers {
				if err := d.settle(ctx, a); err != nil {
					stop(err)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	slices.SortFunc(d.result.Missing, func(a, b lfs.Object) int { return bytes.Compare(a.OID[:], b.OID[:]) })
	return d.result, nil
}

// batches asks for the objects and hands on the answers. After an error, or when the server has no objects at
// all, it stops.
func (d *download) batches(ctx context.Context, objects []lfs.Object, to chan<- answer) error {
	most, size, taken, refused := batchSize, batchSize, false, 0
	for len(objects) > 0 {
		n := min(size, len(objects))
		answers, err := d.batch(ctx, objects[:n])
		var refusal *refusedError
		var lack *lackError
		switch {
		case errors.As(err, &refusal) && n > 1: // for their number, or for one of them
			if size = n / 2; refusal.tooMany {
				most = size
			}
			continue
		case errors.As(err, &refusal) && (taken || refused < maxRefused):
			refused++
			d.lacks(objects[0], refusal.why)
		case errors.As(err, &refusal):
			d.lacks(objects[0], refusal.why, objects[1:]...)
			return nil
		case errors.As(err, &lack):
			d.lacks(objects[0], lack.why, objects[1:]...)
			return nil
		case d.forgoes(ctx, err):
			d.lacks(objects[0], err, objects[1:]...)
			return nil
		case err != nil:
			return err
		default:
			taken, size = true, min(2*size, most)
		}
		for _, a := range answers {
			select {
			case to <- a:
			case <-ctx.Done():
				return nil
			}
		}
		objects = objects[n:]
	}
	return nil
}

// maxRefused is how many single objects a server that took none may refuse until it is asked for no more.
const maxRefused = 16

// lacks notes an object that is missing, why, and others for the same reason.
func (d *download) lacks(o lfs.Object, why error, others ...lfs.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.result.Missing = append(append(d.result.Missing, o), others...)
	if why != nil && (d.result.Why == nil || bytes.Compare(o.OID[:], d.whyFor[:]) < 0) {
		d.result.Why, d.whyFor = why, o.OID
	}
}
