package check_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/check"
	"rehome/internal/lfs"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// world is a data folder with a repository of one of everything, as git made it, and an import of it.
type world struct {
	*testing.T
	data   string
	db     *store.DB
	bucket bucket.Bucket
	repo   rehome.Repository
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, data: t.TempDir()}
	var err error
	w.db, err = store.Open(t.Context(), filepath.Join(w.data, "rehome.db"))
	w.must(err)
	t.Cleanup(func() { w.db.Close() })
	w.bucket, err = bucket.NewFolder(filepath.Join(w.data, "lfs", "objects"))
	w.must(err)
	owner, err := w.db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User})
	w.must(err)
	w.repo, err = w.db.CreateRepository(t.Context(), rehome.Repository{Owner: owner, Name: "one"})
	w.must(err)
	_, err = w.db.CreateImport(t.Context(), store.Import{Import: rehome.Import{RepositoryID: w.repo.ID, State: rehome.State{Status: rehome.Detecting}}}, nil)
	w.must(err)
	testenv.Rich(t, w.dir(), "sha1")
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) dir() string { return filepath.Join(w.data, "host", fmt.Sprint(w.repo.ID)+".git") }

// git runs git in the repository.
func (w *world) git(args ...string) string { return testenv.Git(w.T, w.dir(), args...) }

// check returns what is found, a line each.
func (w *world) check(readData bool) (lines []string, r check.Result) {
	w.Helper()
	r, err := check.Run(w.Context(), check.Options{
		DB: w.db, Data: w.data, Bucket: w.bucket, ReadData: readData, Pause: func(context.Context) error { return nil },
		Found: func(f check.Finding) {
			lines = append(lines, fmt.Sprintf("%s %s: %s: %s", f.Severity, f.Kind, f.Where, f.Text))
		},
	})
	w.must(err)
	return lines, r
}

// pack returns the one pack there is, writable, without ".pack".
func (w *world) pack() string {
	w.Helper()
	packs, _ := filepath.Glob(filepath.Join(w.dir(), "objects/pack/*.pack"))
	if len(packs) != 1 {
		w.Fatalf("packs: %q", packs)
	}
	path := strings.TrimSuffix(packs[0], ".pack")
	w.must(os.Chmod(path+".pack", 0o600))
	w.must(os.Chmod(path+".idx", 0o600))
	return path
}

func (w *world) edit(path string, edit func([]byte) []byte) {
	w.Helper()
	text, err := os.ReadFile(path)
	w.must(err)
	w.must(os.WriteFile(path, edit(text), 0o600))
}

// unpack makes all objects loose.
func (w *world) unpack() {
	w.Helper()
	pack := w.pack()
	text, err := os.ReadFile(pack + ".pack")
	w.must(err)
	w.must(os.Remove(pack + ".pack"))
	w.must(os.Remove(pack + ".idx"))
	testenv.GitIn(w.T, w.dir(), strings.NewReader(string(text)), "unpack-objects", "-q")
}

func (w *world) loose(id string) string { return filepath.Join(w.dir(), "objects", id[:2], id[2:]) }

// blob returns a file's id that no ref names.
func (w *world) blob() string {
	w.Helper()
	for line := range strings.Lines(w.git("ls-tree", "-r", "trunk") + "\n") {
		if f := strings.Fields(line); f[1] == "blob" && f[2] != w.git("rev-parse", "refs/tags/a-blob") {
			return f[2]
		}
	}
	w.Fatal("there is none")
	return ""
}

func (w *world) addLFS(text string) string {
	w.Helper()
	sum := sha256.Sum256([]byte(text))
	file := filepath.Join(w.TempDir(), "object")
	w.must(os.WriteFile(file, []byte(text), 0o600))
	w.must(w.bucket.Put(w.Context(), lfs.Key(lfs.OID(sum)), file))
	oid := lfs.OID(sum).String()
	w.must(w.db.AddLFSObjects(w.Context(), w.repo.ID, []store.LFSObject{{OID: oid, Size: int64(len(text))}}))
	return oid
}

func (w *world) change(change func(*store.Tx, *store.Import) error) {
	w.Helper()
	_, err := w.db.ChangeImport(w.Context(), w.repo.ID, change)
	w.must(err)
}

func TestNothingWrong(t *testing.T) {
	for _, loose := range []bool{false, true} {
		w := newWorld(t)
		if loose {
			w.unpack()
		}
		w.addLFS("film")
		for _, readData := range []bool{false, true} {
			found, r := w.check(readData)
			if len(found) > 0 || r.Repositories != 1 || r.Imports != 1 || r.LFSObjects != 1 || (r.Objects > 0) != readData {
				t.Errorf("found %q, %+v", found, r)
			}
		}
	}
}

// TestDamage does one thing to a whole data folder and wants to hear of it.
func TestDamage(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*world)
		deep bool // found with ReadData only
		want string
	}{
		"folder":    {func(w *world) { w.must(os.RemoveAll(w.dir())) }, false, "damage no_folder: ada/one (host/1.git): its folder is not there"},
		"HEAD":      {func(w *world) { w.must(os.Remove(filepath.Join(w.dir(), "HEAD"))) }, false, "damage repository: "},
		"pack":      {func(w *world) { w.must(os.Remove(w.pack() + ".pack")) }, false, "damage no_pack: "},
		"index":     {func(w *world) { w.must(os.Remove(w.pack() + ".idx")) }, false, "damage missing_object: "},
		"no ref":    {func(w *world) { w.edit(filepath.Join(w.dir(), "packed-refs"), zeros) }, false, "damage refs: "},
		"lost ref":  {func(w *world) { w.edit(filepath.Join(w.dir(), "packed-refs"), ones) }, false, "which is not there"},
		"cut index": {func(w *world) { w.must(os.Truncate(w.pack()+".idx", 1100)) }, false, "damage pack: "},
		"cut pack":  {func(w *world) { w.must(os.Truncate(w.pack()+".pack", 300)) }, false, "does not end with the hash that its index has"},
		"index byte": {func(w *world) {
			w.edit(w.pack()+".idx", func(b []byte) []byte { b[len(b)-60] ^= 1; return b })
		}, false, "its index is not what was written"},
		"pack byte": {func(w *world) {
			w.edit(w.pack()+".pack", func(b []byte) []byte { b[len(b)-25] ^= 1; return b })
		}, true, "its bytes are not what was written"},
		"lost commit": {func(w *world) { w.unpack(); w.must(os.Remove(w.loose(w.git("rev-parse", "trunk~1")))) }, false, "damage missing_object: "},
		"lost tree":   {func(w *world) { w.unpack(); w.must(os.Remove(w.loose(w.git("rev-parse", "trunk~1^{tree}")))) }, false, "damage missing_object: "},
		"lost blob": {func(w *world) {
			w.unpack()
			w.must(os.Remove(w.loose(w.blob())))
		}, true, "damage missing_object: "},
		"other blob": {func(w *world) {
			w.unpack()
			other := testenv.GitIn(w.T, w.dir(), strings.NewReader("other"), "hash-object", "-w", "--stdin")
			w.must(os.Rename(w.loose(other), w.loose(w.blob())))
		}, true, "it is not what its id says"},
		"stranger": {func(w *world) { w.must(os.Mkdir(filepath.Join(w.data, "host", "9.git"), 0o700)) }, false, "warning no_row: host/9.git: the folder belongs to no repository"},
		"old raw":  {func(w *world) { w.must(os.MkdirAll(filepath.Join(w.data, "raw", "9"), 0o700)) }, false, "warning no_row: raw/9: the folder belongs to no import"},
		"raw":      {func(w *world) { w.change(rawDone) }, false, "warning no_raw: import 1 of ada/one (raw/1): the raw repository is not there"},
		"receipt": {func(w *world) {
			w.change(func(tx *store.Tx, i *store.Import) error {
				return tx.SetReceipt(t.Context(), i.ID, []byte(`{"receipt": 1, "sha256": "00"}`))
			})
		}, false, "damage receipt: import 1 of ada/one: its receipt: "},
		"moved": {func(w *world) {
			w.change(func(tx *store.Tx, _ *store.Import) error {
				return tx.SetWritten(t.Context(), w.repo.ID, []store.WrittenRef{{Name: "refs/heads/trunk", Wrote: strings.Repeat("1", 40)}})
			})
		}, false, `note ref_moved: ada/one: "refs/heads/trunk" was moved by somebody`},
		"deleted": {func(w *world) {
			w.change(func(tx *store.Tx, _ *store.Import) error {
				return tx.SetWritten(t.Context(), w.repo.ID, []store.WrittenRef{{Name: "refs/heads/gone", Wrote: strings.Repeat("1", 40)}})
			})
		}, false, `note ref_deleted: ada/one: "refs/heads/gone" was deleted by somebody`},
		"lost film": {func(w *world) {
			oid, _ := lfs.ParseOID(w.addLFS("film"))
			w.must(w.bucket.Remove(t.Context(), lfs.Key(oid)))
		}, false, "damage lfs_missing: "},
		"other film": {func(w *world) {
			path := filepath.Join(w.data, "lfs", "objects", w.filmPath())
			w.must(os.Chmod(path, 0o600))
			w.must(os.WriteFile(path, []byte("flim"), 0o600))
		}, true, "damage lfs_changed: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.do(w)
			found, _ := w.check(false)
			if c.deep {
				if len(found) > 0 {
					t.Errorf("found without reading: %q", found)
				}
				found, _ = w.check(true)
			}
			if !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

func (w *world) filmPath() string {
	oid, err := lfs.ParseOID(w.addLFS("film"))
	w.must(err)
	return filepath.FromSlash(lfs.Key(oid))
}

func rawDone(_ *store.Tx, i *store.Import) error {
	i.Done.Raw, i.Kept.UsedAt = 1, time.Now()
	return nil
}

// zeros and ones put another id into packed-refs.
func zeros(text []byte) []byte { return otherID(text, "0") }
func ones(text []byte) []byte  { return otherID(text, "1") }

func otherID(text []byte, digit string) []byte {
	lines := strings.Split(string(text), "\n")
	lines[1] = strings.Repeat(digit, 40) + lines[1][40:]
	return []byte(strings.Join(lines, "\n"))
}

// TestUnreachableMayBeIncomplete wants no word about what no ref leads to.
func TestUnreachableMayBeIncomplete(t *testing.T) {
	w := newWorld(t)
	w.unpack()
	blob := testenv.GitIn(t, w.dir(), strings.NewReader("nobody's"), "hash-object", "-w", "--stdin")
	testenv.GitIn(t, w.dir(), strings.NewReader("100644 blob "+blob+"\tx\n"), "mktree")
	w.must(os.Remove(w.loose(blob)))
	if found, _ := w.check(true); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestPassing wants no word about what is wrong for a moment only.
func TestPassing(t *testing.T) {
	w := newWorld(t)
	w.must(os.Rename(w.dir(), w.dir()+".away"))
	_, err := check.Run(t.Context(), check.Options{
		DB: w.db, Data: w.data, Bucket: w.bucket,
		Found: func(f check.Finding) { t.Errorf("found %+v", f) },
		Pause: func(context.Context) error { return os.Rename(w.dir()+".away", w.dir()) },
	})
	w.must(err)
}
