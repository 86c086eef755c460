package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// OpenURL opens the bucket that a user named, and looks whether it can be used:
//
//	a path                                           a Folder
//	s3://BUCKET?endpoint=URL&region=NAME&prefix=KEY  an S3
//
// endpoint is http:// or https:// with a host, Amazon's own when missing; region is Amazon's word for the bucket's place, which few
// other servers look at; keys get prefix and a slash in front. A bucket in S3 has to be there, and Keys come from elsewhere.
func OpenURL(ctx context.Context, raw string, o S3Options) (Bucket, error) {
	if !strings.Contains(raw, "://") {
		if raw == "" {
			return nil, errors.New("bucket: want a path or s3://BUCKET?endpoint=URL")
		}
		return NewFolder(raw)
	}
	place, err := parseURL(raw)
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	b, err := newS3(place, o)
	if err == nil {
		err = b.check(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", place.away(err))
	}
	return b, nil
}

// NameOf is Name of the bucket that OpenURL would open.
func NameOf(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		return filepath.Abs(raw)
	}
	p, err := parseURL(raw)
	if err != nil {
		return "", fmt.Errorf("bucket: %w", err)
	}
	return p.String(), nil
}

// place is where an S3 is.
type place struct {
	bucket   string
	endpoint *url.URL // only scheme and host
	region   string   // "": the server is asked
	prefix   string   // "", or with a slash at the end
}

// String is the URL of a place, the same for all that mean it.
func (p place) String() string {
	var query []string
	if p.endpoint != amazon {
		query = append(query, "endpoint="+p.endpoint.String())
	}
	if p.region != "" && (p.endpoint == amazon || p.region != onlyRegion) {
		query = append(query, "region="+url.QueryEscape(p.region))
	}
	if p.prefix != "" {
		query = append(query, "prefix="+strings.TrimSuffix(p.prefix, "/"))
	}
	text := "s3://" + p.bucket
	if len(query) > 0 {
		text += "?" + strings.Join(query, "&")
	}
	return text
}

// onlyRegion is what servers other than Amazon's call the one region they have.
const onlyRegion = "us-east-1"

// amazon is the endpoint that knows the way to all of Amazon's regions.
var amazon = &url.URL{Scheme: "https", Host: "s3.amazonaws.com"}

// parseURL reads "s3://…". Its errors hold nothing of what may be a secret.
func parseURL(raw string) (place, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return place{}, errors.New("this is no URL")
	}
	switch {
	case u.User != nil:
		return place{}, errKeysInURL
	case u.Scheme != "s3":
		return place{}, fmt.Errorf("want a path or s3://…, not %q", u.Scheme+"://…")
	case u.Path != "" && u.Path != "/":
		return place{}, errors.New("what keys begin with goes into prefix=…, not behind the bucket's name")
	case u.Fragment == "" && u.Host != "" && len(u.Host) < leastName:
		return place{}, fmt.Errorf("the bucket's name %q is too short: it has %d characters at least", u.Host, leastName)
	case u.Fragment == "" && len(u.Host) > mostName:
		return place{}, fmt.Errorf("the bucket's name is too long: it has %d characters at most", mostName)
	case u.Fragment != "" || s3utils.CheckValidBucketNameStrict(u.Host) != nil:
		return place{}, errors.New("want the bucket's name after s3://, as in s3://my-bucket?endpoint=https://host")
	}
	query, err := parseQuery(u.RawQuery)
	if err != nil {
		return place{}, err
	}
	p := place{bucket: u.Host, region: query["region"]}
	if p.endpoint, err = parseEndpoint(query["endpoint"]); err != nil {
		return place{}, err
	}
	if p.region == "" && p.endpoint != amazon {
		p.region = onlyRegion
	}
	if prefix := strings.TrimSuffix(query["prefix"], "/"); prefix != "" {
		if err := CheckKey(prefix); err != nil {
			return place{}, fmt.Errorf("prefix: %w", err)
		}
		p.prefix = prefix + "/"
	}
	return p, nil
}

// How long names of buckets are (Amazon S3, "General purpose bucket naming rules").
const leastName, mostName = 3, 63

var errKeysInURL = errors.New("keys do not belong into a URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")

func parseQuery(raw string) (map[string]string, error) {
	known := []string{"endpoint", "region", "prefix"}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("what comes after the question mark is malformed")
	}
	query := map[string]string{}
	for key, value := range values {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("%q is not known: there are %s", cut(key), strings.Join(known, ", "))
		}
		if len(value) > 1 {
			return nil, fmt.Errorf("%q is there twice", key)
		}
		query[key] = value[0]
	}
	return query, nil
}

func parseEndpoint(raw string) (*url.URL, error) {
	if raw == "" {
		return amazon, nil
	}
	u, err := url.Parse(raw)
	switch {
	case err == nil && u.User != nil:
		return nil, errKeysInURL
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("endpoint: want http://host:port or https://host:port and nothing after it")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
