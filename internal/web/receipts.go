package web

import (
	"context"
	"sync"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/verify"
)

// digest is what pages show of a receipt, but for its refs: of those it has where in the text each page of them is.
type digest struct {
	Head     rehome.ReceiptHead
	Authors  rehome.ReceiptAuthors
	Refs     int
	Skipped  []rehome.SkippedRef // the first that stay behind; Behind has how many do
	Behind   behind
	Warnings []rehome.Warning         // the first ones
	Warned   int                      // how many warnings there are
	Large    rehome.ReceiptLargeFiles // with the first paths that left history
	Removed  int                      // how many did
	LFS      rehome.ReceiptLFS        // with the first objects that are missing
	Missing  int                      // how many are
	at       []int64                  // where each page of refs begins, and at last where they end; bytes
}

// How many refs that stay behind, and how many warnings, a page lists, and of the paths that left history and the Git LFS objects that are missing.
const (
	listed      = 200
	listedFiles = 100
)

// digestOf reads a receipt.
func digestOf(text []byte) (*digest, error) {
	d := &digest{}
	var removed []string
	var missing []rehome.MissingLFS
	short, err := verify.ScanReceipt(text, verify.Scan{
		Ref: func(at int64) {
			if d.Refs%perPage == 0 {
				d.at = append(d.at, at)
			}
			d.Refs++
		},
		RefsEnd: func(at int64) { d.at = append(d.at, at) },
		Skipped: func(s rehome.SkippedRef) {
			if d.Behind.add(s); len(d.Skipped) < listed {
				d.Skipped = append(d.Skipped, s)
			}
		},
		Warning: func(w rehome.Warning) {
			if d.Warned++; len(d.Warnings) < listed {
				d.Warnings = append(d.Warnings, w)
			}
		},
		Removed: func(path string) {
			if d.Removed++; len(removed) < listedFiles {
				removed = append(removed, rehome.Clean(path, maxShown))
			}
		},
		Missing: func(o rehome.MissingLFS) {
			if d.Missing++; len(missing) < listedFiles {
				missing = append(missing, rehome.MissingLFS{OID: rehome.Clean(o.OID, 64), Size: o.Size, Path: rehome.Clean(o.Path, maxShown), Ref: rehome.Clean(o.Ref, maxShown)})
			}
		},
	})
	if err != nil {
		return nil, err
	}
	d.Head, d.Authors, d.Behind = short.ReceiptHead, short.Authors, d.Behind.sorted()
	d.Large, d.LFS = short.LargeFiles, short.LFS
	d.Large.Removed, d.LFS.Missing = removed, missing
	return d, nil
}

// refsAt is where in the text a page of refs is, from 0 on; empty where there is none.
func (d *digest) refsAt(page int) (from, n int64) {
	if page+1 >= len(d.at) {
		return 0, 0
	}
	return d.at[page], d.at[page+1] - d.at[page]
}

// More are how many there are of each list besides those that are listed: in the file of the receipt are all.
func (d *digest) More() (more struct{ Skipped, Warned, Removed, Missing int }) {
	more.Skipped, more.Warned = d.Behind.Total-len(d.Skipped), d.Warned-len(d.Warnings)
	more.Removed, more.Missing = d.Removed-len(d.Large.Removed), d.Missing-len(d.LFS.Missing)
	return more
}

// size is about how many bytes of memory it takes.
func (d *digest) size() int {
	n := 1000 + 8*len(d.at) + len(d.Head.Source.URL) + len(d.Head.Destination.URL)
	for _, s := range d.Skipped {
		n += 100 + len(s.Name) + len(s.NameBytes) + len(s.Reason)
	}
	for _, w := range d.Warnings {
		n += 100 + len(w.Kind) + len(w.Text)
	}
	for _, path := range d.Large.Removed {
		n += 16 + len(path)
	}
	for _, o := range d.LFS.Missing {
		n += 150 + len(o.OID) + len(o.Path) + len(o.Ref)
	}
	for _, r := range d.Behind.Why {
		n += 100 + len(r.Text)
		for _, name := range r.Names {
			n += 16 + len(name)
		}
	}
	return n
}

const (
	maxDigests = 16 << 20 // bytes of digests that are kept: those of some hundred receipts with 100,000 refs
	reading    = 2        // receipts in memory at once, whole: one may have a million refs
)

// receipts reads receipts, each once while its digest is kept. It is safe for concurrent use.
type receipts struct {
	turns chan struct{} // holds one for each receipt in memory

	mu    sync.Mutex
	known map[store.ReceiptID]*digest // guarded by mu
	size  int                         // of all that is known; guarded by mu
}

func newReceipts() *receipts {
	return &receipts{turns: make(chan struct{}, reading), known: map[store.ReceiptID]*digest{}}
}

// of returns the digest of the receipt that a repository's import has now; rehome.NotFound before it completed.
func (s *receipts) of(ctx context.Context, db *store.DB, repositoryID int64) (id store.ReceiptID, d *digest, err error) {
	for range 3 { // it may complete again meanwhile
		if id, err = db.ReceiptID(ctx, repositoryID); err != nil {
			return id, nil, err
		}
		if d = s.kept(id); d != nil {
			return id, d, nil
		}
		if d, err = s.read(ctx, db, id); rehome.CodeOf(err) != rehome.NotFound || err == nil {
			return id, d, err
		}
	}
	return id, nil, err
}

// page returns the digest with a page of the refs, from 0 on.
func (s *receipts) page(ctx context.Context, db *store.DB, repositoryID int64, page int) (d *digest, refs []rehome.ReceiptRef, err error) {
	for range 3 { // as above
		var id store.ReceiptID
		if id, d, err = s.of(ctx, db, repositoryID); err != nil {
			return nil, nil, err
		}
		from, n := d.refsAt(page)
		if n == 0 {
			return d, nil, nil
		}
		var part []byte
		err = s.turn(ctx, func() error { // SQLite reads a value whole
			part, err = db.ReceiptPart(ctx, id, from, n)
			return err
		})
		if err == nil {
			refs, err = verify.RefsIn(part)
			return d, refs, err
		}
		if rehome.CodeOf(err) != rehome.NotFound {
			return nil, nil, err
		}
	}
	return nil, nil, err
}

// turn does something with a receipt in memory.
func (s *receipts) turn(ctx context.Context, do func() error) error {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *receipts) read(ctx context.Context, db *store.DB, id store.ReceiptID) (d *digest, err error) {
	err = s.turn(ctx, func() error {
		if d = s.kept(id); d != nil {
			return nil // somebody else has read it meanwhile
		}
		text, err := db.ReceiptText(ctx, id)
		if err != nil {
			return err
		}
		if d, err = digestOf(text); err == nil {
			s.keep(id, d)
		}
		return err
	})
	return d, err
}

func (s *receipts) kept(id store.ReceiptID) *digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[id]
}

// keep makes room among those that are known, of which any may go: reading one again takes a moment.
func (s *receipts) keep(id store.ReceiptID, d *digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[id] != nil {
		return // two have read it at once
	}
	for other, gone := range s.known {
		if s.size+d.size() <= maxDigests {
			break
		}
		delete(s.known, other)
		s.size -= gone.size()
	}
	s.known[id] = d
	s.size += d.size()
}
