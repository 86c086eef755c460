package api

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"rehome"
	"rehome/internal/destination"
	"rehome/internal/egress"
	"rehome/internal/forge"
	"rehome/internal/git/transport"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/lfs"
	"rehome/internal/metrics"
	"rehome/internal/seal"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/store"
	"rehome/internal/webhook"
)

// parts opens a host and an importer. Nothing works by itself: work does what is due.
func parts(t testing.TB, o *Options, dir string, db *store.DB) {
	t.Helper()
	folder, err := importer.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	home, err := host.New(host.Options{Dir: filepath.Join(dir, "host")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { home.Close() })
	box, err := seal.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	noWait := func(context.Context, time.Duration) error { return nil }
	kept, err := lfs.Local(filepath.Join(dir, "lfs"))
	if err != nil {
		t.Fatal(err)
	}
	hooks := webhook.New(webhook.Options{DB: db, Client: client, Seal: box, Base: "https://new.example"})
	m := importer.New(importer.Options{
		DB: db, LFS: kept, Folder: folder, Seal: box, Version: "0.0.0-test", CheckURL: client.CheckURL, Alarms: importer.Alarms{Ended: hooks.ImportEnded},
		Ends: importer.Ends{
			Host:   home,
			Source: map[rehome.VCS]source.Source{rehome.Git: git.New(git.Options{Client: client, Sleep: noWait})},
			Forge: destination.New(destination.Options{
				Transport: transport.New(transport.Options{Client: client, Sleep: noWait, SSH: transport.SSH{Pins: filepath.Join(dir, "known_hosts")}}), Client: client,
				Forges: forge.New(forge.Options{Client: client, Sleep: noWait}), LFS: kept, Version: "0.0.0-test", Sleep: noWait,
			}),
		},
		Waits: importer.Waits{Backoff: []time.Duration{0, 0}, Settle: []time.Duration{0, 0}},
	})
	if err := m.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	count := metrics.New(metrics.Options{Rows: db.Gauges, Free: func() (uint64, error) { return 1, nil }})
	t.Cleanup(count.Close)
	o.Host, o.Importer, o.Hooks, o.Metrics, o.Measure = home, m, hooks, count, count.Request
}

// work does what is due until nothing is.
func (s *testServer) work(t testing.TB) {
	t.Helper()
	for {
		ids, err := s.db.Due(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			if err := s.api.Importer.Reconcile(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
}
