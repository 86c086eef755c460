package webhook

import (
	"net/http"
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// What is due while the database is away is delivered when it is back, once: deliveries are rows, and nobody has to wake anybody.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	w := newWorldOn(t, server.NewDatabase(t))
	r := receive(t, nil)
	hook := w.hook(Config{URL: r.URL, ContentType: "json"})
	stop := w.run()
	r.await(t, 1) // the ping
	await(t, "the ping is finished", func() bool { return w.newest(hook.ID).Answer.OK() })
	stop()

	w.end(w.own, rehome.Success, 0)
	server.Kill(t)
	w.run() // and looks in vain
	if _, _, err := w.DB.DueDeliveries(t.Context(), nil, 1); err == nil {
		t.Fatal("a database that was killed answers")
	}
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests while nothing can be claimed", n)
	}
	server.Start(t)
	r.await(t, 2)
	w.end(w.own, rehome.Canceled, 0) // it goes on as before
	all := r.await(t, 3)
	for n, want := range map[int]string{1: "success", 2: "cancelled"} {
		if got := all[n].payload(t)["status"]; got != want {
			t.Errorf("the %d. that came says %v, want %s", n+1, got, want)
		}
	}
	await(t, "it is finished", func() bool { return w.newest(hook.ID).Answer.OK() })
	if due, next, err := w.DB.DueDeliveries(t.Context(), nil, 10); err != nil || len(due) > 0 || !next.IsZero() {
		t.Errorf("due are %v, the next at %v, %v", due, next, err)
	}
	if n := len(r.requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// A database that goes away while a receiver answers may leave it open whether it did. Then it is told again, under the same id,
// until what it answered is stored.
func TestDatabaseGoesDuringADelivery(t *testing.T) {
	t.Parallel()
	server := testenv.OwnPostgres(t)
	w := newWorldOn(t, server.NewDatabase(t))
	w.limits.claim = time.Second
	came, gone := make(chan struct{}), make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, _ *http.Request, before int) {
		if before == 0 {
			close(came)
		}
		<-gone
	})
	hook := w.hook(Config{URL: r.URL})
	w.run()
	<-came
	server.Kill(t)
	close(gone)
	server.Start(t)
	await(t, "it is finished", func() bool {
		d := w.newest(hook.ID)
		return d.Answer.OK() && d.NextAttemptAt.IsZero()
	})
	all := r.requests()
	for _, g := range all {
		if g.header.Get("X-GitHub-Delivery") != all[0].header.Get("X-GitHub-Delivery") || g.body != all[0].body {
			t.Errorf("%v with %s is not %v with %s", g.header, g.body, all[0].header, all[0].body)
		}
	}
	if d := w.newest(hook.ID); d.Attempts < len(all) {
		t.Errorf("%d attempts are counted, %d came", d.Attempts, len(all))
	}
}
