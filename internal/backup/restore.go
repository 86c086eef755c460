package backup

import (
	"bufio"
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
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// RestoreOptions are what a backup is made into.
type RestoreOptions struct {
	Data     string // folder that is missing, or holds nothing but a key
	Database string // URL, or path of a file in Data; "" for rehome.db there
	Bucket   func() (bucket.Bucket, error)
	Name     string // of the bucket, as claim.Pair has it; "" when nothing is to be in it and it is to be known later
	Adopt    bool   // take the bucket from the database that it belongs to
	Tell     func(Progress)
}

// databaseName is where a data folder has its rows unless they are elsewhere.
const databaseName = "rehome.db"

// restoringName is the folder in a data folder that a restore works in.
const restoringName = "restoring"

// Restore makes a data folder of the backup at dir. It looks at the folder, the database and the bucket, and at which files the backup has,
// before it writes anything. Each file is compared with its hash on the way. Until all is there the folder has no database,
// and nobody can serve it. After an error nothing is left of it, in the bucket neither.
func Restore(ctx context.Context, dir string, o RestoreOptions) (Manifest, error) {
	if o.Tell == nil {
		o.Tell = func(Progress) {}
	}
	r := &restoring{RestoreOptions: o, dir: dir, work: filepath.Join(o.Data, restoringName), same: sharing{}}
	err := r.read()
	if err == nil {
		err = r.run(ctx)
	}
	if err != nil {
		return r.manifest, fmt.Errorf("restore: %w", err)
	}
	return r.manifest, nil
}

// ErrDamaged says that a backup is not what was written.
var ErrDamaged = errors.New("the backup is damaged")

type restoring struct {
	RestoreOptions
	dir, work string
	manifest  Manifest
	same      sharing

	bucket bucket.Bucket
	token  string   // that the database gets, unless it has one
	put    []string // keys in the bucket that were not there before
	loaded bool     // the rows are where they belong
}

// read reads the manifest and holds the list of files against it.
func (r *restoring) read() error {
	text, err := os.ReadFile(filepath.Join(r.dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return &rehome.Error{
			Code: rehome.NotFound, Message: fmt.Sprintf("There is no backup in %q: it has no %s.", r.dir, manifestName),
			Hint: "Give a folder that rehome backup made. One whose name ends with .partial was never finished.",
		}
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.manifest); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if r.manifest.Format != format {
		return fmt.Errorf("it is a backup of form %d, this rehome knows form %d: use a newer one", r.manifest.Format, format)
	}
	sum := sha256.New()
	if err := readAll(filepath.Join(r.dir, filesName), sum); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != r.manifest.Files {
		return fmt.Errorf("%w: %s is not what was written", ErrDamaged, filesName)
	}
	return nil
}

func readAll(path string, to io.Writer) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(to, in)
	return err
}

func (r *restoring) run(ctx context.Context) (err error) {
	if err := r.look(ctx); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	defer func() {
		if err != nil && !r.loaded {
			err = errors.Join(err, r.undo(ctx))
			return
		}
		err = errors.Join(err, os.RemoveAll(r.work))
	}()
	if err = r.openBucket(ctx); err != nil {
		return err
	}
	var done int64
	for e, err := range r.files() {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := r.file(ctx, e); err != nil {
			return err
		}
		done += e.Size
		r.Tell(Progress{Step: "copy", Done: done, Total: r.manifest.Bytes})
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	return r.own(ctx)
}

// settle gives everything its place, the rows last.
func (r *restoring) settle(ctx context.Context) error {
	steps := []func() error{func() error { return r.load(ctx) }, r.moveIn}
	if r.Database != "" { // rows are there at once, and cannot be taken back
		slices.Reverse(steps)
	}
	for _, step := range steps {
		unix.Sync()
		if err := step(); err != nil {
			return err
		}
	}
	r.loaded = true
	return nil
}

// begin makes the folder to work in.
func (r *restoring) begin() error {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	return os.Mkdir(r.work, 0o700)
}

// files yields the lines of files.jsonl.
func (r *restoring) files() func(yield func(entry, error) bool) {
	return func(yield func(entry, error) bool) {
		in, err := os.Open(filepath.Join(r.dir, filesName))
		if err != nil {
			yield(entry{}, err)
			return
		}
		defer in.Close()
		lines := json.NewDecoder(bufio.NewReader(in))
		for {
			var e entry
			err := lines.Decode(&e)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil && !filepath.IsLocal(filepath.FromSlash(strings.TrimSuffix(e.Name, "/"))) {
				err = fmt.Errorf("%w: %s names %q", ErrDamaged, filesName, e.Name)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// file takes one file over.
func (r *restoring) file(ctx context.Context, e entry) error {
	to := filepath.Join(r.work, filepath.FromSlash(e.Name))
	if e.isFolder() {
		return os.MkdirAll(to, 0o700)
	}
	if err := r.copy(e, to); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	key, inBucket, err := keyOf(e)
	if err != nil || !inBucket {
		return errors.Join(err, r.same.link(e, to))
	}
	return r.keep(ctx, e, key, to)
}

// keyOf returns where in the bucket a file of a backup belongs, if it does.
func keyOf(e entry) (key string, inBucket bool, err error) {
	if key, ok := strings.CutPrefix(e.Name, bucketFolder+"/"); ok {
		return key, true, nil
	}
	key, ok := strings.CutPrefix(e.Name, lfsFolder+"/")
	if !ok {
		return "", false, nil
	}
	oid, err := lfs.ParseOID(filepath.Base(e.Name))
	if err != nil || key != lfs.Key(oid) {
		return "", false, fmt.Errorf("%w: %s is no Git LFS object", ErrDamaged, e.Name)
	}
	return key, true, nil
}

// copy copies a file and compares it with what was written.
func (r *restoring) copy(e entry, to string) (err error) {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = readAll(filepath.Join(r.dir, filepath.FromSlash(e.Name)), io.MultiWriter(out, sum))
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != e.Sum {
		return fmt.Errorf("%w: its SHA-256 is another", ErrDamaged)
	}
	if strings.Contains(e.Name, "/objects/") {
		return os.Chmod(to, 0o444) // as git has them
	}
	return nil
}

// load fills the database from the rows, whose files have been compared.
func (r *restoring) load(ctx context.Context) error {
	where := r.Database
	if where == "" {
		where = filepath.Join(r.work, databaseName)
	}
	r.Tell(Progress{Step: "rows"})
	return store.Load(ctx, where, store.Dump{
		Schema: r.manifest.Schema, Tables: r.manifest.Tables, Counters: r.manifest.Counters,
		Open: func(table string) (io.ReadCloser, error) {
			if !filepath.IsLocal(table) {
				return nil, fmt.Errorf("%w: a table %q", ErrDamaged, table)
			}
			return os.Open(filepath.Join(r.work, rowsFolder, table+".jsonl"))
		},
	})
}

// moveIn gives everything its place, the database last.
func (r *restoring) moveIn() error {
	entries, err := os.ReadDir(r.work)
	if err != nil {
		return err
	}
	names := []string{}
	for _, e := range entries {
		if n := e.Name(); n != rowsFolder && n != lfsFolder && n != bucketFolder && n != databaseName {
			names = append(names, n)
		}
	}
	if r.Database == "" {
		names = append(names, databaseName)
	}
	for _, name := range names {
		to := filepath.Join(r.Data, name)
		if _, err := os.Lstat(to); err == nil && name == "key" {
			continue // the operator's own
		}
		if err := os.Rename(filepath.Join(r.work, name), to); err != nil {
			return err
		}
	}
	return syncFolder(r.Data)
}

// Lacks says in words what a backup left for others to bring.
func (m *Manifest) Lacks() []string {
	var all []string
	if m.Repositories == 0 && m.Rows["repositories"] > m.Rows["destinations"] {
		all = append(all, "the repositories of the built-in host, where there is one: give --data the folder of its process")
	}
	if !m.Key {
		all = append(all, "the key that opens passwords and SSH keys of imports: copy the old server's key file into the data folder, or give the passwords again")
	}
	if m.Bucket != "here" {
		all = append(all, "Git LFS objects and packs in the bucket: serve with the --bucket that has them")
	}
	return slices.Clip(all)
}
