package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// upload answers PUT objects/OID. The object is the repository's once all its bytes have come and hash to
// its id; until then, and after anything else, nothing is kept.
func (x *exchange) upload(ctx context.Context, oid lfs.OID) error {
	if err := x.wantUpload(); err != nil {
		return err
	}
	size, err := x.uploadSize()
	if err != nil {
		return err
	}
	removals, err := x.DB.LFSRemovals(ctx)
	if err != nil {
		return err
	}
	o, err := x.receive(ctx, oid, size)
	if err != nil {
		return err
	}
	if err := x.DB.AddLFSObjects(ctx, x.repoID, []store.LFSObject{{OID: o.OID.String(), Size: o.Size}}); err != nil {
		return err
	}
	if err := x.stillThere(ctx, o, removals); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusOK)
	return nil
}

// stillThere is an error when the bytes of an object that was put, and that a row names since, are gone: nobody needed it before, and a sweep
// was just removing it. removals is their count from before.
func (x *exchange) stillThere(ctx context.Context, o lfs.Object, removals int64) error {
	now, err := x.DB.LFSRemovals(ctx)
	if err != nil || now == removals {
		return err
	}
	has, err := x.Store.Has(ctx, o)
	if err == nil && !has {
		err = x.later("The object was just being removed. Send it again.")
	}
	return err
}

// uploadSize returns the size an upload has to have, -1 when neither the URL nor the client says it.
func (x *exchange) uploadSize() (int64, error) {
	if !isPlain(x.r.Header) {
		return 0, errCoding
	}
	size := x.r.ContentLength
	if text := x.r.URL.Query().Get("size"); text != "" {
		said, err := strconv.ParseInt(text, 10, 64)
		if err != nil || said < 0 || size >= 0 && size != said {
			return 0, notTheObject(fmt.Errorf("it has not the size %q of its URL", rehome.Clean(text, 30)))
		}
		size = said
	}
	if size > x.MaxObject {
		return 0, x.tooLarge()
	}
	return size, nil
}

func (x *exchange) tooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("The object is larger than %d bytes.", x.MaxObject)}
}

// receive puts the object that comes into the store.
func (x *exchange) receive(ctx context.Context, oid lfs.OID, size int64) (lfs.Object, error) {
	w, err := x.Store.Create()
	if err != nil {
		return lfs.Object{}, err
	}
	defer w.Close() //nolint:errcheck // closed by Keep, or thrown away
	in := &body{r: x.r.Body, ctx: ctx, control: http.NewResponseController(x.w), idle: x.idle, step: x.step}
	n, err := io.Copy(w, io.LimitReader(in, x.MaxObject+1)) // the one more shows that it is too large
	switch {
	case err != nil:
		return lfs.Object{}, fmt.Errorf("receive LFS object: %w", err)
	case n > x.MaxObject:
		return lfs.Object{}, x.tooLarge()
	case size < 0:
		size = n
	}
	o := lfs.Object{OID: oid, Size: size}
	err = w.KeepAs(ctx, o)
	if wrong := (*lfs.MismatchError)(nil); errors.As(err, &wrong) {
		return o, notTheObject(wrong)
	}
	return o, err
}

// notTheObject refuses what came. A 422 would be the word for it, but git-lfs takes one for a dislike of
// the Content-Type, says so, and pushes the refs as if the object had come (its tq/transfer_queue.go).
func notTheObject(why error) error {
	return &refusal{http.StatusBadRequest, "This is not the object: " + why.Error()}
}

// download answers GET and HEAD objects/OID, for one range too.
func (x *exchange) download(ctx context.Context, oid lfs.OID) error {
	sizes, err := x.sizes(ctx, oid)
	if err != nil {
		return err
	}
	size, has := sizes[oid]
	if !has {
		return &refusal{http.StatusNotFound, "The object is not in this repository."}
	}
	content := &content{ctx: ctx, store: x.Store, object: lfs.Object{OID: oid, Size: size}}
	defer content.close()
	if strings.Contains(x.r.Header.Get("Range"), ",") {
		x.r.Header.Del("Range") // several are no resume; all is a right answer (RFC 9110, 14.2)
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
	h.Set("ETag", `"`+oid.String()+`"`)
	out := &rangeWriter{ResponseWriter: x.w}
	http.ServeContent(out, x.r, "", time.Time{}, content)
	if !out.refused {
		return nil
	}
	h.Del("Content-Disposition")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
	return &refusal{http.StatusRequestedRangeNotSatisfiable, fmt.Sprintf("The object has %d bytes, and not the range that was asked for.", size)}
}

// rangeWriter keeps back net/http's own words for a range that the object does not have.
type rangeWriter struct {
	http.ResponseWriter
	refused bool
}

// WriteHeader fills http.ResponseWriter.
func (w *rangeWriter) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; !w.refused {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write fills http.ResponseWriter.
func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// content reads an object from wherever it is sought to.
type content struct {
	ctx    context.Context
	store  *lfs.Store
	object lfs.Object
	at     int64
	open   io.ReadCloser // at at; nil: not opened yet
}

func (c *content) Read(p []byte) (int, error) {
	if c.open == nil {
		r, err := c.store.Open(c.ctx, c.object.OID, c.at)
		if err != nil {
			return 0, err
		}
		c.open = r
	}
	n, err := c.open.Read(p)
	c.at += int64(n)
	return n, err
}

// Seek fills io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.object.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d", offset)
	}
	if offset != c.at {
		c.close()
	}
	c.at = offset
	return offset, nil
}

func (c *content) close() {
	if c.open != nil {
		c.open.Close()
		c.open = nil
	}
}
