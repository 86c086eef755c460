package bucket

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// List fills Bucket. It holds the names of one folder of each depth at a time.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(File{}, err)
			return
		}
		l := &listing{ctx: ctx, folder: f, prefix: prefix, yield: yield}
		if prefix != "" && !strings.HasSuffix(prefix, "/") && !l.file(prefix) {
			return
		}
		if err := ctx.Err(); err != nil {
			l.fail(err)
			return
		}
		above, _ := path.Split(prefix)
		l.walk(above)
	}
}

// listing is one walk over a Folder.
type listing struct {
	ctx    context.Context // of List
	folder *Folder
	prefix string
	yield  func(File, error) bool
}

// walk lists what is below the folder of a key that is "" or ends with a slash. It is false when the listing has ended.
func (l *listing) walk(above string) bool {
	entries, err := os.ReadDir(filepath.Join(l.folder.dir, filepath.FromSlash(above)))
	if err != nil && !noFile(err) {
		return l.fail(err)
	}
	var keys []string
	for _, e := range entries {
		key := above + e.Name()
		if CheckKey(key) != nil {
			continue
		}
		if e.IsDir() {
			key += "/" // which has its place in the order
		}
		if strings.HasPrefix(key, l.prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		switch {
		case strings.HasSuffix(key, "/"):
			if !l.walk(key) {
				return false
			}
		case key != l.prefix && !l.file(key): // List has begun with the prefix itself
			return false
		}
	}
	return true
}

// file lists the file at key, if there is one.
func (l *listing) file(key string) bool {
	if err := l.ctx.Err(); err != nil {
		return l.fail(err)
	}
	info, err := os.Lstat(filepath.Join(l.folder.dir, filepath.FromSlash(key)))
	switch {
	case noFile(err) || err == nil && !info.Mode().IsRegular():
		return true
	case err != nil:
		return l.fail(err)
	}
	return l.yield(File{Key: key, Size: info.Size(), Modified: info.ModTime().UTC()}, nil)
}

func (l *listing) fail(err error) bool {
	l.yield(File{}, fmt.Errorf("list %q: %w", l.prefix, err))
	return false
}
