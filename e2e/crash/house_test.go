package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// house is a server: its processes, and what they work with.
type house struct {
	t     *testing.T
	plan  plan
	many  bool
	dir   string
	api   *client
	tally *tally

	first   *process   // answers the API; alone it is everything
	workers []*process // besides; none when alone

	content atomic.Bool // users want nothing more

	database string // a URL; "" alone
	postgres *testenv.PG
	store    *testenv.Versity
	last     atomic.Int64 // when the database or the object store failed last, or worked again, in seconds since 1970
}

// shake notes that the database or the object store are about to fail, or work again.
func (h *house) shake() {
	h.last.Store(time.Now().Unix())
}

// shaken reports whether they failed a moment ago.
func (h *house) shaken() bool { return time.Now().Unix()-h.last.Load() < 20 }

func openHouse(t *testing.T, p plan) (h *house, address string) {
	address = free(t)
	return &house{t: t, plan: p, dir: t.TempDir(), api: newClient(address)}, address
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (h *house) place(name string, args, env []string) *process {
	p := &process{name: name, dir: filepath.Join(h.dir, name), log: filepath.Join(h.dir, name+".log")}
	p.args = append([]string{"serve", "--data", p.dir, "--allow-network", "127.0.0.1", "--large-files-over", fmt.Sprint(largeOver), "--rate-limit", "100000000/h", "--keep-raw", "15s"}, args...)
	p.env = append([]string{"REHOME_ADMIN_TOKEN=" + adminToken}, env...)
	h.t.Cleanup(func() {
		p.kill()
	})
	return p
}

// alone is one process with everything in a folder.
func alone(t *testing.T, _ *town, p plan) *house {
	h, address := openHouse(t, p)
	h.first = h.place("server", []string{"--listen", address}, nil)
	return h
}

// many is an API and three workers, on a Postgres and an object store of their own.
func many(t *testing.T, w *town, p plan) *house {
	h, address := openHouse(t, p)
	h.many = true
	h.postgres = testenv.OwnPostgres(t)
	h.database = h.postgres.NewDatabase(t)
	h.store = testenv.NewVersity(t, "rehome")
	env := []string{"AWS_ACCESS_KEY_ID=" + h.store.Key, "AWS_SECRET_ACCESS_KEY=" + h.store.Secret}
	shared := append(h.shared(), "--destination", w.home+"/{owner}/{repo}.git", "--key-file", filepath.Join(h.dir, "key"))
	h.first = h.place("api", append([]string{"--role", "api", "--listen", address}, shared...), env)
	for n := range 3 {
		h.workers = append(h.workers, h.place(fmt.Sprintf("worker%d", n), append([]string{"--role", "worker", "--listen", "127.0.0.1:0"}, shared...), env))
	}
	return h
}

// shared says where rows and files are, to serve and check.
func (h *house) shared() []string {
	if !h.many {
		return nil
	}
	return []string{"--database", h.database, "--bucket", "s3://rehome?endpoint=" + h.store.URL + "&region=us-east-1"}
}

func (h *house) all() []*process { return append([]*process{h.first}, h.workers...) }

// start starts every process as it should be.
func (h *house) start(t *testing.T) {
	for _, p := range h.all() {
		must(t, p.start(""))
	}
}

// until waits for so many crashes.
func (h *house) until(ctx context.Context, crashes int64) error {
	for h.tally.crashes.Load() < crashes {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d crashes: %w", crashes, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// heal has everything work again: nobody is broken on purpose from here on.
func (h *house) heal(t *testing.T) {
	for _, p := range h.all() {
		p.kill()
	}
	for _, p := range h.all() {
		must(t, p.start(""))
	}
}

// drain stops every process as supervisors do.
func (h *house) drain(t *testing.T) {
	for _, p := range h.all() {
		took, err := p.drain()
		h.tally.drained(p.name, took, err)
	}
	for _, bad := range h.tally.badDrains {
		t.Errorf("stopped by SIGTERM: %s", bad)
	}
}

// renew gives a process a data folder of its own, as a machine has that is new.
func (h *house) renew(p *process) {
	if err := os.RemoveAll(p.dir); err != nil {
		h.t.Errorf("clear the folder of %s: %v", p.name, err)
	}
}

// tell shows what the processes said, after a failure.
func (h *house) tell(t *testing.T) {
	if !t.Failed() {
		return
	}
	for _, p := range h.all() {
		p.tell(t)
	}
}

// pause is a time between two, drawn.
func pause(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}
