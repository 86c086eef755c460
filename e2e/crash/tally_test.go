package crash

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tally counts what was done to a house and what came of it. Safe for concurrent use.
type tally struct {
	house   string
	plan    plan
	begun   time.Time
	took    time.Duration // altogether
	crashes atomic.Int64  // kills of processes of the server, of the database and of the object store

	mu        sync.Mutex
	kinds     map[string]int  // of everything that was done; guarded by mu, as the next
	drains    []time.Duration // that ended with exit code 0
	badDrains []string        // that did not, or took too long
	takeovers []time.Duration
	held      map[string]int // by what the oracle looked at
	causes    map[string]int // of failures
	lost      int
}

func newTally(house string, p plan) *tally {
	return &tally{house: house, plan: p, begun: time.Now(), kinds: map[string]int{}, held: map[string]int{}, causes: map[string]int{}}
}

// did counts something that broke. A crash is the clock's tick, too.
func (c *tally) did(kind string, crash bool) {
	c.mu.Lock()
	c.kinds[kind]++
	c.mu.Unlock()
	if crash {
		c.crashes.Add(1)
	}
}

// found counts something that the oracle looked at.
func (c *tally) found(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[what] += n
}

// maxDrain is how long a process that is told to stop may take.
const maxDrain = 30 * time.Second

func (c *tally) drained(name string, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || took > maxDrain {
		c.badDrains = append(c.badDrains, fmt.Sprintf("%s after %v: %v", name, took, err))
		return
	}
	c.drains = append(c.drains, took)
}

func (c *tally) takenOver(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeovers = append(c.takeovers, after)
}

// at returns the quantile of some times, 0 when there are none.
func at(times []time.Duration, quantile float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(quantile*float64(len(sorted))))].Round(100 * time.Millisecond)
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d crashes over %d imports in %v, %d lost; %s; takeovers %d, p50 %v, p99 %v; drains %d of %d, longest %v; found %s; failures on the way %s",
		c.crashes.Load(), c.plan.imports, c.took.Round(time.Second), c.lost, list(c.kinds),
		len(c.takeovers), at(c.takeovers, 0.5), at(c.takeovers, 0.99), len(c.drains), len(c.drains)+len(c.badDrains), at(c.drains, 1), list(c.held), list(c.causes))
}

func list(counts map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(all, ", ")
}

// The marks in the report between which the counts stand.
const (
	markBegin = "<!-- crashes -->"
	markEnd   = "<!-- /crashes -->"
)

// write puts the counts into a page that has the marks.
func write(file string, seed uint64, all []*tally) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), markBegin)
	_, after, closed := strings.Cut(rest, markEnd)
	if !ok || !closed {
		return fmt.Errorf("%s has no %s … %s", file, markBegin, markEnd)
	}
	return os.WriteFile(file, []byte(before+markBegin+"\n"+table(seed, all)+markEnd+after), 0o644)
}

func table(seed uint64, all []*tally) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Seed %d, %s.\n\n| server | imports | crashes | lost | takeover after kill -9 (p50, p99) | drains | time |\n|---|---|---|---|---|---|---|\n", seed, time.Now().UTC().Format(time.DateOnly))
	for _, c := range all {
		taken := "–"
		if len(c.takeovers) > 0 {
			taken = fmt.Sprintf("%v, %v of %d", at(c.takeovers, 0.5), at(c.takeovers, 0.99), len(c.takeovers))
		}
		fmt.Fprintf(&s, "| %s | %d | %d | %d | %s | %d of %d, longest %v | %v |\n", houses[c.house], c.plan.imports, c.crashes.Load(), c.lost, taken,
			len(c.drains), len(c.drains)+len(c.badDrains), at(c.drains, 1), c.took.Round(time.Second))
	}
	s.WriteString("\n")
	for _, c := range all {
		fmt.Fprintf(&s, "* %s. What was done: %s. What was looked at: %s.\n", houses[c.house], list(c.kinds), list(c.held))
	}
	return s.String()
}

var houses = map[string]string{
	"alone": "one process, SQLite, a folder",
	"many":  "API and three workers, Postgres, S3",
}
