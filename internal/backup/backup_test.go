package backup_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/backup"
	"rehome/internal/bucket"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/host"
	"rehome/internal/lfs"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a data folder with one repository and the row of an import into it.
type world struct {
	data string
	rows string // path or URL of the database
	db   *store.DB
	host *host.Host
	lfs  *lfs.Store
	repo rehome.Repository
}

func newWorld(t *testing.T) *world {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	must(t, os.Mkdir(data, 0o700))
	return newWorldOn(t, data, filepath.Join(data, "rehome.db"))
}

func newWorldOn(t *testing.T, data, rows string) *world {
	t.Helper()
	w := &world{data: data, rows: rows}
	var err error
	w.db, err = store.Open(t.Context(), rows)
	must(t, err)
	t.Cleanup(func() { w.db.Close() })
	w.host, err = host.New(host.Options{Dir: filepath.Join(w.data, "host")})
	must(t, err)
	t.Cleanup(func() { w.host.Close() })
	w.lfs, err = lfs.Local(filepath.Join(w.data, "lfs"))
	must(t, err)
	owner, err := w.db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User})
	must(t, err)
	w.repo, err = w.db.CreateRepository(t.Context(), rehome.Repository{Owner: owner, Name: "one"})
	must(t, err)
	must(t, w.host.Create(t.Context(), w.repo.ID, object.SHA1))
	_, err = w.db.CreateImport(t.Context(), store.Import{Import: rehome.Import{RepositoryID: w.repo.ID, State: rehome.State{Status: rehome.Detecting}}}, nil)
	must(t, err)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) bucket() (bucket.Bucket, error) {
	return bucket.NewFolder(filepath.Join(w.data, "lfs", "objects"))
}

func (w *world) options(t *testing.T) backup.Options {
	t.Helper()
	b, err := w.bucket()
	must(t, err)
	db, err := store.OpenAsIs(t.Context(), w.rows) // as another process has it
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return backup.Options{DB: db, Data: w.data, Bucket: b, Version: "test"}
}

// restored makes a data folder of a backup and opens it.
func restored(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{data: filepath.Join(t.TempDir(), "new")}
	_, err := backup.Restore(t.Context(), dir, backup.RestoreOptions{Data: w.data, Bucket: w.bucket})
	must(t, err)
	w.db, err = store.OpenAsIs(t.Context(), filepath.Join(w.data, "rehome.db"))
	must(t, err)
	t.Cleanup(func() { w.db.Close() })
	return w
}

// history is a synthetic one as a raw step leaves it.
type history struct {
	repo *repo.Repo
	host.Publication
	tip object.ID
}

func newHistory(t *testing.T, seed uint64) history {
	t.Helper()
	from := filepath.Join(t.TempDir(), "from.git")
	testenv.Synthetic(t, from, "sha1", testenv.Size{Commits: 60, Files: 20, Seed: seed})
	r, err := repo.Init(filepath.Join(t.TempDir(), "raw.git"), object.SHA1)
	must(t, err)
	pack := testenv.GitIn(t, from, strings.NewReader("refs/heads/trunk\n"), "pack-objects", "--revs", "--stdout", "-q")
	got, err := r.Receive(t.Context(), strings.NewReader(pack), repo.ReceiveOptions{})
	must(t, err)
	tip, err := object.ParseID(testenv.Git(t, from, "rev-parse", "refs/heads/trunk"))
	must(t, err)
	return history{repo: r, tip: tip, Publication: host.Publication{From: r, History: []string{got.HistoryName}, Content: []string{got.ContentName}}}
}

const branch = "refs/heads/trunk"

// publish has the host show a history in place of the one that old is the tip of, as an import does.
func (w *world) publish(ctx context.Context, h history, old object.ID) error {
	note := func(ref store.WrittenRef) error {
		_, err := w.db.ChangeImport(ctx, w.repo.ID, func(tx *store.Tx, _ *store.Import) error {
			return tx.SetWritten(ctx, w.repo.ID, []store.WrittenRef{ref})
		})
		return err
	}
	before := ""
	if !old.IsZero() {
		before = old.String()
	}
	if err := note(store.WrittenRef{Name: branch, Wrote: before, Writing: h.tip.String()}); err != nil {
		return err
	}
	h.Updates = []repo.Update{{Name: branch, Old: old, New: h.tip}}
	if err := w.host.Publish(ctx, w.repo.ID, h.Publication); err != nil {
		return err
	}
	return note(store.WrittenRef{Name: branch, Wrote: h.tip.String()})
}

// TestPublicationUnderWay backs up while two histories replace each other all the time. Whatever moment a backup shows, its rows
// know the ref for an import's, and all that it leads to is there.
func TestPublicationUnderWay(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { publicationUnderWay(t, newWorld(t)) })
	t.Run("Postgres", func(t *testing.T) { // which is restored into SQLite
		publicationUnderWay(t, newWorldOn(t, t.TempDir(), testenv.Postgres(t).NewDatabase(t)))
	})
}

func publicationUnderWay(t *testing.T, w *world) {
	both := [2]history{newHistory(t, 1), newHistory(t, 2)}
	must(t, w.publish(t.Context(), both[0], object.SHA1.Zero()))
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		for n := 0; ctx.Err() == nil && failed == nil; n++ {
			failed = w.publish(context.WithoutCancel(ctx), both[(n+1)%2], both[n%2].tip)
		}
	})
	o, seen := w.options(t), map[string]bool{}
	for n := range 12 {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("saved", n))
		made, err := backup.Run(t.Context(), dir, o)
		must(t, err)
		if len(made.Problems) > 0 {
			t.Errorf("it has problems: %q", made.Problems)
		}
		again := restored(t, dir)
		refs, err := again.db.WrittenRefs(t.Context(), w.repo.ID)
		must(t, err)
		at := filepath.Join(again.data, "host", fmt.Sprint(w.repo.ID)+".git")
		is, wrote := testenv.Git(t, at, "rev-parse", branch), refs[branch]
		if is != wrote.Wrote && is != wrote.Writing {
			t.Errorf("the ref is at %s; rows have %+v", is, wrote)
		}
		seen[fmt.Sprint(wrote.Writing != "", is == wrote.Writing)] = true
		testenv.Git(t, at, "fsck", "--full", "--strict", "--connectivity-only")
	}
	stop()
	running.Wait()
	must(t, failed)
	t.Logf("moments seen (being written, written): %v", seen)
	if left, _ := filepath.Glob(filepath.Join(w.data, "backup")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestSharedPacksStayShared wants packs that several folders have to be one file in a backup and in what is restored.
func TestSharedPacksStayShared(t *testing.T) {
	w := newWorld(t)
	h := newHistory(t, 1)
	must(t, w.publish(t.Context(), h, object.SHA1.Zero()))
	must(t, os.MkdirAll(filepath.Join(w.data, "raw"), 0o700))
	raw, err := repo.Init(filepath.Join(w.data, "raw", "1"), object.SHA1)
	must(t, err)
	for _, name := range []string{h.Content[0] + ".pack", h.Content[0] + ".idx"} { // its own files, as from another disk
		text, err := os.ReadFile(filepath.Join(h.repo.Dir(), "objects", "pack", name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(raw.Dir(), "objects", "pack", name), text, 0o400))
	}
	dir := filepath.Join(t.TempDir(), "saved")
	_, err = backup.Run(t.Context(), dir, w.options(t))
	must(t, err)
	pack := "objects/pack/" + h.Content[0] + ".pack"
	for _, at := range []string{dir, restored(t, dir).data} {
		one, err := os.Stat(filepath.Join(at, "raw/1", pack))
		must(t, err)
		two, err := os.Stat(filepath.Join(at, "host/1.git", pack))
		must(t, err)
		if !os.SameFile(one, two) || one.Size() < 4096 {
			t.Errorf("%s has two files for a pack of %d bytes", at, one.Size())
		}
	}
}

// TestRawThatIsNotHere wants a word of a raw repository that is nowhere, and none of one that the bucket has or that may be gone.
func TestRawThatIsNotHere(t *testing.T) {
	const key = "imports/1/1/lists/s-" + "00"
	for name, c := range map[string]struct {
		kept store.Kept
		want string
	}{
		"nowhere": {store.Kept{UsedAt: time.Now()}, "the raw repository of import 1 of ada/one is not there: it is fetched anew when the import changes next"},
		"lost":    {store.Kept{UsedAt: time.Now(), Raw: key}, "import 1 of ada/one (" + key + ") is not there: it is fetched or made anew when the import changes next"},
		"expired": {store.Kept{}, ""},
	} {
		w := newWorld(t)
		_, err := w.db.ChangeImport(t.Context(), w.repo.ID, func(_ *store.Tx, i *store.Import) error {
			i.Done.Raw, i.Kept = 1, c.kept
			return nil
		})
		must(t, err)
		made, err := backup.Run(t.Context(), filepath.Join(t.TempDir(), "saved"), w.options(t))
		must(t, err)
		if got := strings.Join(made.Problems, "\n"); got != c.want {
			t.Errorf("%s: it says %q, want %q", name, got, c.want)
		}
	}
}

// TestClear removes what a killed backup left, and nothing of one that runs.
func TestClear(t *testing.T) {
	w := newWorld(t)
	stage := filepath.Join(w.data, "backup")
	must(t, os.MkdirAll(filepath.Join(stage, "host", "1.git"), 0o700))
	must(t, backup.Clear(w.data))
	if _, err := os.Stat(stage); err == nil {
		t.Error("it is there still")
	}
	must(t, backup.Clear(w.data))
	o, looked := w.options(t), false
	o.Tell = func(p backup.Progress) {
		if p.Step == "copy" {
			looked = true
			must(t, backup.Clear(w.data))
		}
	}
	_, err := backup.Run(t.Context(), filepath.Join(t.TempDir(), "saved"), o)
	must(t, err)
	if _, err := backup.Run(t.Context(), filepath.Join(t.TempDir(), "saved"), o); err != nil || !looked {
		t.Errorf("again: %v; looked: %v", err, looked)
	}
}

// TestRestoreRefuses changes one byte of each file of a backup.
func TestRestoreRefuses(t *testing.T) {
	w := newWorld(t)
	must(t, w.publish(t.Context(), newHistory(t, 1), object.SHA1.Zero()))
	dir := filepath.Join(t.TempDir(), "saved")
	_, err := backup.Run(t.Context(), dir, w.options(t))
	must(t, err)
	into := filepath.Join(t.TempDir(), "new")
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || len(text) == 0 {
			return err
		}
		changed := append([]byte{}, text...)
		changed[len(changed)/2] ^= 1
		if filepath.Base(path) == "manifest.json" {
			changed = append([]byte("{"), changed...) // what it says of numbers is for reading
		}
		if err := rewrite(path, changed); err != nil {
			return err
		}
		to := &world{data: into}
		if _, err := backup.Restore(t.Context(), dir, backup.RestoreOptions{Data: into, Bucket: to.bucket}); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s was changed: %v", path, err)
		}
		if left, _ := os.ReadDir(into); len(left) > 0 {
			t.Errorf("%s was changed, and %s is left", path, left[0].Name())
		}
		return rewrite(path, text)
	}))
	restored(t, dir)
}

// rewrite replaces a file: others may share it.
func rewrite(path string, text []byte) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// TestBackupIsPrivate wants nobody else to read it, and of what is served to share nothing that is ever written.
func TestBackupIsPrivate(t *testing.T) {
	w := newWorld(t)
	must(t, w.publish(t.Context(), newHistory(t, 1), object.SHA1.Zero()))
	dir := filepath.Join(t.TempDir(), "saved")
	_, err := backup.Run(t.Context(), dir, w.options(t))
	must(t, err)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if shared := strings.Contains(path, "/objects/"); info.Mode().Perm() != want && !(shared && !d.IsDir() && info.Mode().Perm() == 0o444) {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	}))
}

// TestNothingIsLeft ends a backup in its middle.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	must(t, w.publish(t.Context(), newHistory(t, 1), object.SHA1.Zero()))
	for _, step := range []string{"follow", "rows", "copy", "hash"} {
		ctx, stop := context.WithCancel(t.Context())
		o := w.options(t)
		o.Tell = func(p backup.Progress) {
			if p.Step == step {
				stop()
			}
		}
		dir := filepath.Join(t.TempDir(), "deep", "saved")
		if _, err := backup.Run(ctx, dir, o); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", step, err)
		}
		left, _ := os.ReadDir(filepath.Dir(dir))
		if _, err := os.Stat(filepath.Join(w.data, "backup")); len(left) > 0 || err == nil {
			t.Errorf("%s: left behind %v, %v", step, left, err)
		}
	}
}

// TestLooseObjectsAndHalfPushes copies what git wrote, and nothing that is not done.
func TestLooseObjectsAndHalfPushes(t *testing.T) {
	w := newWorld(t)
	at := filepath.Join(w.data, "host", fmt.Sprint(w.repo.ID)+".git")
	blob := testenv.GitIn(t, at, strings.NewReader("loose"), "hash-object", "-w", "--stdin")
	testenv.Git(t, at, "update-ref", "refs/tags/blob", blob)
	for _, name := range []string{"objects/incoming-1/new.pack", "objects/tmp_objdir-incoming-x/pack/y", "objects/pack/tmp_pack_1", "refs/heads/a.lock", "packed-refs.new"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(at, name), []byte("half"), 0o600))
	}
	dir := filepath.Join(t.TempDir(), "saved")
	made, err := backup.Run(t.Context(), dir, w.options(t))
	must(t, err)
	if len(made.Problems) > 0 {
		t.Errorf("problems: %q", made.Problems)
	}
	again := restored(t, dir)
	to := filepath.Join(again.data, "host", fmt.Sprint(w.repo.ID)+".git")
	if got := testenv.Git(t, to, "cat-file", "blob", "refs/tags/blob"); got != "loose" {
		t.Errorf("the blob is %q", got)
	}
	if out, err := exec.Command("grep", "-rl", "half", to).Output(); err == nil {
		t.Errorf("copied half-made files: %s", out)
	}
}
