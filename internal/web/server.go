package web

import (
	"net/http"

	"rehome"
	"rehome/internal/importer"
)

// serverPage is what administrators see of the server.
type serverPage struct {
	Counts  []statusCount
	Held    int64
	Waiting int64
	Oldest  string
	Pending int64
	Room    *shownProblem // why no new work begins; nil when there is room
	Queue   []importRow   // what waits and runs, newest first
}

type statusCount struct {
	Word  string
	Count int64
	At    string
}

// refresh has a browser without JavaScript look again.
func (serverPage) refresh() int { return 15 }

func (w *Web) server(v *visit) error {
	g, err := w.DB.Gauges(v.r.Context())
	if err != nil {
		return err
	}
	p := serverPage{Held: g.Held, Waiting: g.Waiting, Oldest: age(g.Oldest), Pending: g.Pending}
	for _, s := range rehome.Statuses() {
		if n := g.Imports[s]; n > 0 {
			p.Counts = append(p.Counts, statusCount{words[s], n, v.urls.Root + "/?status=" + string(s)})
		}
	}
	if err := w.Importer.Room(); err != nil {
		shown := problemOf(err).shown()
		p.Room = &shown
	}
	for _, s := range rehome.Statuses() {
		if !s.Running() || g.Imports[s] == 0 {
			continue
		}
		found, _, err := w.Importer.List(v.r.Context(), importer.Filter{Status: s, PerPage: perPage})
		if err != nil {
			return err
		}
		for _, one := range found {
			p.Queue = append(p.Queue, w.row(v, one))
		}
	}
	return w.page(v, http.StatusOK, "server", "Server", p)
}
