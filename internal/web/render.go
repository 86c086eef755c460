package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rehome"
)

// shell is what surrounds a page.
type shell struct {
	Title   string
	Root    string // base of URLs
	Path    string
	User    string // login; "" for nobody
	Admin   bool
	FormKey string
	Repo    string // owner/name, on pages of an import
	Owner   string // its two parts
	Name    string
	At      string // base of the import's pages
	Writes  bool   // the caller may see them all, not only the webhooks
	Refresh int    // seconds after which a browser without JavaScript loads the page again; 0 for never
	Body    any
}

// unhurried is after how many seconds pages load themselves again that have something to fill in: time for a word to search for, or to tick and
// send. Pages on which people write more are not among them.
const unhurried = 15

// refreshing is a body that says how soon its page is old.
type refreshing interface{ refresh() int }

func (v *visit) shell(title string, body any) shell {
	s := shell{
		Title: title, Root: v.urls.Root, Path: v.r.URL.Path, User: v.caller.User().Login, Admin: v.caller.Admin(),
		FormKey: v.formKey(), Body: body,
	}
	if v.repo.ID != 0 {
		s.Repo, s.Owner, s.Name, s.At, s.Writes = v.repo.FullName(), v.repo.Owner.Login, v.repo.Name, v.at(""), v.caller.CanWrite(v.repo)
	}
	if r, ok := body.(refreshing); ok {
		s.Refresh = r.refresh()
	}
	return s
}

// page sends a page, or for htmx its main part.
func (w *Web) page(v *visit, status int, name, title string, body any) error {
	return w.render(v, status, name, "layout", v.shell(title, body))
}

// part sends a piece of a page: a template called name of the page.
func (w *Web) part(v *visit, page, name string, body any) error {
	return w.render(v, http.StatusOK, page, name, v.shell("", body))
}

func (w *Web) render(v *visit, status int, page, name string, s shell) error {
	var b bytes.Buffer
	if err := pages[page].ExecuteTemplate(&b, name, s); err != nil {
		return fmt.Errorf("make the page %s: %w", page, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.send(status, bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")))
	return nil
}

// pages are the templates, each with the layout around it.
var pages = parse()

func parse() map[string]*template.Template {
	shared := template.Must(template.New("shared").Funcs(funcs).ParseFS(files, "pages/shared/*.html"))
	entries, err := files.ReadDir("pages")
	if err != nil {
		panic(err) // it is part of the program
	}
	all := map[string]*template.Template{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		t := template.Must(template.Must(shared.Clone()).ParseFS(files, "pages/"+e.Name()))
		all[strings.TrimSuffix(e.Name(), ".html")] = t
	}
	return all
}

var funcs = template.FuncMap{
	"asset": assetURL, "bytes": byteCount, "count": grouped, "stamp": stamp, "day": day, "clean": func(s string) string { return rehome.Clean(s, maxShown) }, "shell": shellWord,
	"short":   func(id rehome.ObjectID) string { return string(id[:min(len(id), 10)]) },
	"counted": counted, "counted64": func(n int, one, many string) string { return counted(int64(n), one, many) }, "count64": func(n int) string { return grouped(int64(n)) }, "tab": tabOf,
	"statusWord": func(s rehome.Status) string { return words[s] }, "stepWord": func(state string) string { return stepWords[state] },
	"first": first, "actions": hookActions,
}

// maxShown is how much of a name from outside is shown, in bytes.
const maxShown = 1000

// plainWord is what a shell takes as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_~-]+$`)

// shellWord quotes a text for a command that somebody copies.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// tab leads to one of the pages of an import.
type tab struct {
	URL, Name string
	Here      bool
}

func tabOf(at, path, page, name string) tab {
	t := tab{URL: at, Name: name}
	if page != "" {
		t.URL += "/" + page
	}
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 4) // owner, name, import, page
	t.Here = len(parts) == 3 && page == "" || len(parts) == 4 && (parts[3] == page || strings.HasPrefix(parts[3], page+"/"))
	return t
}

// hookAction is what can be done with a webhook.
type hookAction struct{ Do, Name string }

func hookActions(active bool) []hookAction {
	turn := hookAction{"activate", "Wake it"}
	if active {
		turn = hookAction{"rest", "Let it rest"}
	}
	return []hookAction{{"ping", "Ping"}, turn, {"delete", "Delete"}}
}

// first returns the first n elements of a list.
func first(n int, list any) any {
	v := reflect.ValueOf(list)
	return v.Slice(0, min(n, v.Len())).Interface()
}

// byteCount writes a size for people.
func byteCount(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if f /= 1000; f < 999.95 || unit == "TB" {
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
		}
	}
	return ""
}

// grouped writes a number for people.
var grouped = rehome.Grouped

var counted = rehome.Counted

// stamp writes a time, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// day writes the day of a time, "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
