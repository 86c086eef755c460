package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"rehome/internal/git/pack"
)

// ReceiveOptions say how a pack is received. Zero fields take pack's defaults.
type ReceiveOptions struct {
	Limits   pack.Limits
	Visit    pack.Visit
	Progress func(pack.Progress)
	Workers  int
}

// Received is what a pack held and where it went.
type Received struct {
	pack.Summary
	HistoryName string // base name as "pack-<hex>", "" when the pack would have been empty
	ContentName string
}

// Objects returns how many objects the pack held.
func (r Received) Objects() int64 { return r.Commits + r.Tags + r.Trees + r.Blobs }

// Receive reads one whole pack from in and adds it to r as a history pack (commits,
// tags) and a content pack (trees, blobs), each with its index. Both are there, synced,
// when it returns; after an error neither is, nor anything else.
func (r *Repo) Receive(ctx context.Context, in io.Reader, o ReceiveOptions) (got Received, err error) {
	dir, err := os.MkdirTemp(r.path("objects"), "incoming-*")
	if err != nil {
		return Received{}, fmt.Errorf("make folder to receive into: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	files, err := createAll(dir, "history.pack", "history.idx", "content.pack", "content.idx", "pending")
	if err != nil {
		return Received{}, err
	}
	defer closeAll(files)
	got.Summary, err = pack.Receive(ctx, in, pack.Options{
		Format: r.format, Limits: o.Limits, Visit: o.Visit, Progress: o.Progress, Workers: o.Workers,
		Storage: pack.Storage{
			History: files[0], HistoryIndex: files[1],
			Content: files[2], ContentIndex: files[3],
			Pending: files[4],
			Map: func(f pack.File, size int64) ([]byte, func(), error) {
				return mapFile(f.(*os.File), size, unix.PROT_READ)
			},
			Scratch: Scratch(dir),
		},
	})
	if err != nil {
		return Received{}, err
	}
	got.HistoryName, got.ContentName = packName(got.History), packName(got.Content)
	if err := r.install(map[string][]*os.File{got.HistoryName: files[0:2], got.ContentName: files[2:4]}); err != nil {
		return Received{}, fmt.Errorf("install packs: %w", err)
	}
	return got, nil
}

// packName returns the name Git gives a pack, "" for one that is empty.
func packName(w pack.Written) string {
	if w.Entries == 0 {
		return ""
	}
	return "pack-" + hex.EncodeToString(w.Sum)
}

// install moves packs with their indexes under their names. One that is there already is the
// same by its checksum and stays, whatever happens to the others.
func (r *Repo) install(packs map[string][]*os.File) (err error) {
	var moved []string
	defer func() {
		for _, name := range moved {
			if err != nil {
				err = errors.Join(err, r.uninstall(name))
			}
		}
	}()
	for name, files := range packs {
		if _, err := os.Lstat(r.path("objects/pack/" + name + ".idx")); name == "" || err == nil {
			continue
		}
		moved = append(moved, name)
		if err := r.move(name, files); err != nil {
			return err
		}
	}
	return SyncDir(r.path("objects/pack"))
}

// move syncs a pack and its index and moves them under a name, the pack first: Git takes
// a pack for there once its index is.
func (r *Repo) move(name string, files []*os.File) error {
	for _, f := range files {
		if err := errors.Join(f.Sync(), f.Chmod(0o444)); err != nil {
			return err
		}
		if err := os.Rename(f.Name(), r.path("objects/pack/"+name+filepath.Ext(f.Name()))); err != nil {
			return err
		}
	}
	return nil
}

// uninstall removes a pack, its index first.
func (r *Repo) uninstall(name string) error {
	var errs []error
	for _, ext := range []string{".idx", ".pack"} {
		if err := os.Remove(filepath.Join(r.path("objects/pack"), name+ext)); err != nil && !os.IsNotExist(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// createAll makes empty files in dir.
func createAll(dir string, names ...string) (files []*os.File, err error) {
	for _, name := range names {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("make file to receive into: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
