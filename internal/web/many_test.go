package web

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/importer"
	"rehome/internal/webhook"
)

// copies has a table hold n more rows like its last, but for the columns that are said to be something else: SQL that may use n.
func copies(t testing.TB, db *sql.DB, table string, n int, but map[string]string) {
	t.Helper()
	var names, values []string
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM pragma_table_info('"+table+"')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		value, changed := but[name]
		if !changed {
			value = name
		}
		if value != "" {
			names, values = append(names, name), append(values, value)
		}
	}
	_, err = db.ExecContext(t.Context(), fmt.Sprintf(`WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d)
		INSERT INTO %s (%s) SELECT %s FROM c, (SELECT * FROM %s ORDER BY rowid DESC LIMIT 1)`, n, table, strings.Join(names, ", "), strings.Join(values, ", "), table))
	if err := errors.Join(err, rows.Err()); err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}

const manyOfAll = 100_000

// many is a world with 100,000 authors, large files and refs, 10,000 imports, and 2,000 webhooks and tokens, and somebody who is signed in.
func many(t testing.TB) (*world, *browser) {
	t.Helper()
	x := newWorld(t)
	x.web.Limits = auth.NewLimiter(1<<30, time.Now)
	b := x.signedIn(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Admin: true})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	x.work(t)
	org, err := x.web.DB.OwnerByLogin(t.Context(), "labs")
	if err == nil {
		_, err = x.web.Hooks.Create(t.Context(), rehome.HookTarget{OwnerID: org.ID}, r.Owner, webhook.Create{Config: webhook.Config{URL: "http://127.0.0.1:9/hook"}, Active: true})
	}
	if err == nil {
		_, err = x.web.Hooks.Create(t.Context(), rehome.HookTarget{RepositoryID: r.ID}, r.Owner, webhook.Create{Config: webhook.Config{URL: "http://127.0.0.1:9/hook"}, Active: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.dir, "db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	copies(t, db, "import_authors", manyOfAll, map[string]string{"id": "", "remote_name": "cast('Somebody ' || n AS BLOB)", "remote_mail": "cast('somebody' || n || '@old.example' AS BLOB)", "name": "'Somebody ' || n", "email": "'somebody' || n || '@new.example'"})
	copies(t, db, "large_files", manyOfAll, map[string]string{"id": "", "path": "cast('assets/large/file-' || n || '.bin' AS BLOB)", "oid": "printf('%040d', n)", "size": "n * 1000", "ordinal": "n + 1000", "position": "n + 1000"})
	copies(t, db, "repositories", 10_000, map[string]string{"id": "", "name": "'copy-' || n"})
	copies(t, db, "imports", 10_000, map[string]string{"id": "", "repository_id": "n + 1"})
	copies(t, db, "hooks", 2_000, map[string]string{"id": "", "url": "'https://hooks.example/' || n"})
	copies(t, db, "tokens", 2_000, map[string]string{"id": "", "hash": "randomblob(32)", "made_by": "n"})
	if _, err := db.ExecContext(t.Context(), "UPDATE receipts SET body = ? WHERE import_id = 1", manyRefs(t, manyOfAll)); err != nil {
		t.Fatal(err)
	}
	crowded(t, x, db)
	return x, b
}

// crowded has the first import have the authors of another one, too, and its shape, which names as many as there are in any.
func crowded(t testing.TB, x *world, db *sql.DB) {
	t.Helper()
	r := x.repository(t, "octocat", "crowd", crowdOf(t, 600), true)
	x.work(t)
	i, err := x.web.DB.ImportOf(t.Context(), r.ID)
	if err == nil {
		_, err = db.ExecContext(t.Context(), `INSERT INTO import_authors (import_id, remote_name, remote_mail, name, email)
			SELECT 1, remote_name, remote_mail, name, email FROM import_authors WHERE import_id = ?`, i.ID)
	}
	if err == nil {
		_, err = db.ExecContext(t.Context(), "UPDATE shapes SET body = (SELECT s.body FROM shapes s WHERE s.import_id = ?) WHERE import_id = 1", i.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// manyRefs is a receipt of so many refs.
func manyRefs(t testing.TB, n int) []byte {
	t.Helper()
	r := rehome.Receipt{Head: rehome.ReceiptHead{Format: 1, Import: "octocat/socm", Status: rehome.Complete, Commits: 7, Verified: "refs"}}
	for at := range n {
		id := rehome.ObjectID(fmt.Sprintf("%040x", at*7919))
		r.Refs.Refs = append(r.Refs.Refs, rehome.ReceiptRef{Name: fmt.Sprintf("refs/heads/team/feature-%d", at), Source: id, Final: id, Destination: id})
		r.Refs.Skipped = append(r.Refs.Skipped, rehome.NewSkippedRef(fmt.Sprintf("refs/pull/%d/head", at), id, "pull requests belong to the forge"))
		r.Body.Warnings = append(r.Body.Warnings, rehome.Warning{Kind: "fault", Object: id, Count: 2, Text: "something is odd"})
	}
	text, err := importer.EncodeReceipt(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// heavy are the pages that list what there is much of.
var heavy = []string{
	"/", "/?page=200", "/?q=copy-77", "/?status=complete", "/-/server", "/-/tokens", "/-/tokens?page=40", "/-/webhooks/labs", "/-/webhooks/labs?page=3", "/octocat/socm/import", "/octocat/socm/import/body",
	"/octocat/socm/import/receipt", "/octocat/socm/import/receipt?page=1000", "/octocat/socm/import/receipt?page=2000", "/octocat/socm/import/authors", "/octocat/socm/import/authors?page=2000",
	"/octocat/socm/import/authors?q=somebody999", "/octocat/socm/import/authors?mapped=1", "/octocat/socm/import/large-files", "/octocat/socm/import/large-files?page=2000", "/octocat/socm/import/webhooks",
}

// work is what a page takes.
type work struct {
	wire, plain, made int // bytes: by gzip, without, and of memory, for all of the request and its answer
	took              time.Duration
}

func (b *browser) weigh(t testing.TB, path string) work {
	t.Helper()
	b.get(t, path, "Accept-Encoding", "identity") // what is read once is
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	plain := b.get(t, path, "Accept-Encoding", "identity").want(t, http.StatusOK)
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return work{len(b.get(t, path, "Accept-Encoding", "gzip").body), len(plain.body), int(after.TotalAlloc - before.TotalAlloc), took}
}

// limits of a page, in bytes.
const (
	maxWire = 64 << 10
	maxMade = 8 << 20 // of memory for a request and its answer; 2,000 tokens are read whole
)

// searches are pages that go through all there is, some thousands at a time, by what each of them takes; bytes.
var searches = map[string]int{
	"/octocat/socm/import/authors?q=somebody999": 120 << 20, "/octocat/socm/import/authors?mapped=1": 120 << 20, // 100,000 rows of 800 bytes
	"/octocat/socm/import/large-files": 24 << 20, "/octocat/socm/import/large-files?page=2000": 24 << 20, // the picture is of the largest
}

// TestMany: whatever there is of something, its pages stay small, and do not read all of it.
func TestMany(t *testing.T) {
	x, b := many(t)
	for _, path := range heavy {
		w, most := b.weigh(t, path), maxMade
		if n, ok := searches[path]; ok {
			most = n
		}
		t.Logf("%-50s %7d bytes on the wire, %7d without gzip, %9d of memory, %s", path, w.wire, w.plain, w.made, w.took)
		if w.wire > maxWire || w.plain > maxPage || w.made > most {
			t.Errorf("%s: %d bytes on the wire, %d without gzip, %d of memory: too many", path, w.wire, w.plain, w.made)
		}
	}
	for path, want := range map[string]string{
		"/octocat/socm/import/receipt?page=1000": "refs/heads/team/feature-49950<", "/octocat/socm/import/receipt?page=2000": "refs/heads/team/feature-99999<",
		"/octocat/socm/import/receipt": "Refs that stay behind (100,000)", "/octocat/socm/import": "100,000 refs were pushed", "/octocat/socm/import/webhooks?page=41": "https://hooks.example/2000<",
		"/octocat/socm/import/authors?page=2000": "Somebody 9949", "/octocat/socm/import/authors": "<td data-is=\"Commits\" class=\"num\">1,234</td>", "/-/tokens?page=41": "rehome.css",
	} {
		if page := b.get(t, path).want(t, 200); !strings.Contains(page.body, want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	b.get(t, "/octocat/socm/import/receipt?page=2001").want(t, 200)
	crowdOfReceipts(t, x, b)
}

// crowdOfReceipts has fifty look at a receipt at once that nobody has looked at: it is read once.
func crowdOfReceipts(t *testing.T, x *world, b *browser) {
	t.Helper()
	text, err := x.web.Importer.Receipt(t.Context(), 1)
	must(t, err)
	x.web.receipts = newReceipts()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() { b.get(t, "/octocat/socm/import/receipt?page="+itoa(int64(n*40+1)), "Accept-Encoding", "gzip") })
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	if made := int(after.TotalAlloc - before.TotalAlloc); made > 8*len(text)+50*4<<20 {
		t.Errorf("%d bytes of memory for fifty views of a receipt of %d bytes", made, len(text))
	} else {
		t.Logf("%d bytes of memory for fifty views of a receipt of %d bytes", made, len(text))
	}
}

// BenchmarkMany is how long the heaviest pages take; what is read once is.
func BenchmarkMany(b *testing.B) {
	x, who := many(b)
	for _, path := range heavy {
		who.get(b, path)
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				who.get(b, path, "Accept-Encoding", "gzip")
			}
		})
	}
	b.Run("a receipt for the first time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.web.receipts = newReceipts()
			who.get(b, "/octocat/socm/import/receipt", "Accept-Encoding", "gzip")
		}
	})
}

// TestReceiptsAreNotStale: after another run the page shows its receipt, also where somebody read while that ended.
func TestReceiptsAreNotStale(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	b.get(t, "/octocat/socm/import/receipt").want(t, 404)
	x.work(t)
	b.get(t, "/octocat/socm/import/receipt").want(t, 200)
	before, err := x.web.DB.ReceiptID(t.Context(), r.ID)
	must(t, err)
	_, first, err := x.web.receipts.of(t.Context(), x.web.DB, r.ID)
	must(t, err)
	if _, again, err := x.web.receipts.of(t.Context(), x.web.DB, r.ID); err != nil || again != first {
		t.Errorf("it is read again; %v", err)
	}
	people, err := x.web.Importer.Authors(t.Context(), r.ID, 0, 1)
	must(t, err)
	name := "Somebody Else"
	_, err = x.web.Importer.MapAuthor(t.Context(), r.ID, people[0].ID, &name, nil)
	must(t, err)
	x.work(t)
	if _, err := x.web.DB.ReceiptText(t.Context(), before); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("the receipt before: %v", err)
	}
	if _, err := x.web.DB.ReceiptPart(t.Context(), before, 0, 1); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("a part of the receipt before: %v", err)
	}
	if page := b.get(t, "/octocat/socm/import/receipt").want(t, 200).body; !strings.Contains(page, "of them mapped") {
		t.Error("the page shows the receipt before")
	}
}

// TestDigestsAreBounded in bytes, whatever receipts there are.
func TestDigestsAreBounded(t *testing.T) {
	x := newWorld(t)
	x.token(t, auth.Grant{User: "octocat"})
	from := source1(t)
	s := newReceipts()
	for n := range 5 {
		r := x.repository(t, "octocat", fmt.Sprintf("socm-%d", n), from, false)
		x.work(t)
		id, err := x.web.DB.ReceiptID(t.Context(), r.ID)
		must(t, err)
		for range 2 { // two may have read it at once
			s.keep(id, &digest{at: make([]int64, maxDigests/8/3)}) // a third of all there may be
		}
		size := 0
		for _, d := range s.known {
			size += d.size()
		}
		if size != s.size || size > maxDigests || s.kept(id) == nil || len(s.known) != min(n+1, 2) {
			t.Errorf("%d digests of %d bytes, counted as %d", len(s.known), size, s.size)
		}
	}
}
