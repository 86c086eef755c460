// Package buckettest holds what every kind of bucket has to pass.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

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
		"a removed file can be read on":              kind.removed,
		"bad keys":                                   kind.badKeys,
		"a context that has ended":                   kind.ended,
		"many at once":                               kind.manyAtOnce,
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
	if err := k.Take(t.Context(), key, file); err != nil {
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
	if size, err := k.Size(t.Context(), key); err != nil || size != int64(len(content)) {
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
	if size, err := k.Size(t.Context(), key); size != 0 || err != nil {
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
		if _, err := k.Size(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("size of %q: %v", key, err)
		}
		if err := k.Remove(t.Context(), key); err != nil {
			t.Errorf("remove %q: %v", key, err)
		}
	}
	if err := k.Take(t.Context(), "some", filepath.Join(k.dir, "no such file")); !errors.Is(err, fs.ErrNotExist) {
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
	if rest, err := io.ReadAll(r); string(rest) != "tent" || err != nil {
		t.Errorf("read %q, %v", rest, err)
	}
	if _, err := k.Size(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of a removed file: %v", err)
	}
	k.take(t, key, "again")
	if got := k.read(t, key, 0); got != "again" {
		t.Errorf("read %q", got)
	}
}

func (k kind) badKeys(t *testing.T) {
	file := k.file(t, "content")
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", ".tmp", "A", "a b", "a\\b", "a\x00", "a\r\n", "\u00e4", "a:b",
		strings.Repeat("a", 256), strings.Repeat("a/", 600) + "a",
	} {
		if err := k.Take(t.Context(), key, file); err == nil {
			t.Errorf("%q was taken", key)
		}
		if _, err := k.Open(t.Context(), key, 0); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", key, err)
		}
		if _, err := k.Size(t.Context(), key); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("size of %q: %v", key, err)
		}
		if err := k.Remove(t.Context(), key); err == nil {
			t.Errorf("%q was removed", key)
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
	_, errSize := k.Size(ctx, key)
	for what, err := range map[string]error{"take": k.Take(ctx, "other", file), "open": errOpen, "size": errSize, "remove": k.Remove(ctx, key)} {
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
				if err := k.Take(t.Context(), key, file); err != nil {
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
