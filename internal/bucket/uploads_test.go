package bucket_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"rehome/internal/bucket"
	"rehome/internal/testenv"
)

// Uploads that nobody ends go when they are old, below the prefix only.
func TestDropUploads(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	api, err := minio.NewCore(v.URL[len("http://"):], &minio.Options{Creds: credentials.NewStaticV4(v.Key, v.Secret, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	begin := func(name string) {
		t.Helper()
		id, err := api.NewMultipartUpload(t.Context(), "files", name, minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, 5*mib)
		if _, err := api.PutObjectPart(t.Context(), "files", name, id, 1, bytes.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	begin("ours/imports/1/1/files/t-00")
	begin("theirs/file")
	b := openS3(t, v, v.URL, "&prefix=ours")
	drop := func(before time.Time, want int) {
		t.Helper()
		if n, err := bucket.DropUploads(t.Context(), b, before); err != nil || n != want {
			t.Errorf("dropped %d uploads, want %d: %v", n, want, err)
		}
	}
	drop(time.Now().Add(-time.Hour), 0)
	drop(time.Now().Add(time.Hour), 1)
	drop(time.Now().Add(time.Hour), 0)
	left := 0
	for u := range api.ListIncompleteUploads(t.Context(), "files", "", true) {
		if left++; u.Key != "theirs/file" {
			t.Errorf("%s is left", u.Key)
		}
	}
	if left != 1 {
		t.Errorf("%d uploads are left, want somebody else's", left)
	}
	folder, err := bucket.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := bucket.DropUploads(t.Context(), folder, time.Now()); n != 0 || err != nil {
		t.Errorf("a folder: %d, %v", n, err)
	}
}
