// Package destination pushes repositories to forges by Git's own protocol.
//
//	ask      whether a push may begin, before anything is fetched for it        ask.go
//	read     the refs and HEAD of the moment, as whoever clones sees them      read.go
//	LFS      objects first, by the batch API, so that no pointer leads nowhere  lfs.go
//	push     one pack of what the destination lacks, in several where it takes  push.go, steps.go
//	         no more at once; the default branch is the first command
//	settle   what was cut off is decided by reading the refs again              settle.go
//	refusal  which refs it did not take, in its own words                       refusal.go, explain.go
//
// What the destination should have from earlier pushes is not sent again. When that turns out to be wrong, as after
// somebody deleted a branch there, or nothing is known of earlier pushes, what its refs do not reach is sent; when that is
// wrong, too, everything.
package destination

import (
	"context"
	"time"

	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/protocol"
	"rehome/internal/git/transport"
	"rehome/internal/lfs"
)

// limits bound what a destination may tell of its refs.
var limits = protocol.Limits{Refs: 5_000_000, Bytes: 1 << 30}

// Options say how destinations are reached. All but Sleep and Version are required.
type Options struct {
	Transport *transport.Transport
	Client    *egress.Client
	Forges    *forge.Forges
	LFS       *lfs.Store // where the Git LFS objects to send are; nil where there are none
	Version   string     // Rehome's, told to servers

	LimitsOf func(host string, k forge.Kind) forge.Limits // what forges take; nil is forge.LimitsOf

	Sleep func(ctx context.Context, d time.Duration) error // before another try; nil is by the clock
}

// Git pushes to Git servers. It is safe for concurrent use.
type Git struct {
	Options
	agent   string
	sites   sites
	silence time.Duration // that a destination may keep when it is asked for its refs
	work    time.Duration // that it may keep over what is pushed; 0 is transport's
	now     func() time.Time
}

// New returns what pushes to Git servers.
func New(o Options) *Git {
	g := &Git{Options: o, agent: "git/rehome", silence: time.Minute, now: time.Now}
	if o.Version != "" {
		g.agent = "git/rehome-" + o.Version
	}
	if g.Sleep == nil {
		g.Sleep = egress.Sleep
	}
	if g.LimitsOf == nil {
		g.LimitsOf = forge.LimitsOf
	}
	return g
}
