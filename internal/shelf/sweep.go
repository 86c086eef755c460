package shelf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"rehome/internal/bucket"
)

// Sweep removes what is kept under prefix, or under prefixes that begin with it and a slash, and is of none of the folders whose lists
// have these keys. sure is asked when it is known what goes, and nothing does after an error of it: there a caller makes
// certain that nobody else has put anything meanwhile.
func (s *Shelf) Sweep(ctx context.Context, prefix string, sure func(context.Context) error, keep ...string) error {
	if err := s.sweep(ctx, prefix, sure, keep); err != nil {
		return fmt.Errorf("sweep %s in the bucket: %w", prefix, err)
	}
	return nil
}

func (s *Shelf) sweep(ctx context.Context, prefix string, sure func(context.Context) error, keep []string) error {
	stays := map[string]bool{}
	for _, key := range keep {
		if key == "" {
			continue
		}
		at, err := prefixOf(key)
		if err != nil {
			return err
		}
		l, err := s.read(ctx, key)
		if err != nil {
			return err
		}
		stays[key] = true
		for _, e := range l.Files {
			stays[fileKey(at, e)] = true
		}
	}
	var goes []string
	for f, err := range s.in.List(ctx, prefix+"/") {
		if err != nil {
			return err
		}
		if !stays[f.Key] {
			goes = append(goes, f.Key)
		}
	}
	if len(goes) == 0 {
		return nil
	}
	if err := sure(ctx); err != nil {
		return err
	}
	for n := range goes { // lists before their files: the list's key is the greater one
		if err := s.in.Remove(ctx, goes[len(goes)-1-n]); err != nil {
			return err
		}
	}
	return nil
}

// Size returns how many bytes are kept under prefix, lists and all.
func (s *Shelf) Size(ctx context.Context, prefix string) (size int64, err error) {
	for f, err := range s.in.List(ctx, prefix+"/") {
		if err != nil {
			return 0, fmt.Errorf("measure %s in the bucket: %w", prefix, err)
		}
		size += f.Size
	}
	return size, nil
}

// Check looks at every file that the list at key names, with read at every byte, and hands what is wrong to found. The error is
// about what could not be looked at.
func (s *Shelf) Check(ctx context.Context, key string, read bool, found func(key string, wrong error)) error {
	prefix, err := prefixOf(key)
	if err != nil {
		return err
	}
	l, err := s.read(ctx, key)
	if isWrong(err) {
		found(key, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", key, err)
	}
	for _, e := range l.Files {
		file := fileKey(prefix, e)
		switch err := s.checkFile(ctx, file, e, read); {
		case isWrong(err):
			found(file, err)
		case err != nil:
			return fmt.Errorf("check %s: %w", file, err)
		}
	}
	return nil
}

func isWrong(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) }

func (s *Shelf) checkFile(ctx context.Context, key string, e entry, read bool) error {
	size, err := bucket.Size(ctx, s.in, key)
	if err != nil {
		return err
	}
	if size != e.Size {
		return fmt.Errorf("%w: %d bytes of %d", ErrDamaged, size, e.Size)
	}
	if !read {
		return nil
	}
	in, err := s.in.Open(ctx, key, 0)
	if err != nil {
		return err
	}
	return errors.Join(e.copy(io.Discard, during(ctx, in)), in.Close())
}
