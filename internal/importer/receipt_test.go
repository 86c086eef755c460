package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

var sumKey = regexp.MustCompile(`, "sha256": "([0-9a-f]{64})"`)

// wantSealed checks that a receipt's last key is the sum of the rest, and returns it.
func wantSealed(t *testing.T, text []byte) {
	t.Helper()
	found := sumKey.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no sha256 in %s", text)
	}
	sum := sha256.Sum256(bytes.Replace(text, found[0], nil, 1))
	if got := hex.EncodeToString(sum[:]); got != string(found[1]) {
		t.Errorf("sha256 is %s, the bytes' is %s", found[1], got)
	}
}

// keys lists the keys of a JSON object in their order.
func keys(t *testing.T, text []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	var names []string
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		must(t, err)
		names = append(names, name.(string))
		var skip json.RawMessage
		must(t, d.Decode(&skip))
	}
	return names
}

var receiptKeys = []string{
	"receipt", "import", "status", "rehome", "engine", "verified", "source", "destination",
	"started_at", "completed_at", "commits", "commits_carried", "commits_changed", "tags_changed", "objects",
	"refs", "skipped_refs", "replaced_refs", "authors", "signatures_dropped", "large_files", "lfs", "warnings", "timing", "sha256",
}

func TestReceiptHasEveryKeyInOrder(t *testing.T) {
	text, err := EncodeReceipt(rehome.Receipt{})
	must(t, err)
	wantSealed(t, text)
	if got := keys(t, text); !slices.Equal(got, receiptKeys) {
		t.Errorf("keys %v, want %v", got, receiptKeys)
	}
	const want = `{"receipt":0,"import":"","status":"","rehome":"","engine":0,"verified":"",` +
		`"source":{"vcs":"","url":"","object_format":"","default_branch":""},"destination":{"url":"","default_branch":""},` +
		`"started_at":"0001-01-01T00:00:00Z","completed_at":"0001-01-01T00:00:00Z","commits":0,"commits_carried":0,"commits_changed":0,"tags_changed":0,"objects":0,` +
		`"refs":[],"skipped_refs":[],"replaced_refs":[],"authors":{"identities":0,"mapped":0},"signatures_dropped":0,` +
		`"large_files":{"over":0,"choice":"","objects":0,"bytes":0,"removed_paths":[]},"lfs":{"carried":0,"bytes":0,"missing":[]},` +
		`"warnings":[],"timing":{"raw_s":0,"rewrite_s":0,"push_s":0}}`
	if got := string(sumKey.ReplaceAll(text, nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReceiptKeepsHostileNames(t *testing.T) {
	text, err := EncodeReceipt(rehome.Receipt{
		Head: rehome.ReceiptHead{Import: `o/<b>, "sha256": "` + hex.EncodeToString(make([]byte, 32)) + `"`},
		Refs: rehome.ReceiptRefs{Refs: []rehome.ReceiptRef{{Name: "refs/heads/\ufffd", NameBytes: []byte("refs/heads/\xff")}}},
	})
	must(t, err)
	wantSealed(t, text) // quotes inside a string are escaped, so nothing else looks like the key
	var back struct {
		Import string
		Refs   []rehome.ReceiptRef
	}
	must(t, json.Unmarshal(text, &back))
	if back.Import[:5] != "o/<b>" || string(back.Refs[0].NameBytes) != "refs/heads/\xff" {
		t.Errorf("read back: %+v", back)
	}
}

func TestReceiptOfAnImport(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600))
	w, root := newWorld(t, func(o *Options) {
		o.Clock = func() time.Time { return now }
		o.CloneURL = func(r rehome.Repository) string { return "https://new.example/" + r.FullName() + ".git" }
	}), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	r := w.repository("new")
	if _, err := w.Receipt(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("receipt without an import: %v", err)
	}
	w.start(r, StartRequest{URL: url})
	text, err := w.Receipt(t.Context(), r.ID)
	must(t, err)
	wantSealed(t, text)
	var head rehome.ReceiptHead
	must(t, json.Unmarshal(text, &head))
	at := now.UTC().Truncate(time.Second)
	want := rehome.ReceiptHead{
		Format: 1, Import: "octocat/new", Status: rehome.Complete, Version: "0.0.0-test", Engine: rehome.Engine, Verified: "refs",
		Source:      rehome.ReceiptSource{VCS: rehome.Git, URL: url, ObjectFormat: "sha1", DefaultBranch: "trunk"},
		Destination: rehome.ReceiptDestination{URL: "https://new.example/octocat/new.git", DefaultBranch: "trunk"},
		StartedAt:   at, CompletedAt: at, Commits: head.Commits, Carried: head.Commits, Objects: head.Objects,
	}
	if !reflect.DeepEqual(head, want) || head.Commits == 0 || head.Objects <= head.Commits {
		t.Errorf("head\n%+v, want\n%+v", head, want)
	}
	var refs rehome.ReceiptRefs
	must(t, json.Unmarshal(text, &refs))
	if n := len(refs.Refs) + len(refs.Skipped); n != len(testenv.ShowRefs(t, from)) {
		t.Errorf("%d refs accounted for, the source has %d", n, len(testenv.ShowRefs(t, from)))
	}
	for _, ref := range refs.Refs {
		if ref.Source != ref.Final || ref.Final != ref.Destination {
			t.Errorf("ref %+v", ref)
		}
	}
}
