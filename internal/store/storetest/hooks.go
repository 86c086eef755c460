package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

const mostHooks = 20

// aHook is a hook of the repository that differs from others by its URL.
func aHook(repositoryID int64, url string) store.Hook {
	return store.Hook{Hook: rehome.Hook{
		Target: rehome.HookTarget{RepositoryID: repositoryID}, URL: url,
		Events: []string{rehome.EventImport}, Active: true,
	}}
}

func newHook(t *testing.T, db *store.DB, h store.Hook) store.Hook {
	t.Helper()
	made, err := db.CreateHook(t.Context(), h, mostHooks)
	must(t, err)
	return made
}

func newOrganization(t *testing.T, db *store.DB, login string) rehome.Owner {
	t.Helper()
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: login, Kind: rehome.Organization})
	must(t, err)
	return o
}

func testHooks(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, o := newRepository(t, db, "octocat", "one"), newOrganization(t, db, "acme")
	plain := newHook(t, db, aHook(r.ID, "https://new.example/1"))
	if plain.ID == 0 || plain.CreatedAt.IsZero() || plain.UpdatedAt != plain.CreatedAt || plain.Signed || plain.Secret != nil || plain.Failing != 0 || plain.Last != (rehome.Answer{}) {
		t.Errorf("a new hook: %+v", plain)
	}
	signed := newHook(t, db, store.Hook{Secret: []byte("\x00\xff"), Hook: rehome.Hook{
		Target: rehome.HookTarget{OwnerID: o.ID}, URL: "https://new.example/2?a=b&c", Form: true, Events: []string{"*", "a<b"},
	}})
	if !signed.Signed || string(signed.Secret) != "\x00\xff" || !signed.Form || signed.Active || !slices.Equal(signed.Events, []string{"*", "a<b"}) {
		t.Errorf("a signed hook: %+v", signed)
	}
	for _, want := range []store.Hook{plain, signed} {
		got, err := db.Hook(ctx, want.Target, want.ID)
		must(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read back\n%+v, want\n%+v", got, want)
		}
	}
	other := newRepository(t, db, "octocat", "two")
	for _, at := range []rehome.HookTarget{{RepositoryID: other.ID}, {OwnerID: r.Owner.ID}, {OwnerID: o.ID}, {}} {
		_, err := db.Hook(ctx, at, plain.ID)
		wantCode(t, err, rehome.NotFound)
		_, err = db.ChangeHook(ctx, at, plain.ID, func(*store.Hook) error { return errors.New("it was found") })
		wantCode(t, err, rehome.NotFound)
		wantCode(t, db.DeleteHook(ctx, at, plain.ID), rehome.NotFound)
	}
	for _, at := range []rehome.HookTarget{{RepositoryID: 99}, {OwnerID: 99}, {}} {
		_, err := db.CreateHook(ctx, store.Hook{Hook: rehome.Hook{Target: at, URL: "https://new.example/"}}, mostHooks)
		wantCode(t, err, rehome.NotFound)
	}
	must(t, db.DeleteHook(ctx, plain.Target, plain.ID))
	must(t, db.DeleteHook(ctx, signed.Target, signed.ID))
	_, err := db.Hook(ctx, signed.Target, signed.ID)
	wantCode(t, err, rehome.NotFound)
	wantCode(t, db.DeleteHook(ctx, signed.Target, signed.ID), rehome.NotFound)
	if again := newHook(t, db, plain); again.ID <= signed.ID {
		t.Errorf("id %d follows deleted %d", again.ID, signed.ID)
	}
}

func testChangedHooks(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	before := newHook(t, db, aHook(r.ID, "https://new.example/1"))
	want := before
	want.URL, want.Form, want.Active, want.Events = "https://new.example/2", true, false, []string{"*"}
	want.Secret, want.Signed, want.Failing = []byte("s"), true, 3
	got, err := db.ChangeHook(ctx, before.Target, before.ID, func(h *store.Hook) error {
		h.URL, h.Form, h.Active, h.Events, h.Secret, h.Failing = want.URL, want.Form, want.Active, want.Events, want.Secret, 3
		return nil
	})
	must(t, err)
	want.UpdatedAt = got.UpdatedAt
	if !reflect.DeepEqual(got, want) || got.UpdatedAt.Before(before.UpdatedAt) {
		t.Errorf("changed\n%+v, want\n%+v", got, want)
	}
	broken := errors.New("broken")
	_, err = db.ChangeHook(ctx, before.Target, before.ID, func(h *store.Hook) error {
		h.URL = "https://new.example/never"
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("a change that breaks: %v", err)
	}
	_, err = db.ChangeHook(ctx, before.Target, before.ID, func(*store.Hook) error { return store.ErrUnchanged })
	must(t, err)
	if got, err = db.Hook(ctx, before.Target, before.ID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after changes of nothing\n%+v, %v, want\n%+v", got, err, want)
	}
	got, err = db.ChangeHook(ctx, before.Target, before.ID, func(h *store.Hook) error {
		h.Secret = nil
		return nil
	})
	must(t, err)
	if got.Signed || got.Secret != nil {
		t.Errorf("without its secret: %+v", got)
	}
}

// A target has no two hooks alike, whoever comes first.
func testHooksAlike(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, o := newRepository(t, db, "octocat", "one"), newOrganization(t, db, "acme")
	first := aHook(r.ID, "https://new.example/"+strings.Repeat("x", 2000)) // longer than some databases let a key be
	first.Events = nil
	for n := range 100 {
		first.Events = append(first.Events, fmt.Sprintf("%064d", n))
	}
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, err := db.CreateHook(context.Background(), first, mostHooks)
			if err == nil {
				made.Add(1)
			} else {
				wantCode(t, err, rehome.AlreadyExists)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d hooks alike were made, want 1", made.Load())
	}
	_, err := db.CreateHook(ctx, first, 1)
	wantCode(t, err, rehome.AlreadyExists) // says more than that there is no room
	for _, edit := range []func(*store.Hook){
		func(h *store.Hook) { h.URL += "y" },
		func(h *store.Hook) { h.Form = true },
		func(h *store.Hook) { h.Events = first.Events[1:] },
		func(h *store.Hook) { h.Target = rehome.HookTarget{OwnerID: o.ID} },
	} {
		h := first
		edit(&h)
		made := newHook(t, db, h)
		got, err := db.ChangeHook(ctx, made.Target, made.ID, func(h *store.Hook) error {
			h.Active = false
			return nil
		})
		if err != nil || got.Active {
			t.Errorf("a hook stands in its own way: %+v, %v", got, err)
		}
		if h.Target != first.Target {
			continue
		}
		_, err = db.ChangeHook(ctx, made.Target, made.ID, func(h *store.Hook) error {
			h.URL, h.Form, h.Events = first.URL, first.Form, first.Events
			return nil
		})
		wantCode(t, err, rehome.AlreadyExists)
	}
}

func testHookLimit(t *testing.T, db *store.DB) {
	r, other := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	newHook(t, db, aHook(other.ID, "https://new.example/"))
	var made atomic.Int64
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			_, err := db.CreateHook(context.Background(), aHook(r.ID, fmt.Sprint("https://new.example/", n)), 5)
			if err == nil {
				made.Add(1)
			} else {
				wantCode(t, err, rehome.LimitPassed)
			}
		})
	}
	wg.Wait()
	if made.Load() != 5 {
		t.Errorf("%d hooks were made, want 5", made.Load())
	}
	hooks, _, err := db.Hooks(t.Context(), rehome.HookTarget{RepositoryID: r.ID}, 1, 10)
	must(t, err)
	_, err = db.ChangeHook(t.Context(), hooks[0].Target, hooks[0].ID, func(h *store.Hook) error {
		h.URL += "more"
		return nil
	})
	must(t, err) // a full target's hooks can still be changed
	must(t, db.DeleteHook(t.Context(), hooks[0].Target, hooks[0].ID))
	_, err = db.CreateHook(t.Context(), aHook(r.ID, "https://new.example/last"), 5)
	must(t, err)
}

func testHookPages(t *testing.T, db *store.DB) {
	r, o := newRepository(t, db, "octocat", "one"), newOrganization(t, db, "acme")
	var want []int64
	for n := range 5 {
		want = append(want, newHook(t, db, aHook(r.ID, fmt.Sprint("https://new.example/", n))).ID)
		newHook(t, db, store.Hook{Hook: rehome.Hook{Target: rehome.HookTarget{OwnerID: o.ID}, URL: fmt.Sprint("https://new.example/", n)}})
	}
	for _, c := range []struct {
		page, perPage int
		want          []int64
	}{
		{1, 30, want},
		{1, 2, want[:2]},
		{2, 2, want[2:4]},
		{3, 2, want[4:]},
		{4, 2, nil},
	} {
		hooks, total, err := db.Hooks(t.Context(), rehome.HookTarget{RepositoryID: r.ID}, c.page, c.perPage)
		must(t, err)
		if got := hookIDs(hooks); !slices.Equal(got, c.want) || total != 5 {
			t.Errorf("page %d of %d: %v of %d, want %v of 5", c.page, c.perPage, got, total, c.want)
		}
	}
	if _, total, err := db.Hooks(t.Context(), rehome.HookTarget{}, 1, 30); err != nil || total != 0 {
		t.Errorf("hooks of nothing: %d, %v", total, err)
	}
}

func hookIDs(hooks []store.Hook) (ids []int64) {
	for _, h := range hooks {
		ids = append(ids, h.ID)
	}
	return ids
}

func testHooksFor(t *testing.T, db *store.DB) {
	o := newOrganization(t, db, "acme")
	ours, other, theirs := newRepository(t, db, "acme", "one"), newRepository(t, db, "acme", "two"), newRepository(t, db, "octocat", "one")
	of := func(at rehome.HookTarget, path string, active bool, events ...string) int64 {
		return newHook(t, db, store.Hook{Hook: rehome.Hook{Target: at, URL: "https://new.example/" + path, Active: active, Events: events}}).ID
	}
	repository, organization, user := rehome.HookTarget{RepositoryID: ours.ID}, rehome.HookTarget{OwnerID: o.ID}, rehome.HookTarget{OwnerID: theirs.Owner.ID}
	want := []int64{
		of(organization, "1", true, "*"),
		of(repository, "2", true, "push", rehome.EventImport),
		of(organization, "3", true, rehome.EventImport),
		of(repository, "4", true, "*"),
	}
	of(repository, "asleep", false, "*")
	of(repository, "else", true, "push", rehome.EventImport+"s")
	of(organization, "none", true)
	of(rehome.HookTarget{RepositoryID: other.ID}, "5", true, "*")
	of(user, "5", true, "*") // a user's repositories are told of one by one
	alone := of(rehome.HookTarget{RepositoryID: theirs.ID}, "6", true, "*")
	newImport(t, db, ours.ID)
	change(t, db, ours.ID, func(*store.Import) {}, func(tx *store.Tx, _ *store.Import) error {
		for _, c := range []struct {
			of   rehome.Repository
			want []int64
		}{{ours, want}, {theirs, []int64{alone}}} {
			hooks, err := tx.HooksFor(t.Context(), c.of, rehome.EventImport)
			if err != nil || !slices.Equal(hookIDs(hooks), c.want) {
				t.Errorf("told of %s: %v, %v; want %v", c.of.FullName(), hookIDs(hooks), err, c.want)
			}
		}
		return nil
	})
}

// A deleted repository's hooks are nobody's. They stay while there is something to deliver.
func testHooksOfDeleted(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, o := newRepository(t, db, "acme", "one"), newOrganization(t, db, "others")
	idle, busy := newHook(t, db, aHook(r.ID, "https://new.example/1")), newHook(t, db, aHook(r.ID, "https://new.example/2"))
	organization := newHook(t, db, store.Hook{Hook: rehome.Hook{Target: rehome.HookTarget{OwnerID: o.ID}, URL: "https://new.example/"}})
	finish(t, db, newDelivery(t, db, idle.ID), rehome.Answer{Code: 200}, never)
	id := newDelivery(t, db, busy.ID)
	deleteRepository(t, db, r.ID)
	for _, h := range []store.Hook{idle, busy} {
		_, err := db.Hook(ctx, h.Target, h.ID)
		wantCode(t, err, rehome.NotFound)
		_, err = db.ChangeHook(ctx, h.Target, h.ID, func(*store.Hook) error { return errors.New("it was found") })
		wantCode(t, err, rehome.NotFound)
		wantCode(t, db.DeleteHook(ctx, h.Target, h.ID), rehome.NotFound)
		_, err = db.CreateHook(ctx, h, mostHooks)
		wantCode(t, err, rehome.NotFound)
	}
	if hooks, total, err := db.Hooks(ctx, idle.Target, 1, 30); err != nil || len(hooks) != 0 || total != 0 {
		t.Errorf("a deleted repository has hooks %+v, %d in all, %v", hooks, total, err)
	}
	_, err := db.AddDelivery(ctx, aDelivery(idle.ID))
	wantCode(t, err, rehome.NotFound)
	wantDropped(t, db, 0)
	finish(t, db, id, rehome.Answer{Code: 500}, 0)
	wantDropped(t, db, 0)
	finish(t, db, id, rehome.Answer{Code: 200}, never)
	if n, err := db.DropDeliveries(ctx, time.Hour); n != 1 || err != nil {
		t.Errorf("dropped %d, %v; want the hook, young as its delivery is", n, err)
	}
	_, err = db.Delivery(ctx, busy.ID, id)
	wantCode(t, err, rehome.NotFound)
	if _, err := db.Hook(ctx, organization.Target, organization.ID); err != nil {
		t.Errorf("an organization's hook: %v", err)
	}
}
