package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"rehome/internal/lfs"
	"rehome/internal/store"
)

// batchRequest is what a client sends to objects/batch (git-lfs docs/api/batch.md, "Requests").
type batchRequest struct {
	Operation string      `json:"operation"`
	Transfers []string    `json:"transfers"`
	Objects   []objectRef `json:"objects"`
	HashAlgo  string      `json:"hash_algo"`
}

// objectRef names an object as a client does, rightly or not.
type objectRef struct {
	OID  string `json:"oid"`
	Size *int64 `json:"size"`
}

// object returns the object that is named.
func (o objectRef) object() (lfs.Object, error) {
	oid, err := lfs.ParseOID(o.OID)
	switch {
	case err != nil:
		return lfs.Object{}, &refusal{http.StatusUnprocessableEntity, "The oid has to be 64 lower-case hex digits."}
	case o.Size == nil || *o.Size < 0:
		return lfs.Object{}, &refusal{http.StatusUnprocessableEntity, "The size has to be a number of bytes."}
	}
	return lfs.Object{OID: oid, Size: *o.Size}, nil
}

// batchAnswer is what it gets back.
type batchAnswer struct {
	Transfer string         `json:"transfer"`
	Objects  []objectAnswer `json:"objects"`
	HashAlgo string         `json:"hash_algo"`
}

type objectAnswer struct {
	OID     string            `json:"oid"`
	Size    int64             `json:"size"`
	Actions map[string]action `json:"actions,omitempty"` // by name: download, upload, verify
	Error   *objectError      `json:"error,omitempty"`
}

type action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header,omitempty"`
}

type objectError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

const (
	operationDownload = "download"
	operationUpload   = "upload"

	transferBasic = "basic"
	hashSHA256    = "sha256"
)

// check refuses what no object of the request can be served for.
func (q batchRequest) check() error {
	switch {
	case q.Operation != operationDownload && q.Operation != operationUpload:
		return &refusal{http.StatusUnprocessableEntity, `The operation has to be "download" or "upload".`}
	case q.Objects == nil:
		return &refusal{http.StatusUnprocessableEntity, "The request names no objects."}
	case len(q.Objects) > maxBatch:
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("The request names %d objects; at most %d are answered at once.", len(q.Objects), maxBatch)}
	case len(q.Transfers) > 0 && !slices.Contains(q.Transfers, transferBasic):
		return &refusal{http.StatusUnprocessableEntity, `Only the transfer "basic" is offered here.`}
	}
	return nil
}

// batch answers POST objects/batch.
func (x *exchange) batch(ctx context.Context) error {
	var q batchRequest
	if err := x.readJSON(&q); err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return err
	}
	if q.Operation == operationUpload {
		if err := x.wantUpload(); err != nil {
			return err
		}
	}
	a, err := x.answers(ctx, q)
	if err != nil {
		return err
	}
	answer(x.w, http.StatusOK, batchAnswer{Transfer: transferBasic, Objects: a, HashAlgo: hashSHA256})
	return nil
}

// answers finds out what is to be done for each object.
func (x *exchange) answers(ctx context.Context, q batchRequest) ([]objectAnswer, error) {
	answers := make([]objectAnswer, len(q.Objects))
	oids := make([]lfs.OID, 0, len(q.Objects))
	for _, ref := range q.Objects {
		if oid, err := lfs.ParseOID(ref.OID); err == nil {
			oids = append(oids, oid)
		}
	}
	sizes, err := x.sizes(ctx, oids...)
	if err == nil && q.Operation == operationUpload {
		sizes, err = x.offered(ctx, sizes, oids)
	}
	if err != nil {
		return nil, err
	}
	for i, ref := range q.Objects {
		a := objectAnswer{OID: ref.OID}
		if ref.Size != nil {
			a.Size = *ref.Size
		}
		if a.Actions, err = x.actions(q, ref, sizes); err != nil {
			no := err.(*refusal) //nolint:errorlint // actions returns no other
			a.Error = &objectError{no.status, no.text}
		}
		answers[i] = a
	}
	return answers, nil
}

// offered lets the repository have for good what it has and a client offers to upload. The bytes are looked at again: a row that went since
// they were, with a push that was going on, may have taken them along.
func (x *exchange) offered(ctx context.Context, sizes map[lfs.OID]int64, oids []lfs.OID) (map[lfs.OID]int64, error) {
	removals, err := x.DB.LFSRemovals(ctx)
	if err == nil {
		err = x.DB.AddLFSObjects(ctx, x.repoID, rowsOf(sizes))
	}
	if err != nil {
		return nil, err
	}
	if now, err := x.DB.LFSRemovals(ctx); err != nil || now == removals {
		return sizes, err
	}
	return x.sizes(ctx, oids...)
}

func rowsOf(sizes map[lfs.OID]int64) []store.LFSObject {
	rows := make([]store.LFSObject, 0, len(sizes))
	for oid, size := range sizes {
		rows = append(rows, store.LFSObject{OID: oid.String(), Size: size})
	}
	return rows
}

// actions says what a client does next for an object: nothing, when the repository has what it would upload.
// The error is a *refusal.
func (x *exchange) actions(q batchRequest, ref objectRef, sizes map[lfs.OID]int64) (map[string]action, error) {
	if q.HashAlgo != "" && q.HashAlgo != hashSHA256 {
		return nil, &refusal{http.StatusConflict, "Objects are named by their SHA-256 here."}
	}
	o, err := ref.object()
	if err != nil {
		return nil, err
	}
	size, has := sizes[o.OID]
	switch {
	case has && size != o.Size:
		return nil, &refusal{http.StatusUnprocessableEntity, fmt.Sprintf("The object has %d bytes.", size)}
	case q.Operation == operationDownload && !has:
		return nil, &refusal{http.StatusNotFound, "The object is not in this repository."}
	case q.Operation == operationDownload:
		return map[string]action{"download": x.action("", "objects", o.OID.String())}, nil
	case has:
		return nil, nil
	case o.Size > x.MaxObject:
		return nil, &refusal{http.StatusUnprocessableEntity, fmt.Sprintf("The object is larger than %d bytes.", x.MaxObject)}
	}
	return map[string]action{
		"upload": x.action("size="+strconv.FormatInt(o.Size, 10), "objects", o.OID.String()),
		"verify": x.action("", "verify"),
	}, nil
}

// action is a request to something below the LFS server's URL. Who came with credentials gets them back for
// it: git-lfs would try without first, and send a large object for nothing.
func (x *exchange) action(query string, parts ...string) action {
	u := x.base.JoinPath(append([]string{"info", "lfs"}, parts...)...)
	u.RawQuery = query
	a := action{Href: u.String()}
	if given := x.r.Header.Get("Authorization"); given != "" {
		a.Header = map[string]string{"Authorization": given}
	}
	return a
}

// verify answers POST verify: 200 when the repository has the object (git-lfs docs/api/basic-transfers.md,
// "Verification"). For whatever it has not it is not a 422; see notTheObject.
func (x *exchange) verify(ctx context.Context) error {
	var ref objectRef
	if err := x.readJSON(&ref); err != nil {
		return err
	}
	o, err := ref.object()
	if err != nil {
		return notTheObject(err)
	}
	sizes, err := x.sizes(ctx, o.OID)
	if err != nil {
		return err
	}
	size, has := sizes[o.OID]
	switch {
	case !has:
		return &refusal{http.StatusNotFound, "The object is not in this repository."}
	case size != o.Size:
		return &refusal{http.StatusNotFound, fmt.Sprintf("The object in this repository has %d bytes, not %d.", size, o.Size)}
	}
	answer(x.w, http.StatusOK, struct{}{})
	return nil
}
