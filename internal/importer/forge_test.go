package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// remapped maps an author of the source.
func (e *elsewhere) remapped(r rehome.Repository) {
	e.t.Helper()
	_, err := e.MapAuthors(e.t.Context(), r.ID, AuthorMap{Text: []byte("Hubot <hubot@example.com> <author0@example.com>\n")})
	must(e.t, err)
	e.work()
	wantStatus(e.t, e.get(r), rehome.Complete, "", "")
}

// hook has the destination run a shell script.
func (e *elsewhere) hook(name, script string) {
	e.t.Helper()
	must(e.t, os.MkdirAll(filepath.Join(e.to, "hooks"), 0o755))
	must(e.t, os.WriteFile(filepath.Join(e.to, "hooks", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

func (e *elsewhere) atDestination(ref string) string {
	e.t.Helper()
	return testenv.Git(e.t, e.to, "for-each-ref", "--format=%(objectname)", ref)
}

// TestImportToAForge moves a repository, maps an author and follows the source.
func TestImportToAForge(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	i := e.begin(r)
	wantStatus(t, i, rehome.Complete, "", "")
	e.wantArrived()
	if refs := testenv.ShowRefs(t, e.hosted(r)); len(refs) > 0 {
		t.Errorf("the built-in host has %q", refs)
	}
	var receipt struct {
		Destination rehome.ReceiptDestination
		Refs        []rehome.ReceiptRef
	}
	text, err := e.Receipt(t.Context(), r.ID)
	must(t, err)
	must(t, json.Unmarshal(text, &receipt))
	if len(receipt.Refs) != len(testenv.ShowRefs(t, e.from)) || !strings.HasSuffix(receipt.Destination.URL, "/new.git") || strings.Contains(string(text), "hunter2") {
		t.Errorf("receipt: %s", text)
	}
	objects := len(testenv.Objects(t, e.to))
	e.remapped(r)
	if log := testenv.Git(t, e.to, "log", "--all", "--format=%ae%ce"); strings.Contains(log, "author0@") || !strings.Contains(log, "hubot@") {
		t.Error("the map did not arrive")
	}
	if more := len(testenv.Objects(t, e.to)) - objects; more > 125 {
		t.Errorf("%d objects came, which is more than commits and tags", more)
	}
	mapped := e.atDestination("refs/heads/trunk")
	testenv.Grow(t, e.from, "refs/heads/trunk", "src/new.txt", 2)
	e.again(r)
	if got := testenv.Git(t, e.to, "rev-parse", "refs/heads/trunk~2"); got != mapped {
		t.Errorf("what was there became another: %s, %s", got, mapped)
	}
	pushes := e.pushed.Load()
	e.again(r)
	if n := e.pushed.Load() - pushes; n != 0 {
		t.Errorf("nothing is new, and %d pushes were made", n)
	}
	testenv.Git(t, e.to, "fsck", "--full", "--strict")
}

// TestForcedAndDeletedAtTheSource leaves such refs at the destination, or follows them and keeps the old tips.
func TestForcedAndDeletedAtTheSource(t *testing.T) {
	t.Parallel()
	for _, prune := range []bool{false, true} {
		t.Run(fmt.Sprint("prune=", prune), func(t *testing.T) {
			t.Parallel()
			e := newElsewhere(t)
			r := e.repository("a")
			wantStatus(t, e.begin(r), rehome.Complete, "", "")
			forced, deleted := e.atDestination("refs/heads/topic-0"), e.atDestination("refs/tags/v0")
			testenv.Git(t, e.from, "update-ref", "refs/heads/topic-0", "refs/heads/trunk~7")
			testenv.Git(t, e.from, "update-ref", "-d", "refs/tags/v0")
			_, err := e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Prune: &prune}})
			must(t, err)
			e.again(r)
			if !prune {
				if e.atDestination("refs/heads/topic-0") != forced || e.atDestination("refs/tags/v0") != deleted {
					t.Errorf("refs:\n%s", strings.Join(testenv.ShowRefs(t, e.to), "\n"))
				}
				return
			}
			for name, want := range map[string]string{
				"refs/heads/topic-0": testenv.Git(t, e.from, "rev-parse", "refs/heads/topic-0"), "refs/tags/v0": "",
				"refs/rehome/kept/heads/topic-0/" + forced[:12]: forced, "refs/rehome/kept/tags/v0/" + deleted[:12]: deleted,
			} {
				if got := e.atDestination(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			want := []rehome.ReplacedRef{
				rehome.NewReplacedRef("refs/tags/v0", rehome.ObjectID(deleted), "", "refs/rehome/kept/tags/v0/"+deleted[:12], replacedDeleted),
				rehome.NewReplacedRef("refs/heads/topic-0", rehome.ObjectID(forced), rehome.ObjectID(e.atDestination("refs/heads/topic-0")), "refs/rehome/kept/heads/topic-0/"+forced[:12], replacedForced),
			}
			if got := e.receiptOf(r).Replaced; !reflect.DeepEqual(got, want) {
				t.Errorf("replaced: %+v, want %+v", got, want)
			}
			e.again(r)
			if got := e.receiptOf(r).Replaced; len(got) != 0 {
				t.Errorf("replaced once more: %+v", got)
			}
		})
	}
}

// TestPruneKeepsFirst takes nothing away while the destination refuses the refs for what goes.
func TestPruneKeepsFirst(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	testenv.Git(t, e.from, "update-ref", "-d", "refs/heads/topic-0")
	testenv.Grow(t, e.from, "refs/heads/trunk", "a.txt", 1)
	before := testenv.ShowRefs(t, e.to)
	testenv.Git(t, e.to, "config", "transfer.hideRefs", "refs/rehome")
	prune := true
	_, err := e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Prune: &prune}})
	must(t, err)
	_, err = e.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	e.work()
	i := e.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationRefused)
	if !strings.Contains(i.State.Err.Message, "refs/rehome/kept/heads/topic-0/") {
		t.Errorf("%+v", i.State.Err)
	}
	if now := testenv.ShowRefs(t, e.to); !slices.Equal(now, before) {
		t.Errorf("refs:\n%s", strings.Join(now, "\n"))
	}
	testenv.Git(t, e.to, "config", "--unset", "transfer.hideRefs")
	e.again(r)
	if e.atDestination("refs/heads/topic-0") != "" {
		t.Error("it is still there")
	}
}

// TestTooManyGone stops a sync that would remove more than half of the refs.
func TestTooManyGone(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	prune := true
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	for _, line := range testenv.ShowRefs(t, e.from) {
		if _, name, _ := strings.Cut(line, " "); name != "refs/heads/trunk" {
			testenv.Git(t, e.from, "update-ref", "-d", name)
		}
	}
	before := testenv.ShowRefs(t, e.to)
	_, err := e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Prune: &prune}})
	must(t, err)
	_, err = e.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	e.work()
	i := e.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.LimitPassed)
	if m := i.State.Err.Message; !strings.Contains(m, "The source lacks 3 of the 4 refs") || !strings.Contains(m, ": refs/heads/topic-0, refs/heads/topic-1, refs/tags/v0. ") {
		t.Error(m)
	}
	if now := testenv.ShowRefs(t, e.to); !slices.Equal(now, before) {
		t.Errorf("refs:\n%s", strings.Join(now, "\n"))
	}
}

// TestDivergence is about a branch to which others pushed.
func TestDivergence(t *testing.T) {
	t.Parallel()
	for _, way := range []rehome.Divergence{rehome.Stop, rehome.Skip, rehome.Overwrite} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			e := newElsewhere(t)
			r := e.repository("a")
			_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url, OnDivergence: &way})
			must(t, err)
			wantStatus(t, e.start(r, StartRequest{URL: e.source}), rehome.Complete, "", "")
			testenv.Grow(t, e.to, "refs/heads/topic-0", "theirs.txt", 1)
			theirs := e.atDestination("refs/heads/topic-0")
			testenv.Grow(t, e.from, "refs/heads/topic-0", "ours.txt", 1)
			testenv.Grow(t, e.from, "refs/heads/trunk", "ours.txt", 1)
			_, err = e.Update(t.Context(), r.ID, UpdateRequest{})
			must(t, err)
			e.work()
			i := e.get(r)
			if way == rehome.Stop {
				wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
				if m := i.State.Err; !strings.Contains(m.Message, "refs/heads/topic-0") || !strings.Contains(m.Hint, "on_divergence") {
					t.Errorf("%+v", m)
				}
				testenv.Git(t, e.to, "update-ref", "refs/heads/topic-0", theirs+"~1")
				e.again(r)
				e.wantArrived()
				return
			}
			wantStatus(t, i, rehome.Complete, "", "")
			if got := e.atDestination("refs/heads/topic-0"); (got == theirs) != (way == rehome.Skip) {
				t.Errorf("topic-0 is at %s", got)
			}
			if skipped := e.receiptOf(r).Skipped; (len(skipped) == 1) != (way == rehome.Skip) {
				t.Errorf("skipped: %+v", skipped)
			}
			if replaced := e.receiptOf(r).Replaced; way == rehome.Overwrite && (len(replaced) != 1 || string(replaced[0].ID) != theirs || replaced[0].Kept != "refs/rehome/kept/heads/topic-0/"+theirs[:12]) {
				t.Errorf("replaced: %+v", replaced)
			}
			if e.atDestination("refs/heads/trunk") != testenv.Git(t, e.from, "rev-parse", "refs/heads/trunk") {
				t.Error("trunk did not move")
			}
		})
	}
}

// TestOverwriteKeepsFirst overwrites nothing of others' before it is kept, also when that takes another try.
func TestOverwriteKeepsFirst(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	way := rehome.Overwrite
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url, OnDivergence: &way})
	must(t, err)
	wantStatus(t, e.start(r, StartRequest{URL: e.source}), rehome.Complete, "", "")
	testenv.Grow(t, e.to, "refs/heads/topic-0", "theirs.txt", 1)
	theirs := e.atDestination("refs/heads/topic-0")
	testenv.Grow(t, e.from, "refs/heads/topic-0", "ours.txt", 1)
	testenv.Git(t, e.to, "config", "transfer.hideRefs", "refs/rehome")
	_, err = e.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	e.work()
	wantStatus(t, e.get(r), rehome.Failed, rehome.StepPush, rehome.DestinationRefused)
	if got := e.atDestination("refs/heads/topic-0"); got != theirs {
		t.Errorf("topic-0 is at %s", got)
	}
	testenv.Git(t, e.to, "config", "--unset", "transfer.hideRefs")
	e.again(r)
	kept := "refs/rehome/kept/heads/topic-0/" + theirs[:12]
	if got := e.atDestination(kept); got != theirs {
		t.Errorf("%s is %q, not %s", kept, got, theirs)
	}
	if replaced := e.receiptOf(r).Replaced; len(replaced) != 1 || replaced[0].Kept != kept {
		t.Errorf("replaced: %+v", replaced)
	}
}

// TestRefusedRef is an error of the push that names the ref, with the destination's words. Once the rule is gone it goes on.
func TestRefusedRef(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	e.hook("update", `case $1 in refs/heads/topic-1) echo "GH006: Protected branch update failed"; exit 1;; esac`)
	r := e.repository("a")
	i := e.begin(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationRefused)
	if m := i.State.Err; !strings.Contains(m.Message, "refs/heads/topic-1") || !strings.Contains(m.Message, "GH006") || !strings.Contains(m.Hint, "Unprotect") {
		t.Errorf("%+v", m)
	}
	must(t, os.Remove(filepath.Join(e.to, "hooks", "update")))
	e.again(r)
	e.wantArrived()
}

// TestWrongThenRight has its credentials corrected: that alone starts the push again.
func TestWrongThenRight(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	right := e.url
	e.url = strings.Replace(right, "hunter2", "other", 1)
	i := e.begin(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationRefused)
	if m := i.State.Err; strings.Contains(m.Message+m.Hint, "other") || !strings.Contains(m.Message, "password") {
		t.Errorf("%+v", m)
	}
	user, password := "u", rehome.Secret("hunter2")
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: strings.Replace(right, "u:hunter2@", "", 1), Username: &user, Password: &password})
	must(t, err)
	e.work()
	wantStatus(t, e.get(r), rehome.Complete, "", "")
	e.wantArrived()
}

// TestReportThatLies believes the refs and not the report.
func TestReportThatLies(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	e.hook("post-receive", "git update-ref refs/heads/topic-0 refs/heads/trunk~1")
	r := e.repository("a")
	i := e.begin(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationMoved)
	if !strings.Contains(i.State.Err.Message, "refs/heads/topic-0") {
		t.Errorf("%+v", i.State.Err)
	}
}

// TestRenamedDefaultBranch names it as was asked for, also once the source was moved, and takes the old one away with prune.
func TestRenamedDefaultBranch(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	name, prune := "main", true
	trunk := e.atDestination("refs/heads/trunk")
	_, err := e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{DefaultBranch: &name, Prune: &prune}})
	must(t, err)
	e.work()
	i := e.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationRefused) // there is no API to set the default branch by
	if m := i.State.Err; !strings.Contains(m.Message, "refs/heads/trunk") || !strings.Contains(m.Hint, "by hand") {
		t.Errorf("%+v", m)
	}
	testenv.Git(t, e.to, "symbolic-ref", "HEAD", "refs/heads/main")
	e.again(r)
	if e.atDestination("refs/heads/main") != trunk || e.atDestination("refs/heads/trunk") != "" || e.atDestination("refs/rehome/kept/heads/trunk/"+trunk[:12]) != trunk {
		t.Errorf("refs:\n%s", strings.Join(testenv.ShowRefs(t, e.to), "\n"))
	}
}

// TestVerifyFindsDamage looks at the objects of the destination, where that was asked for.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	for _, depth := range []rehome.Depth{rehome.VerifyObjects, rehome.VerifyBytes} {
		for name, damage := range map[string]func(path string) error{
			"lost": os.Remove,
			"flipped": func(path string) error {
				text, err := os.ReadFile(path)
				if err == nil {
					text[len(text)/2] ^= 1
					err = os.WriteFile(path, text, 0o600)
				}
				return err
			},
		} {
			t.Run(string(depth)+" "+name, func(t *testing.T) {
				t.Parallel()
				e := newElsewhere(t)
				testenv.Git(t, e.to, "config", "receive.unpackLimit", "100000")
				r := e.repository("a")
				_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
				must(t, err)
				i := e.start(r, StartRequest{URL: e.source, Choices: Choices{Verify: &depth}})
				wantStatus(t, i, rehome.Complete, "", "")
				blob := testenv.Git(t, e.to, "rev-parse", "refs/heads/trunk~30^{tree}")
				path := filepath.Join(e.to, "objects", blob[:2], blob[2:])
				must(t, os.Chmod(path, 0o600))
				must(t, damage(path))
				_, err = e.Update(t.Context(), r.ID, UpdateRequest{})
				must(t, err)
				e.work()
				if i = e.get(r); i.State.Status != rehome.Failed || i.State.FailedStep != rehome.StepPush || !strings.Contains(i.State.Err.Message, "fetched to prove") {
					t.Errorf("%+v", i.State)
				}
			})
		}
	}
}

// TestTemplate pushes where the operator says, with the operator's credentials. Who names another destination gets none of these.
func TestTemplate(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	e.Elsewhere = Elsewhere{Template: strings.Replace(e.url, "u:hunter2@", "", 1), Username: "u", Password: "hunter2"}
	e.Elsewhere.Template = strings.Replace(e.Elsewhere.Template, "new.git", "{owner}-{repo}.git", 1)
	e.to = filepath.Join(filepath.Dir(e.to), "octocat-a.git")
	testenv.Empty(t, e.to, "sha1")
	r := e.repository("a")
	wantStatus(t, e.start(r, StartRequest{URL: e.source}), rehome.Complete, "", "")
	e.wantArrived()

	b := e.repository("b")
	url := strings.Replace(strings.Replace(e.url, "u:hunter2@", "", 1), "new.git", "octocat-b.git", 1)
	testenv.Empty(t, filepath.Join(filepath.Dir(e.to), "octocat-b.git"), "sha1")
	_, err := e.SetDestination(t.Context(), b.ID, DestinationRequest{URL: url})
	must(t, err)
	i := e.start(b, StartRequest{URL: e.source})
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationRefused)
	row, ok, err := e.destinationOf(t.Context(), b.ID)
	if err != nil || !ok || row.username != "" || row.password != "" {
		t.Errorf("%+v, %v", row, err)
	}
}

// TestFinishErasesCredentials leaves nothing that signs in anywhere, once the last sync arrived.
func TestFinishErasesCredentials(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	testenv.Grow(t, e.from, "refs/heads/trunk", "a.txt", 1)
	e.refuses.Store(true)
	_, err := e.Finish(t.Context(), r.ID, 0)
	must(t, err)
	e.work()
	if i := e.get(r); i.State.Status != rehome.Failed || !i.ClosedAt.IsZero() {
		t.Errorf("%+v", i)
	}
	e.refuses.Store(false)
	e.again(r)
	e.wantArrived()
	row, err := e.DB.ImportByID(t.Context(), e.get(r).ID)
	must(t, err)
	d, err := e.DB.Destination(t.Context(), r.ID)
	must(t, err)
	if row.ClosedAt.IsZero() || row.Credentials != nil || row.Key != nil || d.Credentials != nil || d.Key != nil || d.URL == "" {
		t.Errorf("%+v, %+v", row, d)
	}
	_, err = e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("a destination of one that is closed: %v", err)
	}
}

// TestSyncByTheClock goes by the database's clock, whatever the worker's says, tells of failures, and tries again at the next time.
func TestSyncByTheClock(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{-1000 * time.Hour, 0, 1000 * time.Hour} {
		var told []rehome.Outcome
		e := newElsewhere(t, func(o *Options) {
			o.Clock = func() time.Time { return time.Now().Add(lag) }
			o.Ended = func(_ context.Context, _ *store.Tx, end rehome.ImportEnd) (func(), error) {
				told = append(told, end.Outcome)
				return func() {}, nil
			}
		})
		r := e.repository("a")
		wantStatus(t, e.begin(r), rehome.Complete, "", "")
		hour := time.Hour
		_, err := e.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{SyncEvery: &hour}})
		must(t, err)
		e.work()
		for _, broken := range []bool{false, true, false} {
			testenv.Grow(t, e.from, "refs/heads/trunk", "a.txt", 1)
			e.refuses.Store(broken)
			e.due(r)
			e.work()
			i := e.get(r)
			if broken {
				wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationCutOff)
			} else {
				wantStatus(t, i, rehome.Complete, "", "")
				e.wantArrived()
			}
			if wait := time.Until(i.NextSyncAt); wait < 50*time.Minute || wait > 61*time.Minute {
				t.Errorf("clock %s off: the next sync is in %s", lag, wait)
			}
		}
		if want := []rehome.Outcome{rehome.Success, rehome.Success, rehome.Failure, rehome.Success}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
}

// TestInOrder has what keeps old tips go first, and the default branch of the destination last.
func TestInOrder(t *testing.T) {
	zero := object.SHA1.Zero()
	trunk := repo.Update{Name: "refs/heads/trunk", Old: oid(1), New: zero}
	kept := repo.Update{Name: "refs/rehome/kept/heads/trunk/1", Old: zero, New: oid(1)}
	other := repo.Update{Name: "refs/heads/x", Old: oid(1), New: zero}
	main := repo.Update{Name: "refs/heads/main", Old: zero, New: oid(2)}
	got := inOrder([]repo.Update{trunk, kept, other, main}, "refs/heads/trunk")
	want := ordered{keep: []repo.Update{kept}, now: []repo.Update{other, main}, last: []repo.Update{trunk}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
