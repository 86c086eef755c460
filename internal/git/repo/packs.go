package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome/internal/disk"
	"rehome/internal/git/pack"
)

// packParts are the files of a pack, in the order in which they may go: what git looks
// for first, the index, first.
var packParts = []string{".idx", ".rev", ".bitmap", ".pack"}

// PackNames returns the names of the repository's own packs, each "pack-" and hex digits, sorted.
func (r *Repo) PackNames() ([]string, error) {
	entries, err := os.ReadDir(r.path("objects/pack"))
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".idx"); ok && validPackName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// PackBytes returns the size of the repository's own packs, without their indexes.
func (r *Repo) PackBytes() (size int64, err error) {
	names, err := r.PackNames()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		st, err := os.Stat(r.path("objects/pack/" + name + ".pack"))
		if err != nil {
			return 0, fmt.Errorf("measure packs: %w", err)
		}
		size += st.Size()
	}
	return size, nil
}

// validPackName reports whether name is "pack-" and hex digits.
func validPackName(name string) bool {
	digits, ok := strings.CutPrefix(name, "pack-")
	return ok && digits != "" && strings.Trim(digits, "0123456789abcdef") == ""
}

// WritePack adds a pack of which write makes the pack and the index, and returns its name: "" where
// it has no entries, and nothing is added then. Both files are there, synced, when it returns; after an
// error neither is, nor anything else.
func (r *Repo) WritePack(ctx context.Context, write func(pack, index pack.File, scratch pack.Scratch) (pack.Written, error)) (name string, err error) {
	err = r.incoming(func(dir string) error {
		files, err := createAll(dir, "new.pack", "new.idx")
		if err != nil {
			return err
		}
		defer closeAll(files)
		written, err := write(files[0], files[1], Scratch(dir))
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		name = packName(written)
		return r.install(map[string][]*disk.File{name: files})
	})
	if err != nil {
		return "", fmt.Errorf("write pack: %w", err)
	}
	return name, nil
}

// RemovePack removes one of the repository's own packs, its index first. One that is not there is no error.
func (r *Repo) RemovePack(name string) error {
	if !validPackName(name) {
		return fmt.Errorf("remove pack: %q is no pack's name", name)
	}
	if err := errors.Join(r.uninstall(name), SyncDir(r.path("objects/pack"))); err != nil {
		return fmt.Errorf("remove pack: %w", err)
	}
	return nil
}

// incoming calls do with a folder in which packs are made.
func (r *Repo) incoming(do func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(r.path("objects"), "incoming-*")
	if err != nil {
		return fmt.Errorf("make folder to receive into: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return do(dir)
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
func (r *Repo) install(packs map[string][]*disk.File) (err error) {
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
func (r *Repo) move(name string, files []*disk.File) error {
	for _, f := range files {
		if err := errors.Join(f.Sync(), f.Chmod(0o444)); err != nil {
			return err
		}
		if err := disk.Move(f.Name(), r.path("objects/pack/"+name+filepath.Ext(f.Name()))); err != nil {
			return err
		}
	}
	return nil
}

// uninstall removes a pack, its index first.
func (r *Repo) uninstall(name string) error {
	var errs []error
	for _, ext := range packParts {
		if err := os.Remove(r.path("objects/pack/" + name + ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// createAll makes empty files in dir.
func createAll(dir string, names ...string) (files []*disk.File, err error) {
	for _, name := range names {
		f, err := disk.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("make file to receive into: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*disk.File) {
	for _, f := range files {
		f.Close()
	}
}
