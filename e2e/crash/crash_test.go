// Package crash breaks running servers in the ways in which machines break, and holds what they did against what was promised:
// every import that was accepted ends, and what is called complete is.
//
//	house     the processes of a server and what they work with: alone (SQLite, built-in host) or many (Postgres, S3, workers)
//	town      where imports come from and go to, and who is told of them
//	job       one import, with what its user wants of it in the course of time
//	breaker   what goes wrong with a process; fates, what goes wrong with what they all need
//	oracle    what has to be true once everything works again
//
// Imports begin after so many crashes each. Everything is drawn from one seed. What the
// system makes of it differs a little from run to run, the plan does not.
//
//	go test ./e2e/crash -args -seed 7 -crashes 1000 -imports 200 -report FILE
package crash

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

var (
	seed    = flag.Uint64("seed", 1, "what everything is drawn from")
	crashes = flag.Int("crashes", 0, "how many, in both houses together; 0 for a short run")
	imports = flag.Int("imports", 0, "how many, in both houses together; 0 for a short run")
	report  = flag.String("report", "", "`FILE` in which the counts are written, between its two marks")
	only    = flag.String("house", "", "alone or many; both otherwise")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

// plan is how much of everything a run has.
type plan struct {
	seed             uint64
	crashes, imports int
	short            bool
}

// The short run, in each house.
const (
	shortCrashes = 12
	shortImports = 6
)

func share(of int, short int) int {
	if of == 0 {
		return short
	}
	return of / 2
}

// TestNothingIsLost runs both houses, a short time side by side, a long one after the other: they would share the processors.
func TestNothingIsLost(t *testing.T) {
	p := plan{seed: *seed, crashes: share(*crashes, shortCrashes), imports: share(*imports, shortImports), short: *crashes == 0}
	t.Logf("go test ./e2e/crash -args -seed %d -crashes %d -imports %d", *seed, *crashes, *imports)
	var mu sync.Mutex
	var all []*tally // guarded by mu
	t.Run("houses", func(t *testing.T) {
		for _, one := range []struct {
			name string
			open func(*testing.T, *town, plan) *house
		}{{"alone", alone}, {"many", many}} {
			if *only != "" && *only != one.name {
				continue
			}
			t.Run(one.name, func(t *testing.T) {
				if p.short {
					t.Parallel()
				}
				p := p
				p.seed = *seed<<8 + uint64(len(one.name))
				c := live(t, one.name, p, one.open)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, c)
			})
		}
	})
	if *report != "" && !t.Failed() {
		if err := write(*report, *seed, all); err != nil {
			t.Error(err)
		}
	}
	for _, one := range all {
		t.Logf("%s: %s", one.house, one)
	}
}

// live is one house from its opening to the oracle.
func live(t *testing.T, name string, p plan, open func(*testing.T, *town, plan) *house) *tally {
	c := newTally(name, p)
	w := newTown(t, p)
	h := open(t, w, p)
	h.tally = c
	t.Cleanup(func() { h.tell(t) })
	jobs := newJobs(h, w, p)
	h.start(t)
	work(t, h, jobs)
	h.heal(t)
	judge(t, h, jobs)
	h.drain(t)
	judgeAtRest(t, h, jobs)
	c.took = time.Since(c.begun)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// say tells of what goes on while it does.
func say(format string, args ...any) {
	if testing.Verbose() {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
