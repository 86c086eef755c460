package importer

import (
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// TestAgainWithoutState imports into what an import pushed to of which nothing is remembered here: what it has already is
// ours, branches go on, and what somebody else made of a ref stays a conflict.
func TestAgainWithoutState(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	wantStatus(t, e.begin(e.repository("a")), rehome.Complete, "", "")
	testenv.Grow(t, e.from, "refs/heads/trunk", "a.txt", 2)
	e.bytes.Store(0)
	wantStatus(t, e.begin(e.repository("b")), rehome.Complete, "", "")
	e.wantArrived()
	if sent := e.bytes.Load(); sent > 5_000 {
		t.Errorf("two commits and %d bytes were sent", sent)
	}

	testenv.Git(t, e.to, "update-ref", "refs/tags/v0", "refs/heads/trunk~9")
	wantStatus(t, e.begin(e.repository("c")), rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	testenv.Git(t, e.to, "update-ref", "refs/tags/v0", testenv.Git(t, e.from, "rev-parse", "refs/tags/v0"))
	testenv.Grow(t, e.to, "refs/heads/topic-0", "theirs.txt", 1)
	testenv.Grow(t, e.from, "refs/heads/topic-0", "ours.txt", 1)
	theirs := e.atDestination("refs/heads/topic-0")
	wantStatus(t, e.begin(e.repository("d")), rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	if now := e.atDestination("refs/heads/topic-0"); now != theirs {
		t.Errorf("topic-0 is at %s", now)
	}
}

// TestSendsOnlyWhatLacks pushes after other choices than before: what is there is not sent again.
func TestSendsOnlyWhatLacks(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	whole := e.bytes.Swap(0)
	testenv.Grow(t, e.to, "refs/heads/topic-0", "theirs.txt", 1)
	skip, overwrite := rehome.Skip, rehome.Overwrite
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url, OnDivergence: &skip})
	must(t, err)
	testenv.Grow(t, e.from, "refs/heads/topic-0", "ours.txt", 1)
	e.again(r)
	if sent := e.bytes.Load(); sent > 0 {
		t.Errorf("%d bytes were sent for a ref that is skipped", sent)
	}
	_, err = e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url, OnDivergence: &overwrite})
	must(t, err)
	e.again(r)
	if got, want := e.atDestination("refs/heads/topic-0"), testenv.Git(t, e.from, "rev-parse", "refs/heads/topic-0"); got != want {
		t.Errorf("topic-0 is at %s", got)
	}
	if sent := e.bytes.Load(); sent > 5_000 {
		t.Errorf("after skip, overwrite sends %d bytes; the first push had %d", sent, whole)
	}
}

// TestSendsOnlyOtherRefs fetches anew for them, as another pack.
func TestSendsOnlyOtherRefs(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
	must(t, err)
	wantStatus(t, e.start(r, StartRequest{URL: e.source, Choices: Choices{Refs: &[]string{"refs/heads/trunk"}}}), rehome.Complete, "", "")
	whole := e.bytes.Swap(0)
	_, err = e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Refs: &[]string{}}})
	must(t, err)
	e.again(r)
	e.wantArrived()
	if sent := e.bytes.Load(); sent > whole/10 {
		t.Errorf("without refs %d bytes are sent; the first push had %d", sent, whole)
	}
}

// TestAsksBeforeItFetches fails for the destination while nothing was fetched yet.
func TestAsksBeforeItFetches(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	fetched := false
	e.read = func(path string) { fetched = fetched || strings.HasSuffix(path, "/git-upload-pack") }
	right := e.url
	for name, c := range map[string]struct {
		url  string
		code rehome.Code
	}{
		"wrong password": {strings.Replace(right, "hunter2", "other", 1), rehome.DestinationRefused},
		"missing":        {strings.Replace(right, "new.git", "none.git", 1), rehome.DestinationMissing},
		"no server":      {"http://u:hunter2@127.0.0.1:1/new.git", rehome.DestinationCutOff},
	} {
		r := e.repository(strings.ReplaceAll(name, " ", "-"))
		_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: c.url})
		must(t, err)
		i := e.start(r, StartRequest{URL: e.source, VCS: rehome.Git})
		wantStatus(t, i, rehome.Failed, rehome.StepPush, c.code)
		if fetched || i.Done.Raw != 0 {
			t.Errorf("%s: it was fetched before", name)
		}
		if name != "missing" {
			continue
		}
		if !strings.Contains(i.State.Err.Hint, "{create") {
			t.Errorf("%+v", i.State.Err)
		}
		_, err = e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: right})
		must(t, err)
		e.work()
		wantStatus(t, e.get(r), rehome.Complete, "", "")
		e.wantArrived()
		fetched = false
	}
}
