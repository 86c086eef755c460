package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/mailmap"
)

// authorList is the page of the authors.
type authorList struct {
	Query  string
	Mapped bool // those alone that become others
	Rows   []authorRow
	Pages  pager
	Open   bool   // they can be changed
	More   bool   // history still comes
	Again  string // the query that shows the same
	Map    string // as it was sent, where it is short enough to be sent back
	Long   bool   // it is not: its file has to be chosen again
	Review *review
	Err    *shownProblem

	Pictures *commitPictures // nil while there are none
	shape    *rehome.Shape   // nil while it is not known
}

// Counted reports whether it is known who has most commits: they come first then.
func (l authorList) Counted() bool { return l.shape != nil && len(l.shape.Authors) > 0 }

// authorRow is an identity and what it becomes.
type authorRow struct {
	ID               int64
	Name, Mail       string // of the source
	ToName, ToMail   string
	Shown            [2]string // ToName and ToMail as they were shown, by which it is known what was changed
	Changed          bool
	Commits          int64 // with a date, as their author; 0 for somebody who is not among those that the shape of the history names
	At, FormKey, Err string
}

// review is what a map would do, before it is taken.
type review struct {
	importer.Preview
	Shown []authorRow
}

// shownChanges is how many changes a preview lists.
const shownChanges = 200

func rowOf(v *visit, a rehome.Author) authorRow {
	_, changed := a.Mapped()
	row := authorRow{
		ID: a.ID, Name: rehome.Clean(string(a.RemoteName), maxShown), Mail: rehome.Clean(string(a.RemoteMail), maxShown),
		ToName: rehome.Clean(a.Name, maxShown), ToMail: rehome.Clean(a.Email, maxShown), Changed: changed,
		At: v.at("authors/" + strconv.FormatInt(a.ID, 10)), FormKey: v.formKey(),
	}
	row.Shown = [2]string{row.ToName, row.ToMail}
	return row
}

func (w *Web) authors(v *visit) error {
	l, err := w.authorList(v)
	if err != nil {
		return err
	}
	if v.r.Header.Get("HX-Target") == "authors" {
		return w.part(v, "authors", "rows", l)
	}
	l.Pictures = w.commitPictures(v, l.shape, nil)
	return w.page(v, http.StatusOK, "authors", "Authors of "+v.repo.FullName(), l)
}

func (w *Web) authorList(v *visit) (authorList, error) {
	ctx, query := v.r.Context(), v.r.URL.Query()
	i, err := w.Importer.Get(ctx, v.repo.ID)
	if err != nil {
		return authorList{}, err
	}
	l := authorList{Query: searched(query), Mapped: query.Get("mapped") != "", Open: i.ClosedAt.IsZero(), More: i.State.Status == rehome.Importing || i.State.Status == rehome.Detecting, Again: again(query, "q", "mapped", "page")}
	var first []rehome.Identity
	commits := map[rehome.Identity]int64{}
	if s, ok := w.shape(v); ok {
		l.shape = &s
		for _, a := range s.Authors {
			first = append(first, a.Identity)
			for _, m := range a.Months {
				commits[a.Identity] += m.Commits
			}
		}
	}
	page := max(number(query.Get("page")), 1)
	found, total, err := w.Importer.FindAuthors(ctx, v.repo.ID, importer.AuthorQuery{
		Search: l.Query, Mapped: l.Mapped, First: first, Offset: (page - 1) * perPage, Limit: perPage,
	})
	if err != nil {
		return authorList{}, err
	}
	for _, a := range found {
		row := rowOf(v, a)
		row.Commits = commits[a.Remote()]
		l.Rows = append(l.Rows, row)
	}
	l.Pages = pagesOf(v.at("authors"), query, page, total)
	return l, nil
}

// mapAuthor changes one, in its row.
func (w *Web) mapAuthor(v *visit) error {
	id, err := strconv.ParseInt(v.r.PathValue("author"), 10, 64)
	if err != nil {
		return errNoPage
	}
	name, mail := v.changed("name"), v.changed("email")
	a, err := w.Importer.MapAuthor(v.r.Context(), v.repo.ID, id, name, mail)
	inPlace := v.r.Header.Get("HX-Request") != ""
	if err != nil && inPlace && problemOf(err).status < http.StatusInternalServerError {
		return w.part(v, "authors", "row", v.rowAgain(id, problemOf(err).text))
	}
	if err != nil {
		return err
	}
	if inPlace {
		v.w.Header().Set("HX-Trigger", "author-mapped") // the pictures are fetched anew
		row := rowOf(v, a)
		row.Commits = v.wasCommits()
		return w.part(v, "authors", "row", row)
	}
	return v.to(v.at("authors"))
}

// changed is what was typed into a field over what it showed, nil for the same: bytes that cannot be shown stay.
func (v *visit) changed(field string) *string {
	text := strings.TrimSpace(v.r.PostFormValue(field))
	if text == strings.TrimSpace(v.r.PostFormValue("shown_"+field)) && v.r.PostForm.Has("shown_"+field) {
		return nil
	}
	return &text
}

// rowAgain is a row as it was sent, with what is wrong with it.
func (v *visit) rowAgain(id int64, wrong string) authorRow {
	get := v.r.PostFormValue
	return authorRow{
		ID: id, Name: rehome.Clean(get("was_name"), maxShown), Mail: rehome.Clean(get("was_mail"), maxShown),
		ToName: rehome.Clean(get("name"), maxShown), ToMail: rehome.Clean(get("email"), maxShown),
		Shown: [2]string{get("shown_name"), get("shown_email")}, Commits: v.wasCommits(),
		At: v.at("authors/" + strconv.FormatInt(id, 10)), FormKey: v.formKey(), Err: wrong,
	}
}

// wasCommits is how many commits the row had that was sent; 0 for none.
func (v *visit) wasCommits() int64 {
	n, err := strconv.ParseInt(v.r.PostFormValue("was_commits"), 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// mapAuthors shows what a whole map would do, or takes it.
func (w *Web) mapAuthors(v *visit) error {
	text, err := mapText(v)
	if err != nil {
		return err
	}
	given := importer.AuthorMap{Text: text}
	if v.r.PostFormValue("take") != "" {
		if _, err := w.Importer.MapAuthors(v.r.Context(), v.repo.ID, given); err == nil {
			return v.to(v.at("authors?mapped=1"))
		} else if problemOf(err).status >= http.StatusInternalServerError {
			return err
		} else {
			return w.mapAgain(v, text, nil, err)
		}
	}
	would, err := w.Importer.PreviewAuthors(v.r.Context(), v.repo.ID, given)
	if err != nil {
		return w.mapAgain(v, text, nil, err)
	}
	r := &review{Preview: would}
	for _, a := range would.Changed[:min(len(would.Changed), shownChanges)] {
		r.Shown = append(r.Shown, rowOf(v, a))
	}
	return w.mapAgain(v, text, r, nil)
}

// maxEcho is the longest map that a page brings along, in bytes: pages stay below 2 MB.
const maxEcho = 200_000

// mapAgain shows the page with a map in its form, what it would do, or what is wrong with it.
func (w *Web) mapAgain(v *visit, text []byte, would *review, wrong error) error {
	l, err := w.authorList(v)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if l.Review = would; len(text) <= maxEcho {
		l.Map = string(text)
	} else {
		l.Long = true
	}
	if wrong != nil {
		shown := mapProblem(wrong)
		l.Err, status = &shown, http.StatusUnprocessableEntity
	}
	if would != nil {
		l.Pictures = w.commitPictures(v, l.shape, would.Changed)
	}
	return w.page(v, status, "authors", "Authors of "+v.repo.FullName(), l)
}

// shownLines is how many bad lines of a map are listed.
const shownLines = 20

// mapProblem says which lines of a map are wrong.
func mapProblem(err error) shownProblem {
	var lines *mailmap.Error
	if !errors.As(err, &lines) {
		return problemOf(err).shown()
	}
	text := ""
	for n, f := range lines.Faults {
		if n == shownLines {
			text += fmt.Sprintf("And %d more.", len(lines.Faults)-n)
			break
		}
		text += fmt.Sprintf("Line %d: %s. ", f.Line, f.Why)
	}
	return shownProblem{Title: "The map cannot be read", Text: strings.TrimSpace(text), Hint: "Nothing was taken. Mend these lines and try again."}
}

// mapText is the map in a form: a file, or else what was pasted.
func mapText(v *visit) ([]byte, error) {
	f, _, err := v.r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return []byte(v.r.PostFormValue("map")), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the file of an author map: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	text, err := io.ReadAll(f)
	if err == nil && len(text) == 0 {
		return []byte(v.r.PostFormValue("map")), nil
	}
	return text, err
}

// mailmap sends the map as a file, each identity on a line, whether it becomes another or not.
func (w *Web) mailmap(v *visit) error {
	all, err := w.Importer.Authors(v.r.Context(), v.repo.ID, 0, 0)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Authors of %s: what they become, and as the source has them.\n", v.repo.FullName())
	for _, a := range all {
		to, _ := a.Mapped()
		fmt.Fprintf(&b, "%s <%s> %s <%s>\n", to.Name, to.Mail, a.RemoteName, a.RemoteMail)
	}
	v.file("text/plain; charset=utf-8", v.repo.Name+".mailmap")
	v.send(http.StatusOK, b.Bytes())
	return nil
}

// file has the browser keep the answer.
func (v *visit) file(kind, name string) {
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
