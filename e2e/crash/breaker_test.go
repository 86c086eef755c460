package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// points are those in the work of imports, as cmd/rehome's tests write them.
var points = []string{
	"raw_received", "raw_on_the_shelf", "raw_kept", "before_a_change", "after_a_change", "rewritten",
	"final_on_the_shelf", "final_kept", "before_publishing", "published", "map_kept", "raw_expired",
}

// seldom are those that are hours away from what brings them about. The importer's own tests kill there.
var seldom = []string{"garbage_condemned", "garbage_removed"}

// breaker breaks one process again and again. It is for one goroutine.
type breaker struct {
	h    *house
	p    *process
	rand *rand.Rand
	slow time.Duration // how long it lives at least, so that work gets done

	watching sync.WaitGroup // for takeovers
}

// work lets users do what they want while everything breaks, until the crashes have been and the users are content.
func work(t *testing.T, h *house, jobs []*job) {
	ctx, stop := context.WithTimeout(t.Context(), max(10*time.Minute, time.Duration(h.plan.crashes)*10*time.Second))
	defer stop()
	var users, breakers sync.WaitGroup
	for _, j := range jobs {
		users.Go(func() { j.run(ctx) })
	}
	content := make(chan struct{})
	go func() {
		users.Wait()
		h.content.Store(true)
		close(content)
	}()
	breaking, enough := context.WithCancel(ctx)
	for n, p := range h.all() {
		b := &breaker{h: h, p: p, rand: rand.New(rand.NewPCG(h.plan.seed, 300+uint64(n)))}
		if h.many && n == 0 {
			b.slow = 2 * time.Second
		}
		breakers.Go(func() { b.run(breaking) })
	}
	over := &fates{h: h, rand: rand.New(rand.NewPCG(h.plan.seed, 400))}
	for done := false; !done; {
		select {
		case <-content:
			done = h.tally.crashes.Load() >= int64(h.plan.crashes) || ctx.Err() != nil
		default:
		}
		over.next(t)
		say("%s: %d crashes", h.tally.house, h.tally.crashes.Load())
	}
	enough()
	breakers.Wait()
	<-content
	for _, j := range jobs {
		if j.err != nil {
			t.Errorf("%s: %v", j.name, j.err)
		}
	}
}

func (b *breaker) run(ctx context.Context) {
	for ctx.Err() == nil {
		b.once(ctx)
	}
	b.watching.Wait()
}

// once is one life of the process and its end.
func (b *breaker) once(ctx context.Context) {
	b.p.kill() // what began without a fault
	switch n := b.rand.IntN(20); {
	case n < 10 && b.works():
		b.dieAt(points[b.rand.IntN(len(points))])
		if b.rand.IntN(2) == 0 {
			b.moveOut(ctx) // what it held was under way for sure
		}
	case n < 13 && b.works():
		b.die("kill-change "+fmt.Sprint(1+b.rand.IntN(60)), "kill -9 in front of a change of the disk", b.forWork())
	case n < 15:
		b.die("", "", b.slow+pause(b.rand, 200*time.Millisecond, 3*time.Second))
	case n < 17:
		b.fillDisk()
	case n < 19:
		b.drain()
	default:
		b.suspend(ctx)
	}
	if b.rand.IntN(6) == 0 {
		b.moveOut(ctx)
	}
}

// works reports whether the process comes to the points in the work of imports.
func (b *breaker) works() bool { return !b.h.many || b.p != b.h.first }

// forWork is how long a process waits for work that brings it to its fault.
func (b *breaker) forWork() time.Duration {
	switch {
	case b.h.content.Load():
		return time.Second
	case b.h.plan.short:
		return 3 * time.Second
	}
	return 4 * time.Second
}

func (b *breaker) dieAt(point string) {
	b.die(fmt.Sprintf("kill %s %d", point, 1+b.rand.IntN(5)/3), "kill -9 at "+strings.ReplaceAll(point, "_", " "), b.forWork())
}

// live starts the process with a fault. One that it meets before it listens may end it.
func (b *breaker) live(fault string) bool {
	err := b.p.start(fault)
	if err == nil {
		return true
	}
	if b.p.met() || b.h.shaken() {
		b.h.tally.did("start failed, as it had to", false)
		time.Sleep(100 * time.Millisecond) // as supervisors wait
		return false
	}
	b.h.t.Errorf("%v", err)
	time.Sleep(time.Second)
	return false
}

// die has the process kill itself, or kills it when it has not after a time.
func (b *breaker) die(fault, kind string, within time.Duration) {
	if !b.live(fault) {
		if strings.HasPrefix(fault, "kill") && b.p.met() {
			b.h.tally.did(kind, true)
		}
		return
	}
	if fault == "" || !b.p.wait(within) {
		if fault == "" {
			time.Sleep(within)
		}
		kind = "kill -9 at a random time"
	}
	b.end(kind)
}

// end kills the process, if it has not met its fault before: by itself it never ends.
func (b *breaker) end(kind string) {
	if b.p.wait(0) && !b.p.met() {
		b.h.t.Errorf("%s ended by itself: %v", b.p.name, b.p.err)
	}
	b.p.kill()
	b.h.tally.did(kind, true)
}

// fillDisk has some changes of the disk fail, and kills the process later.
func (b *breaker) fillDisk() {
	with := []string{"ENOSPC", "EIO"}[b.rand.IntN(2)]
	lives := b.live(fmt.Sprintf("%s %d %d", with, 1+b.rand.IntN(40), 1+b.rand.IntN(4)))
	if lives {
		b.p.wait(b.slow + pause(b.rand, time.Second, 3*time.Second))
	}
	if b.p.met() {
		b.h.tally.did(with, false)
	}
	if !lives {
		return // it said so, and ended
	}
	b.end("kill -9 at a random time")
}

// drain ends the process as supervisors do.
func (b *breaker) drain() {
	if !b.live("") {
		return
	}
	time.Sleep(b.slow + pause(b.rand, 100*time.Millisecond, 2*time.Second))
	took, err := b.p.drain()
	b.h.tally.did("SIGTERM", false)
	b.h.tally.drained(b.p.name, took, err)
}

// pastLease is longer than a lease lasts.
const pastLease = 36 * time.Second

// suspend stops the process at a point, and has it go on when others may have taken over. That is for some workers: it takes long.
func (b *breaker) suspend(ctx context.Context) {
	point := points[b.rand.IntN(len(points))]
	if !b.live(fmt.Sprintf("stop %s %d", point, 1+b.rand.IntN(2))) {
		return
	}
	for range b.forWork() / (100 * time.Millisecond) {
		if b.p.stopped() {
			break
		}
		b.p.wait(100 * time.Millisecond)
	}
	kind, long := "SIGSTOP for a moment at ", pause(b.rand, 200*time.Millisecond, 2*time.Second)
	if b.h.many && b.p != b.h.first {
		kind, long = "SIGSTOP past the lease at ", pastLease
	}
	if b.p.stopped() {
		select {
		case <-time.After(long):
			b.h.tally.did(kind+strings.ReplaceAll(point, "_", " "), false)
		case <-ctx.Done():
		}
		b.p.signal(syscall.SIGCONT)
		b.p.wait(pause(b.rand, time.Second, 4*time.Second))
	}
	b.end("kill -9 at a random time")
}

// moveOut leaves what the worker held to others: it comes back as a new machine. How long its imports wait for others is
// measured.
func (b *breaker) moveOut(ctx context.Context) {
	if !b.h.many || b.p == b.h.first {
		return
	}
	since := time.Now()
	id, err := os.ReadFile(filepath.Join(b.p.dir, "folder-id"))
	b.h.renew(b.p)
	b.h.tally.did("worker replaced", false)
	if err != nil {
		return
	}
	b.watching.Go(func() { b.watch(ctx, strings.TrimSpace(string(id))+"/%", since) })
}

// watch measures how long what an owner held waits for another one. The database may be away meanwhile.
func (b *breaker) watch(ctx context.Context, owner string, since time.Time) {
	held, err := b.h.leases(ctx, owner)
	if err != nil {
		return
	}
	for len(held) > 0 && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		still, err := b.h.leases(ctx, owner)
		if err != nil {
			continue
		}
		for id := range held {
			if !still[id] {
				b.h.tally.takenOver(time.Since(since))
				delete(held, id)
			}
		}
	}
}

// leases returns the imports that an owner like that holds.
func (h *house) leases(ctx context.Context, owner string) (map[int64]bool, error) {
	conn, err := pgx.Connect(ctx, h.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was read
	rows, err := conn.Query(ctx, "SELECT id FROM imports WHERE lease_owner LIKE $1 AND deleted_at = 0", owner)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	held := map[int64]bool{}
	for _, id := range ids {
		held[id] = true
	}
	return held, err
}

// fates come over what all processes need, in an order that is drawn anew after each has been.
type fates struct {
	h    *house
	rand *rand.Rand
	bag  []func(*testing.T)
}

// next waits for a while, and has the next one come.
func (f *fates) next(t *testing.T) {
	if !f.h.many {
		time.Sleep(time.Second)
		return
	}
	time.Sleep(pause(f.rand, 2*time.Second, 8*time.Second))
	if len(f.bag) == 0 {
		f.bag = []func(*testing.T){f.database, f.sessions, f.files, f.sessions}
		f.rand.Shuffle(len(f.bag), func(a, b int) { f.bag[a], f.bag[b] = f.bag[b], f.bag[a] })
	}
	f.h.shake()
	f.bag[0](t)
	f.bag = f.bag[1:]
	f.h.shake()
}

func (f *fates) database(t *testing.T) {
	f.h.postgres.Kill(t)
	f.h.tally.did("Postgres killed", true)
	time.Sleep(pause(f.rand, 100*time.Millisecond, 4*time.Second))
	f.h.postgres.Start(t)
}

func (f *fates) sessions(t *testing.T) {
	f.h.postgres.TerminateSessions(t)
	f.h.tally.did("Postgres' sessions terminated", false)
}

func (f *fates) files(t *testing.T) {
	f.h.store.Stop()
	f.h.tally.did("object store killed", true)
	time.Sleep(pause(f.rand, 100*time.Millisecond, 5*time.Second))
	f.h.store.Start(t)
}
