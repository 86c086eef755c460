package bucket

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://my-bucket":                                         "my-bucket https://s3.amazonaws.com  ",
		"s3://my-bucket/":                                        "my-bucket https://s3.amazonaws.com  ",
		"s3://b.ucket?region=eu-west-1&prefix=a":                 "b.ucket https://s3.amazonaws.com eu-west-1 a/",
		"s3://files?endpoint=http://127.0.0.1:7070&prefix=a/b/":  "files http://127.0.0.1:7070 us-east-1 a/b/",
		"s3://files?endpoint=https%3A%2F%2Fs3.example%2F&region": "files https://s3.example us-east-1 ",
	} {
		p, err := parseURL(raw)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if got := fmt.Sprintf("%s %s %s %s", p.bucket, p.endpoint, p.region, p.prefix); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

// A bucket is called the same however it was written.
func TestName(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://my-bucket/":                                        "s3://my-bucket",
		"s3://b.ucket?region=eu-west-1&prefix=a/":                "s3://b.ucket?region=eu-west-1&prefix=a",
		"s3://files?prefix=a/b&endpoint=http%3A%2F%2Fhost%3A70/": "s3://files?endpoint=http://host:70&prefix=a/b",
		"s3://files?endpoint=http://host:70&region=us-east-1":    "s3://files?endpoint=http://host:70",
		"s3://files?endpoint=http://host:70&region=here":         "s3://files?endpoint=http://host:70&region=here",
	} {
		p, err := parseURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseURL(p.String())
		if p.String() != want || err != nil || again.String() != want {
			t.Errorf("%q: %q, want %q; again %q, %v", raw, p, want, again, err)
		}
		b, err := newS3(p, S3Options{Keys: Keys{ID: "id", Secret: "canary"}})
		if err != nil || Name(b) != want {
			t.Errorf("%q is called %q, %v", raw, Name(b), err)
		}
	}
	dir := t.TempDir()
	b, err := NewFolder(dir)
	if err != nil || Name(b) != dir {
		t.Errorf("%q is called %q, %v", dir, Name(b), err)
	}
}

func TestParseURLRefuses(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://canary:canary@bucket":                      "environment",
		"s3://bucket?endpoint=http://canary:canary@host": "environment",
		"s3://bucket?secret_key=canary":                  "not known",
		"s3://bucket?region=a&region=canary":             "twice",
		"s3://bucket/canary":                             "prefix=",
		"s3://bucket?prefix=../a":                        "bad key",
		"s3://bucket?endpoint=ftp://host":                "endpoint",
		"s3://bucket?endpoint=http://host/canary":        "endpoint",
		"s3://bucket?endpoint=host:7070":                 "endpoint",
		"s3://bucket?endpoint=http://host?canary":        "endpoint",
		"s3://bucket?%zz=canary":                         "malformed",
		"s3://":                                          "name",
		"s3://BUCKET":                                    "name",
		"s3://b":                                         "too short",
		"s3://r2?endpoint=http://host":                   "too short",
		"s3://" + strings.Repeat("long", 20):             "too long",
		"s3://bucket:80":                                 "name",
		"s3://bucket#canary":                             "name",
		"s3://bu cket/canary":                            "no URL",
		"gs://bucket":                                    "gs://",
		"file:///canary":                                 "not",
	} {
		_, err := parseURL(raw)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestOpenURLOfAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s3", "files")
	b, err := OpenURL(t.Context(), dir, S3Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := b.(*Folder); !ok || f.dir != dir {
		t.Errorf("got %v", b)
	}
	if _, err := OpenURL(t.Context(), "", S3Options{}); err == nil {
		t.Error("opened nothing")
	}
	if _, err := Size(t.Context(), b, "key"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	env := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "canary", "AWS_SESSION_TOKEN": "session"}
	get := func(name string) string { return env[name] }
	keys := KeysFrom(get)
	if keys.ID != "id" || keys.Secret != "canary" || keys.Session != "session" {
		t.Error("other keys")
	}
	words, err := json.Marshal(S3Options{Keys: keys})
	said := fmt.Sprintf("%v %+v %#v %s %q %s %v", keys, keys, keys, keys, keys, words, &S3Options{Keys: keys})
	if strings.Contains(said, "canary") || err != nil {
		t.Errorf("said %s, %v", said, err)
	}
	env["REHOME_BUCKET_ACCESS_KEY"], env["REHOME_BUCKET_SECRET_KEY"] = "other", "one"
	if keys := KeysFrom(get); keys.ID != "other" || keys.Secret != "one" || keys.Session != "" {
		t.Error("not the keys of the bucket")
	}
}

// TestPartSize keeps every size within 10,000 parts of at most 5 GiB.
func TestPartSize(t *testing.T) {
	const mib, tib = 1 << 20, 1 << 40
	for _, c := range []struct{ size, want int64 }{
		{1, 64 * mib}, {64 * mib * maxParts, 64 * mib}, {64*mib*maxParts + 1, 65 * mib}, {5 * tib, 525 * mib},
	} {
		got := partSize(c.size, 64*mib)
		if got != c.want || (c.size+got-1)/got > maxParts {
			t.Errorf("%d: parts of %d, want %d", c.size, got, c.want)
		}
	}
}

// An object store that is not there is said with what to do.
func TestOpenURLAway(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	_, err := OpenURL(t.Context(), "s3://files?endpoint="+closed.URL, S3Options{Keys: Keys{ID: "id", Secret: "canary"}})
	var known *rehome.Error
	if !errors.As(err, &known) || known.Message != "The object store at "+closed.URL+" does not answer: nothing listens there." || !strings.Contains(known.Hint, "endpoint=") || !errors.Is(err, ErrAway) {
		t.Errorf("it says %v", err)
	}
}
