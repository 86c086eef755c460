package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/claim"
	"rehome/internal/store"
)

// look finds out whether a backup can be restored where it is wanted, and writes nothing.
func (r *restoring) look(ctx context.Context) error {
	if err := r.lookAtFolder(); err != nil {
		return err
	}
	if r.Database != "" {
		if err := r.lookAtDatabase(ctx); err != nil {
			return err
		}
	}
	for e, err := range r.files() {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if e.isFolder() {
			continue
		}
		info, err := os.Lstat(filepath.Join(r.dir, filepath.FromSlash(e.Name)))
		if err != nil || info.Size() != e.Size {
			return fmt.Errorf("%s: %w: it is not there, or of another size", e.Name, ErrDamaged)
		}
	}
	return nil
}

// lookAtFolder refuses a data folder that is in use.
func (r *restoring) lookAtFolder() error {
	entries, err := os.ReadDir(r.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(filepath.Join(r.Data, databaseName)); err == nil {
		return &rehome.Error{
			Code: rehome.AlreadyExists, Message: fmt.Sprintf("The data folder %q has a database already.", r.Data),
			Hint: "Restore into a new folder.",
		}
	}
	for _, e := range entries {
		if e.Name() != "key" {
			return &rehome.Error{
				Code: rehome.AlreadyExists, Message: fmt.Sprintf("The data folder %q is not empty: it has %q.", r.Data, e.Name()),
				Hint: "Restore into a new folder, or into one that has nothing but the key.",
			}
		}
	}
	return nil
}

func (r *restoring) lookAtDatabase(ctx context.Context) error {
	err := store.MayLoad(ctx, r.Database, r.manifest.Schema)
	if errors.Is(err, store.ErrNotEmpty) {
		return &rehome.Error{
			Code: rehome.AlreadyExists, Message: "The database is not empty.",
			Hint: "Make a new one with createdb, and name it in --database.", Err: err,
		}
	}
	return err
}

// openBucket opens the bucket, refuses one that belongs to a database, and marks one that is nobody's where something comes into it: so nobody
// else takes it meanwhile.
func (r *restoring) openBucket(ctx context.Context) (err error) {
	if r.bucket, err = r.Bucket(); err != nil {
		return err
	}
	owner, err := claim.Owner(ctx, r.bucket)
	if err != nil {
		return err
	}
	switch {
	case owner != "" && !r.Adopt:
		return &rehome.Error{
			Code: rehome.AlreadyExists, Message: fmt.Sprintf("The bucket (%s) belongs to another database.", r.Name),
			Hint: "Give another --bucket. If that database is gone for good, or will not be served any more, give --adopt-bucket, too.",
		}
	case owner != "" || r.manifest.Bucket != "here":
		return nil
	}
	r.token = claim.NewToken()
	r.put = append(r.put, claim.Key)
	return claim.Write(ctx, r.bucket, r.token, r.work)
}

// keep brings a file into the bucket. What is there with the same size stays: names in the bucket say what bytes are.
func (r *restoring) keep(ctx context.Context, e entry, key, file string) error {
	have, err := bucket.Size(ctx, r.bucket, key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && have == e.Size {
		return os.Remove(file)
	}
	if err == nil {
		if err := r.bucket.Remove(ctx, key); err != nil {
			return err
		}
	}
	r.put = append(r.put, key)
	if _, local := r.bucket.(*bucket.Folder); local {
		return errors.Join(r.same.link(e, file), r.bucket.Put(ctx, key, file)) // which is a link
	}
	return bucket.Take(ctx, r.bucket, key, file)
}

// undo removes what was restored, but for the key: look found nothing else in the folder.
func (r *restoring) undo(ctx context.Context) error {
	entries, err := os.ReadDir(r.Data)
	for _, e := range entries {
		if e.Name() != "key" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(r.Data, e.Name())))
		}
	}
	ctx = context.WithoutCancel(ctx)
	for n, key := range r.put {
		if gone := r.bucket.Remove(ctx, key); gone != nil {
			return errors.Join(err, fmt.Errorf("%d of %d files that were restored stay in the bucket: %w", len(r.put)-n, len(r.put), gone))
		}
	}
	return err
}

// own ties the database and the bucket together.
func (r *restoring) own(ctx context.Context) error {
	if r.Name == "" || r.Name == claim.InData && r.manifest.Bucket != "here" { // it is named when the server is
		return nil
	}
	where := r.Database
	if where == "" {
		where = filepath.Join(r.Data, databaseName)
	}
	db, err := store.OpenAsIs(ctx, where)
	if err == nil {
		err = errors.Join(r.tie(ctx, db), db.Close())
	}
	if err != nil {
		return &rehome.Error{
			Code: rehome.Invalid, Message: "All is restored, but the bucket is not the database's: " + rehome.Clean(err.Error(), 500),
			Hint: "Run rehome adopt-bucket with the same flags.", Err: err,
		}
	}
	return nil
}

func (r *restoring) tie(ctx context.Context, db *store.DB) error {
	p := claim.Pair{DB: db, Bucket: r.bucket, Name: r.Name, Scratch: r.work}
	if r.token != "" {
		token, err := db.Token(ctx, r.token)
		if err == nil && token != r.token { // the empty database had one
			err = r.bucket.Remove(ctx, claim.Key)
		}
		if err != nil {
			return err
		}
	}
	if r.Adopt {
		_, err := p.Adopt(ctx)
		return err
	}
	return p.Take(ctx)
}
