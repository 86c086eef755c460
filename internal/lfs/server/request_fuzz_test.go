package server

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"rehome/internal/lfs"
)

// FuzzBatchRequest wants every request refused, or each of its objects answered with what is left to do or an error.
func FuzzBatchRequest(f *testing.F) {
	oid := objectOf("content").OID.String()
	for _, body := range []string{
		`{"operation": "download", "transfers": ["basic"], "ref": {"name": "refs/heads/main"}, "objects": [{"oid": "` + oid + `", "size": 7}], "hash_algo": "sha256"}`,
		`{"operation": "upload", "objects": [{"oid": "` + oid + `", "size": 7}, {"oid": "\r\n", "size": -1}]}`,
		`{"operation": "upload", "objects": [{"oid": "` + oid + `", "size": 9223372036854775807}]}`,
		`{"objects": [null]}`, `[]`, `null`, `{`, ``,
	} {
		f.Add([]byte(body))
	}
	x := &exchange{Server: New(Options{MaxObject: 100}), base: &url.URL{Scheme: "https", Host: "forge.example", Path: "/o/r.git"}, r: &http.Request{}}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q batchRequest
		err := decode(body, &q)
		if err == nil {
			err = q.check()
		}
		if refused := (*refusal)(nil); err != nil {
			if !errors.As(err, &refused) || refused.status < 400 || refused.status > 499 {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		for _, ref := range q.Objects {
			actions, err := x.actions(q, ref, map[lfs.OID]int64{})
			refused, isRefusal := err.(*refusal)
			switch {
			case err != nil && (!isRefusal || actions != nil || refused.status == http.StatusOK):
				t.Errorf("%q: %v, %v", body, actions, err)
			case err == nil && (q.Operation != operationUpload || len(actions) != 2 || *ref.Size > 100 || len(ref.OID) != 64):
				t.Errorf("%q: %v for %v", body, actions, ref)
			}
		}
	})
}
