// Package bucket keeps files by key: in a folder or in an object store that speaks S3.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rehome/internal/disk"
)

// Bucket keeps files by key. A file never changes while it is there. Every kind is safe for concurrent use.
// buckettest.Run is what a kind has to pass.
type Bucket interface {
	// Put keeps what is in a local file at key, whole and durable: nobody ever sees a part of it there. What is
	// at key already stays, and is no error. The local file stays, too; a Folder on its disk shares it by a
	// link, so that it can only be read afterwards and must not be written by who still has it open.
	Put(ctx context.Context, key, file string) error
	// Open returns what is at key from offset on, nothing when offset is at or past its end. It is
	// fs.ErrNotExist when nothing is there. ctx holds for the reading, too. After Remove a Folder's can be
	// read on; elsewhere reading may fail, and then says so.
	Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error)
	// List returns the files whose keys begin with prefix, "" for all, in order of their keys' bytes. After an
	// error nothing more comes. A prefix that is itself a key comes first, and costs one look.
	List(ctx context.Context, prefix string) iter.Seq2[File, error]
	// Remove removes what is at key. A missing one is no error.
	Remove(ctx context.Context, key string) error
}

// File is what a bucket tells of a file: its size in bytes, and since when it is there or, in a Folder, since
// when it has its content.
type File struct {
	Key      string
	Size     int64
	Modified time.Time // UTC
}

// Take is Put, and then the local file goes. After an error it may still be there. A Folder on its disk moves it,
// and takes least of each when many run at once.
func Take(ctx context.Context, b Bucket, key, file string) error {
	if f, ok := b.(*Folder); ok {
		return f.take(ctx, key, file)
	}
	if err := b.Put(ctx, key, file); err != nil {
		return err
	}
	return os.Remove(file)
}

// Size returns how many bytes are at key, fs.ErrNotExist when nothing is.
func Size(ctx context.Context, b Bucket, key string) (int64, error) {
	if f, ok := b.(*Folder); ok {
		return f.size(ctx, key)
	}
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	for file, err := range b.List(ctx, key) {
		switch {
		case err != nil:
			return 0, fmt.Errorf("size of %s: %w", key, err)
		case file.Key == key:
			return file.Size, nil
		}
		break // it would have been the first
	}
	return 0, missing(key)
}

// Get makes a local file of what is at key, in place of one that is there: whole and durable or not at all, and only to be
// read. A Folder on its disk shares it by a link. A process that is killed meanwhile may leave a file beside it, of the same
// name with ".part-" and digits after it.
func Get(ctx context.Context, b Bucket, key, file string) error {
	if f, ok := b.(*Folder); ok {
		if done, err := f.lend(ctx, key, file); done || err != nil {
			return err
		}
	}
	in, err := b.Open(ctx, key, 0)
	if err != nil {
		return err
	}
	defer in.Close() // what counts is what was read
	if err := fill(in, file); err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	return syncFolder(filepath.Dir(file))
}

// fill makes a file of all that in has.
func fill(in io.Reader, file string) error {
	part, err := disk.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(part, in)
	if err == nil {
		err = part.Chmod(0o444)
	}
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = disk.Move(part.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

// Name says where a bucket is, as OpenURL takes it, without secrets. "" for one that is neither in a folder nor in S3.
func Name(b Bucket) string {
	switch b := b.(type) {
	case *Folder:
		return b.dir
	case *S3:
		return b.place.String()
	}
	return ""
}

func missing(key string) error { return fmt.Errorf("%s: %w", key, fs.ErrNotExist) }

// The longest key and the longest part of one, bytes: S3 takes keys of 1,024 and file systems names of 255.
const (
	maxKey  = 1000
	maxPart = 200
)

// CheckKey says what is wrong with a key. A good one is parts with slashes between them, each of lower-case
// letters, digits, "-", "_" and ".", and none begins with a dot: so it is a safe path, and one and the same
// file whether or not the file system tells capitals from small letters.
func CheckKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("key of %d bytes", len(key))
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' || len(part) > maxPart {
			return fmt.Errorf("bad key %q", key)
		}
		for i := range len(part) {
			if c := part[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
				return fmt.Errorf("bad key %q", key)
			}
		}
	}
	return nil
}

// checkPrefix says what is wrong with what keys are to begin with.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckKey(strings.TrimSuffix(prefix, "/"))
}
