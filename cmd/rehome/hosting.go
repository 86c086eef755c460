package main

import (
	"context"
	"sync"
	"time"

	"rehome"
	"rehome/internal/store"
)

// The built-in host is a folder of one machine, and many may share a Postgres database: repositories that one has would be missing at
// another. So who hosts holds a post in the database.
const (
	hostPost = store.HostPost
	// hostFor is how long the post stays with a process that says nothing.
	hostFor = time.Minute
	// hostEvery is how often one that lives says so.
	hostEvery = 15 * time.Second
)

// errOtherHost refuses a second host.
var errOtherHost = &rehome.Error{
	Code: rehome.AlreadyExists, Message: "Another rehome serve with a built-in host, and another data folder, uses this database.",
	Hint: "Stop that one and wait a minute, or give both --role api or worker, which host nothing.",
}

// holdHost keeps the post until the parts are closed, and calls stop when another has it.
func (p *parts) holdHost(ctx context.Context, stop context.CancelCauseFunc) error {
	if !p.flags.role.hosts() || p.flags.places.database == "" {
		return nil // the lock of the data folder is enough
	}
	if err := p.refuseAmong(ctx); err != nil {
		return err
	}
	if ours, err := p.db.HoldPost(ctx, hostPost, p.folder.Name(), hostFor); err != nil || !ours {
		if err == nil {
			err = errOtherHost
		}
		return err
	}
	holding, end := context.WithCancel(context.WithoutCancel(ctx)) // while requests are drained, too
	var running sync.WaitGroup
	running.Go(func() { p.keepHost(holding, stop) })
	p.later(func() {
		end()
		running.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, err := p.db.HoldPost(ctx, hostPost, p.folder.Name(), 0)
		p.warn("give the post of the host back", err)
	})
	return nil
}

func (p *parts) keepHost(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(hostEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ours, err := p.db.HoldPost(ctx, hostPost, p.folder.Name(), hostFor)
		if err != nil && ctx.Err() == nil && !store.Unavailable(err) {
			p.log.Warn("hold the post of the host", "err", err)
		}
		if err == nil && !ours {
			stop(errOtherHost)
			return
		}
	}
}
