// Package storetest is what every database under the store has to pass.
package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Run holds an engine against the store's promises. empty names a database of its own for
// each call; open opens one and closes it when the test ends.
func Run(t *testing.T, empty func(t *testing.T) string, open func(t *testing.T, where string, o store.Options) *store.DB) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *store.DB)
	}{
		{"owners", testOwners},
		{"repositories", testRepositories},
		{"repository ids are never used again", testRepositoryIDs},
		{"tokens", testTokens},
		{"tokens made by tokens", testTokensMade},
		{"tokens in use", testTokensUsed},
		{"imports", testImports},
		{"one import per repository", testOneImport},
		{"status moves", testMoves},
		{"leases", testLeases},
		{"lease of a folder", testFolderLeases},
		{"paused holders", testPausedHolder},
		{"one lease", testOneLease},
		{"no lost updates", testNoLostUpdates},
		{"foreign texts", testForeignTexts},
		{"foreign names", testForeignNames},
		{"what is kept", testKept},
		{"deleted imports", testDeleted},
		{"imports deleted with their repository", testDeletedWithRepository},
		{"destinations", testDestinations},
		{"changed destinations", testChangedDestinations},
		{"forgotten secrets", testForgottenSecrets},
		{"idle secrets", testIdleSecrets},
		{"due syncs", testDueSyncs},
		{"authors", testAuthors},
		{"author maps", testAuthorMaps},
		{"findings", testFindings},
		{"shapes", testShapes},
		{"mapped identities", testMapped},
		{"written refs", testWritten},
		{"LFS objects", testLFSObjects},
		{"converted LFS objects", testConvertedLFSObjects},
		{"garbage among LFS objects", testGarbage},
		{"LFS objects just being removed", testCondemned},
		{"LFS objects of random histories", testGarbageRaces},
		{"chores", testChores},
		{"expiry of raw repositories", testExpire},
		{"lists", testLists},
		{"lists of repositories", testRepositoryLists},
		{"organizations", testOrganizations},
		{"changed repositories", testChangedRepositories},
		{"sessions", testSessions},
		{"sessions of one token", testManySessions},
		{"hooks", testHooks},
		{"changed hooks", testChangedHooks},
		{"no hooks alike", testHooksAlike},
		{"limit of hooks", testHookLimit},
		{"pages of hooks", testHookPages},
		{"hooks that are told", testHooksFor},
		{"hooks of deleted repositories", testHooksOfDeleted},
		{"health of hooks", testHookHealth},
		{"deliveries", testDeliveries},
		{"deliveries of what changes", testDeliveryInChange},
		{"pages of deliveries", testDeliveryPages},
		{"due deliveries", testDueDeliveries},
		{"next delivery", testNextDelivery},
		{"claims", testClaims},
		{"lost attempts", testLostAttempts},
		{"most due deliveries", testMostDue},
		{"dropped deliveries", testDropDeliveries},
		{"gauges", testGauges},
		{"gauges of deliveries", testGaugesOfDeliveries},
		{"lost leases", testLostBy},
		{"announced processes", testAnnounce},
		{"worker of an import", testWorkerOf},
		{"keys", testKeys},
		{"keys at once", testKeysAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t, empty(t), store.Options{})) })
	}
	for _, c := range []struct {
		name   string
		limits store.Limits
		test   func(*testing.T, *store.DB)
	}{
		{"turns", store.Limits{}, testTurns},
		{"places are kept", store.Limits{}, testPlacesAreKept},
		{"one worker goes round", store.Limits{}, testOneWorkerGoesRound},
		{"running limit", store.Limits{Running: 2}, testRunningLimit},
		{"running limit at once", store.Limits{Running: 3}, testRunningAtOnce},
		{"within the running limit", store.Limits{Running: 2}, testReady},
		{"queued limit", store.Limits{Queued: 2}, testQueuedLimit},
		{"queued limit at once", store.Limits{Queued: 5}, testQueuedAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t, empty(t), store.Options{Limits: c.limits})) })
	}
	t.Run("first keys", func(t *testing.T) { testFirstKeys(t, empty, open) })
	t.Run("imports of the host", func(t *testing.T) { testHostless(t, empty(t), open) })
	t.Run("imports left to others", func(t *testing.T) { testLeft(t, empty(t), open) })
	t.Run("processes", func(t *testing.T) { testProcesses(t, empty(t), open) })
}

func testOwners(t *testing.T, db *store.DB) {
	ctx := t.Context()
	o, err := db.CreateOwner(ctx, rehome.Owner{Login: "Octocat", Kind: rehome.User, Admin: true})
	must(t, err)
	if o.ID == 0 || o.CreatedAt.IsZero() {
		t.Errorf("created owner has no id or time: %+v", o)
	}
	for _, login := range []string{"Octocat", "octocat", "OCTOCAT"} {
		got, err := db.OwnerByLogin(ctx, login)
		must(t, err)
		if got != o {
			t.Errorf("OwnerByLogin(%q) = %+v, want %+v", login, got, o)
		}
	}
	_, err = db.CreateOwner(ctx, rehome.Owner{Login: "octoCAT", Kind: rehome.User})
	wantCode(t, err, rehome.AlreadyExists)
	_, err = db.OwnerByLogin(ctx, "nobody")
	wantCode(t, err, rehome.NotFound)
}

func testRepositories(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "Octocat", "Spoon-Knife")
	got, err := db.Repository(ctx, "octocat", "spoon-knife")
	must(t, err)
	if got != r || got.DefaultBranch != "main" || !got.PushedAt.IsZero() {
		t.Errorf("Repository = %+v, want %+v", got, r)
	}
	_, err = db.CreateRepository(ctx, rehome.Repository{Owner: r.Owner, Name: "SPOON-knife"})
	wantCode(t, err, rehome.AlreadyExists)

	at := time.UnixMilli(1700000000123).UTC()
	must(t, db.Pushed(ctx, r.ID, at, "trunk"))
	must(t, db.Pushed(ctx, r.ID, at, ""))
	got, err = db.RepositoryByID(ctx, r.ID)
	must(t, err)
	if got.DefaultBranch != "trunk" || got.PushedAt != at {
		t.Errorf("after pushes: %+v", got)
	}
	all, err := db.Repositories(ctx)
	must(t, err)
	if !slices.Equal(all, []rehome.Repository{got}) {
		t.Errorf("Repositories = %+v, want %+v alone", all, got)
	}
	deleteRepository(t, db, r.ID)
	_, err = db.RepositoryByID(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)
	_, err = db.DeleteRepository(ctx, r.ID, nil)
	wantCode(t, err, rehome.NotFound)
	wantCode(t, db.Pushed(ctx, r.ID, at, ""), rehome.NotFound)
}

func testRepositoryIDs(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "octocat", "one")
	deleteRepository(t, db, r.ID)
	again, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: r.Owner, Name: "one"})
	must(t, err)
	if again.ID <= r.ID {
		t.Errorf("id %d follows deleted %d", again.ID, r.ID)
	}
}

func testTokens(t *testing.T, db *store.DB) {
	ctx := t.Context()
	o, err := db.CreateOwner(ctx, rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	hash := [32]byte{1, 2, 3}
	made, err := db.CreateToken(ctx, rehome.Token{User: o, Scopes: []string{"repo"}, Owners: []string{"acme"}}, hash)
	must(t, err)
	got, err := db.TokenByHash(ctx, hash)
	must(t, err)
	if got.ID != made.ID || got.User != o || !slices.Equal(got.Scopes, []string{"repo"}) ||
		!slices.Equal(got.Owners, []string{"acme"}) || !got.RevokedAt.IsZero() {
		t.Errorf("TokenByHash = %+v, want %+v", got, made)
	}
	_, err = db.CreateToken(ctx, rehome.Token{User: o}, hash)
	wantCode(t, err, rehome.AlreadyExists)
	_, err = db.TokenByHash(ctx, [32]byte{9})
	wantCode(t, err, rehome.NotFound)

	must(t, db.RevokeToken(ctx, made.ID))
	first, err := db.TokenByHash(ctx, hash)
	must(t, err)
	must(t, db.RevokeToken(ctx, made.ID))
	all, err := db.Tokens(ctx)
	must(t, err)
	if len(all) != 1 || all[0].RevokedAt.IsZero() || all[0].RevokedAt != first.RevokedAt {
		t.Errorf("after revoking twice: %+v, first %+v", all, first)
	}
	wantCode(t, db.RevokeToken(ctx, 99), rehome.NotFound)
}

func testImports(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	_, err := db.ImportOf(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)
	made := newImport(t, db, r.ID)
	if made.Progress.Percent != -1 || made.LFS != rehome.LFSUndecided || made.State.Err != nil {
		t.Errorf("a new import: %+v", made)
	}
	want := change(t, db, r.ID, func(i *store.Import) {
		i.Source.VCS, i.Credentials = rehome.Git, []byte{0, 1}
		i.State = rehome.State{
			Status: rehome.Failed, FailedStep: rehome.StepDetection, Note: "note",
			Err:     &rehome.Error{Code: rehome.Unreachable, Message: "m", Hint: "h"},
			Choices: []rehome.ProjectChoice{{VCS: rehome.TFVC, TFVCProject: "$/a \"b\"", HumanName: "a (tfs)"}, {VCS: rehome.Git}},
		}
		i.Wanted, i.Done = rehome.Generations{Raw: 4, Plan: 3}, rehome.Generations{Raw: 2, Plan: 1}
		i.Progress = rehome.Progress{Percent: 7, PushPercent: 8, Commits: 9, Bytes: 10}
		i.Timing = store.Timing{Raw: time.Second, Rewrite: 2 * time.Second, Push: 3 * time.Millisecond}
		i.RawBytes, i.Attempts = 11, 2
		i.Options = rehome.Options{Hold: true, MapTrailers: true, MapHashes: true, Engine: 7, LargeMatch: "*.psd\na/", AllowMissingLFS: true}
		i.Options.Prune, i.Options.Refs, i.Options.ExcludeRefs, i.Options.DefaultBranch = true, "main\nv*", "wip/*", "trunk"
		i.Options.SyncEvery, i.Options.Verify = 90*time.Second, rehome.VerifyBytes
		i.NextSyncAt, i.ClosedAt = time.UnixMilli(1700000000003).UTC(), time.UnixMilli(1700000000004).UTC()
		i.Key, i.Source.SSHPublicKey, i.Finishing = []byte{2, 0}, "ssh-ed25519 AAAA", true
		i.LFS = rehome.LFSOptOut
		i.Changes = rehome.Changes{Commits: 12, Tags: 13, Signatures: 14, Files: 15, FileBytes: 16}
		i.Settle = store.Settle{Since: time.UnixMilli(1700000000001).UTC(), Until: time.UnixMilli(1700000000002).UTC()}
		i.Rewritten, i.Mapped, i.Approved, i.StartedBy = 2, 15, true, 16
	})
	got, err := db.ImportOf(ctx, r.ID)
	must(t, err)
	if *got.State.Err != *want.State.Err {
		t.Errorf("error = %+v, want %+v", got.State.Err, want.State.Err)
	}
	got.State.Err, want.State.Err = nil, nil
	if got.Settle != want.Settle || got.Rewritten != 2 || got.Mapped != 15 || !got.Approved || got.StartedBy != 16 || len(got.State.Choices) != 2 {
		t.Errorf("read back\n%+v, want\n%+v", got, want)
	}
	if !reflect.DeepEqual(got.Import, want.Import) || got.Timing != want.Timing || got.RawBytes != 11 || got.Attempts != 2 ||
		string(got.Credentials) != "\x00\x01" || string(got.Key) != "\x02\x00" || !got.Finishing {
		t.Errorf("read back\n%+v, want\n%+v", got, want)
	}
	change(t, db, r.ID, func(i *store.Import) { i.State.Choices = nil })
	if got, err = db.ImportOf(ctx, r.ID); err != nil || got.State.Choices != nil {
		t.Errorf("once chosen: %+v, %v", got.State, err)
	}
	_, err = db.CreateImport(ctx, store.Import{Import: rehome.Import{RepositoryID: 99, State: rehome.State{Status: rehome.Detecting}}}, nil)
	wantCode(t, err, rehome.NotFound)
}

func testOneImport(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "octocat", "one")
	var wg sync.WaitGroup
	ids := make([]int64, 20)
	for n := range ids {
		wg.Go(func() {
			i, err := db.CreateImport(context.Background(), startingImport(r.ID), func(*store.Tx, *store.Import) error { return nil })
			if err != nil {
				t.Error(err)
			}
			ids[n] = i.ID
		})
	}
	wg.Wait()
	if slices.Sort(ids); ids[0] == 0 || ids[0] != ids[len(ids)-1] {
		t.Errorf("20 creations gave ids %v", ids)
	}
}

func testMoves(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "octocat", "one")
	before := newImport(t, db, r.ID)
	_, err := db.ChangeImport(t.Context(), r.ID, func(_ *store.Tx, i *store.Import) error {
		i.State.Status, i.State.Note = rehome.Complete, "never"
		return nil
	})
	if err == nil {
		t.Error("detecting became complete")
	}
	got, err := db.ImportOf(t.Context(), r.ID)
	must(t, err)
	if !reflect.DeepEqual(got.State, before.State) {
		t.Errorf("a refused move left %+v", got.State)
	}
	same, err := db.ChangeImport(t.Context(), r.ID, func(*store.Tx, *store.Import) error { return store.ErrUnchanged })
	must(t, err)
	if same.UpdatedAt != before.UpdatedAt {
		t.Error("a change of nothing was stored")
	}
	_, err = db.CreateImport(t.Context(), store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Pushing}}}, nil)
	if err == nil {
		t.Error("an import began by pushing")
	}
}

func testDeleted(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	old := newImport(t, db, r.ID)
	lease, _, err := db.Acquire(ctx, old.ID, "a/1", time.Hour)
	must(t, err)
	id, err := db.DeleteImport(ctx, r.ID, nil)
	must(t, err)
	if id != old.ID {
		t.Errorf("deleted %d, want %d", id, old.ID)
	}
	_, err = db.ImportOf(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)
	_, err = db.DeleteImport(ctx, r.ID, nil)
	wantCode(t, err, rehome.NotFound)
	if err := db.Renew(ctx, lease, time.Hour); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("lease of a deleted import was renewed: %v", err)
	}
	if _, err := db.Advance(ctx, lease, func(*store.Tx, *store.Import) error { return nil }); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a deleted import advanced: %v", err)
	}
	fresh := newImport(t, db, r.ID)
	if fresh.ID == old.ID {
		t.Error("the id of a deleted import was used again")
	}
	row, err := db.ImportByID(ctx, old.ID)
	must(t, err)
	if !row.Deleted || row.Credentials != nil {
		t.Errorf("deleted row: %+v", row)
	}
	must(t, db.RemoveImport(ctx, lease))
	_, err = db.ImportByID(ctx, old.ID)
	wantCode(t, err, rehome.NotFound)
	wantDue(t, db, fresh.ID)
}

func testFindings(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	i := newImport(t, db, r.ID)
	_, err := db.Receipt(ctx, i.ID)
	wantCode(t, err, rehome.NotFound)
	_, err = db.Facts(ctx, i.ID)
	wantCode(t, err, rehome.NotFound)
	for _, files := range [][]rehome.LargeFile{
		{{Ref: "refs/heads/old", Path: []byte("old"), OID: "aa", Size: 5}},
		{{Ref: "refs/heads/main", Path: []byte("a\xff"), OID: "bb", Size: 7}, {Ref: "refs/heads/main", Path: nil, OID: "cc", Size: 8}},
	} {
		change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
			return errors.Join(tx.SetLargeFiles(ctx, i, files), tx.SetFacts(ctx, i.ID, []byte("facts")), tx.SetReceipt(ctx, i.ID, []byte("receipt")))
		})
	}
	row, err := db.ImportOf(ctx, r.ID)
	must(t, err)
	if !row.Found.LargeFilesKnown || row.Found.LargeFiles != 2 || row.Found.LargeFilesSize != 15 {
		t.Errorf("found: %+v", row.Found)
	}
	files, err := db.LargeFiles(ctx, i.ID, 0, 0)
	must(t, err)
	if len(files) != 2 || string(files[0].Path) != "a\xff" || files[1].OID != "cc" {
		t.Errorf("large files: %+v", files)
	}
	for offset, want := range []rehome.ObjectID{"bb", "cc", ""} {
		part, err := db.LargeFiles(ctx, i.ID, offset, 1)
		must(t, err)
		if len(part) > 1 || len(part) == 1 && part[0].OID != want || len(part) == 0 && want != "" {
			t.Errorf("the one after %d: %+v, want %q", offset, part, want)
		}
	}
	facts, err := db.Facts(ctx, i.ID)
	must(t, err)
	receipt, err := db.Receipt(ctx, i.ID)
	must(t, err)
	if string(facts) != "facts" || string(receipt) != "receipt" {
		t.Errorf("facts %q, receipt %q", facts, receipt)
	}
}

// A repository and its import go together or stay together, and whoever has to know of the import does.
func testDeletedWithRepository(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, bare := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	i, hook := newImport(t, db, r.ID), newHook(t, db, aHook(r.ID, "https://new.example/"))
	var told int64
	broken := errors.New("broken")
	for _, want := range []error{broken, &rehome.Error{Code: rehome.NotFound}} {
		if _, err := db.DeleteRepository(ctx, r.ID, func(*store.Tx, store.Import) error { return want }); !errors.Is(err, want) {
			t.Errorf("deleted though %v: %v", want, err)
		}
		_, err := db.ImportOf(ctx, r.ID)
		must(t, err)
	}
	for _, c := range []struct{ repository, want int64 }{{r.ID, i.ID}, {bare.ID, 0}} {
		var of int64
		id, err := db.DeleteRepository(ctx, c.repository, func(tx *store.Tx, i store.Import) error {
			of = i.ID
			_, err := tx.Repository(ctx, i.RepositoryID) // it is there still
			if err != nil {
				return err
			}
			told, err = tx.AddDelivery(ctx, aDelivery(hook.ID))
			return err
		})
		if id != c.want || of != c.want || err != nil {
			t.Errorf("deleted repository %d with import %d, told of %d, %v; want %d", c.repository, id, of, err, c.want)
		}
	}
	_, err := db.ImportOf(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)
	claim(t, db, told, time.Hour) // what was to be told is due
}

func testLists(t *testing.T, db *store.DB) {
	ctx := t.Context()
	one, two := newRepository(t, db, "octocat", "one"), newRepository(t, db, "Acme", "two")
	newImport(t, db, one.ID)
	newImport(t, db, two.ID)
	change(t, db, two.ID, func(i *store.Import) { i.State.Status = rehome.Importing })
	for _, c := range []struct {
		name   string
		filter store.Filter
		want   []string
		total  int
	}{
		{"all", store.Filter{Limit: 10}, []string{"Acme/two", "octocat/one"}, 2},
		{"first page", store.Filter{Limit: 1}, []string{"Acme/two"}, 2},
		{"second page", store.Filter{Limit: 1, Offset: 1}, []string{"octocat/one"}, 2},
		{"an owner", store.Filter{Limit: 10, Owners: []string{"aCME"}}, []string{"Acme/two"}, 1},
		{"nobody", store.Filter{Limit: 10, Owners: []string{}}, nil, 0},
		{"a status", store.Filter{Limit: 10, Status: []rehome.Status{rehome.Detecting}}, []string{"octocat/one"}, 1},
	} {
		page, total, err := db.Imports(ctx, c.filter)
		must(t, err)
		var names []string
		for _, l := range page {
			names = append(names, l.Repository.FullName())
			if l.QueuePosition == 0 {
				t.Errorf("%s: %s waits, but has no place", c.name, l.Repository.FullName())
			}
		}
		if !slices.Equal(names, c.want) || total != c.total {
			t.Errorf("%s: got %v of %d, want %v of %d", c.name, names, total, c.want, c.total)
		}
	}
}

func deleteRepository(t *testing.T, db *store.DB, id int64) {
	t.Helper()
	_, err := db.DeleteRepository(t.Context(), id, nil)
	must(t, err)
}
