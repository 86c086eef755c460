package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"rehome/internal/git/repo"
)

// entry is a line of files.jsonl. A folder's name ends with a slash.
type entry struct {
	Name string `json:"name"` // in the backup, with slashes
	Size int64  `json:"size"` // bytes
	Sum  string `json:"sha256,omitempty"`

	Damaged string `json:"damaged,omitempty"` // what was wrong with it when it was copied, in words
}

func (e entry) isFolder() bool { return strings.HasSuffix(e.Name, "/") }

// relink gives a file another name in place of what has it, and copies it where the disk has no links.
func relink(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, fs.ErrExist) {
		if err := os.Remove(to); err != nil {
			return err
		}
		err = os.Link(from, to)
	}
	if cannotLink(err) {
		return copyFile(from, to)
	}
	return err
}

// cannotLink reports whether an error of a link means that there can be none: another disk, a file system without, too many.
func cannotLink(err error) bool {
	for _, reason := range []error{syscall.EXDEV, syscall.EPERM, syscall.EMLINK, syscall.ENOTSUP, syscall.ENOSYS} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// copyFile copies a file, for its owner's eyes only, in place of what is there.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// copyStage brings the stage's files into the backup: packs and loose objects by link where it lies on the same disk, the rest as
// copies, so that who edits one has not edited the other.
func (b *backup) copyStage(ctx context.Context, s *stage) error {
	var done, total int64
	for _, kind := range followed {
		total += sizeOf(filepath.Join(s.dir, kind))
	}
	for _, kind := range followed {
		root := filepath.Join(s.dir, kind)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && path == root || ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(s.dir, path)
			if err != nil {
				return err
			}
			to := filepath.Join(b.work, rel)
			if d.IsDir() {
				return os.MkdirAll(to, 0o700)
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			done += info.Size()
			b.Tell(Progress{Step: "copy", Done: done, Total: total})
			if strings.Contains(filepath.ToSlash(rel), "/objects/") {
				return relink(path, to)
			}
			return copyFile(path, to)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func sizeOf(dir string) (size int64) {
	//nolint:errcheck // it is for showing progress
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

// checkRefs notes refs whose object is not in the backup.
func (b *backup) checkRefs(ctx context.Context) error {
	folders, err := os.ReadDir(filepath.Join(b.work, "host"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, folder := range folders {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.manifest.Repositories++
		if err := b.checkRefsOf(filepath.Join(b.work, "host", folder.Name())); err != nil {
			b.problems.add("%s: %v", b.names.of("host/"+folder.Name()), err)
		}
	}
	return nil
}

func (b *backup) checkRefsOf(dir string) error {
	r, err := repo.Open(dir)
	if err != nil {
		return err
	}
	refs, err := r.Refs()
	if err != nil {
		return err
	}
	objects, err := r.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	for _, ref := range refs {
		if !objects.Has(ref.ID) {
			b.problems.add("%s: %q names %s, which is not there", b.names.of("host/"+filepath.Base(dir)), ref.Name, ref.ID)
		}
	}
	return nil
}

// list writes files.jsonl, reading every file, and notes which are not what they should be.
func (b *backup) list(ctx context.Context) error {
	out, err := os.OpenFile(filepath.Join(b.work, filesName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	sum := sha256.New()
	buffered := bufio.NewWriter(io.MultiWriter(out, sum))
	lines := json.NewEncoder(buffered)
	lines.SetEscapeHTML(false)
	total, same := sizeOf(b.work), sharing{}
	err = filepath.WalkDir(b.work, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil || path == b.work || path == out.Name() {
			return err
		}
		e, err := b.entry(path, d)
		if err != nil {
			return err
		}
		if e.Damaged != "" && !b.odd[path] {
			b.problems.add("%s: %s", b.names.of(e.Name), e.Damaged)
		}
		if err := same.link(e, path); err != nil {
			return err
		}
		b.manifest.Bytes += e.Size
		b.Tell(Progress{Step: "hash", Done: b.manifest.Bytes, Total: total})
		return lines.Encode(e)
	})
	if err := errors.Join(err, buffered.Flush()); err != nil {
		return err
	}
	b.manifest.Files = hex.EncodeToString(sum.Sum(nil))
	return b.measureDisk()
}

// onDisk is a file with several names.
type onDisk struct {
	size         int64
	links, names uint64 // that it has, and those of them that are in the backup
}

// measureDisk finds out what the backup takes on the disk, and what of that it shares.
func (b *backup) measureDisk() error {
	type number struct{ device, inode uint64 }
	shared := map[number]onDisk{}
	err := filepath.WalkDir(b.work, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == filepath.Join(b.work, filesName) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Nlink == 1 {
			b.manifest.Disk.Stored += info.Size()
			return nil
		}
		at := number{uint64(st.Dev), st.Ino}
		shared[at] = onDisk{info.Size(), uint64(st.Nlink), shared[at].names + 1}
		return nil
	})
	for _, f := range shared {
		b.manifest.Disk.Stored += f.size
		if f.links > f.names {
			b.manifest.Disk.Linked += f.size
		}
	}
	return err
}

// sharing finds files that are the same by their hashes and may be one, as packs are that repositories and the bucket share.
type sharing map[string]string // path of the first, by hash

// worthSharing is from what size on, bytes.
const worthSharing = 4096

func (s sharing) may(e entry) bool {
	return e.Size >= worthSharing && (strings.Contains(e.Name, "/objects/") || strings.HasPrefix(e.Name, bucketFolder+"/"))
}

// link makes the file at path one with an earlier one that is the same, if there is any and the disk has links.
func (s sharing) link(e entry, path string) error {
	first, known := s[e.Sum]
	if !s.may(e) || !known {
		if s.may(e) {
			s[e.Sum] = path
		}
		return nil
	}
	one, err1 := os.Lstat(first)
	two, err2 := os.Lstat(path)
	if err := errors.Join(err1, err2); err != nil || os.SameFile(one, two) {
		return err
	}
	beside := path + ".same"
	if err := os.Link(first, beside); err != nil {
		return nil //nolint:nilerr // there are two then
	}
	return os.Rename(beside, path)
}

func (b *backup) entry(path string, d fs.DirEntry) (entry, error) {
	rel, err := filepath.Rel(b.work, path)
	if err != nil {
		return entry{}, err
	}
	name := filepath.ToSlash(rel)
	if d.IsDir() {
		return entry{Name: name + "/"}, nil
	}
	return measure(path, name)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
