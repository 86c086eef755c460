// Package buckettest holds what every kind of bucket has to pass.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rehome/internal/bucket"
)

// Run checks a kind of bucket. open makes an empty one; files to take are made below dir, or below
// the test's own folder when that is "".
func Run(t *testing.T, open func(t *testing.T) (b bucket.Bucket, dir string)) {
	for name, check := range map[string]func(kind, *testing.T){
		"a file comes back whole and from an offset": kind.comesBack,
		"an empty file is a file":                    kind.empty,
		"what is missing":                            kind.missing,
		"the first file at a key stays":              kind.firstStays,
		"a file that is put stays":                   kind.putStays,
		"a file is got":                              kind.got,
		"a removed file is gone":                     kind.removed,
		"lists are in order":                         kind.listed,
		"lists have thousands":                       kind.listedMany,
		"prefixes":                                   kind.prefixes,
		"bad keys":                                   kind.badKeys,
		"a context that has ended":                   kind.ended,
		"many at once":                               kind.manyAtOnce,
		"many put one key":                           kind.oneKey,
	} {
		t.Run(name, func(t *testing.T) {
			b, dir := open(t)
			if dir == "" {
				dir = t.TempDir()
			}
			check(kind{b, dir}, t)
		})
	}
}

// kind is a bucket to check, and where files to take are made.
type kind struct {
	bucket.Bucket
	dir string
}

const key = "0a/b-c/0_d.e"

func (k kind) file(t *testing.T, content string) string {
	t.Helper()
	f, err := os.CreateTemp(k.dir, "file-")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func (k kind) take(t *testing.T, key, content string) {
	t.Helper()
	file := k.file(t, content)
	if err := bucket.Take(t.Context(), k.Bucket, key, file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q is still there", filepath.Base(file))
	}
}

func (k kind) read(t *testing.T, key string, offset int64) string {
	t.Helper()
	r, err := k.Open(t.Context(), key, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (k kind) comesBack(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	k.take(t, key, content)
	k.take(t, "0a/b-c/other", "other")
	if size, err := bucket.Size(t.Context(), k.Bucket, key); err != nil || size != int64(len(content)) {
		t.Errorf("size %d, %v, want %d", size, err, len(content))
	}
	for _, offset := range []int{0, 1, 65_536, len(content) - 1, len(content), len(content) + 1} {
		want := content[min(offset, len(content)):]
		if got := k.read(t, key, int64(offset)); got != want {
			t.Errorf("from %d: %d bytes, want %d", offset, len(got), len(want))
		}
	}
}

func (k kind) empty(t *testing.T) {
	k.take(t, key, "")
	if size, err := bucket.Size(t.Context(), k.Bucket, key); size != 0 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
	if got := k.read(t, key, 0); got != "" {
		t.Errorf("read %q", got)
	}
}

func (k kind) missing(t *testing.T) {
	k.take(t, key, "one")
	for _, key := range []string{"0a", "0a/b-c", "0a/b-c/0_d.f", key + "/below", "elsewhere"} {
		if _, err := k.Open(t.Context(), key, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", key, err)
		}
		if _, err := bucket.Size(t.Context(), k.Bucket, key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("size of %q: %v", key, err)
		}
		if err := k.Remove(t.Context(), key); err != nil {
			t.Errorf("remove %q: %v", key, err)
		}
	}
	if err := bucket.Take(t.Context(), k.Bucket, "some", filepath.Join(k.dir, "no such file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("take a file that is not there: %v", err)
	}
	if got := k.read(t, key, 0); got != "one" {
		t.Errorf("read %q", got)
	}
}

func (k kind) firstStays(t *testing.T) {
	k.take(t, key, "first")
	k.take(t, key, "the second")
	if got := k.read(t, key, 0); got != "first" {
		t.Errorf("read %q", got)
	}
}

func (k kind) putStays(t *testing.T) {
	file := k.file(t, "content")
	for range 2 { // a caller that died in between does it again
		if err := k.Put(t.Context(), key, file); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); string(got) != "content" || err != nil {
			t.Errorf("the file holds %q, %v", got, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := k.read(t, key, 0); got != "content" {
		t.Errorf("read %q", got)
	}
	if err := k.Put(t.Context(), "some", file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("put a file that is not there: %v", err)
	}
	if err := k.Put(t.Context(), "some", k.dir); err == nil {
		t.Error("a folder was put")
	}
	if _, err := bucket.Size(t.Context(), k.Bucket, "some"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of what was refused: %v", err)
	}
}

func (k kind) got(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	k.take(t, key, content)
	k.take(t, "empty", "")
	dir := t.TempDir()
	for _, dir := range []string{dir, k.dir} { // maybe on another disk, and on the same
		file := filepath.Join(dir, "got")
		for range 2 { // the second time in place of the first
			if err := bucket.Get(t.Context(), k.Bucket, key, file); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file); string(got) != content || err != nil {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode() != 0o444 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		}
	}
	if err := bucket.Get(t.Context(), k.Bucket, "empty", filepath.Join(dir, "empty")); err != nil {
		t.Error(err)
	}
	if err := bucket.Get(t.Context(), k.Bucket, "nothing", filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get what is not there: %v", err)
	}
	if err := bucket.Get(t.Context(), k.Bucket, key, filepath.Join(dir, "no", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get into no folder: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "empty" || left[1].Name() != "got" {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

func (k kind) removed(t *testing.T) {
	k.take(t, key, "content")
	r, err := k.Open(t.Context(), key, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := k.Remove(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	// Whether the rest can be read is the kind's affair; that an error is none is not.
	if rest, err := io.ReadAll(r); string(rest) != "tent" && err == nil {
		t.Errorf("read %q, %v", rest, err)
	}
	if _, err := bucket.Size(t.Context(), k.Bucket, key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of a removed file: %v", err)
	}
	k.take(t, key, "again")
	if got := k.read(t, key, 0); got != "again" {
		t.Errorf("read %q", got)
	}
}

// list returns the keys that begin with prefix, as they come.
func (k kind) list(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	for file, err := range k.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, file.Key)
	}
	return keys
}

// listed has names around the slash in the order of bytes: "-" and "." come before it, "0" and "a" after.
func (k kind) listed(t *testing.T) {
	if got := k.list(t, ""); len(got) != 0 {
		t.Errorf("an empty one lists %q", got)
	}
	keys := []string{"a-b", "a-b.c", "a.b/c", "a/b", "a/b-c/d", "a/b0", "a/c/d/e", "a0", "aa/b", "b"}
	for i, key := range keys {
		k.take(t, key, strings.Repeat("x", i))
	}
	if got := k.list(t, ""); !slices.Equal(got, keys) {
		t.Errorf("got %q, want %q", got, keys)
	}
	now := time.Now()
	i := 0
	for file, err := range k.List(t.Context(), "") {
		if err != nil || file.Size != int64(i) || file.Modified.Location() != time.UTC || now.Sub(file.Modified).Abs() > time.Hour {
			t.Errorf("%d: %+v, %v", i, file, err)
		}
		i++
	}
	for file := range k.List(t.Context(), "a/") {
		if file.Key != "a/b" {
			t.Errorf("first of a folder: %q", file.Key)
		}
		break
	}
}

// listedMany has more files than a server tells of at once.
func (k kind) listedMany(t *testing.T) {
	const many = 1100
	var want []string
	var group errgroup.Group
	group.SetLimit(16)
	for i := range many {
		key := fmt.Sprintf("many/%02x/%04d", i%7, i)
		want = append(want, key)
		file := k.file(t, "")
		group.Go(func() error { return bucket.Take(t.Context(), k.Bucket, key, file) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if got := k.list(t, ""); !slices.Equal(got, want) {
		t.Errorf("got %d keys, want %d in order", len(got), len(want))
	}
	if got, want := k.list(t, "many/03/"), many/7; len(got) != want {
		t.Errorf("got %d keys, want %d", len(got), want)
	}
}

func (k kind) prefixes(t *testing.T) {
	keys := []string{"0a/b-c", "0a/b/c", "0a/b/d", "0b"}
	for _, key := range keys {
		k.take(t, key, "content")
	}
	for prefix, want := range map[string][]string{
		"": keys, "0": keys, "0a": keys[:3], "0a/": keys[:3], "0a/b": keys[:3], "0a/b/": keys[1:3], "0a/b/c": keys[1:2], "0a/b-c": keys[:1],
		"0b": keys[3:], "0b/": nil, "0a/b/c/": nil, "0c": nil, "elsewhere/0a": nil,
	} {
		if got := k.list(t, prefix); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", prefix, got, want)
		}
	}
	for _, prefix := range []string{"/", "../", "0a//", "0A", ".", "0a/."} {
		for _, err := range k.List(t.Context(), prefix) {
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("list %q: %v", prefix, err)
			}
		}
	}
}

func (k kind) badKeys(t *testing.T) {
	file := k.file(t, "content")
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", ".tmp", "A", "a b", "a\\b", "a\x00", "a\r\n", "\u00e4", "a:b",
		strings.Repeat("a", 256), strings.Repeat("a/", 600) + "a",
	} {
		if err := bucket.Take(t.Context(), k.Bucket, key, file); err == nil {
			t.Errorf("%q was taken", key)
		}
		if _, err := k.Open(t.Context(), key, 0); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", key, err)
		}
		if _, err := bucket.Size(t.Context(), k.Bucket, key); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("size of %q: %v", key, err)
		}
		if err := k.Remove(t.Context(), key); err == nil {
			t.Errorf("%q was removed", key)
		}
		if err := k.Put(t.Context(), key, file); err == nil {
			t.Errorf("%q was put", key)
		}
		if err := bucket.Get(t.Context(), k.Bucket, key, file+".got"); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("get %q: %v", key, err)
		}
	}
	if content, err := os.ReadFile(file); string(content) != "content" || err != nil {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

func (k kind) ended(t *testing.T) {
	k.take(t, key, "content")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := k.file(t, "more")
	_, errOpen := k.Open(ctx, key, 0)
	_, errSize := bucket.Size(ctx, k.Bucket, key)
	var errList error
	for _, err := range k.List(ctx, "") {
		errList = err
	}
	for what, err := range map[string]error{"list": errList, "put": k.Put(ctx, "other", file), "get": bucket.Get(ctx, k.Bucket, key, file+".got"), "take": bucket.Take(ctx, k.Bucket, "other", file), "open": errOpen, "size": errSize, "remove": k.Remove(ctx, key)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := k.read(t, key, 0); got != "content" {
		t.Errorf("read %q", got)
	}
}

// manyAtOnce lets several take files to the same keys; whoever looks sees a whole one.
func (k kind) manyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	keys := []string{"a/1", "a/2", "b/3/4"}
	for i := range 8 {
		content := strings.Repeat(string(rune('a'+i)), 100_000)
		for _, key := range keys {
			file := k.file(t, content)
			wg.Go(func() {
				if err := bucket.Take(t.Context(), k.Bucket, key, file); err != nil {
					t.Error(err)
				}
				r, err := k.Open(t.Context(), key, 0)
				if err != nil {
					t.Error(err)
					return
				}
				defer r.Close()
				got, err := io.ReadAll(r)
				if err != nil || len(got) != len(content) || len(bytes.Trim(got, string(got[:1]))) != 0 {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			})
		}
	}
	wg.Wait()
}

// oneKey lets several put different files at one key: all say that it is there, and it is one of the files.
func (k kind) oneKey(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 16 {
		file := k.file(t, strings.Repeat(string(rune('a'+i)), 50_000+i))
		wg.Go(func() {
			if err := k.Put(t.Context(), key, file); err != nil {
				t.Error(err)
			}
			got := k.read(t, key, 0)
			if len(got) < 50_000 || strings.Trim(got, got[:1]) != "" || len(got) != 50_000+int(got[0]-'a') {
				t.Errorf("read %d bytes", len(got))
			}
		})
	}
	wg.Wait()
}
