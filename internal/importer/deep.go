package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/store"
)

// deepProof fetches a destination as anybody would: each object is hashed and all that is named has to be there. As the
// refs are those that were pushed, everything they lead to is. With VerifyBytes the Git LFS objects are fetched and
// hashed, too.
type deepProof struct {
	from      source.Source
	at        remote.Location
	dir       string // to work in; somebody else removes it
	depth     rehome.Depth
	limits    source.Limits
	largeOver int64
	lfs       bool // fetch Git LFS objects
	gaps      bool // of which some may be missing
}

func (d deepProof) run(ctx context.Context, final []finalRef) error {
	o := rawOptions{LargeOver: d.largeOver, AllowMissing: d.gaps}
	if d.lfs && d.depth == rehome.VerifyBytes {
		o.Store = func(string) (*lfs.Store, error) { return lfs.Local(filepath.Join(d.dir, "lfs")) }
	}
	got, err := fetchRaw(ctx, d.from, source.Request{Location: d.at, Dir: filepath.Join(d.dir, "copy"), Limits: d.limits}, o)
	if err != nil {
		return unproven(ctx, err)
	}
	_, err = compare(final, "", got.Refs, "")
	return err
}

// proveDeeper looks at more than the refs of the destination, where that was asked for.
func (w *worker) proveDeeper(ctx context.Context, to end, p *proof) (err error) {
	p.depth = w.row.Options.Verify
	if p.depth == "" || p.depth == rehome.VerifyRefs || len(p.final) == 0 {
		return nil
	}
	dir, err := w.Folder.aside()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	at := to.about().where
	d := deepProof{
		from: w.Source[rehome.Git], at: at, dir: dir, depth: p.depth, limits: w.Limits, largeOver: p.LargeOver,
		lfs: at.URL != nil, gaps: len(p.LFS.Missing) > 0,
	}
	if err := d.run(ctx, p.final); err != nil || p.depth != rehome.VerifyBytes || at.URL != nil {
		return err
	}
	return w.hashLFS(ctx, p.lfs)
}

// unproven says that the destination could not be fetched.
func unproven(ctx context.Context, err error) error {
	e := rehome.AsError(err)
	if ctx.Err() != nil || e.Code == rehome.Internal || e.Code == rehome.DiskFull || e.Code == rehome.BlockedByPolicy {
		return err
	}
	code := rehome.DestinationRefused
	if e.Code == rehome.Unreachable || e.Code == rehome.SourceCutOff {
		code = rehome.DestinationCutOff
	}
	return &rehome.Error{
		Code: code, Err: err, Hint: "Start the import again; or verify refs only.",
		Message: "The destination was fetched to prove what is there, as if it were a source, and that failed: " + e.Message,
	}
}

// hashLFS reads the objects that the built-in host serves.
func (w *worker) hashLFS(ctx context.Context, objects []store.LFSObject) error {
	for _, o := range objects {
		oid, err := lfs.ParseOID(o.OID)
		if err != nil {
			return err
		}
		in, err := w.LFS.OpenUnchecked(ctx, oid, 0)
		if err != nil {
			return fmt.Errorf("read Git LFS object: %w", err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, in)
		if err := errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("read Git LFS object: %w", err)
		}
		if lfs.OID(sum.Sum(nil)) != oid {
			return differs(fmt.Sprintf("the Git LFS object %s has other bytes", oid))
		}
	}
	return nil
}
