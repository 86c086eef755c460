package git

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/egress"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

// Where the server can filter, only commits and tags come.
func TestHistoryOnly(t *testing.T) {
	for _, filters := range []string{"true", "false"} {
		root := t.TempDir()
		from := filepath.Join(root, "r.git")
		testenv.Rich(t, from, "sha1")
		testenv.Git(t, from, "config", "uploadpack.allowFilter", filters)
		want := strings.Split(testenv.Git(t, from, "rev-list", "--branches", "--tags", "--glob=refs/notes"), "\n")
		for name, l := range transports(t, root, "r.git") {
			dir := filepath.Join(t.TempDir(), "raw")
			res, err := newGit(t, egress.Policy{Unrestricted: true}).Fetch(t.Context(), source.Request{Location: l, Dir: dir, HistoryOnly: true})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(res.Refs) == 0 || len(testenv.ShowRefs(t, dir)) != 0 {
				t.Errorf("%s: %d refs, written %v", name, len(res.Refs), testenv.ShowRefs(t, dir))
			}
			have := testenv.Objects(t, dir)
			for _, id := range want {
				if !slices.Contains(have, id) {
					t.Errorf("%s: commit %s did not come", name, id)
				}
			}
			filtered := filters == "true" && slices.Contains([]string{"http ", "http v2", "git", "ssh, old false"}, name) // the child of a local path has settings of its own
			few := res.Received.Blobs <= 1 && res.Received.Trees <= 1                                                     // refs may name them
			if few != filtered {
				t.Errorf("%s: filters %s, and %d trees and %d blobs came", name, filters, res.Received.Trees, res.Received.Blobs)
			}
		}
	}
}

// A server that offers filters but refuses this one sends everything.
func TestHistoryOnlyWhereTheFilterIsRefused(t *testing.T) {
	root := t.TempDir()
	from := filepath.Join(root, "r.git")
	testenv.Rich(t, from, "sha256")
	testenv.Git(t, from, "config", "uploadpack.allowFilter", "true")
	testenv.Git(t, from, "config", "uploadpackfilter.tree.allow", "false")
	l := location(t, testenv.ServeGit(t, root, testenv.Options{})+"/r.git")
	res, err := newGit(t, egress.Policy{}).Fetch(t.Context(), source.Request{Location: l, Dir: filepath.Join(t.TempDir(), "raw"), HistoryOnly: true})
	if err != nil || res.Received.Commits == 0 || res.Received.Blobs <= 1 {
		t.Errorf("%+v, %v", res.Received, err)
	}
}
