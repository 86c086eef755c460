package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// askFirst is from what size on, bytes, it is cheaper to ask whether a file is there than to send it for nothing.
const askFirst = 1 << 20

// Put fills Bucket.
func (s *S3) Put(ctx context.Context, key, file string) error {
	name, err := s.name(ctx, key)
	if err != nil {
		return err
	}
	in, info, err := openRegular(file)
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	defer in.Close() // it was only read
	if info.Size() >= askFirst {
		if _, err := Size(ctx, s, key); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	up := &upload{s3: s, key: key, name: name, in: in, size: info.Size()}
	up.options.DisableContentSha256 = true // for the whole request, not chunk by chunk
	up.options.SetMatchETagExcept("*")
	err = up.send(ctx)
	if code(err) == minio.NotImplemented { // the condition is not known there
		up.options = minio.PutObjectOptions{DisableContentSha256: true}
		err = up.send(ctx)
	}
	return s.explain("keep", key, err)
}

// upload is one file on its way.
type upload struct {
	s3        *S3
	key, name string
	in        *os.File
	size      int64
	options   minio.PutObjectOptions
}

// send sends the file, and again when the server had others to serve at that key.
func (u *upload) send(ctx context.Context) error {
	for try := 1; ; try++ {
		err := u.sendOnce(ctx)
		switch code(err) {
		case minio.PreconditionFailed:
			// There is one already, or somebody's is about to be: versitygw says so before it can be read.
			if _, missing := Size(ctx, u.s3, u.key); !errors.Is(missing, fs.ErrNotExist) {
				return missing
			}
		case "ConditionalRequestConflict", "OperationAborted":
		default:
			return err
		}
		if try == attempts {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

func (u *upload) sendOnce(ctx context.Context) error {
	if u.size > u.s3.part {
		return u.sendParts(ctx)
	}
	body, sum, err := u.section(0, u.size)
	if err == nil {
		_, err = u.s3.api.PutObject(ctx, u.s3.place.bucket, u.name, body, u.size, "", sum, u.options)
	}
	return err
}

// section returns so many bytes of the file, and their SHA-256.
func (u *upload) section(offset, size int64) (*io.SectionReader, string, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(u.in, offset, size))
	if err == nil && n != size {
		err = fmt.Errorf("%q became shorter while it was read", u.in.Name())
	}
	return io.NewSectionReader(u.in, offset, size), hex.EncodeToString(sum.Sum(nil)), err
}

const (
	maxParts = 10_000 // of one file, in S3
	atOnce   = 4      // parts on their way
)

// partSize is how many bytes go into each part of a file but the last: as few as may be, but whole MiB if that has to be more than least.
func partSize(size, least int64) int64 {
	if size <= least*maxParts {
		return least
	}
	const mib = 1 << 20
	return ((size+maxParts-1)/maxParts + mib - 1) / mib * mib
}

// sendParts sends the file in parts. What was sent is thrown away after an error; but not when this process dies: for that, buckets have
// a rule that ends uploads of some age ("AbortIncompleteMultipartUpload").
func (u *upload) sendParts(ctx context.Context) error {
	api, bucket := u.s3.api, u.s3.place.bucket
	id, err := api.NewMultipartUpload(ctx, bucket, u.name, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	parts, err := u.parts(ctx, id)
	if err == nil {
		_, err = api.CompleteMultipartUpload(ctx, bucket, u.name, id, parts, u.options)
		if code(err) == minio.NoSuchUpload {
			err = nil // done, and the answer was lost: arrived tells
		}
	}
	if err == nil {
		return u.arrived(ctx)
	}
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	api.AbortMultipartUpload(late, bucket, u.name, id) //nolint:errcheck // the error that led here counts
	return err
}

func (u *upload) parts(ctx context.Context, id string) ([]minio.CompletePart, error) {
	each := partSize(u.size, u.s3.part)
	parts := make([]minio.CompletePart, (u.size+each-1)/each)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range parts {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			offset := int64(i) * each
			body, sum, err := u.section(offset, min(each, u.size-offset))
			if err != nil {
				return err
			}
			part, err := u.s3.api.PutObjectPart(ctx, u.s3.place.bucket, u.name, id, i+1, body, body.Size(), minio.PutObjectPartOptions{Sha256Hex: sum, DisableContentSha256: true})
			parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: part.ETag}
			return err
		})
	}
	return parts, group.Wait()
}

// arrived wants all of the file's bytes at its key, and nothing there if it is anything else.
func (u *upload) arrived(ctx context.Context) error {
	size, err := Size(ctx, u.s3, u.key)
	if err != nil || size == u.size {
		return err
	}
	return errors.Join(fmt.Errorf("%d bytes of %d are there after the upload", size, u.size), u.s3.Remove(ctx, u.key))
}

// pause waits before a next try: longer each time, up to 2 s.
func pause(ctx context.Context, try int) error {
	wait := time.NewTimer(min(100*time.Millisecond<<try, 2*time.Second))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}
