// Package backup copies a server's data while it is served, and makes a data folder of a copy.
//
// The rows, and the refs and packs that agree with them, are taken at one moment, in which nobody can write to the database:
//
//	follow the folders into a copy made of links, until little changes     (others write meanwhile)
//	lock the database, take a snapshot of its rows, follow once more, unlock
//	write the rows, copy the bucket's files that they name; where one has gone since, begin anew
//	copy the links' files, hash everything, and give the folder its name
//
// A worker that is about to publish has said so in the rows, and says that it has published in the rows, too. So whatever it
// does to refs while the database is locked, the copy is what a crash at that moment would have left.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/store"
)

// Options are what is backed up. DB and Data are required.
type Options struct {
	DB         *store.DB
	Data       string        // data folder
	Bucket     bucket.Bucket // whose files are copied; nil leaves them where they are
	Key        string        // file to be copied that opens sealed passwords; "" for none
	KnownHosts string        // file of pinned keys of SSH servers; it need not be there
	Version    string        // of this program
	Tell       func(Progress)
}

// Progress is how far a backup, or the way back, has come.
type Progress struct {
	Step  string `json:"step"` // follow, rows, bucket, copy or hash
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"` // 0 when it is not known; of bytes with copy and hash, else of things
}

// Manifest says what is in a backup. It is the file manifest.json, and the last that is written.
type Manifest struct {
	Format       int              `json:"backup"` // 1
	Version      string           `json:"rehome"`
	At           time.Time        `json:"at"` // the moment that it shows
	Schema       int64            `json:"schema"`
	Tables       []string         `json:"tables"` // in the order in which they are loaded
	Rows         map[string]int64 `json:"rows"`   // of each table
	Counters     map[string]int64 `json:"counters"`
	Repositories int64            `json:"repositories"` // on the host
	LFSObjects   int64            `json:"lfs_objects"`  // that are in the backup
	Bytes        int64            `json:"bytes"`        // of all files
	Disk         Disk             `json:"disk"`
	Bucket       string           `json:"bucket"`   // here or elsewhere: where LFS objects and packs in the bucket are
	Key          bool             `json:"key"`      // whether the key that opens sealed passwords is here
	Files        string           `json:"files"`    // SHA-256 of files.jsonl
	Problems     []string         `json:"problems"` // that the data had already
}

// Disk is what the files of a backup take on the disk, in bytes.
type Disk struct {
	Stored int64 `json:"stored"` // what several share once
	Linked int64 `json:"linked"` // of these, links to the server's own files
}

const (
	format       = 1
	manifestName = "manifest.json"
	filesName    = "files.jsonl"
	rowsFolder   = "rows"
	lfsFolder    = "lfs"
	bucketFolder = "bucket"
)

// rounds is how often a backup begins anew because something it needs was removed meanwhile.
const rounds = 5

// Run makes a backup at dir, which must be missing: whole or not at all. What it finds damaged is copied as it is, and listed
// in the manifest's problems.
func Run(ctx context.Context, dir string, o Options) (Manifest, error) {
	if o.Tell == nil {
		o.Tell = func(Progress) {}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Manifest{}, fmt.Errorf("back up: %w", err)
	}
	b := &backup{Options: o, dir: dir, work: dir + ".partial"}
	m, err := b.run(ctx)
	if err != nil {
		return m, fmt.Errorf("back up: %w", err)
	}
	return m, nil
}

// backup is one that is being made.
type backup struct {
	Options
	dir      string // what it becomes
	work     string // where it is made
	manifest Manifest
	problems problems
	names    names
	odd      map[string]bool // files of which a problem was told already
}

func (b *backup) run(ctx context.Context) (m Manifest, err error) {
	if err := b.begin(); err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.work))
		}
	}()
	s, err := newStage(b.Data, b.Tell)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := b.consistent(ctx, s); err != nil {
		return m, err
	}
	if err := b.copyStage(ctx, s); err != nil {
		return m, err
	}
	if err := b.copyAlone(); err != nil {
		return m, err
	}
	if err := b.checkRefs(ctx); err != nil {
		return m, err
	}
	if err := b.finish(ctx); err != nil {
		return m, err
	}
	return b.manifest, nil
}

// begin makes the folder to work in.
func (b *backup) begin() error {
	if _, err := os.Lstat(b.dir); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return &rehome.Error{
			Code: rehome.AlreadyExists, Message: fmt.Sprintf("%q exists already.", b.dir),
			Hint: "Name a folder that does not exist yet: each backup has one of its own.",
		}
	}
	if err := os.MkdirAll(filepath.Dir(b.dir), 0o700); err != nil {
		return err
	}
	err := os.Mkdir(b.work, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return &rehome.Error{
			Code: rehome.AlreadyExists, Message: fmt.Sprintf("%q exists already.", b.work),
			Hint: "Another backup works there, or one ended early: remove it when none runs.",
		}
	}
	return err
}

// consistent gets rows, links and files of the bucket that agree.
func (b *backup) consistent(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	for range rounds {
		again, err := b.round(ctx, s)
		if err != nil || !again {
			return err
		}
	}
	return fmt.Errorf("files that rows name were removed again and again, %d times: try when fewer repositories are being deleted", rounds)
}

// round takes one moment. again says that something of it is gone meanwhile.
func (b *backup) round(ctx context.Context, s *stage) (again bool, err error) {
	b.problems, b.odd = problems{}, map[string]bool{}
	snap, err := b.DB.Snapshot(ctx, func(snap *store.Snapshot) error { return s.follow(ctx, snap) })
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	b.manifest = Manifest{
		Format: format, Version: b.Version, At: time.Now().UTC().Truncate(time.Second),
		Schema: snap.Schema, Tables: snap.Tables(), Rows: map[string]int64{}, Bucket: "elsewhere",
	}
	if err := b.writeRows(ctx, snap); err != nil {
		return false, err
	}
	if b.names.repositories, b.names.imports, err = snap.Names(ctx); err != nil {
		return false, err
	}
	for _, missing := range s.missing {
		b.problems.add("the raw repository of %s is not there: it is fetched anew when the import changes next", b.names.imported(missing))
	}
	if b.Bucket == nil {
		return false, nil
	}
	b.manifest.Bucket = "here"
	return b.copyBucket(ctx, snap)
}

// writeRows dumps every table.
func (b *backup) writeRows(ctx context.Context, snap *store.Snapshot) (err error) {
	if b.manifest.Counters, err = snap.Counters(ctx); err != nil {
		return err
	}
	folder := filepath.Join(b.work, rowsFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for n, table := range snap.Tables() {
		b.Tell(Progress{Step: "rows", Done: int64(n), Total: int64(len(b.manifest.Tables))})
		out, err := os.OpenFile(filepath.Join(folder, table+".jsonl"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		b.manifest.Rows[table], err = snap.Dump(ctx, table, out)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// copyAlone copies the files that are about no row.
func (b *backup) copyAlone() error {
	for name, from := range map[string]string{"known_hosts": b.KnownHosts, "key": b.Key} {
		if from == "" {
			continue
		}
		err := copyFile(from, filepath.Join(b.work, name))
		if errors.Is(err, fs.ErrNotExist) && name == "known_hosts" {
			continue
		}
		if err != nil {
			return err
		}
	}
	b.manifest.Key = b.Key != ""
	return nil
}

// finish lists all files with their hashes, writes the manifest, and gives the backup its name.
func (b *backup) finish(ctx context.Context) error {
	if err := b.list(ctx); err != nil {
		return err
	}
	b.manifest.Problems = b.problems.told()
	text, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.work, manifestName), append(text, '\n'), 0o600); err != nil {
		return err
	}
	unix.Sync() // thousands of files, which one by one would take a turn of the disk each
	if err := os.Rename(b.work, b.dir); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(b.dir))
}

// problems are what the data that is backed up lacks. The first are told, the rest counted.
type problems struct {
	texts []string
	more  int
}

const mostProblems = 1000

func (p *problems) add(text string, args ...any) {
	if len(p.texts) == mostProblems {
		p.more++
		return
	}
	p.texts = append(p.texts, fmt.Sprintf(text, args...))
}

func (p *problems) told() []string {
	all := append([]string{}, p.texts...)
	if p.more > 0 {
		all = append(all, fmt.Sprintf("%d more", p.more))
	}
	return all
}
