// Package bucket keeps files by key: in a folder here, and the interface asks for no more than an object store such as S3 can do.
package bucket

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Bucket keeps files by key. A file never changes while it is there. Every kind is safe for concurrent use.
// buckettest.Run is what a kind has to pass.
type Bucket interface {
	// Take moves a local file to key, whole and durable: nobody ever sees a part of it there. A file
	// that is at key already stays, and the local one goes all the same. After an error the local
	// file may still be there.
	Take(ctx context.Context, key, file string) error
	// Open returns what is at key from offset on, nothing when offset is at or past its end. It is
	// fs.ErrNotExist when nothing is there. What has been opened can be read on after Remove.
	Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error)
	// Size returns how many bytes are at key, fs.ErrNotExist when nothing is.
	Size(ctx context.Context, key string) (int64, error)
	// Remove removes what is at key. A missing one is no error.
	Remove(ctx context.Context, key string) error
}

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
