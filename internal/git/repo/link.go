package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/disk"
)

// Link makes every pack of from a pack of r, as a second name of the same file, or as a copy
// where the two folders cannot share files. An index comes after its pack, so that git never
// sees one without the other. What is there already stays. Loose objects are not carried.
func (r *Repo) Link(from *Repo) error {
	if from.format != r.format {
		return fmt.Errorf("link packs: %s packs into a %s repository", from.format, r.format)
	}
	entries, err := os.ReadDir(from.path("objects/pack"))
	if err != nil {
		return fmt.Errorf("link packs: %w", err)
	}
	for _, e := range entries {
		base, isIndex := strings.CutSuffix(e.Name(), ".idx")
		if !isIndex || !strings.HasPrefix(base, "pack-") {
			continue
		}
		for _, name := range []string{base + ".pack", base + ".idx"} {
			if err := linkFile(from.path("objects/pack/"+name), r.path("objects/pack/"+name)); err != nil {
				return fmt.Errorf("link pack: %w", err)
			}
		}
	}
	if err := SyncDir(r.path("objects/pack")); err != nil {
		return fmt.Errorf("link packs: %w", err)
	}
	return nil
}

// LinkPack makes packs of from, each by its name, packs of r, as Link does with all. It is fs.ErrNotExist when
// from lacks one; others may be there then.
func (r *Repo) LinkPack(from *Repo, names ...string) error {
	for _, name := range names {
		if err := r.linkPack(from, name); err != nil {
			return fmt.Errorf("link pack: %w", err)
		}
	}
	if err := SyncDir(r.path("objects/pack")); err != nil {
		return fmt.Errorf("link pack: %w", err)
	}
	return nil
}

func (r *Repo) linkPack(from *Repo, name string) error {
	if !validPackName(name) {
		return fmt.Errorf("%q is no pack's name", name)
	}
	if _, err := os.Lstat(from.path("objects/pack/" + name + ".idx")); err != nil {
		return err // before its pack is here alone
	}
	for _, ext := range []string{".pack", ".idx"} {
		if err := linkFile(from.path("objects/pack/"+name+ext), r.path("objects/pack/"+name+ext)); err != nil {
			return err
		}
	}
	return nil
}

// linkFile gives the file from the second name to.
func linkFile(from, to string) error {
	err := disk.Share(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return copyFile(from, to)
}

// copyFile copies a file so that to appears whole or not at all.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := disk.CreateTemp(filepath.Dir(to), "tmp_link_*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(0o444), out.Sync(), out.Close()); err != nil {
		return err
	}
	return disk.Move(out.Name(), to)
}
