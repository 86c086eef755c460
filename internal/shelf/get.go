package shelf

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/disk"
)

// Get makes a folder at dir of what was kept, whole and on the disk, or nothing after an error. Packs and their indexes are shared
// with a bucket that is a folder on the same disk; what is copied is compared with its hash. fs.ErrNotExist when the list or one of its files is
// gone, ErrDamaged when one is not what was kept.
func (s *Shelf) Get(ctx context.Context, key, dir string) error {
	err := s.get(ctx, key, dir)
	if err != nil {
		return errors.Join(fmt.Errorf("get %s from the bucket: %w", key, err), os.RemoveAll(dir))
	}
	return nil
}

func (s *Shelf) get(ctx context.Context, key, dir string) error {
	prefix, err := prefixOf(key)
	if err != nil {
		return err
	}
	l, err := s.read(ctx, key)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	folders := []string{dir}
	for _, name := range l.Folders {
		folders = append(folders, filepath.Join(dir, filepath.FromSlash(name)))
	}
	for _, folder := range folders {
		if err := disk.MakeFolders(folder, 0o700); err != nil {
			return err
		}
	}
	for _, e := range l.Files {
		if err := s.getFile(ctx, fileKey(prefix, e), e, filepath.Join(dir, filepath.FromSlash(e.Name))); err != nil {
			return err
		}
	}
	if err := mark(dir, key); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := syncFolder(folder); err != nil {
			return err
		}
	}
	return nil
}

// getFile makes one file.
func (s *Shelf) getFile(ctx context.Context, key string, e entry, path string) (err error) {
	in, err := s.in.Open(ctx, key, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if f, ok := in.(*os.File); ok && hasTrailer(e.Name) {
		info, err := f.Stat()
		if err == nil && info.Size() != e.Size {
			return fmt.Errorf("%w: %s has %d bytes of %d", ErrDamaged, key, info.Size(), e.Size)
		}
		if err == nil && disk.Share(f.Name(), path) == nil {
			return nil
		}
	}
	out, err := disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = e.copy(out, s.whileRoom(during(ctx, in)))
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// copy copies all of in, which has to be the file that e is about.
func (e entry) copy(out io.Writer, in io.Reader) error {
	kind, digits, _ := strings.Cut(e.Sum, "-")
	want, err := hex.DecodeString(digits)
	if err != nil {
		return err
	}
	h, hashed := hash.Hash(sha256.New()), e.Size
	if kind == "t" {
		if len(want) == sha1.Size {
			h = sha1.New()
		}
		hashed -= int64(len(want))
	}
	if _, err := io.CopyN(io.MultiWriter(out, h), in, hashed); err != nil {
		return short(err)
	}
	if kind == "t" {
		if _, err := io.CopyN(out, io.TeeReader(in, sameAs(want)), e.Size-hashed); err != nil {
			return short(err)
		}
	}
	if got := h.Sum(nil); hex.EncodeToString(got) != digits {
		return ErrDamaged
	}
	if n, err := in.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return errors.Join(ErrDamaged, noEOF(err))
	}
	return nil
}

// during reads in until ctx ends, also where in is a file: a copy may take minutes.
func during(ctx context.Context, in io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return in.Read(p)
	})
}

// roomEvery is how many bytes are copied before room is asked for again.
const roomEvery = 16 << 20

// whileRoom reads in as long as there is room for it.
func (s *Shelf) whileRoom(in io.Reader) io.Reader {
	if s.Room == nil {
		return in
	}
	left := 0
	return readerFunc(func(p []byte) (int, error) {
		if left <= 0 {
			if err := s.Room(); err != nil {
				return 0, err
			}
			left = roomEvery
		}
		n, err := in.Read(p)
		left -= n
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// short tells a file that ends early from one that cannot be read.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends early", ErrDamaged)
	}
	return err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sameAs takes just these bytes.
func sameAs(want []byte) io.Writer { return &same{want} }

type same struct{ want []byte }

// Write fails with ErrDamaged on the first byte that differs.
func (s *same) Write(b []byte) (int, error) {
	if len(b) > len(s.want) || string(b) != string(s.want[:len(b)]) {
		return 0, ErrDamaged
	}
	s.want = s.want[len(b):]
	return len(b), nil
}

// Open opens one file of what was kept. fs.ErrNotExist when there is none of that name. It is not compared with its hash.
func (s *Shelf) Open(ctx context.Context, key, name string) (io.ReadCloser, error) {
	prefix, err := prefixOf(key)
	if err != nil {
		return nil, err
	}
	l, err := s.read(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open %s of %s: %w", name, key, err)
	}
	for _, e := range l.Files {
		if e.Name == name {
			return s.in.Open(ctx, fileKey(prefix, e), 0)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: key + "/" + name, Err: fs.ErrNotExist}
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
