package bucket

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// DropUploads ends uploads into a bucket that were begun before a time and are not whole: of processes that died. Their parts take room
// until then, and nobody sees them. It returns how many there were. A Folder has no such uploads, and is tidied when it is opened.
func DropUploads(ctx context.Context, b Bucket, before time.Time) (n int, err error) {
	s, ok := b.(*S3)
	if !ok {
		return 0, nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends the listing after an error
	for u := range s.api.ListIncompleteUploads(ctx, s.place.bucket, s.place.prefix, true) {
		if u.Err != nil {
			return n, s.explain("list uploads", "", u.Err)
		}
		if !strings.HasPrefix(u.Key, s.place.prefix) || !u.Initiated.Before(before) {
			continue
		}
		err := s.api.AbortMultipartUpload(ctx, s.place.bucket, u.Key, u.UploadID)
		if err != nil && code(err) != minio.NoSuchUpload {
			return n, fmt.Errorf("end an upload that was cut off: %w", s.explain("end an upload", strings.TrimPrefix(u.Key, s.place.prefix), err))
		}
		n++
	}
	return n, ctx.Err()
}
