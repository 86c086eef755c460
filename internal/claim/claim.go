// Package claim keeps a database and its bucket together: no process works with another bucket than its database's, and no two
// databases with one bucket.
//
// A database has a name for itself, which nobody else has: a backup leaves it out. The bucket bears it as a file, and the database
// remembers where the bucket was. docs/decisions/0041 says what follows from which of the two.
package claim

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// Key is where a bucket says whose it is.
const Key = "rehome-database"

// InData is how the bucket is called that is a folder in the data folder, wherever that lies.
const InData = "the data folder's own"

// Pair is a database and the bucket that it is to work with.
type Pair struct {
	DB      *store.DB
	Bucket  bucket.Bucket // nil for one that is not there, where nothing is written
	Name    string        // of the bucket: what --bucket is given, without secrets, or InData
	Scratch string        // folder for a small file on its way into the bucket; "" is the system's
}

// Owner returns the name of the database that a bucket belongs to, "" when it is nobody's.
func Owner(ctx context.Context, b bucket.Bucket) (string, error) {
	in, err := b.Open(ctx, Key, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(in, 1<<10))
		err = errors.Join(err, in.Close())
	}
	if err != nil {
		return "", fmt.Errorf("see whose the bucket is: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// Write has a bucket that is nobody's bear the name of a database. What it bears already stays, and is no error.
func Write(ctx context.Context, b bucket.Bucket, token, scratch string) error {
	f, err := os.CreateTemp(scratch, "owner-*")
	if err == nil {
		defer os.Remove(f.Name()) //nolint:errcheck // it holds nothing that matters
		_, err = f.WriteString(token + "\n")
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = b.Put(ctx, Key, f.Name())
	}
	if err != nil {
		return fmt.Errorf("claim the bucket: %w", err)
	}
	return nil
}

// NewToken returns a name for a database.
func NewToken() string { return strings.ToLower(rand.Text()) }

// Holds reports whether the bucket is this database's, and claims it when it is nobody's.
func (p Pair) Holds(ctx context.Context) (bool, error) {
	token, err := p.DB.Token(ctx, NewToken())
	if err != nil {
		return false, err
	}
	if err := Write(ctx, p.Bucket, token, p.Scratch); err != nil { // what is there stays
		return false, err
	}
	owner, err := Owner(ctx, p.Bucket)
	return owner == token, err
}

// Verify is nil when the two belong together, as far as either knows, and changes nothing. Otherwise the error says what to do.
func (p Pair) Verify(ctx context.Context) error {
	bond, err := p.DB.Bond(ctx)
	if err != nil {
		return err
	}
	var owner string
	if p.Bucket != nil {
		if owner, err = Owner(ctx, p.Bucket); err != nil {
			return err
		}
	}
	switch {
	case owner != "" && owner != bond.Token:
		return p.others(bond.Bucket)
	case owner != "":
		return nil
	case bond.Bucket == p.Name:
		return p.emptied()
	case bond.Bucket != "":
		return p.another(bond.Bucket)
	}
	if has, err := p.hasNamed(ctx); err != nil || has {
		return err
	}
	return &rehome.Error{
		Code: rehome.NotFound, Message: fmt.Sprintf("Nothing of what the database names is in the bucket (%s).", p.Name),
		Hint: "Give --bucket as the server has it. If all of it is lost, run rehome adopt-bucket with the same flags.",
	}
}

// Take is Verify, and then the bucket bears the name of the database, which remembers where it is.
func (p Pair) Take(ctx context.Context) error {
	if err := p.Verify(ctx); err != nil {
		return err
	}
	ours, err := p.Holds(ctx)
	if err != nil {
		return err
	}
	if !ours { // somebody was quicker
		return p.others("")
	}
	return p.remember(ctx)
}

// remember has the database remember where its bucket is.
func (p Pair) remember(ctx context.Context) error {
	bond, err := p.DB.Bond(ctx)
	if err != nil || bond.Bucket == p.Name {
		return err
	}
	return p.DB.SetBucket(ctx, p.Name)
}

// Adopt makes the bucket this database's, whosoever it was. It refuses one that is another's and has nothing of what this database names. empty says that it
// has nothing of that, and was nobody's.
func (p Pair) Adopt(ctx context.Context) (empty bool, err error) {
	token, err := p.DB.Token(ctx, NewToken())
	if err != nil {
		return false, err
	}
	owner, err := Owner(ctx, p.Bucket)
	if err != nil {
		return false, err
	}
	has, err := p.hasNamed(ctx)
	if err != nil {
		return false, err
	}
	if owner != "" && owner != token {
		if !has {
			return false, &rehome.Error{
				Code: rehome.AlreadyExists, Message: fmt.Sprintf("The bucket (%s) belongs to another database, and nothing of what this one names is in it.", p.Name),
				Hint: "Check --bucket and --database: what the other one has there would be removed.",
			}
		}
		if err := p.Bucket.Remove(ctx, Key); err != nil {
			return false, fmt.Errorf("adopt the bucket: %w", err)
		}
	}
	if ours, err := p.Holds(ctx); err != nil || !ours {
		return false, errors.Join(err, p.others(""))
	}
	return !has, p.remember(ctx)
}

// others is the error for a bucket that is another database's. known is where this one's is, "" for unknown.
func (p Pair) others(known string) error {
	e := &rehome.Error{
		Code: rehome.AlreadyExists, Message: fmt.Sprintf("The bucket (%s) belongs to another database.", p.Name),
		Hint: "Give another --bucket. If that database is gone for good, run rehome adopt-bucket with the same flags.",
	}
	if known != "" && known != p.Name {
		e.Message += " This one's is " + known + "."
		e.Hint = give(known)
	}
	return e
}

// another is the error for a bucket that is nobody's, where the database has one elsewhere.
func (p Pair) another(known string) error {
	return &rehome.Error{
		Code: rehome.Invalid, Message: fmt.Sprintf("The database's bucket is another one than %s: %s.", p.Name, known),
		Hint: give(known) + " If all of it has moved here, run rehome adopt-bucket with the same flags.",
	}
}

// emptied is the error for a bucket that is where the database's was, and has lost its name.
func (p Pair) emptied() error {
	return &rehome.Error{
		Code: rehome.NotFound, Message: fmt.Sprintf("The bucket (%s) is not what it was: the object %s is gone.", p.Name, Key),
		Hint: "See that it is the one all machines share, and mounted if it is a folder. If it was emptied, run rehome adopt-bucket with the same flags.",
	}
}

func give(known string) string {
	if known == InData {
		return "Leave --bucket out."
	}
	return fmt.Sprintf("Give --bucket '%s'.", known)
}

// sample is how much of what the rows name is looked for in a bucket.
const sample = 20

// hasNamed reports whether something of what the database names in its bucket is there, or it names nothing.
func (p Pair) hasNamed(ctx context.Context) (bool, error) {
	keys, oids, err := p.DB.InBucket(ctx, sample)
	if err != nil {
		return false, err
	}
	for _, text := range oids {
		if oid, err := lfs.ParseOID(text); err == nil {
			keys = append(keys, lfs.Key(oid))
		}
	}
	for _, key := range keys {
		if p.Bucket == nil {
			return false, nil
		}
		_, err := bucket.Size(ctx, p.Bucket, key)
		if !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return len(keys) == 0, nil
}
