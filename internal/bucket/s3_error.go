package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/minio/minio-go/v7"

	"rehome"
)

// ErrRefused is wrapped by errors that last until somebody changes the settings: wrong keys, a bucket that is not there, no
// permission, another region.
var ErrRefused = errors.New("the object store refuses")

// ErrAway is wrapped by errors that may be gone in a while: the object store cannot be reached, breaks off, or says that it is
// overloaded or out of order.
var ErrAway = errors.New("the object store does not answer")

// code is what a server calls an error, "" when none did.
func code(err error) string {
	var said minio.ErrorResponse
	errors.As(err, &said)
	return said.Code
}

// explain says what was tried and what is to be done. It is fs.ErrNotExist for a missing file, ENOSPC for a full server and ErrRefused
// for what only a user can set right; a nil error stays nil.
func (s *S3) explain(what, key string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var said minio.ErrorResponse
	if errors.As(err, &said) {
		if said.Code == minio.NoSuchKey {
			return missing(key)
		}
		err = s.translate(said)
	} else if isNetwork(err) && !errors.Is(err, ErrAway) {
		err = fmt.Errorf("%w: %w", ErrAway, err)
	}
	if key == "" {
		key = "bucket"
	}
	return fmt.Errorf("%s %s: %w", what, key, err)
}

func (s *S3) translate(said minio.ErrorResponse) error {
	at := fmt.Sprintf("the bucket %q at %s", s.place.bucket, s.place.endpoint)
	switch said.Code {
	case minio.NoSuchBucket:
		return fmt.Errorf("%w: %s is not there; make it first, or correct its name", ErrRefused, at)
	case minio.InvalidAccessKeyID, minio.SignatureDoesNotMatch, "XAdminUserNotFound":
		return fmt.Errorf("%w: the keys for %s are wrong (%s); correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", ErrRefused, at, said.Code)
	case "ExpiredToken", "ExpiredTokenException", "InvalidToken":
		return fmt.Errorf("%w: AWS_SESSION_TOKEN for %s is no longer good (%s); get a new one", ErrRefused, at, said.Code)
	case minio.AccessDenied, "AllAccessDisabled", "AccountProblem":
		return fmt.Errorf("%w: the keys may not use %s (%s); allow them ListBucket, GetObject, PutObject, DeleteObject and AbortMultipartUpload", ErrRefused, at, said.Code)
	case minio.AuthorizationHeaderMalformed, minio.InvalidRegion, "PermanentRedirect", "IllegalLocationConstraintException":
		return fmt.Errorf("%w: %s is in another region than %q (%s); set region=… to %s", ErrRefused, at, s.place.region, said.Code, orOther(said.Region))
	case "RequestTimeTooSkewed":
		return fmt.Errorf("%w: this machine's clock is minutes off that of %s; set it", ErrRefused, s.place.endpoint)
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded":
		return fmt.Errorf("%s has no room (%s): %w", at, said.Code, syscall.ENOSPC)
	}
	if said.StatusCode == http.StatusInsufficientStorage {
		return fmt.Errorf("%s has no room: %w", at, syscall.ENOSPC)
	}
	err := fmt.Errorf("%s answers %d %s: %q", at, said.StatusCode, cut(said.Code), cut(said.Message))
	if said.StatusCode >= http.StatusInternalServerError || said.StatusCode == http.StatusTooManyRequests || said.StatusCode == http.StatusRequestTimeout {
		err = fmt.Errorf("%w: %w", ErrAway, err)
	}
	return err
}

// isNetwork reports whether err is about the way to a server, and not about a file of this machine.
func isNetwork(err error) bool {
	var way net.Error
	return errors.Is(err, ErrStalled) || errors.As(err, &way) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// away puts into words, with what to do, that an object store could not be reached when it was opened. Other errors stay.
func (p place) away(err error) error {
	if !errors.Is(err, ErrAway) {
		return err
	}
	var name *net.DNSError
	var way *net.OpError
	_, why, _ := strings.Cut(err.Error(), ErrAway.Error()+": ")
	switch {
	case errors.As(err, &name):
		why = "there is no such host"
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "nothing listens there"
	case errors.As(err, &way):
		why = way.Err.Error()
	}
	return &rehome.Error{
		Code: rehome.Unreachable, Message: rehome.Clean(fmt.Sprintf("The object store at %s does not answer: %s.", p.endpoint, why), 500),
		Hint: "Check that it runs, and endpoint=… in --bucket.", Err: err,
	}
}

func orOther(region string) string {
	if region == "" {
		return "its own"
	}
	return fmt.Sprintf("%q", cut(region))
}

// cut keeps what a stranger says short.
func cut(words string) string {
	const most = 200
	if len(words) > most {
		words = words[:most]
	}
	return strings.ToValidUTF8(words, "?")
}
