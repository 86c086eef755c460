package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/claim"
	"rehome/internal/store"
)

// placesFlags say where a server keeps what it has, as serve is told.
type placesFlags struct {
	dir      data
	database string // URL; "" for the file in dir
	bucket   string // URL; "" for the folder in dir
	flags    *pflag.FlagSet
}

func (f *placesFlags) add(flags *pflag.FlagSet) {
	f.dir, f.flags = "rehome-data", flags
	flags.StringVar((*string)(&f.dir), "data", string(f.dir), "the server's data folder")
	flags.StringVar(&f.database, "database", "", "`URL` of the server's Postgres database, where that is not a file in the data folder")
	flags.StringVar(&f.bucket, "bucket", "", "`URL` of the server's object storage (s3://…), where that is not a folder in the data folder")
}

var (
	postgresURL = regexp.MustCompile(`^postgres(ql)?://`)
	otherURL    = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,30}://`)
)

// check refuses what is given for the database and is no URL of one. It repeats none of it but its first word: there may be a password in it.
func (f *placesFlags) check() error {
	if f.database == "" || postgresURL.MatchString(f.database) {
		return nil
	}
	what := "--database is not the URL of a Postgres database"
	if scheme := otherURL.FindString(f.database); scheme != "" {
		what += ": it begins with " + scheme
	}
	return usagef("Write it as postgres://USER@HOST/NAME.", "%s", what)
}

// rows is where the database is.
func (f *placesFlags) rows() string {
	if f.database != "" {
		return f.database
	}
	return f.dir.database()
}

// open opens the database as it is, which a server may be using.
func (f *placesFlags) open(ctx context.Context) (*store.DB, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	db, err := store.OpenAsIs(ctx, f.rows())
	switch {
	case !errors.Is(err, fs.ErrNotExist) || rehome.CodeOf(err) == rehome.Unreachable:
		return db, err
	case f.database != "":
		return nil, &rehome.Error{
			Code: rehome.NotFound, Message: "the database has nothing of rehome",
			Hint: "Correct --database, or start rehome serve with it first.",
		}
	}
	return nil, &rehome.Error{
		Code:    rehome.NotFound,
		Message: fmt.Sprintf("there is no database in the data folder %q", string(f.dir)),
		Hint:    "Give --data the folder rehome serve uses, and --database if it is given one.",
	}
}

// folder returns the data folder, which has to be there. Where all is elsewhere, and nobody named one, it is an empty one, to be removed with done: what
// is on the disks of the server's machines is not looked at then.
func (f *placesFlags) folder() (dir string, done func(), err error) {
	info, err := os.Stat(string(f.dir))
	if err == nil && info.IsDir() {
		return string(f.dir), func() {}, nil
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) || f.database == "" || f.bucket == "" || f.flags.Changed("data") {
		return "", nil, &rehome.Error{
			Code: rehome.NotFound, Message: fmt.Sprintf("there is no data folder %q", string(f.dir)),
			Hint: "Give --data the folder that rehome serve uses; of several, that of the one with --role all.", Err: err,
		}
	}
	if dir, err = os.MkdirTemp("", "rehome-"); err != nil {
		return "", nil, fmt.Errorf("make an empty data folder: %w", err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}

// openBucket opens where Git LFS objects are and what imports leave.
func (f *placesFlags) openBucket(ctx context.Context, getenv func(string) string) (bucket.Bucket, error) {
	if f.bucket == "" {
		return bucket.NewFolder(f.dir.bucket())
	}
	return bucket.OpenURL(ctx, f.bucket, bucket.S3Options{Keys: bucket.KeysFrom(getenv)})
}

// openOwn is openBucket, and refuses a bucket that is not the database's.
func (f *placesFlags) openOwn(ctx context.Context, db *store.DB, getenv func(string) string) (bucket.Bucket, error) {
	if f.bucket == "" {
		if _, err := os.Stat(f.dir.bucket()); errors.Is(err, fs.ErrNotExist) { // it is not made where it is not wanted
			if err := f.pair(db, nil).Verify(ctx); err != nil {
				return nil, err
			}
		}
	}
	in, err := f.openBucket(ctx, getenv)
	if err == nil {
		err = f.pair(db, in).Verify(ctx)
	}
	return in, err
}

// verifyName refuses a --bucket that is not the database's. It asks the bucket itself only where it is called otherwise than the database knows.
func (f *placesFlags) verifyName(ctx context.Context, db *store.DB, getenv func(string) string) error {
	name, err := bucket.NameOf(f.bucket)
	if err != nil {
		return err
	}
	bond, err := db.Bond(ctx)
	if err == nil && bond.Bucket != name {
		_, err = f.openOwn(ctx, db, getenv)
	}
	return err
}

// pair is a database with the bucket that the flags name.
func (f *placesFlags) pair(db *store.DB, in bucket.Bucket) claim.Pair {
	p := claim.Pair{DB: db, Bucket: in, Name: claim.InData}
	if f.bucket != "" {
		p.Name = bucket.Name(in)
	}
	return p
}

// elsewhere reports whether the bucket is not on this machine.
func (f *placesFlags) elsewhere() bool { return strings.Contains(f.bucket, "://") }
