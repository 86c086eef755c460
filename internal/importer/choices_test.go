package importer

import (
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Options that are given follow from one another only as far as they have to: a branch's new name is another plan, an
// interval another time, and the rest waits for the next fetch or push.
func TestChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.UnixMilli(1700000000000).UTC()
	yes, no, trunk, none := true, false, "trunk", ""
	hour, off := time.Hour, time.Duration(0)
	refs, all, bytes, plain := []string{"a", "b", "a"}, []string{}, rehome.VerifyBytes, rehome.VerifyRefs
	for _, c := range []struct {
		name    string
		was     rehome.Options
		q       Choices
		want    rehome.Options
		status  rehome.Status
		next    time.Time
		changed bool
	}{
		{"nothing", rehome.Options{SyncEvery: time.Hour}, Choices{}, rehome.Options{SyncEvery: time.Hour}, rehome.Complete, now, false},
		{"prune", rehome.Options{}, Choices{Prune: &yes}, rehome.Options{Prune: true}, rehome.Complete, now, true},
		{"do not prune", rehome.Options{Prune: true}, Choices{Prune: &no}, rehome.Options{}, rehome.Complete, now, true},
		{"refs", rehome.Options{}, Choices{Refs: &refs, ExcludeRefs: &refs}, rehome.Options{Refs: "a\nb", ExcludeRefs: "a\nb"}, rehome.Complete, now, true},
		{"all refs", rehome.Options{Refs: "a", ExcludeRefs: "b"}, Choices{Refs: &all, ExcludeRefs: &all}, rehome.Options{}, rehome.Complete, now, true},
		{"depth", rehome.Options{}, Choices{Verify: &bytes}, rehome.Options{Verify: rehome.VerifyBytes}, rehome.Complete, now, true},
		{"the depth there is", rehome.Options{}, Choices{Verify: &plain}, rehome.Options{}, rehome.Complete, now, false},
		{"branch", rehome.Options{}, Choices{DefaultBranch: &trunk}, rehome.Options{DefaultBranch: "trunk"}, rehome.Mapping, now, true},
		{"the same branch", rehome.Options{DefaultBranch: "trunk"}, Choices{DefaultBranch: &trunk}, rehome.Options{DefaultBranch: "trunk"}, rehome.Complete, now, false},
		{"its own branch", rehome.Options{DefaultBranch: "trunk"}, Choices{DefaultBranch: &none}, rehome.Options{}, rehome.Mapping, now, true},
		{"interval", rehome.Options{}, Choices{SyncEvery: &hour}, rehome.Options{SyncEvery: time.Hour}, rehome.Complete, now.Add(time.Hour), true},
		{"the same interval", rehome.Options{SyncEvery: time.Hour}, Choices{SyncEvery: &hour}, rehome.Options{SyncEvery: time.Hour}, rehome.Complete, now, false},
		{"no interval", rehome.Options{SyncEvery: time.Hour}, Choices{SyncEvery: &off}, rehome.Options{}, rehome.Complete, time.Time{}, true},
	} {
		i := &store.Import{Import: rehome.Import{
			State: rehome.State{Status: rehome.Complete}, Source: rehome.Source{VCS: rehome.Git}, Options: c.was,
			Times: rehome.Times{CompletedAt: now, NextSyncAt: now},
		}}
		must(t, c.q.check())
		changed, err := w.choose(i, c.q, now)
		if err != nil || changed != c.changed || i.Options != c.want || i.State.Status != c.status || i.NextSyncAt != c.next {
			t.Errorf("%s: %v, %v, next %v, %s, %+v; want %+v", c.name, changed, err, i.NextSyncAt, i.State.Status, i.Options, c)
		}
	}
}

// What has not completed yet is not synced by a clock.
func TestIntervalBeforeTheFirstPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hour := time.Hour
	i := &store.Import{Import: rehome.Import{State: rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw}}}
	changed, err := w.choose(i, Choices{SyncEvery: &hour}, time.UnixMilli(1700000000000))
	if err != nil || !changed || !i.NextSyncAt.IsZero() || i.Options.SyncEvery != time.Hour || i.State.Status != rehome.Failed {
		t.Errorf("%v, %v, %+v", changed, err, i)
	}
}

// A start of the import there is keeps a key that was made for it, and takes one that is given when it tries again.
func TestKeyOfAStartAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const url = "ssh://git@old.example/a"
	given := &SSHKey{Make: true}
	for _, c := range []struct {
		name string
		at   rehome.Status
		key  *SSHKey
		has  string
		want string
	}{
		{"none said", rehome.AuthFailed, nil, "kept", "kept"},
		{"made again", rehome.AuthFailed, given, "kept", "kept"},
		{"made", rehome.AuthFailed, given, "", "new"},
		{"given", rehome.Failed, &SSHKey{Private: "p"}, "kept", "new"},
		{"forgotten", rehome.Failed, &SSHKey{}, "kept", "new"},
		{"while it runs", rehome.Importing, &SSHKey{Private: "p"}, "kept", "kept"},
	} {
		have := &store.Import{Import: rehome.Import{State: rehome.State{Status: c.at}, Source: rehome.Source{URL: url, SSHPublicKey: c.has}}}
		if c.has != "" {
			have.Key = []byte(c.has)
		}
		wanted := store.Import{Key: []byte("new"), Import: rehome.Import{Source: rehome.Source{URL: url, SSHPublicKey: "new"}}}
		err := w.startAgain(have, wanted, StartRequest{URL: url, SSHKey: c.key}, time.UnixMilli(1700000000000))
		if string(have.Key) != c.want || have.Source.SSHPublicKey != c.want {
			t.Errorf("%s: key %s, public %s, %v; want %s", c.name, have.Key, have.Source.SSHPublicKey, err, c.want)
		}
	}
}
