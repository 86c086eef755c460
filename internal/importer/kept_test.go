package importer

import (
	"context"
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// A worker that is killed once all of a first fetch is kept, and before its row says so, leaves it to the next one here: what came is not
// sent again, and everything is known of it.
func TestKeptBeforeItsRowSaysSo(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	server := testenv.NewServer(t, root, testenv.Options{})
	g := &grown{world: newWorld(t), from: from, over: DefaultLargeOver}
	g.r = g.repository("a")
	ctx, kill := context.WithCancel(t.Context())
	g.fault = func(point string) {
		if point == "raw kept" {
			kill()
		}
	}
	i, err := g.Start(ctx, g.r, StartRequest{URL: server.URL + "/old.git", VCS: rehome.Git})
	must(t, err)
	must(t, g.Reconcile(ctx, i.ID))
	if row := g.row(g.r); ctx.Err() == nil || row.Done.Raw != 0 || row.Kept.Raw != "" {
		t.Fatalf("nothing was cut off: %+v", row.Kept)
	}
	g.fault = func(string) {}
	first := server.Sent()
	g.work()
	wantStatus(t, g.get(g.r), rehome.Complete, "", "")
	if again := server.Sent() - first; again > first/2 {
		t.Errorf("%d bytes came first, and then %d", first, again)
	}
	g.wantMoved(g.r, from)
	g.wantKnown()
	g.wantShelf(g.r)
}
