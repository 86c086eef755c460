package importer

import (
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// TestDefaultBranchRenamedAgain gives the default branch one name and then another: the first was never at the source, so it was
// not deleted there. It stays, and is told of once, or goes.
func TestDefaultBranchRenamedAgain(t *testing.T) {
	t.Parallel()
	for name, prune := range map[string]bool{"stays": false, "goes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newElsewhere(t)
			for _, ref := range testenv.ShowRefs(t, e.from) { // one branch alone: all that is ours gets another name
				if _, ref, _ := strings.Cut(ref, " "); ref != "refs/heads/trunk" {
					testenv.Git(t, e.from, "update-ref", "-d", ref)
				}
			}
			r := e.repository("a")
			first, second := "first", "second"
			_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
			must(t, err)
			wantStatus(t, e.start(r, StartRequest{URL: e.source, Choices: Choices{DefaultBranch: &first, Prune: &prune}}), rehome.Complete, "", "")
			testenv.Git(t, e.to, "update-ref", "refs/heads/second", "refs/heads/first")
			testenv.Git(t, e.to, "symbolic-ref", "HEAD", "refs/heads/second") // there is no API to do it by
			_, err = e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{DefaultBranch: &second}})
			must(t, err)
			for run := range 3 {
				if e.work(); run > 0 {
					e.again(r)
				}
				wantStatus(t, e.get(r), rehome.Complete, "", "")
				got := e.receiptOf(r)
				if len(got.Skipped) > 0 {
					t.Errorf("run %d: skipped %+v", run, got.Skipped)
				}
				told := slices.ContainsFunc(got.Warnings, func(w rehome.Warning) bool { return strings.Contains(w.Text, `"first"`) })
				if want := run == 0 && !prune; told != want {
					t.Errorf("run %d: warnings %+v", run, got.Warnings)
				}
			}
			if there := e.atDestination("refs/heads/first") != ""; there == prune {
				t.Errorf("prune %v, and refs\n%s", prune, strings.Join(testenv.ShowRefs(t, e.to), "\n"))
			}
		})
	}
}

// TestAnotherHistoryThere says how to go on from an earlier import that nothing is remembered of, instead of blaming somebody.
func TestAnotherHistoryThere(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	wantStatus(t, e.begin(e.repository("a")), rehome.Complete, "", "")
	testenv.Git(t, e.from, "update-ref", "refs/heads/topic-0", "refs/heads/trunk~7")
	i := e.begin(e.repository("b"))
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	if err := i.State.Err; err == nil || !strings.Contains(err.Message, "another history") || !strings.Contains(err.Hint, "earlier import") || !strings.Contains(err.Hint, "{prune}") {
		t.Errorf("%+v", err)
	}
}
