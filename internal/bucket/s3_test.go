package bucket_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"

	"rehome/internal/bucket"
	"rehome/internal/bucket/buckettest"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) {
	minio.DefaultRetryUnit, minio.DefaultRetryCap = time.Millisecond, 10*time.Millisecond
	goleak.VerifyTestMain(m)
}

const mib = 1 << 20

func keysOf(v *testenv.Versity) bucket.Keys { return bucket.Keys{ID: v.Key, Secret: v.Secret} }

// openS3 opens the bucket "files" of a server at endpoint, with the smallest parts there are.
func openS3(t testing.TB, v *testenv.Versity, endpoint, more string) bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenURL(t.Context(), "s3://files?endpoint="+endpoint+more, bucket.S3Options{Keys: keysOf(v), Part: 5 * mib})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.(*bucket.S3).Close)
	return b
}

func TestS3(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	var n atomic.Int64
	buckettest.Run(t, func(t *testing.T) (bucket.Bucket, string) {
		return openS3(t, v, v.URL, fmt.Sprintf("&prefix=of/test-%d", n.Add(1))), ""
	})
}

// TestS3WithoutPrefix shares a server with what is nobody's key.
func TestS3WithoutPrefix(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	for _, name := range []string{"Readme.TXT", ".hidden", "a b"} {
		if err := os.WriteFile(filepath.Join(v.Dir, "files", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := openS3(t, v, v.URL, "")
	file := random(t, 10)
	if err := b.Put(t.Context(), "0a", file); err != nil {
		t.Fatal(err)
	}
	var got []string
	for f, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Key)
	}
	if strings.Join(got, " ") != "0a" {
		t.Errorf("got %q", got)
	}
}

// random makes a file of so many bytes.
func random(t testing.TB, size int) string {
	t.Helper()
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content) //nolint:errcheck // it never fails
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// comesBack wants what is at key to be the file's.
func comesBack(t *testing.T, b bucket.Bucket, key, file string) {
	t.Helper()
	got := filepath.Join(t.TempDir(), "got")
	if err := bucket.Get(t.Context(), b, key, got); err != nil {
		t.Fatal(err)
	}
	want, errWant := os.ReadFile(file)
	content, err := os.ReadFile(got)
	if errors.Join(err, errWant) != nil || !bytes.Equal(content, want) {
		t.Errorf("other bytes came back: %d of %d, %v", len(content), len(want), err)
	}
}

// nothing wants no file at the server.
func nothing(t *testing.T, b bucket.Bucket) {
	t.Helper()
	for f, err := range b.List(t.Context(), "") {
		t.Errorf("there is %q, %v", f.Key, err)
	}
}

func TestS3Large(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	b := openS3(t, v, v.URL, "&prefix=large")
	for _, size := range []int{5 * mib, 5*mib + 1, 70 * mib} {
		key, file := fmt.Sprintf("of/%d", size), random(t, size)
		if err := b.Put(t.Context(), key, file); err != nil {
			t.Fatal(err)
		}
		comesBack(t, b, key, file)
		if err := b.Put(t.Context(), key, random(t, 6*mib)); err != nil {
			t.Errorf("put another: %v", err)
		}
		if got, err := bucket.Size(t.Context(), b, key); got != int64(size) || err != nil {
			t.Errorf("size %d, %v", got, err)
		}
	}
	r, err := b.Open(t.Context(), fmt.Sprintf("of/%d", 70*mib), 70*mib-3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if rest, err := io.ReadAll(r); len(rest) != 3 || err != nil {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}
