package batch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rehome/internal/remote"
)

// Job is a row with what is known of it before it runs.
type Job struct {
	Row
	Stamp string // another one whenever the row means something else
	After []int  // jobs that have to be done first, as Submodules finds them; without cycles
	Again bool   // it runs although it is done
}

// Options say how jobs are run. Journal and Run have to be set.
type Options struct {
	Parallel int // jobs at a time; 0 is 1
	Journal  *Journal

	// Run runs a job. ours says that a run before was killed before it could note its end: what it left at the
	// destination, where nothing was, is its own. A job that stops because ctx ended is Interrupted. Called by as many
	// goroutines as jobs run at a time.
	Run func(ctx context.Context, job int, ours bool) Outcome
	// Free reports whether nothing is at a job's destination; nil is never.
	Free func(job int) bool
	// Ended is told of every job that ended, one at a time, earlier ones included; may be nil.
	Ended func(job int, o Outcome)

	Clock func() time.Time // nil is time.Now
}

// Run runs every job that is not done as it stands, or is to run again, and returns what came of each. A failed one stops only those that
// come after it. When ctx ends, or the journal cannot be written, no more begin; those keep the status Waiting.
func Run(ctx context.Context, jobs []Job, o Options) ([]Outcome, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Ended == nil {
		o.Ended = func(int, Outcome) {}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &run{Options: o, jobs: jobs, stop: stop, outcomes: make([]Outcome, len(jobs)), state: make([]state, len(jobs))}
	r.changed = sync.NewCond(&r.mu)
	for n, job := range jobs {
		r.outcomes[n].Status = Waiting
		if was, ok := o.Journal.Finished(job.Destination, job.Stamp); ok && !job.Again {
			r.outcomes[n], r.state[n] = was, ended
			o.Ended(n, was)
		}
	}
	defer context.AfterFunc(ctx, r.wake)()
	var workers sync.WaitGroup
	for range max(o.Parallel, 1) {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()
	return r.outcomes, r.err
}

// state is how far a job is.
type state int

const (
	waiting state = iota
	running
	ended
)

// run is one call of Run.
type run struct {
	Options
	jobs []Job
	stop func()

	mu       sync.Mutex
	changed  *sync.Cond // a job ended, or all is to stop
	state    []state    // guarded by mu, as all below
	outcomes []Outcome
	first    int   // no job before it is waiting
	err      error // of the journal
}

func (r *run) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed.Broadcast()
}

// work runs jobs until there are none.
func (r *run) work(ctx context.Context) {
	for {
		n, ok := r.next(ctx)
		if !ok {
			return
		}
		o, err := r.one(ctx, n)
		r.end(n, o, err)
	}
}

// next takes the first job that has not to wait for another. False: there will be none.
func (r *run) next(ctx context.Context) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ctx.Err() == nil {
		for r.first < len(r.jobs) && r.state[r.first] != waiting {
			r.first++
		}
		if r.first == len(r.jobs) {
			return 0, false
		}
		for n := r.first; n < len(r.jobs); n++ {
			if r.state[n] == waiting && r.ready(n) {
				r.state[n] = running
				return n, true
			}
		}
		r.changed.Wait()
	}
	return 0, false
}

// ready reports whether those that come before a job have ended.
func (r *run) ready(n int) bool {
	return !slices.ContainsFunc(r.jobs[n].After, func(m int) bool { return r.state[m] != ended })
}

// one runs a job and notes what came of it.
func (r *run) one(ctx context.Context, n int) (Outcome, error) {
	job := r.jobs[n]
	if m := r.lacks(n); m >= 0 {
		return Outcome{Status: Failed, Exit: 1, Message: fmt.Sprintf("line %d, which is a submodule of it, failed", r.jobs[m].Line)}, nil
	}
	key := remote.Key(job.Destination)
	ours, err := r.Journal.begin(key, job.Stamp, r.Free != nil && r.Free(n))
	if err != nil {
		return Outcome{Status: Failed, Exit: 1, Message: err.Error()}, err
	}
	start := r.Clock()
	o := r.Run(ctx, n, ours)
	o.Seconds = r.Clock().Sub(start).Round(time.Millisecond).Seconds()
	return o, r.Journal.end(key, job.Stamp, o)
}

// lacks returns one of the jobs before a job that is not done, -1 when all are.
func (r *run) lacks(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.jobs[n].After {
		if !r.outcomes[m].Status.finished() {
			return m
		}
	}
	return -1
}

func (r *run) end(n int, o Outcome, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state[n], r.outcomes[n] = ended, o
	if err != nil && r.err == nil {
		r.err = err
		r.stop()
	}
	r.Ended(n, o)
	r.changed.Broadcast()
}

// Each calls do for every number below n, so many at a time, until ctx ends.
func Each(ctx context.Context, n, parallel int, do func(int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(max(parallel, 1), n) {
		workers.Go(func() {
			for k := int(next.Add(1)) - 1; k < n && ctx.Err() == nil; k = int(next.Add(1)) - 1 {
				do(k)
			}
		})
	}
	workers.Wait()
}
