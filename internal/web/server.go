package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/store"
)

// Vitals is how the process is that shows the pages.
type Vitals struct {
	Process store.Process // as others that share its database see it; ID names it in leases
	Disk    Disk
	Away    []Away
}

// Disk is the one of the data folder. Sizes are bytes; negative ones are not known.
type Disk struct {
	Free, Size int64
	Least      int64 // below which no new work is taken; 0 for no limit
}

// Used is how much of it is taken, percent; -1 where that is not known.
func (d Disk) Used() int {
	if d.Free < 0 || d.Size <= 0 || d.Free > d.Size {
		return -1
	}
	return int(100 * float64(d.Size-d.Free) / float64(d.Size))
}

// Away is something that the process needs and that does not answer.
type Away struct {
	What  string
	Since time.Time
}

// serverPage is what administrators see of the server.
type serverPage struct {
	Counts   []statusCount
	Gauges   store.Gauges
	Oldest   string
	Room     *shownProblem // why no new work begins; nil when there is room
	Warnings []string
	Disk     *Disk
	Name     string // of the process whose disk it is
	Workers  workerList
	Queue    queueList
	Again    string // the query that shows the same
}

type statusCount struct {
	Word  string
	Count int64
	At    string
}

// workerList is a page of the processes.
type workerList struct {
	Rows  []workerRow
	Pages pager
}

// workerRow is a process.
type workerRow struct {
	store.Process
	Here bool // it shows this page
	Age  string
	Busy []importRow
}

// queueList is a page of what waits, the next to be taken up first.
type queueList struct {
	Rows  []queueRow
	Pages pager
}

type queueRow struct {
	importRow
	Place int
	For   string
	Why   string
}

// refresh has a browser without JavaScript look again.
func (serverPage) refresh() int { return unhurried }

func (w *Web) server(v *visit) error {
	ctx := v.r.Context()
	g, err := w.DB.Gauges(ctx)
	if err != nil {
		return err
	}
	p := serverPage{Gauges: g, Oldest: age(g.Oldest), Again: again(v.r.URL.Query(), "workers", "queue")}
	for _, s := range rehome.Statuses() {
		if n := g.Imports[s]; n > 0 {
			p.Counts = append(p.Counts, statusCount{words[s], n, v.urls.Root + "/?status=" + string(s)})
		}
	}
	if err := w.Importer.Room(); err != nil {
		shown := problemOf(err).shown()
		p.Room = &shown
	}
	var here Vitals
	if w.Vitals != nil {
		here = w.Vitals()
		p.Disk, p.Name = &here.Disk, here.Process.Name
	}
	all, err := w.processes(ctx, here)
	if err != nil {
		return err
	}
	p.Warnings = warningsOf(here, all, g, w.Clock())
	if p.Workers, err = w.workers(v, all, here); err != nil {
		return err
	}
	if p.Queue, err = w.queue(v); err != nil {
		return err
	}
	return w.page(v, http.StatusOK, "server", "Server", p)
}

// processes are those that live: all that share the database, or the one there is.
func (w *Web) processes(ctx context.Context, here Vitals) ([]store.Process, error) {
	all, err := w.DB.Processes(ctx)
	if err == nil && len(all) == 0 && here.Process.ID != "" {
		all = []store.Process{here.Process}
	}
	return all, err
}

// warningsOf is what whoever runs the server should know.
func warningsOf(here Vitals, all []store.Process, g store.Gauges, now time.Time) (list []string) {
	for _, a := range here.Away {
		list = append(list, "The "+a.What+" has not answered for "+age(now.Sub(a.Since))+".")
	}
	taking := 0
	for _, p := range all {
		if p.Rests == "" {
			taking += p.Workers
		}
	}
	if taking == 0 && g.Waiting > 0 {
		list = append(list, "Imports wait, and no worker takes any.")
	}
	for _, name := range differing(all) {
		list = append(list, "Processes were started with different --"+name+".")
	}
	return list
}

// differing are the names of the flags that processes were not given alike, in order.
func differing(all []store.Process) (names []string) {
	for _, p := range all {
		for name, value := range p.Settings {
			if value != all[0].Settings[name] && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// maxBusy bounds the imports that a page of processes lists.
const maxBusy = 500

// workers is a page of the processes with what they work on.
func (w *Web) workers(v *visit, all []store.Process, here Vitals) (l workerList, err error) {
	page := max(number(v.r.URL.Query().Get("workers")), 1)
	from := min((page-1)*perPage, len(all))
	shown := all[from:min(from+perPage, len(all))]
	ids := make([]string, 0, len(shown))
	for _, p := range shown {
		ids = append(ids, p.ID)
	}
	busy, err := w.Importer.WorkedOn(v.r.Context(), maxBusy, ids...)
	for _, p := range shown {
		row := workerRow{Process: p, Here: p.ID == here.Process.ID && len(all) > 1, Age: age(w.Clock().Sub(p.StartedAt))}
		for _, one := range busy[p.ID] {
			r := w.row(v, one)
			r.Age = age(w.Clock().Sub(one.StartedAt))
			row.Busy = append(row.Busy, r)
		}
		l.Rows = append(l.Rows, row)
	}
	l.Pages = pagesBy("workers", v.urls.Root+"/-/server", v.r.URL.Query(), page, len(all))
	return l, err
}

// queue is a page of what waits.
func (w *Web) queue(v *visit) (l queueList, err error) {
	page := max(number(v.r.URL.Query().Get("queue")), 1)
	var found []importer.Listed
	found, total, err := w.Importer.Waiting(v.r.Context(), page, perPage)
	for _, one := range found {
		l.Rows = append(l.Rows, queueRow{w.row(v, one), one.QueuePosition, age(w.Clock().Sub(one.DueAt)), one.Why})
	}
	l.Pages = pagesBy("queue", v.urls.Root+"/-/server", v.r.URL.Query(), page, total)
	return l, err
}
