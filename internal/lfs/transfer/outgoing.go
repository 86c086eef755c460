package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"rehome/internal/lfs"
)

// outgoing reads an object out of the store for a request, and hashes it on its way: one that is damaged never
// goes out whole. net/http may still read when the request has ended, so that its end is told.
type outgoing struct {
	object lfs.Object
	on     func()      // called for each stepBytes
	bytes  func(int64) // told of bytes that went

	mu    sync.Mutex
	in    io.ReadCloser // guarded by mu, as all below; nil before the beginning and after the end
	hash  hash.Hash
	size  int64 // bytes that went
	step  int64 // of these, those not told yet
	fault error // of the store
}

// open begins to send the object.
func (s *sending) open(ctx context.Context, on func()) (*outgoing, error) {
	in, err := s.Store.OpenUnchecked(ctx, s.object.OID, 0)
	if err != nil {
		return nil, fmt.Errorf("send LFS object %s: %w", s.object.OID, err)
	}
	return &outgoing{object: s.object, on: on, bytes: s.Bytes, in: in, hash: sha256.New()}, nil
}

var errEnded = errors.New("the request has ended")

// Read fills io.Reader.
func (o *outgoing) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := o.object.Size - o.size
	switch {
	case o.in == nil:
		return 0, errEnded
	case o.fault != nil:
		return 0, o.fault
	case left == 0:
		return 0, io.EOF
	}
	n, err := o.in.Read(p[:min(left, int64(len(p)))])
	o.hash.Write(p[:n])
	if err = o.judge(n, err); err != nil {
		o.fault = fmt.Errorf("send LFS object: %w", err)
		return 0, o.fault
	}
	o.size += int64(n)
	if o.step += int64(n); o.step >= stepBytes {
		o.tell()
		o.on()
	}
	return n, nil
}

// judge says what is wrong with the next n bytes, after which the store said err. The last are not given away
// before all are known to be right.
func (o *outgoing) judge(n int, err error) error {
	got := lfs.Object{Size: o.size + int64(n)}
	if got.Size < o.object.Size && err != io.EOF {
		return err
	}
	if err != nil && err != io.EOF {
		return err
	}
	o.hash.Sum(got.OID[:0])
	if got != o.object {
		return &lfs.MismatchError{Want: o.object, Got: got}
	}
	return nil
}

func (o *outgoing) tell() {
	o.bytes(o.step)
	o.step = 0
}

// Close fills io.Closer.
func (o *outgoing) Close() error { return nil } // net/http closes early, and end does it in time

// end takes the object back: nothing is read after it.
func (o *outgoing) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.in == nil {
		return
	}
	if o.step > 0 {
		o.tell()
	}
	o.in.Close() //nolint:errcheck // it was only read
	o.in = nil
}

// whole reports whether all bytes went.
func (o *outgoing) whole() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size == o.object.Size
}

// began reports whether any went.
func (o *outgoing) began() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size > 0
}

// failure is what the store did wrong.
func (o *outgoing) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fault
}
