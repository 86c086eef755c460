package main

import (
	"net/http"

	"github.com/spf13/pflag"

	"rehome/internal/store"
)

// roleFlags say what of a server this process is.
type roleFlags struct {
	role    string
	running int // imports of a user at once; 0 is no limit
	queued  int // imports of a user waiting or running; 0 is no limit
}

// What a process of a server may be.
const (
	roleAll    = "all"    // everything, with the built-in host
	roleAPI    = "api"    // answers clients, and leaves imports to workers
	roleWorker = "worker" // works on imports, and answers supervisors only
)

func (f *roleFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.role, "role", roleAll, "`all|api|worker`: with api and worker, which want --database and --bucket, a server runs on many machines and hosts nothing itself")
	flags.IntVar(&f.running, "max-running-per-user", 0, "imports of a user that run at once, 0 for no limit; more wait (default: three quarters of --workers, from 4 on, with --role all; no limit otherwise)")
	flags.IntVar(&f.queued, "max-queued-per-user", 0, "imports of a user that wait or run; more are refused (default: no limit)")
}

// fewWorkers are too few to keep one back.
const fewWorkers = 4

// share settles how many imports a user may run where nobody said: in one process nobody can take all workers, with sources that
// take for ever, say. How many workers several processes have together none of them knows.
func (f *roleFlags) share(workers int, said bool) {
	if !said && f.role == roleAll && workers >= fewWorkers {
		f.running = workers - workers/4
	}
}

func (f *roleFlags) limits() store.Limits { return store.Limits{Running: f.running, Queued: f.queued} }

func (f *roleFlags) hosts() bool   { return f.role == roleAll }
func (f *roleFlags) works() bool   { return f.role != roleAPI }
func (f *roleFlags) answers() bool { return f.role != roleWorker }

// open returns the doors that are open: a worker answers supervisors only.
func (f *roleFlags) open(door http.Handler) http.Handler {
	if f.answers() {
		return door
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz", "/metrics":
			door.ServeHTTP(w, r)
		default:
			http.Error(w, "This process works on imports. Ask one with --role api.", http.StatusNotFound)
		}
	})
}

// check refuses what does not go together.
func (f *roleFlags) check(p placesFlags) error {
	switch {
	case f.role != roleAll && f.role != roleAPI && f.role != roleWorker:
		return usagef("Give all, api or worker.", "--role %q is none", f.role)
	case f.running < 0 || f.queued < 0:
		return usagef("Give a number, or 0 for no limit.", "--max-running-per-user and --max-queued-per-user cannot be negative")
	case p.check() != nil:
		return p.check()
	case f.role == roleAll:
		return nil
	case p.database == "":
		return usagef("Give all processes the same --database postgres://…", "--role %s shares its rows with other machines", f.role)
	case p.bucket == "":
		return usagef("Give all processes the same --bucket s3://…", "--role %s shares what imports leave with other machines", f.role)
	}
	return nil
}
