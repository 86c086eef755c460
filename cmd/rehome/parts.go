package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/api"
	"rehome/internal/auth"
	"rehome/internal/backup"
	"rehome/internal/egress"
	"rehome/internal/git/transport"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/lfs"
	"rehome/internal/lfs/server"
	"rehome/internal/queue"
	"rehome/internal/shelf"
	"rehome/internal/store"
	"rehome/internal/web"
	"rehome/internal/webhook"
)

// How long a stop waits for what is under way: together less than the 30 seconds supervisors give.
const (
	drainRequests = 15 * time.Second
	drainWorkers  = 10 * time.Second
)

// parts are what a server is made of.
type parts struct {
	told
	flags    serveFlags
	getenv   func(string) string
	dir      data
	folder   *importer.Folder
	listener net.Listener
	db       *store.DB
	auth     *auth.Auth
	host     *host.Host
	lfs      *lfs.Store
	egress   *egress.Client
	hooks    *webhook.Hooks
	importer *importer.Importer
	undo     []func() // what close calls, last first
}

// open opens and connects the parts, the lowest floor first. One that cannot go on calls stop.
func (p *parts) open(ctx context.Context, stop context.CancelCauseFunc, m *Main, f serveFlags) error {
	p.flags, p.getenv = f, m.Getenv
	p.log = f.log.open(m.Stderr)
	p.later(p.logStopped)
	host := func(ctx context.Context) error { return p.holdHost(ctx, stop) }
	for _, open := range []func(context.Context) error{p.openListener, p.openFolder, p.openRows, host, p.openMetrics, p.openEnds, p.openWork} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) openFolder(context.Context) error {
	abs, err := filepath.Abs(string(p.flags.places.dir))
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	p.dir = data(abs)
	if p.folder, err = importer.Claim(abs); err != nil {
		return err
	}
	p.later(func() { p.warn("give the data folder back", p.folder.Close()) })
	p.warn("clear what a backup left", backup.Clear(abs))
	p.flags.places.dir = p.dir
	return p.dir.moveObjects()
}

func (p *parts) openListener(context.Context) (err error) {
	if p.listener, err = net.Listen("tcp", p.flags.door.listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.later(func() { p.listener.Close() })
	return nil
}

func (p *parts) openRows(ctx context.Context) (err error) {
	if p.db, err = (store.Options{Limits: p.flags.role.limits(), Process: p.process(), Hostless: !p.flags.role.hosts() && p.flags.destination.template == ""}).Open(ctx, p.flags.places.rows()); err != nil {
		return err
	}
	p.later(func() { p.warn("close database", p.db.Close()) })
	p.auth = auth.New(p.db)
	ctx, stop := context.WithCancel(context.Background())
	var noting sync.WaitGroup
	noting.Go(func() { p.auth.KeepUses(ctx) })
	p.later(func() {
		stop()
		noting.Wait()
	})
	return nil
}

// process is what this process is called in a database that others may have, too; "" where nobody else can.
func (p *parts) process() string {
	if !p.shares() {
		return ""
	}
	return p.folder.Name()
}

// openEnds opens what is at the two ends of an import.
func (p *parts) openEnds(ctx context.Context) error {
	policy, err := p.flags.network.policy()
	if err != nil {
		return err
	}
	if p.egress, err = egress.New(policy); err != nil {
		return err
	}
	p.later(p.egress.Close)
	if p.flags.role.hosts() {
		if p.host, err = host.New(host.Options{
			Dir: p.dir.host(), Log: p.log, Floor: p.flags.keep.floor(p.dir), Pushed: p.pushed, Damaged: p.damaged,
		}); err != nil {
			return err
		}
		p.logProtections()
		p.later(func() { p.warn("close host", p.host.Close()) })
	}
	return p.openBucket(ctx)
}

// openBucket opens where Git LFS objects are and what imports leave.
func (p *parts) openBucket(ctx context.Context) error {
	in, err := p.flags.places.openOwn(ctx, p.db, p.getenv)
	if err != nil {
		return err
	}
	own := p.flags.places.pair(p.db, in)
	own.Scratch = filepath.Join(string(p.dir), "work")
	if err := own.Take(ctx); err != nil {
		return err
	}
	if elsewhere, ok := in.(interface{ Close() }); ok {
		p.later(elsewhere.Close)
	}
	p.vitals.bucket = in
	p.folder.KeepOn(shelf.New(in, filepath.Join(string(p.dir), "work")))
	p.folder.Keep(p.flags.keep.keeping(p.dir, in))
	p.lfs, err = lfs.NewStore(in, p.dir.spool())
	return err
}

// pushed notes in the row that a client pushed.
func (p *parts) pushed(ctx context.Context, repositoryID int64) {
	_, head, err := p.host.Refs(ctx, repositoryID)
	if err == nil {
		err = p.db.Pushed(ctx, repositoryID, time.Now(), strings.TrimPrefix(head, "refs/heads/"))
	}
	p.warn("note a push", err)
}

// openWork opens the importer and the queue that wakes it.
func (p *parts) openWork(ctx context.Context) error {
	box, err := p.openKey(ctx)
	if err != nil {
		return err
	}
	p.hooks = webhook.New(webhook.Options{DB: p.db, Client: p.egress, Seal: box, Base: p.base(), Version: version, Log: p.log, Tried: p.metrics.Tried})
	n := network{p.egress, transport.SSH{Pins: p.dir.knownHosts(), Shared: true}}
	wake := newWaker()
	p.importer = importer.New(importer.Options{
		Ends: importer.Ends{
			Source: n.sources(), Host: p.host, Forge: n.forges(p.lfs),
			Elsewhere: p.flags.destination.elsewhere(p.flags.password), PushLimit: int64(p.flags.destination.limit),
		},
		DB: p.db, LFS: p.lfs, Folder: p.folder, Seal: box,
		Alarms: importer.Alarms{Wake: wake.wake, WakeAt: wake.wakeAt, Ended: p.ended, Measure: p.measure()}, CheckURL: p.egress.CheckURL, CloneURL: p.cloneURL, Log: p.log,
		LargeOver: int64(p.flags.largeOver), Limits: p.flags.limits.source(), Version: version,
	})
	if err := p.importer.Open(ctx); err != nil {
		return err
	}
	p.deliver()
	p.keepTidy()
	if err := p.keepVitals(ctx); err != nil {
		return err
	}
	where := p.dir.queue()
	if p.flags.places.database != "" {
		where = p.flags.places.database
	}
	q, err := queue.Open(ctx, where, p.workers(), p.importer.Work, p.importer.Sweep, p.log)
	if err != nil {
		return err
	}
	wake.ready(q)
	p.later(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainWorkers)
		defer cancel()
		had := p.importer.Busy()
		p.warn("stop workers", q.Close(ctx))
		p.log.Info("imports were given back", "count", had-p.importer.Busy(), "still_held", p.importer.Busy())
	})
	return nil
}

// deliver sends webhooks until the parts are closed. Workers stop before: they have ends to tell of.
func (p *parts) deliver() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.hooks.Run(ctx) })
	p.later(func() {
		stop()
		running.Wait()
	})
}

// base is the server's own URL, for what no request gives one.
func (p *parts) base() string {
	if p.flags.door.publicURL != "" {
		return strings.TrimRight(p.flags.door.publicURL, "/")
	}
	return p.scheme() + "://" + p.listener.Addr().String()
}

func (p *parts) scheme() string {
	if p.flags.door.tlsCert != "" {
		return "https"
	}
	return "http"
}

func (p *parts) cloneURL(r rehome.Repository) string { return p.base() + "/" + r.FullName() + ".git" }

// run serves until ctx ends, then lets the requests under way finish.
func (p *parts) run(ctx context.Context, m *Main) error {
	trusted, err := p.flags.door.trusted()
	if err != nil {
		return err
	}
	limits := auth.NewLimiter(int(p.flags.door.rate), time.Now)
	doors := auth.Doors{Limits: limits}.Opened(p.auth, time.Now, p.log)
	pages := web.New(web.Options{
		Doors: doors,
		DB:    p.db, Auth: p.auth, Importer: p.importer, Host: p.host, Hooks: p.hooks, Log: p.log, PublicURL: p.flags.door.publicURL, Vitals: p.shown,
	})
	door := api.New(api.Options{
		Pages: api.Pages{Handler: pages, Serves: pages.Serves}, Doors: doors,
		DB: p.db, Auth: p.auth, Host: p.host, Importer: p.importer, Hooks: p.hooks, Log: p.log,
		LFS:       server.New(server.Options{Store: p.lfs, DB: p.db, Log: p.log, Room: p.importer.Room}),
		PublicURL: p.base(), TrustedProxies: trusted,
		Supervision: api.Supervision{
			Metrics: p.metrics, Measure: p.metrics.Request, LogRequests: p.flags.log.requests, BucketUp: p.vitals.up(theBucket),
		},
	})
	web := webServer(endStreams(ctx, p.flags.role.open(door)), p.log)
	inlet := api.NewInlet(p.listener, maxConnections(), trusted)
	inlet.Bound(web)
	ended := make(chan error, 1)
	go func() { ended <- p.listen(web, inlet) }()
	if len(trusted) > 0 && p.flags.door.publicURL == "" {
		p.log.Warn("webhooks and receipts show the address this server listens on: name the proxy's with --public-url", "base", p.base())
	}
	p.logStart()
	fmt.Fprintf(m.Stdout, "listening on %s://%s\n", p.scheme(), p.listener.Addr())
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	p.log.Info("stopping", "requests_have", drainRequests, "imports", p.importer.Busy())
	drain, cancel := context.WithTimeout(context.Background(), drainRequests)
	defer cancel()
	if web.Shutdown(drain) != nil {
		p.log.Warn("requests are cut off", "after", drainRequests)
		p.warn("close", web.Close())
	}
	return nil
}

// maxHeaders is the most bytes of a request's line and headers, which are kept while it is answered.
const maxHeaders = 64 << 10

// webServer bounds what no handler sees. The door bounds bodies: packs are as long as they are.
func webServer(door http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           door,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaders,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100, SendPingTimeout: time.Minute, WriteByteTimeout: 5 * time.Minute},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

func (p *parts) listen(web *http.Server, at net.Listener) error {
	if p.flags.door.tlsCert == "" {
		return web.Serve(at)
	}
	return web.ServeTLS(at, p.flags.door.tlsCert, p.flags.door.tlsKey)
}

// endStreams ends event streams with ctx: they would outlast any wait for requests to finish.
func endStreams(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/import/events") || strings.HasSuffix(r.URL.Path, "/import/live") {
			streaming, end := context.WithCancel(r.Context())
			defer end()
			defer context.AfterFunc(ctx, end)()
			r = r.WithContext(streaming)
		}
		next.ServeHTTP(w, r)
	})
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
}

func newWaker() *waker { return &waker{opened: make(chan struct{})} }

func (w *waker) ready(q *queue.Queue) {
	w.queue = q
	close(w.opened)
}

// wake asks for an import to be looked at.
func (w *waker) wake(ctx context.Context, id int64) error {
	select {
	case <-w.opened:
		return w.queue.Wake(ctx, id)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wakeAt asks for that later. Before the queue is open its first sweep will do.
func (w *waker) wakeAt(id int64, after time.Duration) {
	select {
	case <-w.opened:
		w.queue.WakeAt(id, after)
	default:
	}
}
