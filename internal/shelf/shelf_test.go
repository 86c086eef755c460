package shelf

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/bucket"
)

// other hides that a bucket is a folder, so that files are copied and compared.
type other struct{ bucket.Bucket }

// Open fills bucket.Bucket with a reader that is no file.
func (o other) Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	in, err := o.Bucket.Open(ctx, key, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{in, in}, nil
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// packed makes a repository with a real pack and its index.
func packed(t *testing.T, more ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "packed.git")
	script := `set -e
git init -q --bare "$1"; cd "$1"; shift
export GIT_AUTHOR_NAME=ada GIT_AUTHOR_EMAIL=ada@old.example GIT_COMMITTER_NAME=ada GIT_COMMITTER_EMAIL=ada@old.example GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'
tree=$(git mktree </dev/null)
for text in one "$@"; do git update-ref refs/heads/main $(git commit-tree -m "$text" $tree); git repack -qd; done
rm -rf hooks; git pack-refs --all`
	out, err := exec.Command("bash", append([]string{"-c", script, "bash", dir}, more...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// files are the names and bytes of a folder's files, and the names of the folders in it.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || name == markFile {
			return err
		}
		if d.IsDir() {
			all[name] = "folder"
			return nil
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func keys(t *testing.T, b bucket.Bucket, prefix string) (all []string) {
	t.Helper()
	for f, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Key)
	}
	return all
}

func shelves(t *testing.T) map[string]bucket.Bucket {
	folder := must(bucket.NewFolder(t.TempDir()))(t)
	return map[string]bucket.Bucket{"shared": folder, "copied": other{must(bucket.NewFolder(t.TempDir()))(t)}}
}

// What was kept comes back as it was, under the same key each time, and says by which list it is kept.
func TestFolderComesBack(t *testing.T) {
	for name, b := range shelves(t) {
		t.Run(name, func(t *testing.T) {
			s, dir, to := New(b, t.TempDir()), packed(t), filepath.Join(t.TempDir(), "back")
			key := must(s.Put(t.Context(), "raw/1/7", dir, 20))(t)
			if again := must(s.Put(t.Context(), "raw/1/7", dir, 20))(t); again != key || Holds(dir) != key {
				t.Errorf("kept again as %s, not %s; the folder says %q", again, key, Holds(dir))
			}
			if err := s.Get(t.Context(), key, to); err != nil {
				t.Fatal(err)
			}
			if want, got := files(t, dir), files(t, to); !equal(want, got) {
				t.Errorf("came back as %v", slices.Collect(mapKeys(got)))
			}
			if Holds(to) != key {
				t.Errorf("the folder says %q", Holds(to))
			}
			if out, err := exec.Command("git", "--git-dir", to, "fsck", "--full").CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			in := must(s.Open(t.Context(), key, "packed-refs"))(t)
			if text := must(io.ReadAll(in))(t); !strings.Contains(string(text), "refs/heads/main") {
				t.Errorf("packed-refs is %q", text)
			}
			in.Close()
			if _, err := s.Open(t.Context(), key, "nothing"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file that is not there: %v", err)
			}
		})
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// A folder that grew is kept with what is new only, and a sweep takes what no list names any more, unless its caller
// is not sure.
func TestSweep(t *testing.T) {
	b := must(bucket.NewFolder(t.TempDir()))(t)
	s := New(b, t.TempDir())
	small, large := packed(t), packed(t, "two")
	first := must(s.Put(t.Context(), "raw/1/7", small, 20))(t)
	before := keys(t, b, "raw/1/")
	second := must(s.Put(t.Context(), "raw/1/7", large, 20))(t)
	for _, key := range before {
		if strings.Contains(key, "/files/t-") && !slices.Contains(keys(t, b, "raw/1/"), key) {
			t.Errorf("the pack %s is gone", key)
		}
	}
	other := must(s.Put(t.Context(), "raw/10/7", small, 20))(t)
	not := errors.New("somebody else has it now")
	if err := s.Sweep(t.Context(), "raw/1", func(context.Context) error { return not }, second); !errors.Is(err, not) {
		t.Errorf("swept though its caller was not sure: %v", err)
	}
	if err := s.Get(t.Context(), first, filepath.Join(t.TempDir(), "back")); err != nil {
		t.Errorf("what was not swept: %v", err)
	}
	sure := func(context.Context) error { return nil }
	if err := s.Sweep(t.Context(), "raw/1", sure, second, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Get(t.Context(), first, filepath.Join(t.TempDir(), "back")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was swept: %v", err)
	}
	for _, key := range []string{second, other} {
		if err := s.Get(t.Context(), key, filepath.Join(t.TempDir(), "back")); err != nil {
			t.Errorf("what stays: %v", err)
		}
	}
	if err := s.Sweep(t.Context(), "raw/1", sure); err != nil || len(keys(t, b, "raw/1/")) > 0 {
		t.Errorf("after a sweep of all: %v, %v", err, keys(t, b, "raw/1/"))
	}
}

// What is damaged in the bucket is found, and nothing is made of it.
func TestDamage(t *testing.T) {
	for name, spoil := range map[string]func(path string, text []byte) error{
		"a flipped byte": func(path string, text []byte) error {
			text[len(text)/2] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"a flipped last byte": func(path string, text []byte) error {
			text[len(text)-1] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"a byte less": func(path string, text []byte) error { return os.WriteFile(path, text[:len(text)-1], 0o600) },
		"a byte more": func(path string, text []byte) error { return os.WriteFile(path, append(text, 0), 0o600) },
		"gone":        func(path string, _ []byte) error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			in := t.TempDir()
			b := other{must(bucket.NewFolder(in))(t)}
			s := New(b, t.TempDir())
			key := must(s.Put(t.Context(), "raw/1/7", packed(t), 20))(t)
			for _, file := range keys(t, b, "raw/1/") {
				path := filepath.Join(in, filepath.FromSlash(file))
				text := must(os.ReadFile(path))(t)
				if len(text) == 0 {
					continue
				}
				if err := errors.Join(os.Chmod(path, 0o600), os.Remove(path), os.WriteFile(path, text, 0o600)); err != nil { // no link of the repository's
					t.Fatal(err)
				}
				if err := spoil(path, slices.Clone(text)); err != nil {
					t.Fatal(err)
				}
				to := filepath.Join(t.TempDir(), "back")
				if err := s.Get(t.Context(), key, to); !isWrong(err) {
					t.Errorf("%s: %v", file, err)
				}
				if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: a folder was made all the same", file)
				}
				found := 0
				if err := s.Check(t.Context(), key, true, func(string, error) { found++ }); err != nil || found != 1 {
					t.Errorf("%s: the check found %d, %v", file, found, err)
				}
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Check(t.Context(), key, true, func(key string, err error) { t.Errorf("%s: %v", key, err) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// A list from outside reaches no file beside its folder.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"shelf":1,"folders":["a"],"files":[{"name":"a/b","size":1,"sum":"s-` + strings.Repeat("0", 64) + `"}]}`))
	f.Add([]byte(`{"shelf":1,"folders":["../a"],"files":[]}`))
	f.Add([]byte(`{"shelf":1,"folders":[],"files":[{"name":"/etc/x","size":-1,"sum":"t-00"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseList(text)
		if err != nil {
			return
		}
		for _, e := range l.Files {
			if !filepath.IsLocal(e.Name) || e.Size < 0 {
				t.Errorf("took the name %q, %d bytes", e.Name, e.Size)
			}
			if err := bucket.CheckKey(fileKey("raw/1", e)); err != nil {
				t.Error(err)
			}
		}
	})
}

// slow ends a context once something of a file was read.
type slow struct {
	other
	cancel context.CancelFunc
}

// Open fills bucket.Bucket.
func (s slow) Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	in, err := s.other.Open(context.WithoutCancel(ctx), key, offset)
	if err == nil && strings.Contains(key, "/files/") {
		s.cancel()
	}
	return in, err
}

// A copy ends with its context, also from a file, and leaves nothing.
func TestGetEnds(t *testing.T) {
	in := must(bucket.NewFolder(t.TempDir()))(t)
	key := must(New(in, t.TempDir()).Put(t.Context(), "imports/7/1", packed(t), 20))(t)
	ctx, cancel := context.WithCancel(t.Context())
	dir := filepath.Join(t.TempDir(), "got")
	if err := New(slow{other{in}, cancel}, t.TempDir()).Get(ctx, key, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}
