package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// resumes is how often in a row, without a byte in between, a download goes on after it broke off.
const resumes = 5

// download reads a file from a server.
type download struct {
	ctx       context.Context // of Open
	s3        *S3
	key, name string
	at        int64         // what has been read of the file up to here
	end       int64         // its size
	etag      string        // of the file that was opened; "" before
	body      io.ReadCloser // from at on
}

// open asks for the bytes from at on.
func (d *download) open() error {
	var o minio.GetObjectOptions
	if d.at > 0 {
		if err := o.SetRange(d.at, 0); err != nil {
			return err
		}
	}
	if d.etag != "" {
		if err := o.SetMatchETag(d.etag); err != nil {
			return err
		}
	}
	body, info, header, err := d.s3.api.GetObject(d.ctx, d.s3.place.bucket, d.name, o)
	if code(err) == minio.InvalidRange && d.etag == "" {
		d.end, d.body = d.at, http.NoBody // at or past the end
		return nil
	}
	if err != nil {
		return d.s3.explain("open", d.key, err)
	}
	if err := checkRange(header, d.at); err != nil {
		return errors.Join(d.s3.explain("open", d.key, err), body.Close())
	}
	d.body, d.end, d.etag = body, d.at+info.Size, info.ETag
	return nil
}

// checkRange wants the range that begins at offset.
func checkRange(h http.Header, offset int64) error {
	var begin int64
	_, err := fmt.Sscanf(h.Get("Content-Range"), "bytes %d-", &begin)
	if offset > 0 && (err != nil || begin != offset) {
		return errors.New("the server does not send the range that was asked for")
	}
	return nil
}

// Read fills io.Reader.
func (d *download) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for try := 1; d.at < d.end; try++ {
		n, err := d.body.Read(p)
		d.at += int64(n)
		switch {
		case n > 0:
			return n, nil // an error comes again
		case err == nil:
			return 0, nil
		case d.ctx.Err() != nil:
			return 0, d.ctx.Err()
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
		if try > resumes {
			return 0, d.s3.explain("read", d.key, err)
		}
		if err := d.resume(try); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

func (d *download) resume(try int) error {
	if err := pause(d.ctx, try); err != nil {
		return err
	}
	d.body.Close() //nolint:errcheck // it has failed
	d.body = http.NoBody
	return d.open()
}

// Close fills io.Closer.
func (d *download) Close() error { return d.body.Close() }
