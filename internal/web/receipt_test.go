package web

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/importer"
)

// TestReceiptNamesWhatIsNotThere lists the first paths and objects, and says how many more the file has.
func TestReceiptNamesWhatIsNotThere(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	const at = "/octocat/socm/import/receipt"
	if page := b.get(t, at).want(t, 200).body; strings.Contains(page, "left history") || strings.Contains(page, "lacked") || strings.Contains(page, "more in the file") {
		t.Errorf("of nothing removed it says: %s", page)
	}
	r := rehome.Receipt{Head: rehome.ReceiptHead{Format: 1, Import: "octocat/socm", Status: rehome.Complete, Commits: 7, Verified: "refs"}}
	var paths []string
	for n := range 1234 {
		paths = append(paths, fmt.Sprintf("assets/<b>%d.bin", n))
		r.Body.LFS.Missing = append(r.Body.LFS.Missing, rehome.NewMissingLFS(fmt.Sprintf("%064d", n), 2000, fmt.Sprintf("lost/%d.psd", n), "refs/heads/main"))
		r.Refs.Skipped = append(r.Refs.Skipped, rehome.NewSkippedRef(fmt.Sprintf("refs/pull/%d/head", n), "", "pull request"))
	}
	paths[1] = strings.Repeat("long/", 10_000)
	r.Body.LargeFiles = rehome.ReceiptLargeFiles{Over: 1000, Choice: rehome.LFSOptOut, Objects: 1300, Bytes: 5_000_000, RemovedPaths: rehome.NewRemovedPaths(paths)}
	text, err := importer.EncodeReceipt(r)
	must(t, err)
	d, err := digestOf(text)
	must(t, err)
	if d.size() > 200_000 || len(d.Large.Removed) != listedFiles || len(d.Large.Exact) != 0 || len(d.LFS.Missing) != listedFiles {
		t.Errorf("a digest of %d bytes with %d paths and %d objects", d.size(), len(d.Large.Removed), len(d.LFS.Missing))
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.dir, "db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "UPDATE receipts SET body = ? WHERE import_id = 1", text)
	must(t, err)
	x.web.receipts = newReceipts()
	page := b.get(t, at).want(t, 200).body
	for _, want := range []string{
		"Large files that left history (1,234)", "assets/&lt;b&gt;99.bin<", "1,134 more in the file of the receipt.", "1,300, 5.0 MB: not in history any more",
		"Git LFS objects that the source lacked (1,234)", "lost/99.psd<", fmt.Sprintf("%064d", 99), "1,034 more in the file of the receipt.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"&lt;b&gt;100.bin", "lost/100.psd", "<b>"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
}
