package bucket

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is the Bucket in an object store that speaks S3. Any number of machines may share it.
//
// What the server has answered for is durable, and what it took is what was sent: each request is signed with the SHA-256
// of its bytes, which the server compares. A file larger than a part goes up in parts, straight from the disk, and is
// there when all are. Where a server takes no condition on a key ("If-None-Match"), of several that are put there at once the last stays.
// Requests that fail are tried again for some seconds, downloads go on where they broke off.
//
// The keys have to be good for s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload.
type S3 struct {
	api   *minio.Core
	place place
	part  int64
	own   *http.Transport // nil when another is used
}

// S3Options are how an S3 is reached. Only Keys have to be given.
type S3Options struct {
	Keys      Keys
	Transport http.RoundTripper // nil: straight to the server, with the system's certificates
	Idle      time.Duration     // a transfer without a byte for so long is broken off; 0: 30 s
	Part      int64             // bytes in a part of a large file, at least; 0: 64 MiB, 5 MiB is the least that servers take
}

// attempts is how often a request is tried, with pauses that grow to a second: 5 s in all when the answers come at once.
const attempts = 10

func newS3(p place, o S3Options) (*S3, error) {
	if o.Keys.ID == "" || o.Keys.Secret == "" {
		return nil, errors.New("S3 wants keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
	}
	s := &S3{place: p, part: o.Part}
	if s.part == 0 {
		s.part = 64 << 20
	}
	if o.Idle == 0 {
		o.Idle = 30 * time.Second
	}
	if o.Transport == nil {
		s.own = newTransport()
		o.Transport = s.own
	}
	api, err := minio.NewCore(p.endpoint.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(o.Keys.ID, o.Keys.Secret, o.Keys.Session),
		Secure:     p.endpoint.Scheme == "https",
		Region:     p.region,
		Transport:  &watch{next: o.Transport, idle: o.Idle},
		MaxRetries: attempts,
	})
	if err != nil {
		return nil, err
	}
	s.api = api
	return s, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 20 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 20 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		MaxIdleConnsPerHost: 32,
		DisableCompression:  true,
		ReadBufferSize:      128 << 10,
		WriteBufferSize:     128 << 10,
	}
}

// Close ends the connections that nobody uses, unless the transport is somebody else's.
func (s *S3) Close() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// check looks whether the bucket can be listed.
func (s *S3) check(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for o := range s.api.ListObjectsIter(ctx, s.place.bucket, minio.ListObjectsOptions{Prefix: s.place.prefix, Recursive: true, MaxKeys: 1}) {
		return s.explain("list", "", o.Err)
	}
	return s.explain("list", "", ctx.Err())
}

// List fills Bucket: a request for each thousand files.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		err := checkPrefix(prefix)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(File{}, err)
			return
		}
		for o := range s.api.ListObjectsIter(ctx, s.place.bucket, minio.ListObjectsOptions{Prefix: s.place.prefix + prefix, Recursive: true}) {
			key, ours := strings.CutPrefix(o.Key, s.place.prefix)
			switch {
			case o.Err != nil:
				yield(File{}, s.explain("list", prefix, o.Err))
				return
			case !ours || !strings.HasPrefix(key, prefix) || CheckKey(key) != nil:
			case !yield(File{Key: key, Size: o.Size, Modified: o.LastModified.UTC()}, nil):
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(File{}, err)
		}
	}
}

// Remove fills Bucket.
func (s *S3) Remove(ctx context.Context, key string) error {
	name, err := s.name(ctx, key)
	if err != nil {
		return err
	}
	err = s.api.RemoveObject(ctx, s.place.bucket, name, minio.RemoveObjectOptions{})
	if code(err) == minio.NoSuchKey {
		return nil
	}
	return s.explain("remove", key, err)
}

// Open fills Bucket.
func (s *S3) Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return nil, err
	}
	d := &download{ctx: ctx, s3: s, key: key, name: name, at: offset}
	if err := d.open(); err != nil {
		return nil, err
	}
	return d, nil
}

// name is what the server calls a key.
func (s *S3) name(ctx context.Context, key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	name := s.place.prefix + key
	if len(name) > 1024 {
		return "", errors.New("key with its prefix is longer than 1,024 bytes")
	}
	return name, ctx.Err()
}
