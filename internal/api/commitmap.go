package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/wire"
)

// commitMap streams the commit map, which may be hundreds of megabytes long. Its ETag is that of the
// rewrite it belongs to: asked first, it is at worst older than what is sent.
func (a *API) commitMap(ctx context.Context, c *call) (answer, error) {
	version, err := a.Importer.CommitMapVersion(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	h := c.w.Header()
	if tag := `"` + version + `"`; unchanged(c.r, tag) {
		spell(h, "ETag", tag)
		h.Set("Cache-Control", mapCaching)
		a.notModified(c.w, c)
		return answer{stream: true}, nil
	}
	text, size, err := a.Importer.CommitMap(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	defer text.Close()
	a.headers(h, c)
	spell(h, "ETag", `"`+version+`"`)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Cache-Control", mapCaching)
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return answer{stream: true}, nil
	}
	out := a.pace.steady(c.w)
	io.Copy(out, text) //nolint:errcheck // the client is gone; nothing is left to be told to it
	return answer{stream: true}, nil
}

const mapCaching = "private, no-cache" // kept, and asked for each time

// newCommit says what a commit of the source became.
func (a *API) newCommit(ctx context.Context, c *call) (answer, error) {
	old, err := object.ParseID(c.params["old"])
	if err != nil && isAbbreviated(c.params["old"]) {
		return answer{}, invalid(fieldError{
			Resource: "Commit", Field: "old", Code: "invalid",
			Message: "an abbreviated id is not looked up: give the whole one, 40 digits or, with SHA-256, 64",
		})
	}
	if err != nil {
		return answer{}, errNotFound
	}
	became, err := a.Importer.NewCommit(ctx, c.repo.ID, old)
	if err != nil {
		return answer{}, err
	}
	return ok(wire.New("old", old.String(), "new", became.String())), nil
}

// isAbbreviated reports whether text may be the beginning of an id: Git takes four digits or more.
func isAbbreviated(text string) bool {
	return len(text) >= 4 && len(text) < 64 && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
