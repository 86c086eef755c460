package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/mailmap"
	"rehome/internal/wire"
)

// An author map may have maxMap bytes and, in JSON, maxEntries entries: a short one takes
// many times its length in memory.
const (
	maxMap     = 10 << 20
	maxEntries = 250_000
)

// authors lists identities from the one after since on, all of them: clients poll with the highest id they know.
// A page past the first is empty, so that those who ask for one after the other come to an end.
func (a *API) authors(ctx context.Context, c *call) (answer, error) {
	since := int64(0)
	if text := c.r.URL.Query().Get("since"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return answer{}, invalid(fieldError{Resource: "Import", Field: "since", Code: "invalid", Message: "since is not an author's id"})
		}
		since = n
	}
	found, err := a.Importer.Authors(ctx, c.repo.ID, since, 0)
	if err != nil {
		return answer{}, err
	}
	if pageOf(c.r.URL.Query()).number > 1 {
		found = nil
	}
	list := make([]*wire.Object, 0, len(found))
	for _, author := range found {
		list = append(list, authorObject(c.urls, c.repo, author))
	}
	return ok(list), nil
}

// mapAuthor maps one identity. What else clients send along of an author is read only.
func (a *API) mapAuthor(ctx context.Context, c *call) (answer, error) {
	id, err := idIn(c.params, "author")
	if err != nil {
		return answer{}, err
	}
	f, err := readForm(c.w, c.r, "Import")
	if err != nil {
		return answer{}, err
	}
	name, email := f.text("name"), f.text("email")
	if err := f.err(); err != nil {
		return answer{}, err
	}
	author, err := a.Importer.MapAuthor(ctx, c.repo.ID, id, name, email)
	if err != nil {
		return answer{}, err
	}
	return ok(authorObject(c.urls, c.repo, author)), nil
}

// mapAuthors replaces the whole author map.
func (a *API) mapAuthors(ctx context.Context, c *call) (answer, error) {
	body, err := readBody(c.w, c.r, maxMap)
	if err != nil {
		return answer{}, err
	}
	given := importer.AuthorMap{Text: body}
	entries, err := isJSON(c.r, body)
	if err != nil {
		return answer{}, err
	}
	if entries {
		if given, err = parseEntries(body); err != nil {
			return answer{}, err
		}
	}
	did, err := a.Importer.MapAuthors(ctx, c.repo.ID, given)
	var bad *mailmap.Error
	if errors.As(err, &bad) {
		return answer{}, badLines(bad, entries)
	}
	if err != nil {
		return answer{}, err
	}
	unknown := make([]*wire.Object, 0, len(did.Unknown))
	for _, l := range did.Unknown {
		unknown = append(unknown, wire.New("line", l.Line, "text", l.Text))
	}
	return ok(wire.New("mapped", did.Mapped, "unknown", unknown, "unmapped", did.Unmapped)), nil
}

// isJSON reports whether a map is JSON: by its type, and where that says nothing of the body,
// as with clients that name a form's by themselves, by how it begins: a name may begin with a
// bracket, too. Any other type is refused.
func isJSON(r *http.Request, body []byte) (bool, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return true, nil
	case kind == "text/xml", kind == "text/html": // structured, too
		return false, mapOfType(kind)
	case strings.HasPrefix(kind, "text/"):
		return false, nil
	case kind == "", kind == "application/octet-stream", kind == "application/x-www-form-urlencoded":
		return beginsAsJSON(body), nil
	}
	return false, mapOfType(kind)
}

func mapOfType(kind string) *failure {
	return &failure{
		status:  http.StatusUnsupportedMediaType,
		message: "An author map is sent as text/plain, a rule on each line, or as application/json, an array of entries, not as " + rehome.Clean(kind, 100) + ".",
	}
}

func beginsAsJSON(body []byte) bool {
	body = bytes.TrimSpace(body)
	entries, list := bytes.CutPrefix(body, []byte("["))
	entries = bytes.TrimSpace(entries)
	return bytes.HasPrefix(body, []byte("{")) || list && (bytes.HasPrefix(entries, []byte("{")) || bytes.HasPrefix(entries, []byte("]")))
}

// parseEntries reads a map in JSON. An entry's place counts from 1.
func parseEntries(body []byte) (importer.AuthorMap, error) {
	given := importer.AuthorMap{Entries: []importer.AuthorEntry{}}
	if !utf8.Valid(body) || !json.Valid(body) {
		return given, errBadJSON
	}
	values := json.NewDecoder(bytes.NewReader(body))
	if begin, err := values.Token(); err != nil || begin != json.Delim('[') {
		return given, errNoArray
	}
	var faults []fieldError
	for values.More() {
		if len(given.Entries) == maxEntries {
			return given, invalid(fieldError{
				Resource: "Import", Field: "authors", Code: "invalid", Message: fmt.Sprintf("the map has more than %d entries; leave out those that change nobody", maxEntries),
			})
		}
		f := &form{resource: "Import"}
		if err := values.Decode(&f.values); err != nil {
			return given, errNoArray
		}
		given.Entries = append(given.Entries, entryOf(f))
		for _, fault := range f.faults {
			fault.Index = len(given.Entries)
			fault.Message = fmt.Sprintf("entry %d: %s", fault.Index, fault.Message)
			faults = first(append(faults, fault))
		}
	}
	if len(faults) > 0 {
		return given, invalid(faults...)
	}
	return given, nil
}

func entryOf(f *form) importer.AuthorEntry {
	e := importer.AuthorEntry{RemoteName: f.text("remote_name"), RemoteID: f.text("remote_id"), Name: f.text("name"), Email: f.text("email")}
	if id := read[int64](f, "id", "an author's id"); id != nil {
		e.ID = *id
	}
	return e
}

// badLines lists the lines or entries of a map that could not be taken.
func badLines(bad *mailmap.Error, entries bool) error {
	unit := "line"
	if entries {
		unit = "entry"
	}
	var fields []fieldError
	for _, l := range first(bad.Faults) {
		at := fmt.Sprintf("%s %d", unit, l.Line)
		if l.Text != "" {
			at += " (" + l.Text + ")"
		}
		fields = append(fields, fieldError{Resource: "Import", Field: "authors", Code: "invalid", Index: l.Line, Message: at + " " + l.Why})
	}
	return invalid(fields...)
}

// first bounds a list of faults: nobody mends more at once.
func first[T any](faults []T) []T { return faults[:min(len(faults), 1000)] }
