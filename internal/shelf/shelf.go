// Package shelf keeps finished folders in a bucket: each file once, and for each folder a list of its files.
//
// Keys below the prefix that a folder is kept under:
//
//	lists/s-SHA256   the list, JSON, named by its own SHA-256
//	files/s-SHA256   a file, named by the SHA-256 of its bytes
//	files/t-TRAILER  a pack or its index, named by the hash that it ends with, which is the hash of all before it
//
// All names follow from what is kept. So whoever keeps the same folder again, after a crash or beside another, writes the same
// keys, and what one folder shares with the next is kept once.
package shelf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/bucket"
	"rehome/internal/disk"
)

// Shelf keeps folders in a bucket. It is safe for concurrent use.
type Shelf struct {
	// Room is asked now and then while files are copied from the bucket, and its error ends that. It is set before the first
	// use; nil is never asked.
	Room func() error

	in      bucket.Bucket
	scratch string // folder for lists on their way into the bucket
}

// New returns the shelf in a bucket. scratch is a folder for small files on their way there.
func New(in bucket.Bucket, scratch string) *Shelf { return &Shelf{in: in, scratch: scratch} }

// ErrDamaged says that what is kept is not what was kept.
var ErrDamaged = errors.New("what was kept is damaged")

// markFile is the file of a folder that says by which list it is kept. It is not kept itself.
const markFile = "kept-as"

// Holds returns the key of the list by which the folder at dir was kept or made, "" when there is no such folder or it was not.
func Holds(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, markFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// mark notes in a folder by which list it is kept.
func mark(dir, key string) error {
	path := filepath.Join(dir, markFile)
	f, err := disk.CreateFile(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.WriteString(key + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return disk.Move(path+".new", path)
}

// maxList is the most bytes of a list that is read.
const maxList = 16 << 20

// list says which files make a folder, as JSON.
type list struct {
	Version int      `json:"shelf"` // 1
	Folders []string `json:"folders"`
	Files   []entry  `json:"files"`
}

// entry is one file of a folder.
type entry struct {
	Name string `json:"name"` // below the folder, with slashes
	Size int64  `json:"size"` // bytes
	Sum  string `json:"sum"`  // s-SHA256 or t-TRAILER, lower-case hex
}

// Put keeps the folder at dir under prefix and returns the key of its list, by which it is found again. The folder stays,
// and shares its files with a bucket that is a folder on the same disk, for reading only. trailer is the length of the hash that packs and their
// indexes end with, bytes: 20 or 32.
func (s *Shelf) Put(ctx context.Context, prefix, dir string, trailer int) (key string, err error) {
	l := list{Version: 1, Folders: []string{}, Files: []entry{}}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(dir, path)
		switch {
		case err != nil || relErr != nil:
			return errors.Join(err, relErr)
		case name == "." || name == markFile || name == markFile+".new":
			return nil
		case d.IsDir():
			l.Folders = append(l.Folders, filepath.ToSlash(name))
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is not a file", name)
		}
		one, err := measure(ctx, path, trailer)
		one.Name = filepath.ToSlash(name)
		if err == nil {
			err = s.putFile(ctx, prefix, one, path)
		}
		l.Files = append(l.Files, one)
		return err
	})
	if err == nil {
		key, err = s.putList(ctx, prefix, l)
	}
	if err == nil {
		err = mark(dir, key)
	}
	if err != nil {
		return "", fmt.Errorf("keep %s in the bucket: %w", filepath.Base(dir), err)
	}
	return key, nil
}

// measure finds out by what name a file is kept.
func measure(ctx context.Context, path string, trailer int) (e entry, err error) {
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return e, err
	}
	e.Size = info.Size()
	if hasTrailer(path) && e.Size >= int64(trailer) {
		sum := make([]byte, trailer)
		_, err := f.ReadAt(sum, e.Size-int64(trailer))
		e.Sum = "t-" + hex.EncodeToString(sum)
		return e, err
	}
	h := sha256.New()
	_, err = io.Copy(h, during(ctx, f))
	e.Sum = "s-" + hex.EncodeToString(h.Sum(nil))
	return e, err
}

// hasTrailer reports whether a file ends with the hash of all before (gitformat-pack).
func hasTrailer(name string) bool {
	return strings.HasSuffix(name, ".pack") || strings.HasSuffix(name, ".idx")
}

func fileKey(prefix string, e entry) string { return prefix + "/files/" + e.Sum }

// putFile keeps a file unless it is there.
func (s *Shelf) putFile(ctx context.Context, prefix string, e entry, path string) error {
	key := fileKey(prefix, e)
	size, err := bucket.Size(ctx, s.in, key)
	if err == nil && size == e.Size {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil { // it is damaged, and what is there stays
		if err := s.in.Remove(ctx, key); err != nil {
			return err
		}
	}
	return s.in.Put(ctx, key, path)
}

func (s *Shelf) putList(ctx context.Context, prefix string, l list) (key string, err error) {
	text, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	if len(text) > maxList {
		return "", fmt.Errorf("%d files are too many", len(l.Files))
	}
	sum := sha256.Sum256(text)
	key = prefix + "/lists/s-" + hex.EncodeToString(sum[:])
	f, err := disk.CreateTemp(s.scratch, "list-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it may be gone
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return key, s.in.Put(ctx, key, f.Name())
}

// read returns the list at key. ErrDamaged when it is not what was kept there.
func (s *Shelf) read(ctx context.Context, key string) (l list, err error) {
	in, err := s.in.Open(ctx, key, 0)
	if err != nil {
		return l, err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxList+1))
	if err := errors.Join(err, in.Close()); err != nil {
		return l, err
	}
	sum := sha256.Sum256(text)
	if !strings.HasSuffix(key, "/s-"+hex.EncodeToString(sum[:])) {
		return l, fmt.Errorf("%w: the list %s", ErrDamaged, key)
	}
	if l, err = parseList(text); err != nil {
		return l, fmt.Errorf("read the list %s: %w", key, err)
	}
	return l, nil
}

func parseList(text []byte) (l list, err error) {
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return l, l.check()
}

// check refuses a list that would reach outside the folder it makes.
func (l list) check() error {
	if l.Version != 1 {
		return fmt.Errorf("a list of version %d: a newer Rehome made it", l.Version)
	}
	for _, name := range l.Folders {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("%w: a list names %q", ErrDamaged, name)
		}
	}
	for _, e := range l.Files {
		if !filepath.IsLocal(filepath.FromSlash(e.Name)) || e.Size < 0 || !goodSum(e.Sum) {
			return fmt.Errorf("%w: a list names %q", ErrDamaged, e.Name)
		}
	}
	return nil
}

func goodSum(sum string) bool {
	kind, digits, ok := strings.Cut(sum, "-")
	bytes, err := hex.DecodeString(digits)
	switch n := len(bytes); {
	case !ok || err != nil || strings.ToLower(digits) != digits:
		return false
	case kind == "s":
		return n == 32
	default:
		return kind == "t" && (n == 20 || n == 32)
	}
}

// prefixOf is what the list at key and its files are kept under.
func prefixOf(key string) (string, error) {
	prefix, _, ok := strings.Cut(key, "/lists/")
	if !ok {
		return "", fmt.Errorf("%q is not the key of a list", key)
	}
	return prefix, nil
}
