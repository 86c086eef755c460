package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/attributes"
)

// largeList is the page of the large files.
type largeList struct {
	Rows    []largeRow
	Total   int64 // files
	Bytes   int64
	Known   bool
	Over    int64
	Choice  rehome.LFSChoice
	Match   string // patterns, one a line
	Shown   string // both, for the form to bring along
	Open    bool
	Changes rehome.Changes
	Pages   pager
	Err     *shownProblem

	Pictures []treemap // of folders, and of the files; those that there are
}

// largeRow is a file; Share is its part of the largest one's size, percent.
type largeRow struct {
	Path, Ref string
	OID       rehome.ObjectID
	Size      int64
	Share     int
}

func (w *Web) largeFiles(v *visit) error {
	l, err := w.largeList(v)
	if err != nil {
		return err
	}
	return w.page(v, http.StatusOK, "large-files", "Large files of "+v.repo.FullName(), l)
}

func (w *Web) largeList(v *visit) (l largeList, err error) {
	ctx, query := v.r.Context(), v.r.URL.Query()
	i, err := w.Importer.Get(ctx, v.repo.ID)
	if err != nil {
		return l, err
	}
	page := max(number(query.Get("page")), 1)
	files, total, err := w.Importer.LargeFiles(ctx, v.repo.ID, (page-1)*perPage, perPage)
	if err != nil {
		return l, err
	}
	l = largeList{
		Total: total, Bytes: i.Found.LargeFilesSize, Known: i.Found.LargeFilesKnown, Choice: i.LFS, Match: i.Options.LargeMatch,
		Open: i.ClosedAt.IsZero(), Changes: i.Changes, Pages: pagesOf(v.at("large-files"), query, page, int(total)),
	}
	l.Shown = url.Values{"choice": {string(l.Choice)}, "match": {l.Match}}.Encode()
	if l.Over, err = w.Importer.LargeFilesOver(ctx, v.repo.ID); err != nil {
		return l, err
	}
	largest, _, err := w.Importer.LargeFiles(ctx, v.repo.ID, 0, maxLargest)
	if err != nil {
		return l, err
	}
	l.Pictures = w.bytePictures(v, largest, total, l.Bytes)
	var most int64 = 1
	if len(largest) > 0 {
		most = max(largest[0].Size, 1)
	}
	for _, f := range files {
		l.Rows = append(l.Rows, largeRow{Path: rehome.Clean(string(f.Path), maxShown), Ref: rehome.Clean(f.Ref, maxShown), OID: f.OID, Size: f.Size, Share: int(100 * f.Size / most)})
	}
	return l, nil
}

// lines of a text.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// chooseLarge takes what was changed in the form.
func (w *Web) chooseLarge(v *visit) error {
	get := v.r.PostFormValue
	choice, match := rehome.LFSChoice(get("choice")), new(lines(get("match")))
	i, err := w.Importer.Get(v.r.Context(), v.repo.ID)
	if err != nil {
		return err
	}
	if shown, ok := shownBy(v); ok {
		keep(&choice, rehome.LFSChoice(shown("choice")), i.LFS)
		if slices.Equal(*match, lines(shown("match"))) {
			match = nil
		}
	}
	if _, err = w.Importer.SetLFS(v.r.Context(), v.repo.ID, choice, match); err == nil {
		return v.to(v.at("large-files"))
	}
	return w.largeAgain(v, err)
}

// largeAgain shows the form as it was sent, with what is wrong with it.
func (w *Web) largeAgain(v *visit, err error) error {
	get := v.r.PostFormValue
	var bad *attributes.PatternError
	if errors.As(err, &bad) {
		err = &rehome.Error{Code: rehome.Invalid, Field: "match", Message: fmt.Sprintf("The pattern %q %s.", rehome.Clean(bad.Text, 100), bad.Why)}
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		return err
	}
	l, err := w.largeList(v)
	if err != nil {
		return err
	}
	l.Err, l.Choice, l.Match, l.Shown = new(p.shown()), rehome.LFSChoice(get("choice")), get("match"), cmp.Or(get("shown"), l.Shown)
	return w.page(v, p.status, "large-files", "Large files of "+v.repo.FullName(), l)
}
