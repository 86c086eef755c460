package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"rehome"
	"rehome/internal/api"
	"rehome/internal/auth"
	"rehome/internal/egress"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/queue"
	"rehome/internal/seal"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/store"
)

// How long a stop waits for what is under way: together less than the 30 seconds supervisors give.
const (
	drainRequests = 15 * time.Second
	drainWorkers  = 10 * time.Second
)

// parts are what a server is made of.
type parts struct {
	flags  serveFlags
	log    *slog.Logger
	auth   *auth.Auth
	http   *http.Server
	listen net.Listener
	undo   []func() // what close calls, last first
}

// open opens and connects the parts, the lowest floor first.
func (p *parts) open(ctx context.Context, m *Main, f serveFlags) error {
	p.flags = f
	p.log = slog.New(slog.NewTextHandler(m.Stderr, nil))
	dir, err := p.openFolder()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, dir.database())
	if err != nil {
		return err
	}
	p.later(func() { p.warn("close database", db.Close()) })
	box, err := seal.Open(p.keyFile())
	if err != nil {
		return err
	}
	sources, err := p.sources()
	if err != nil {
		return err
	}
	home, err := host.New(host.Options{Dir: dir.host(), Log: p.log})
	if err != nil {
		return err
	}
	wake := newWaker(p.log)
	work, err := importer.New(importer.Options{
		DB: db, Source: sources, Host: home, Data: string(dir), Seal: box, Wake: wake.wake,
		Log: p.log, LargeOver: int64(f.limits.largeOver), Limits: f.limits.source(), Version: version,
	})
	if err != nil {
		return err
	}
	if err := p.openQueue(ctx, dir, work, wake); err != nil {
		return err
	}
	p.auth = auth.New(db)
	return p.openDoor(api.Options{DB: db, Auth: p.auth, Host: home, Importer: work, Log: p.log})
}

func (p *parts) openFolder() (data, error) {
	abs, err := filepath.Abs(string(p.flags.data))
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	dir := data(abs)
	p.flags.data = dir
	if err := dir.make(); err != nil {
		return "", err
	}
	lock, err := dir.lock()
	if err != nil {
		return "", err
	}
	p.later(func() { lock.Close() })
	return dir, nil
}

func (p *parts) keyFile() string {
	if p.flags.keyFile != "" {
		return p.flags.keyFile
	}
	return p.flags.data.key()
}

// sources is the list of version control systems that can be read.
func (p *parts) sources() (map[rehome.VCS]source.Source, error) {
	policy, err := p.flags.network.policy()
	if err != nil {
		return nil, err
	}
	client, err := egress.New(policy)
	if err != nil {
		return nil, err
	}
	p.later(client.Close)
	return map[rehome.VCS]source.Source{
		rehome.Git: git.New(client),
	}, nil
}

func (p *parts) openQueue(ctx context.Context, dir data, work *importer.Importer, wake *waker) error {
	q, err := queue.Open(context.WithoutCancel(ctx), dir.queue(), p.flags.workers, work.Reconcile, work.Sweep, p.log)
	if err != nil {
		return err
	}
	wake.ready(q)
	p.later(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainWorkers)
		defer cancel()
		p.warn("stop workers", q.Close(ctx))
	})
	return nil
}

func (p *parts) openDoor(o api.Options) error {
	var err error
	if o.TrustedProxies, err = p.flags.door.trusted(); err != nil {
		return err
	}
	o.PublicURL, o.RateLimit = p.flags.door.publicURL, int(p.flags.door.rate)
	if p.listen, err = net.Listen("tcp", p.flags.door.listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.later(func() { p.listen.Close() })
	p.http = &http.Server{
		Handler:           api.New(o),
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute, // bodies have no limit in time: packs are as long as they are
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	return nil
}

// run serves until ctx ends, then lets the requests under way finish.
func (p *parts) run(ctx context.Context, m *Main) error {
	ended := make(chan error, 1)
	scheme := "http"
	if p.flags.door.tlsCert != "" {
		scheme = "https"
	}
	go func() {
		if scheme == "https" {
			ended <- p.http.ServeTLS(p.listen, p.flags.door.tlsCert, p.flags.door.tlsKey)
			return
		}
		ended <- p.http.Serve(p.listen)
	}()
	fmt.Fprintf(m.Stdout, "listening on %s://%s\n", scheme, p.listen.Addr())
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	p.log.Info("stopping")
	drain, cancel := context.WithTimeout(context.Background(), drainRequests)
	defer cancel()
	if err := p.http.Shutdown(drain); err != nil {
		p.warn("cut off requests", p.http.Close())
	}
	return nil
}

func (p *parts) later(do func()) { p.undo = append(p.undo, do) }

func (p *parts) close() {
	for len(p.undo) > 0 {
		last := len(p.undo) - 1
		p.undo[last]()
		p.undo = p.undo[:last]
	}
}

func (p *parts) warn(what string, err error) {
	if err != nil {
		p.log.Warn(what, "error", err)
	}
}

// waker lets the importer wake a queue that is opened after it.
type waker struct {
	opened chan struct{}
	queue  *queue.Queue // set before opened is closed
	log    *slog.Logger
}

func newWaker(log *slog.Logger) *waker { return &waker{opened: make(chan struct{}), log: log} }

func (w *waker) ready(q *queue.Queue) {
	w.queue = q
	close(w.opened)
}

// wake asks for an import to be looked at. A lost wake-up is made up for by the next sweep.
func (w *waker) wake(ctx context.Context, id int64) {
	select {
	case <-w.opened:
	case <-ctx.Done():
		return
	}
	if err := w.queue.Wake(ctx, id); err != nil {
		w.log.Warn("wake", "import", id, "error", err)
	}
}

// ownMachineGit reads Git for the command line: the user's own machine and rights, so no network is out of bounds.
func ownMachineGit() (*git.Git, error) {
	client, err := egress.New(egress.Policy{Unrestricted: true})
	if err != nil {
		return nil, err
	}
	return git.New(client), nil
}
