package importer

import (
	"reflect"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

func TestHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	yes, no := true, false
	i := w.start(r, StartRequest{URL: url, Choices: Choices{Hold: &yes}})
	wantStatus(t, i, rehome.WaitingToPush, "", "")
	if refs := testenv.ShowRefs(t, w.hosted(r)); len(refs) > 0 {
		t.Errorf("held, and yet there is %v", refs)
	}
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	if s := w.get(r).State.Status; s != rehome.Mapping {
		t.Errorf("a map while held leads to %s", s)
	}
	_, err := w.Approve(t.Context(), r.ID)
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("approved while it is mapped: %v", err)
	}
	w.work()
	i = w.get(r)
	wantStatus(t, i, rehome.WaitingToPush, "", "")
	if i.Changes.Commits == 0 || i.Changes.Tags == 0 {
		t.Errorf("nothing would change: %+v", i.Changes)
	}
	i, err = w.Approve(t.Context(), r.ID)
	must(t, err)
	wantStatus(t, i, rehome.Pushing, "", "")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantRewritten(r, from, map[string]string{ada: hubot})
	w.remap(r, "Ada Lovelace", "Other", "hubot@example.com") // only the first push is held
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if i, err = w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Hold: &no}}); err != nil || i.State.Status != rehome.Complete {
		t.Errorf("an option alone restarted: %+v, %v", i, err)
	}
}

// An approval is of what was there to be seen, not of what another fetch brings.
func TestApprovalEndsWithARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	yes := true
	w.start(r, StartRequest{URL: url, Choices: Choices{Hold: &yes}})
	_, err := w.Approve(t.Context(), r.ID)
	must(t, err)
	home := w.hosted(r)
	tree := testenv.GitIn(t, home, strings.NewReader(""), "mktree")
	testenv.Git(t, home, "update-ref", "refs/heads/trunk", testenv.Git(t, home, "commit-tree", "-m", "mine", tree))
	w.work()
	wantStatus(t, w.get(r), rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.WaitingToPush, "", "")
}

func TestHoldGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	yes, no := true, false
	_, err := w.Start(t.Context(), r, StartRequest{URL: url})
	must(t, err)
	_, err = w.Start(t.Context(), r, StartRequest{URL: url, Choices: Choices{Hold: &yes}}) // PUT again
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.WaitingToPush, "", "")
	i, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Hold: &no}})
	must(t, err)
	wantStatus(t, i, rehome.Pushing, "", "")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantMoved(r, from)
}

// A hold that can stop nothing any more is refused, and changes nothing.
func TestHoldTooLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	yes, no := true, false
	refused := func(when string) {
		t.Helper()
		before := w.get(r)
		_, started := w.Start(t.Context(), r, StartRequest{URL: url, Choices: Choices{Hold: &yes, MapHashes: &yes}})
		_, updated := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Hold: &yes, MapHashes: &yes}})
		for _, err := range []error{started, updated} {
			if e := rehome.AsError(err); e.Code != rehome.Invalid || e.Field != "hold" || e.Hint == "" {
				t.Errorf("%s: %v", when, err)
			}
		}
		if !reflect.DeepEqual(w.get(r), before) {
			t.Errorf("%s: it became %+v", when, w.get(r))
		}
		_, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Hold: &no}})
		must(t, err)
	}
	w.start(r, StartRequest{URL: url, Choices: Choices{Hold: &yes}})
	_, err := w.Start(t.Context(), r, StartRequest{URL: url, Choices: Choices{Hold: &yes}})
	must(t, err)
	_, err = w.Approve(t.Context(), r.ID)
	must(t, err)
	refused("under way")
	w.work()
	refused("complete")
}
