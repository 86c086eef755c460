package storetest

import (
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// testIdleSecrets has two imports that rest, one that runs and one that a clock syncs. By the database's clock all of
// them changed just now.
func testIdleSecrets(t *testing.T, db *store.DB) {
	ctx := t.Context()
	secrets := func(i *store.Import) {
		i.Credentials, i.Key, i.Source.SSHPublicKey = []byte{1}, []byte{2}, "ssh-ed25519 AAAA"
	}
	names := map[string]func(*store.Import){
		"rests": func(i *store.Import) { i.State = rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw} },
		"runs":  func(*store.Import) {},
		"syncs": func(i *store.Import) {
			i.State = rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw}
			i.NextSyncAt = time.Now().Add(time.Hour)
		},
	}
	names["waits"] = func(i *store.Import) { // for other credentials: no clock comes to it before there are
		i.State = rehome.State{Status: rehome.AuthFailed}
		i.NextSyncAt = time.Now().Add(time.Hour)
	}
	erased := map[string]bool{"rests": true, "waits": true}
	ids := map[string]int64{}
	for name, is := range names {
		r := newRepository(t, db, "octocat", name)
		newImport(t, db, r.ID)
		setDestination(t, db, aDestination(r.ID))
		change(t, db, r.ID, func(i *store.Import) { secrets(i); i.State.Status = rehome.Importing })
		change(t, db, r.ID, is)
		ids[name] = r.ID
	}
	alone := newRepository(t, db, "octocat", "alone") // has no import
	setDestination(t, db, aDestination(alone.ID))
	if n, err := db.EraseIdle(ctx, time.Hour); err != nil || n != 0 {
		t.Errorf("erased %d of what is not idle: %v", n, err)
	}
	if n, err := db.EraseIdle(ctx, -time.Hour); err != nil || n != 5 {
		t.Errorf("erased %d secrets, want those of the two imports that rest, of their destinations and of one without import: %v", n, err)
	}
	if d, err := db.Destination(ctx, alone.ID); err != nil || d.Credentials != nil || d.Key != nil || d.SSHPublicKey != "" || d.URL == "" {
		t.Errorf("destination without import: %+v, %v", d, err)
	}
	for name, id := range ids {
		i, err := db.ImportOf(ctx, id)
		must(t, err)
		d, err := db.Destination(ctx, id)
		must(t, err)
		kept := i.Credentials != nil && i.Key != nil && i.Source.SSHPublicKey != "" && d.Credentials != nil && d.Key != nil
		gone := i.Credentials == nil && i.Key == nil && i.Source.SSHPublicKey == "" && d.Credentials == nil && d.Key == nil && d.SSHPublicKey == ""
		if kept == erased[name] || gone != erased[name] || d.URL == "" {
			t.Errorf("%s: %+v, %+v", name, i.Credentials, d)
		}
	}
}
