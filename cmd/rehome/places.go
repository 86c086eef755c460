package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/store"
)

// placesFlags say where a server keeps what it has, as serve is told.
type placesFlags struct {
	dir      data
	database string // URL; "" for the file in dir
	bucket   string // URL; "" for the folder in dir
}

func (f *placesFlags) add(flags *pflag.FlagSet) {
	f.dir = "rehome-data"
	flags.StringVar((*string)(&f.dir), "data", string(f.dir), "the server's data folder")
	flags.StringVar(&f.database, "database", "", "`URL` of the server's Postgres database, where that is not a file in the data folder")
	flags.StringVar(&f.bucket, "bucket", "", "`URL` of the server's object storage (s3://…), where that is not a folder in the data folder")
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
	db, err := store.OpenAsIs(ctx, f.rows())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &rehome.Error{
			Code:    rehome.NotFound,
			Message: fmt.Sprintf("there is no database in the data folder %q", string(f.dir)),
			Hint:    "Give --data the folder rehome serve uses, and --database if it is given one.",
		}
	}
	return db, err
}

// openBucket opens where Git LFS objects are and what imports leave.
func (f *placesFlags) openBucket(ctx context.Context, getenv func(string) string) (bucket.Bucket, error) {
	if f.bucket == "" {
		return bucket.NewFolder(f.dir.bucket())
	}
	return bucket.OpenURL(ctx, f.bucket, bucket.S3Options{Keys: bucket.KeysFrom(getenv)})
}

// elsewhere reports whether the bucket is not on this machine.
func (f *placesFlags) elsewhere() bool { return strings.Contains(f.bucket, "://") }
