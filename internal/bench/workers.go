package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rehome/internal/testenv"
)

const (
	workersImports = 24 // that are asked for at once
	workersAtOnce  = 2  // of them that each worker process works on at once

	idlePieces = 10
	idleWait   = 250 * time.Millisecond // before each piece of a pack

	listEvery = 100 * time.Millisecond // how often the list of imports is asked for meanwhile
)

// idled is the history that each import brings.
var idled = testenv.Size{Commits: 300, Files: 60}

// workersRows are runs with one worker process and with two, in turn.
type workersRows struct {
	from     subject
	one, two []workersRun
	load     string // average of the machine in the minute before the first run
}

// workersRun is one run of all imports.
type workersRun struct {
	wall    float64 // seconds from the first request to the end of the last import
	api     float64 // CPU s of the process with the API
	workers float64 // of the worker processes together
}

// perMinute is how many imports ended in a minute.
func (r workersRun) perMinute() float64 { return workersImports / r.wall * 60 }

// cluster is what the processes share: a database, an object store, and a forge that they push to.
type cluster struct {
	lab      *lab
	to       *forge
	postgres *testenv.PG
	store    *testenv.Versity
}

// measureWorkers measures how many imports end in a minute with one worker process and with two, where the sources and not the
// processors are what is waited for.
func measureWorkers(ctx context.Context, s settings) (rows workersRows, err error) {
	dir := filepath.Join(s.work, "workers")
	from := filepath.Join(dir, "source.git")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return rows, err
	}
	if err := synthesize(ctx, from, func(w io.Writer) error { return testenv.WriteSynthetic(w, idled) }); err != nil {
		return rows, err
	}
	if rows.from, err = look(ctx, from, dir); err != nil {
		return rows, err
	}
	l := &lab{settings: s, subject: rows.from, dir: filepath.Join(dir, "runs")}
	if l.want, err = contents(ctx, from); err != nil {
		return rows, err
	}
	if l.from, err = serveThrough(ctx, from, func(h http.Handler) http.Handler { return idling(newReplay(h)) }); err != nil {
		return rows, err
	}
	defer l.from.close()
	c := &cluster{lab: l}
	if c.postgres, err = testenv.StartPostgres(); err != nil {
		return rows, err
	}
	rows.load = loadAverage()
	for range s.pairs {
		for _, one := range []struct {
			processes int
			into      *[]workersRun
		}{{1, &rows.one}, {2, &rows.two}} {
			run, err := c.fresh(ctx, one.processes)
			if err != nil {
				return rows, err
			}
			log.Printf("%d imports by %d workers: %.1f s, %.1f a minute, %.2f CPU s", workersImports, one.processes, run.wall, run.perMinute(), run.workers+run.api)
			*one.into = append(*one.into, run)
		}
	}
	return rows, nil
}

// loadAverage is how many threads ran or wanted to in the last minute, as Linux counts them.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// idling has packs come in pieces, with a wait before each, as from a source far away that is busy.
func idling(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &recording{header: http.Header{}, code: http.StatusOK}
		next.ServeHTTP(answer, r)
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.code)
		text := answer.body.Bytes()
		if r.Method != http.MethodPost || !bytes.Contains(text, []byte("packfile\n")) {
			w.Write(text)
			return
		}
		for n := range idlePieces {
			time.Sleep(idleWait)
			w.Write(text[n*len(text)/idlePieces : (n+1)*len(text)/idlePieces])
			w.(http.Flusher).Flush()
		}
	})
}

// fresh runs all imports with so many worker processes, on a database, a bucket, folders and destinations that are empty.
func (c *cluster) fresh(ctx context.Context, processes int) (run workersRun, err error) {
	_, err = c.lab.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		to, err := serveForge(filepath.Join(dir, "forge"))
		if err != nil {
			return cost{}, err
		}
		defer to.close()
		c.to = to
		if c.store, err = testenv.StartVersity(dir, "bench"); err != nil {
			return cost{}, err
		}
		defer c.store.Stop()
		run, err = c.run(ctx, dir, processes)
		return cost{}, err
	})
	return run, err
}

// run starts the processes and measures them.
func (c *cluster) run(ctx context.Context, dir string, processes int) (run workersRun, err error) {
	database, err := c.postgres.Database()
	if err != nil {
		return run, err
	}
	start := func(name string, flags ...string) (*server, error) {
		flags = append(flags, "--bucket", "s3://bench?endpoint="+c.store.URL, "--destination", c.to.base+"{owner}-{repo}.git", "--key-file", filepath.Join(dir, "key"))
		return startServer(ctx, c.lab.rehome, filepath.Join(dir, name), flags,
			"REHOME_DATABASE="+database, "AWS_ACCESS_KEY_ID="+c.store.Key, "AWS_SECRET_ACCESS_KEY="+c.store.Secret)
	}
	api, err := start("api", "--role", "api", "--rate-limit", "1000000/h")
	if err != nil {
		return run, err
	}
	defer api.stop()
	all := []*server{api}
	for n := range processes {
		worker, err := start(fmt.Sprintf("worker-%d", n), "--role", "worker", "--workers", fmt.Sprint(workersAtOnce))
		if err != nil {
			return run, err
		}
		defer worker.stop()
		all = append(all, worker)
	}
	paths, err := c.repositories(ctx, api)
	if err != nil {
		return run, err
	}
	if run, err = measureAllOf(all, func() error {
		return errors.Join(api.startAll(ctx, paths, c.lab.from.URL), api.untilAllEnd(ctx))
	}); err != nil {
		return run, err
	}
	return run, c.check(ctx)
}

// measureAllOf takes what processes use while work goes on; the first has the API.
func measureAllOf(all []*server, work func() error) (run workersRun, err error) {
	used := func() (list []float64, err error) {
		for _, s := range all {
			now, failed := processorTime(s.pid())
			list, err = append(list, now), errors.Join(err, failed)
		}
		return list, err
	}
	before, err := used()
	if err != nil {
		return run, err
	}
	began := time.Now()
	if err := work(); err != nil {
		return run, err
	}
	run.wall = time.Since(began).Seconds()
	after, err := used()
	if err != nil {
		return run, err
	}
	run.api = after[0] - before[0]
	for n := range all[1:] {
		run.workers += after[n+1] - before[n+1]
	}
	return run, nil
}

// repositories makes them on the server and at the forge, and returns the paths of their imports.
func (c *cluster) repositories(ctx context.Context, api *server) (paths []string, err error) {
	for n := range workersImports {
		name := fmt.Sprintf("bench-%d", n)
		if _, err := git(ctx, c.to.root, "init", "-q", "--bare", c.at(name)); err != nil {
			return nil, err
		}
		if err := api.call(ctx, "POST", "/user/repos", fmt.Sprintf("{%q: %q}", "name", name), nil); err != nil {
			return nil, err
		}
		paths = append(paths, "/repos/admin/"+name+"/import")
	}
	return paths, nil
}

func (c *cluster) at(name string) string { return filepath.Join(c.to.root, "admin-"+name+".git") }

// untilAllEnd asks for the list of imports until all are complete.
func (s *server) untilAllEnd(ctx context.Context) error {
	for {
		var text []byte
		if err := s.call(ctx, "GET", "/imports?per_page=100", "", &text); err != nil {
			return err
		}
		var all []struct{ Status, Message string }
		if err := json.Unmarshal(text, &all); err != nil {
			return err
		}
		done := 0
		for _, one := range all {
			switch one.Status {
			case "complete":
				done++
			case "importing", "mapping", "pushing":
			default:
				return fmt.Errorf("an import ended %s: %s", one.Status, one.Message)
			}
		}
		if done == workersImports {
			return nil
		}
		time.Sleep(listEvery)
	}
}

// check holds every destination against the source.
func (c *cluster) check(ctx context.Context) error {
	for n := range workersImports {
		if err := c.lab.check(ctx, "imports by worker processes", c.at(fmt.Sprintf("bench-%d", n))); err != nil {
			return err
		}
	}
	return nil
}
