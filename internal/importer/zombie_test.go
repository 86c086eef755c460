package importer

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// A worker that stands still past its lease, right before it writes to the destination or to its row, and wakes when
// its successor is done, changes nothing there: neither refs nor rows.
func TestZombies(t *testing.T) {
	for _, c := range []string{
		"forge/before a change", "forge/raw received", "forge/before publishing", "forge/published",
		"host/before a change", "host/before publishing", "host/published",
	} {
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			where := testenv.Postgres(t).NewDatabase(t)
			root := t.TempDir()
			from, to := filepath.Join(root, "old.git"), filepath.Join(root, "new.git")
			richAt(t, from, "sha1")
			testenv.Empty(t, to, "sha1")
			url := testenv.NewServer(t, root, testenv.Options{Push: true}).URL
			w := newWorld(t, onPostgres(t, where, store.Limits{}))
			other := newWorld(t, onPostgres(t, where, store.Limits{}), func(o *Options) { o.Host, o.Seal, o.LFS = w.Host, w.Seal, w.LFS })
			other.Folder.KeepOn(w.Folder.shelf)
			r := w.repository("a")
			end, point, _ := strings.Cut(c, "/")
			if end == "host" {
				to = w.hosted(r)
			} else {
				_, err := w.SetDestination(t.Context(), r.ID, DestinationRequest{URL: url + "/new.git"})
				must(t, err)
			}
			_, err := w.Start(t.Context(), r, StartRequest{URL: url + "/old.git", VCS: rehome.Git})
			must(t, err)
			w.holding = holding{leaseFor: time.Hour, renewEvery: time.Hour} // it notices nothing by itself
			slept, woken := false, ""
			w.fault = func(at string) {
				if at != point || slept {
					return
				}
				slept = true
				row, err := w.DB.ImportOf(t.Context(), r.ID)
				must(t, err)
				must(t, w.DB.ReleaseFolder(t.Context(), w.Folder.id)) // as the clock does with a lease that has expired
				must(t, other.Work(t.Context(), row.ID))
				wantStatus(t, other.get(r), rehome.Complete, "", "")
				other.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com") // and goes on from there
				other.work()
				woken = testenv.Git(t, to, "for-each-ref")
			}
			must(t, w.Work(t.Context(), 0))
			i := w.get(r)
			wantStatus(t, i, rehome.Complete, "", "")
			if got := testenv.Git(t, to, "for-each-ref"); !slept || got != woken {
				t.Errorf("the refs became\n%s\nand were\n%s", got, woken)
			}
			if row, err := w.DB.ImportOf(t.Context(), r.ID); err != nil || row.Done.Plan != row.Wanted.Plan || row.Mapped != 1 || row.Held() {
				t.Errorf("the row is not that of the last push: done %+v of %+v, %d mapped, %v", row.Done, row.Wanted, row.Mapped, err)
			}
		})
	}
}
