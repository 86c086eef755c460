package crash

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// job is one import, with what its user does and wants. Its fields are its own goroutine's until that has ended.
type job struct {
	t     *testing.T
	h     *house
	w     *town
	name  string
	kind  kind
	to    string // the URL of a destination elsewhere; "" for the built-in host
	steps []step
	begin int64 // in crashes

	hook      int64
	map_      int    // of the generation that is wanted; 0 for none
	choice    string // of large files; "" for none
	cancelled bool
	changes   int            // calls that may bring one more end
	restarts  int            // of those, how many were made because it had failed
	causes    map[string]int // of its failures
	err       error          // why the job could not be done
}

// step is something that a user does, so long after what was before.
type step struct {
	after time.Duration
	what  string
}

// What users do.
const (
	mapAuthors = "map authors"
	convert    = "opt_in"
	remove     = "opt_out"
	grow       = "grow"
	restart    = "restart"
	cancel     = "cancel"
)

// newJobs draws what is imported and what is done with it.
func newJobs(h *house, w *town, p plan) []*job {
	r := rand.New(rand.NewPCG(p.seed, 200))
	var all []*job
	for n := range p.imports {
		j := &job{t: h.t, h: h, w: w, name: fmt.Sprintf("r%d", n), causes: map[string]int{}}
		j.begin = int64(n*p.crashes/p.imports) * 8 / 10
		if p.short {
			j.begin = int64(n / 2)
		}
		j.kind = []kind{plain, plain, withBig, withLFS, withRich}[(n+r.IntN(2))%5]
		commits := []int{10, 40, 100, 300, 1000}[r.IntN(5)]
		if n%25 == 7 {
			commits = 4000
		}
		w.make(h.t, j.name, j.kind, commits, r.Uint64())
		if h.many || n%3 == 2 {
			w.settle(h.t, j.name)
			j.to = w.home + "/admin/" + j.name + ".git"
		}
		j.steps = drawSteps(r, j.kind, n, p.short)
		all = append(all, j)
	}
	return all
}

// drawSteps draws what is done with the nth import. The choices about large files never come back to an earlier one, nor do the
// maps: so no ref is ever to be again what it was before.
func drawSteps(r *rand.Rand, k kind, n int, short bool) []step {
	most := 36
	if short {
		most = 3
	}
	what := []string{}
	for range 2 + r.IntN(most) {
		what = append(what, []string{mapAuthors, mapAuthors, mapAuthors, grow, restart}[r.IntN(5)])
	}
	if k == withBig && r.IntN(4) > 0 {
		what = slices.Insert(what, r.IntN(len(what)+1), []string{convert, remove}[r.IntN(2)])
	}
	if n%14 == 5 {
		what = append(what[:2], cancel)
	}
	if n%9 == 1 {
		what = nil // what nobody touches ends once
	}
	var steps []step
	for _, one := range what {
		steps = append(steps, step{pause(r, 0, 4*time.Second), one})
	}
	return steps
}

// run is the whole life of a job, until its user wants nothing more.
func (j *job) run(ctx context.Context) {
	if j.err = j.h.until(ctx, j.begin); j.err != nil {
		return
	}
	if j.err = j.accept(ctx); j.err != nil {
		return
	}
	for _, s := range j.steps {
		select {
		case <-time.After(s.after):
		case <-ctx.Done():
		}
		if _, j.err = j.look(ctx); j.err != nil {
			return
		}
		if j.err = j.do(ctx, s.what); j.err != nil {
			j.err = fmt.Errorf("%s: %w", s.what, j.err)
			return
		}
	}
}

// accept begins the import.
func (j *job) accept(ctx context.Context) error {
	c := j.h.api
	if _, err := c.call(ctx, "POST", "/user/repos", fmt.Sprintf(`{"name": %q}`, j.name), 201, 422); err != nil {
		return err
	}
	text, err := c.call(ctx, "POST", "/repos/admin/"+j.name+"/hooks", fmt.Sprintf(`{"config": {"url": "%s/%s", "content_type": "json"}}`, j.w.hooks, j.name), 201, 422)
	if err != nil {
		return err
	}
	if j.hook, err = j.hookOf(ctx, text); err != nil {
		return err
	}
	if j.to != "" && !j.h.many {
		if _, err := c.call(ctx, "PUT", "/repos/admin/"+j.name+"/import/destination", fmt.Sprintf(`{"url": %q}`, j.to), 200); err != nil {
			return err
		}
	}
	_, err = c.call(ctx, "PUT", "/repos/admin/"+j.name+"/import", fmt.Sprintf(`{"vcs": "git", "vcs_url": "%s/%s.git"}`, j.w.origin, j.name), 201)
	say("%s begins (%s)", j.name, j.kind)
	return err
}

// hookOf returns the id of the webhook that was made, be it by a request whose answer was lost.
func (j *job) hookOf(ctx context.Context, answer []byte) (int64, error) {
	var hook struct{ ID int64 }
	if err := json.Unmarshal(answer, &hook); err != nil || hook.ID != 0 {
		return hook.ID, err
	}
	text, err := j.h.api.call(ctx, "GET", "/repos/admin/"+j.name+"/hooks", "", 200)
	if err != nil {
		return 0, err
	}
	var all []struct{ ID int64 }
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 1 {
		return 0, fmt.Errorf("hooks: %s: %w", text, cmp.Or(err, fmt.Errorf("not one")))
	}
	return all[0].ID, nil
}

// do is one step.
func (j *job) do(ctx context.Context, what string) (err error) {
	say("%s: %s", j.name, what)
	at := "/repos/admin/" + j.name + "/import"
	switch what {
	case mapAuthors:
		j.map_++
		_, err = j.h.api.call(ctx, "PUT", at+"/authors", j.mailmap(), 200)
	case convert, remove:
		j.choice = what
		_, err = j.h.api.call(ctx, "PATCH", at+"/lfs", fmt.Sprintf(`{"use_lfs": %q}`, what), 200)
	case grow:
		testenv.Grow(j.t, j.w.source(j.name), "refs/heads/trunk", "grown.txt", 5)
		_, err = j.h.api.call(ctx, "PATCH", at, "", 200)
	case restart:
		_, err = j.h.api.call(ctx, "PATCH", at, "", 200)
	case cancel:
		j.cancelled = true
		_, err = j.h.api.call(ctx, "DELETE", at, "", 204, 404)
	}
	j.changes++
	return err
}

// people is who is renamed: identities of the source, and what each becomes.
func (j *job) people() map[string]string {
	if j.map_ == 0 {
		return nil
	}
	to := map[string]string{}
	if j.kind == withRich {
		to["Ada Lovelace <ada@example.com>"] = fmt.Sprintf("Ada King <ada-%d@new.example>", j.map_)
		return to
	}
	for n := range 4 {
		to[fmt.Sprintf("Author %d <author%d@example.com>", n, n)] = fmt.Sprintf("Person %d <person%d-%d@new.example>", n, n, j.map_)
	}
	return to
}

// mailmap is the same as Git writes it.
func (j *job) mailmap() string {
	var lines []string
	for from, to := range j.people() {
		lines = append(lines, to+" "+from+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// bring waits until the import has come to its end, starting it again when it failed.
func (j *job) bring(ctx context.Context) error {
	for {
		ended, err := j.look(ctx)
		if ended || err != nil {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			i, _, err := j.h.api.importOf(context.WithoutCancel(ctx), j.name)
			return fmt.Errorf("it stands at %+v, %w", i, cmp.Or(err, ctx.Err()))
		}
	}
}

// look starts the import again when it failed. It has ended when it is complete, or gone as it was to be.
func (j *job) look(ctx context.Context) (ended bool, err error) {
	i, there, err := j.h.api.importOf(ctx, j.name)
	switch {
	case err != nil:
		return false, err
	case !there && !j.cancelled:
		return false, fmt.Errorf("the import is gone")
	case j.cancelled || i.Status != "error":
		return !there || i.Status == "complete" && !j.cancelled, nil
	}
	cause := j.cause(i)
	j.causes[cause]++
	say("%s failed: %s", j.name, cause)
	j.changes++
	j.restarts++
	_, err = j.h.api.call(ctx, "PATCH", "/repos/admin/"+j.name+"/import", "", http.StatusOK)
	return false, err
}

func (j *job) cause(i imported) string {
	text := cmp.Or(i.Message, i.StatusText)
	for _, own := range []string{j.name, j.w.origin, j.w.home} {
		text = strings.ReplaceAll(text, own, "…")
	}
	return i.FailedStep + ": " + text
}

// each does something for all jobs, some at a time, and reports what went wrong.
func each(jobs []*job, do func(*job) error) {
	var running sync.WaitGroup
	turn := make(chan struct{}, 8)
	for _, j := range jobs {
		running.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			if err := do(j); err != nil {
				j.t.Errorf("%s (%s, steps %v, map %d, choice %q): %v", j.name, j.kind, j.steps, j.map_, j.choice, err)
			}
		})
	}
	running.Wait()
}
