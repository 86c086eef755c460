package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/importer"
)

// perPage is how many rows a page has.
const perPage = 50

// importList is the page of my imports.
type importList struct {
	Query    string
	Owner    string // of whom alone; "" for all
	Owners   bool   // there may be several
	Status   rehome.Status
	Statuses []rehome.Status
	Rows     []importRow
	Pages    pager
	Running  bool   // something goes on
	Again    string // the query that shows the same
}

func (l importList) refresh() int {
	if l.Running {
		return unhurried
	}
	return 0
}

// importRow is one of them.
type importRow struct {
	Name   string // owner/name of its repository
	At     string
	Source string
	standing
	Age  string
	Disk int64
}

// imports lists those of everybody the caller acts for, newest first.
func (w *Web) imports(v *visit) error {
	query := v.r.URL.Query()
	l := importList{Query: searched(query), Status: rehome.Status(query.Get("status")), Statuses: rehome.Statuses(), Again: again(query, "q", "status", "owner", "page")}
	owners := v.caller.Logins()
	l.Owners = len(owners) != 1
	if l.Owner = rehome.Clean(strings.TrimSpace(query.Get("owner")), maxOwner); l.Owner != "" {
		owners = only(l.Owner, owners)
	}
	if l.Status != "" && !slices.Contains(l.Statuses, l.Status) {
		l.Status = ""
	}
	page := max(number(query.Get("page")), 1)
	found, total, err := w.Importer.List(v.r.Context(), importer.Filter{
		Owners: owners, Status: l.Status, Search: l.Query, Page: page, PerPage: perPage,
	})
	if err != nil {
		return err
	}
	for _, one := range found {
		l.Rows = append(l.Rows, w.row(v, one))
		l.Running = l.Running || one.State.Status.Running()
	}
	l.Pages = pagesOf(v.urls.Root+"/", query, page, total)
	return w.page(v, http.StatusOK, "imports", "Imports", l)
}

// maxOwner is longer than any login, in bytes.
const maxOwner = 100

// only is one of some owners, if it is among them; nil are all there are.
func only(login string, owners []string) []string {
	if owners == nil || slices.ContainsFunc(owners, func(o string) bool { return strings.EqualFold(o, login) }) {
		return []string{login}
	}
	return []string{}
}

func (w *Web) row(v *visit, one importer.Listed) importRow {
	return importRow{
		Name: one.Repository.FullName(), At: v.urls.HTMLImport(one.Repository), Source: one.Source.URL,
		standing: standingOf(one.Import, one.QueuePosition), Age: age(w.Clock().Sub(one.CreatedAt)), Disk: one.DiskBytes,
	}
}

// again is the query that shows the same: of what came, what the page knows.
func again(query url.Values, names ...string) string {
	kept := url.Values{}
	for _, name := range names {
		if text := query.Get(name); text != "" {
			kept.Set(name, rehome.Clean(text, maxSearch))
		}
	}
	return kept.Encode()
}

// pager leads to the other pages of a list.
type pager struct {
	Page, Last, Total int
	Next, Previous    string
}

func pagesOf(base string, query url.Values, page, total int) pager {
	return pagesBy("page", base, query, page, total)
}

// pagesBy is pagesOf for a list whose pages are counted under another name: there are several beside it.
func pagesBy(name, base string, query url.Values, page, total int) pager {
	p := pager{Page: page, Last: max((total+perPage-1)/perPage, 1), Total: total}
	at := func(n int) string {
		q, _ := url.ParseQuery(again(query, "q", "status", "owner", "mapped", "workers", "queue")) // it was written here
		q.Set(name, strconv.Itoa(n))
		return base + "?" + q.Encode()
	}
	if page > 1 {
		p.Previous = at(page - 1)
	}
	if page < p.Last {
		p.Next = at(page + 1)
	}
	return p
}

// maxSearch is the longest text that is searched for, in bytes.
const maxSearch = 300

func searched(query url.Values) string { return rehome.Clean(query.Get("q"), maxSearch) }

func number(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return min(n, 1_000_000)
}
