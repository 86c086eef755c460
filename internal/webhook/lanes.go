package webhook

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"rehome"
	"rehome/internal/store"
)

// limits are the times of delivering, which tests make shorter.
type limits struct {
	attempt time.Duration // an attempt takes at most so long, all in all
	claim   time.Duration // an attempt that is not finished by then is lost with its process, and repeated
	drags   time.Duration // an attempt that takes longer leaves its place to others
	look    time.Duration // rows that other processes added are seen by then
	tidy    time.Duration // between two times old deliveries are dropped
}

var defaultLimits = limits{
	attempt: 10 * time.Second, claim: time.Minute, drags: time.Second, look: 5 * time.Second, tidy: time.Hour,
}

const (
	// keep is how long finished deliveries can be looked at.
	keep = 30 * 24 * time.Hour
	// finishWithin bounds the write of what came of an attempt, which the end of Run does not stop.
	finishWithin = 10 * time.Second
	// pause follows a database that fails.
	pause = time.Second
)

// lane is where an attempt has its place, so that receivers that do not answer cannot take all of them.
type lane int

const (
	well     lane = iota // the hook's last attempt went well, or there was none
	failing              // it failed
	dragging             // the attempt began in well and takes long
	laneCount
)

var places = [laneCount]int{well: 64, failing: 16, dragging: 256}

// lanes is one Run. Its fields belong to Run's goroutine.
type lanes struct {
	*Hooks
	used    [laneCount]int
	busy    map[int64]lane // by hook: one attempt at a time for each
	done    chan int64     // hooks whose attempt has ended
	drags   chan int64     // hooks whose attempt drags on
	running sync.WaitGroup
}

// Run delivers what is due until ctx ends, and waits for attempts under way, which end with it.
func (h *Hooks) Run(ctx context.Context) {
	l := &lanes{Hooks: h, busy: map[int64]lane{}, done: make(chan int64), drags: make(chan int64)}
	defer l.running.Wait()
	l.running.Go(func() { h.tidyUp(ctx) })
	for ctx.Err() == nil {
		timer := time.NewTimer(l.fill(ctx))
		select {
		case <-ctx.Done():
		case <-h.wake:
		case id := <-l.done:
			l.leave(id)
		case id := <-l.drags:
			l.stepAside(id)
		case <-timer.C:
		}
		timer.Stop()
		l.settle()
	}
}

// settle takes what else has come meanwhile, so that one look serves it all.
func (l *lanes) settle() {
	for {
		select {
		case id := <-l.done:
			l.leave(id)
		case id := <-l.drags:
			l.stepAside(id)
		default:
			return
		}
	}
}

// leave gives the place of an attempt that has ended to others.
func (l *lanes) leave(id int64) {
	l.used[l.busy[id]]--
	delete(l.busy, id)
}

// fill starts what is due and has a place, and returns when to look again at the latest.
func (l *lanes) fill(ctx context.Context) time.Duration {
	due, next, err := l.DB.DueDeliveries(ctx, slices.Collect(maps.Keys(l.busy)), places[well])
	if err != nil {
		if ctx.Err() == nil && !store.Unavailable(err) { // that is told once, by who watches the database
			l.Log.Error("look for due webhooks", "err", err)
		}
		return pause
	}
	for _, d := range due {
		l.start(ctx, d)
	}
	if next.IsZero() {
		return l.limits.look
	}
	return min(max(next.Sub(l.Clock()), 10*time.Millisecond), l.limits.look)
}

func (l *lanes) free(in lane) bool { return l.used[in] < places[in] }

// start begins an attempt if its lane has a place.
func (l *lanes) start(ctx context.Context, d store.DueDelivery) {
	in := well
	if d.Failing {
		in = failing
	}
	if !l.free(in) {
		return
	}
	l.used[in]++
	l.busy[d.HookID] = in
	l.running.Go(func() {
		under, end := context.WithCancel(ctx)
		l.running.Go(func() {
			wait(under, l.limits.drags)
			tell(under, l.drags, d.HookID)
		})
		l.deliver(ctx, d.ID)
		end()
		tell(ctx, l.done, d.HookID)
	})
}

// tell sends unless ctx ends first.
func tell(ctx context.Context, to chan<- int64, id int64) {
	if ctx.Err() != nil {
		return
	}
	select {
	case to <- id:
	case <-ctx.Done():
	}
}

// stepAside takes an attempt out of the lane of those that are well.
func (l *lanes) stepAside(id int64) {
	if in, busy := l.busy[id]; !busy || in != well || !l.free(dragging) {
		return
	}
	l.used[well]--
	l.used[dragging]++
	l.busy[id] = dragging
}

// deliver makes one attempt. One that ends with ctx is left to be repeated when its claim has run out.
func (h *Hooks) deliver(ctx context.Context, id int64) {
	d, hook, ok, err := h.DB.ClaimDelivery(ctx, id, h.limits.claim)
	if err != nil && ctx.Err() == nil {
		h.Log.Error("claim a webhook's delivery", "delivery", id, "err", err)
		wait(ctx, pause)
	}
	if err != nil || !ok {
		return
	}
	d = h.attempt(ctx, hook, d)
	if d.Answer == (rehome.Answer{}) {
		return
	}
	again := h.again(d.Delivery)
	h.Tried(d.Answer, again >= 0)
	if !d.Answer.OK() {
		h.Log.Info("webhook is not taken", "hook", hook.ID, "delivery", d.ID, "attempt", d.Attempts, "answer", d.Answer.Text, "again", max(again, 0))
	}
	finishing, stop := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer stop()
	if err := h.DB.FinishDelivery(finishing, d, again); err != nil {
		h.Log.Error("store what came of a webhook", "delivery", id, "err", err)
	}
}

// tidyUp drops old deliveries, at once and every so often.
func (h *Hooks) tidyUp(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := h.DB.DropDeliveries(ctx, keep)
		if err != nil && ctx.Err() == nil {
			h.Log.Error("drop old webhooks' deliveries", "err", err)
		}
		if err != nil || n == 0 {
			wait(ctx, h.limits.tidy)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
