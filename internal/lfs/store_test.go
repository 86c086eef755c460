package lfs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"rehome/internal/lfs"
)

func open(t testing.TB) (*lfs.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lfs")
	s, err := lfs.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func objectOf(content string) lfs.Object {
	return lfs.Object{OID: sha256.Sum256([]byte(content)), Size: int64(len(content))}
}

func begin(t *testing.T, s *lfs.Store, content string) *lfs.Writer {
	t.Helper()
	w, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := io.Copy(w, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return w
}

func read(t *testing.T, s *lfs.Store, o lfs.Object) string {
	t.Helper()
	r, err := s.Open(t.Context(), o.OID, 0)
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

// checkSpool wants nothing in the spool.
func checkSpool(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, "tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("the spool holds %v, %v", left, err)
	}
}

func TestKeep(t *testing.T) {
	s, dir := open(t)
	for _, content := range []string{"", "a", strings.Repeat("content\n", 100_000)} {
		want := objectOf(content)
		if has, err := s.Has(t.Context(), want); has || err != nil {
			t.Fatalf("has before: %t, %v", has, err)
		}
		w := begin(t, s, content)
		got, err := w.Keep(t.Context())
		if err != nil || got != want {
			t.Fatalf("kept %v, %v, want %v", got, err, want)
		}
		if err := w.Close(); err != nil {
			t.Errorf("close after keep: %v", err)
		}
		if _, err := w.Write([]byte("more")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("write after keep: %v", err)
		}
		if has, err := s.Has(t.Context(), want); !has || err != nil {
			t.Errorf("has after: %t, %v", has, err)
		}
		if read(t, s, want) != content {
			t.Error("another content came back")
		}
		hex := want.OID.String()
		if info, err := os.Stat(filepath.Join(dir, "objects", hex[:2], hex[2:4], hex)); err != nil || info.Size() != want.Size {
			t.Errorf("where git-lfs looks: %v", err)
		}
		if has, err := s.Has(t.Context(), lfs.Object{OID: want.OID, Size: want.Size + 1}); has || err != nil {
			t.Errorf("has it with another size: %t, %v", has, err)
		}
	}
	checkSpool(t, dir)
}

func TestKeepAsRefusesOtherBytes(t *testing.T) {
	s, dir := open(t)
	content := "the content"
	right := objectOf(content)
	for _, want := range []lfs.Object{
		{OID: right.OID, Size: right.Size + 1},
		{OID: right.OID},
		{OID: objectOf("other").OID, Size: right.Size},
		{Size: right.Size},
	} {
		w := begin(t, s, content)
		err := w.KeepAs(t.Context(), want)
		if mismatch := (*lfs.MismatchError)(nil); !errors.As(err, &mismatch) || mismatch.Want != want || mismatch.Got != right {
			t.Errorf("want %v: %v", want, err)
		}
		for _, oid := range []lfs.OID{want.OID, right.OID} {
			if _, err := s.Size(t.Context(), oid); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is there: %v", oid, err)
			}
		}
		checkSpool(t, dir)
	}
	if err := begin(t, s, content).KeepAs(t.Context(), right); err != nil {
		t.Error(err)
	}
	checkSpool(t, dir)
}

func TestCloseDiscards(t *testing.T) {
	s, dir := open(t)
	w := begin(t, s, "content")
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keep(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("keep after close: %v", err)
	}
	if has, err := s.Has(t.Context(), objectOf("content")); has || err != nil {
		t.Errorf("has it: %t, %v", has, err)
	}
	checkSpool(t, dir)
}

func TestKeepWithAnEndedContextLeavesNothing(t *testing.T) {
	s, dir := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := begin(t, s, "content").Keep(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	checkSpool(t, dir)
}

// TestAFileOfAnotherSizeIsReplaced has a stump where the object belongs.
func TestAFileOfAnotherSizeIsReplaced(t *testing.T) {
	s, dir := open(t)
	o := objectOf("content")
	hex := o.OID.String()
	path := filepath.Join(dir, "objects", hex[:2], hex[2:4], hex)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("con"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if has, err := s.Has(t.Context(), o); has || err != nil {
		t.Errorf("has the stump: %t, %v", has, err)
	}
	if _, err := begin(t, s, "content").Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, o); got != "content" {
		t.Errorf("read %q", got)
	}
}

func TestManyKeepTheSameObject(t *testing.T) {
	s, dir := open(t)
	var wg sync.WaitGroup
	for range 16 {
		w := begin(t, s, "content")
		wg.Go(func() {
			if err := w.KeepAs(t.Context(), objectOf("content")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := read(t, s, objectOf("content")); got != "content" {
		t.Errorf("read %q", got)
	}
	checkSpool(t, dir)
}

func TestRemove(t *testing.T) {
	s, _ := open(t)
	o, err := begin(t, s, "content").Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(t.Context(), o.OID), s.Remove(t.Context(), o.OID)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), o.OID, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
}

func TestTakeFile(t *testing.T) {
	s, dir := open(t)
	from := t.TempDir()
	path := func(name string) string { return filepath.Join(from, name) }
	content := strings.Repeat("content\n", 10_000)
	o := objectOf(content)
	for name, text := range map[string]string{"right": content, "long": content + "x", "short": content[1:], "other": "x" + content[1:]} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(path("pipe"), 0o600), os.Mkdir(path("folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"long", "short", "other"} {
		err := s.TakeFile(t.Context(), o, path(name))
		if mismatch := (*lfs.MismatchError)(nil); !errors.As(err, &mismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"pipe", "folder", "missing"} {
		if err := s.TakeFile(t.Context(), o, path(name)); !errors.Is(err, lfs.ErrNoFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if has, err := s.Has(t.Context(), o); has || err != nil {
		t.Errorf("has it: %t, %v", has, err)
	}
	if err := s.TakeFile(t.Context(), o, path("right")); err != nil {
		t.Fatal(err)
	}
	if read(t, s, o) != content {
		t.Error("another content came back")
	}
	checkSpool(t, dir)
}

// TestNewStoreSweepsWhatNobodyWrites has what a process left that died, what one still writes, and what git-lfs has.
func TestNewStoreSweepsWhatNobodyWrites(t *testing.T) {
	s, dir := open(t)
	w := begin(t, s, "content")
	for _, name := range []string{"rehome-123", "gitlfs-456"} {
		if err := os.WriteFile(filepath.Join(dir, "tmp", name), []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := lfs.Local(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp", "rehome-123")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a dead process left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp", "gitlfs-456")); err != nil {
		t.Errorf("git-lfs's file: %v", err)
	}
	if o, err := w.Keep(t.Context()); err != nil || o != objectOf("content") {
		t.Errorf("the one that is written: %v, %v", o, err)
	}
}

func TestStoresOpenedWhileOthersWrite(t *testing.T) {
	s, dir := open(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				content := strings.Repeat(string(rune('a'+i)), j)
				w, err := s.Create()
				if err != nil {
					t.Error(err)
					return
				}
				w.Write([]byte(content)) //nolint:errcheck // KeepAs tells
				if err := w.KeepAs(t.Context(), objectOf(content)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 100 {
		if _, err := lfs.Local(dir); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	checkSpool(t, dir)
}

func BenchmarkKeep(b *testing.B) {
	for name, size := range map[string]int{"64KiB": 64 << 10, "64MiB": 64 << 20} {
		b.Run(name, func(b *testing.B) {
			s, _ := open(b)
			content := bytes.Repeat([]byte{1}, 64<<10)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w, err := s.Create()
				if err != nil {
					b.Fatal(err)
				}
				for range size / len(content) {
					w.Write(content) //nolint:errcheck // Keep tells
				}
				o, err := w.Keep(b.Context())
				if err := errors.Join(err, s.Remove(b.Context(), o.OID)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestTakeFileWithoutSpool tells a store that is broken from an object that is not there.
func TestTakeFileWithoutSpool(t *testing.T) {
	s, dir := open(t)
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, []byte("content"), 0o600), os.Remove(filepath.Join(dir, "tmp"))); err != nil {
		t.Fatal(err)
	}
	if err := s.TakeFile(t.Context(), objectOf("content"), file); err == nil || errors.Is(err, lfs.ErrNoFile) {
		t.Errorf("error %v", err)
	}
}

// TestReadFrom reads in halves, and up to an error.
func TestReadFrom(t *testing.T) {
	s, dir := open(t)
	content := strings.Repeat("0123456789", 100_000)
	w, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n, err := w.ReadFrom(iotest.HalfReader(strings.NewReader(content))); n != int64(len(content)) || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if err := w.KeepAs(t.Context(), objectOf(content)); err != nil {
		t.Error(err)
	}
	if got := read(t, s, objectOf(content)); got != content {
		t.Errorf("kept %d bytes", len(got))
	}
	cut, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := cut.ReadFrom(io.MultiReader(strings.NewReader("ten bytes!"), iotest.ErrReader(fs.ErrPermission))); n != 10 || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read %d, %v", n, err)
	}
	if err := cut.Close(); err != nil {
		t.Error(err)
	}
	checkSpool(t, dir)
}
