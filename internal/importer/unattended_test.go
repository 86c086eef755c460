package importer

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// imported has a world with a complete import of a source that asks for a password.
func imported(t *testing.T, change ...func(*Options)) (w *world, r rehome.Repository) {
	t.Helper()
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	server := testenv.NewServer(t, root, testenv.Options{User: "u", Password: "hunter2"})
	w = newWorld(t, change...)
	r = w.repository("a")
	wantStatus(t, w.start(r, StartRequest{URL: server.URL + "/old.git", Username: "u", Password: "hunter2"}), rehome.Complete, "", "")
	return w, r
}

// breakSource has the import sign in with a password that does not hold.
func (w *world) breakSource(r rehome.Repository) {
	w.t.Helper()
	_, err := w.DB.ChangeImport(w.t.Context(), r.ID, func(_ *store.Tx, i *store.Import) (err error) {
		i.Credentials, err = w.seal("", credentials{"u", "other"})
		return err
	})
	must(w.t, err)
}

// due makes the next sync due now.
func (w *world) due(r rehome.Repository) {
	w.t.Helper()
	_, err := w.DB.ChangeImport(w.t.Context(), r.ID, func(t *store.Tx, i *store.Import) error {
		i.NextSyncAt = t.Now
		return nil
	})
	must(w.t, err)
}

func TestUnattendedSyncThatCannotSignIn(t *testing.T) {
	var told []rehome.Outcome
	w, r := imported(t, func(o *Options) {
		o.Ended = func(_ context.Context, _ *store.Tx, e rehome.ImportEnd) (func(), error) {
			told = append(told, e.Outcome)
			return func() {}, nil
		}
	})
	hour := time.Hour
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{SyncEvery: &hour}})
	must(t, err)
	w.due(r)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.breakSource(r)
	w.due(r)
	w.work()
	wantStatus(t, w.get(r), rehome.AuthFailed, "", rehome.CredentialsRefused)
	if want := []rehome.Outcome{rehome.Success, rehome.Success, rehome.Failure}; !slices.Equal(told, want) {
		t.Errorf("webhooks are told %q, want %q", told, want)
	}
}

// A last sync that failed is not taken for done when something else brings the import to completion.
func TestFinishWaitsForItsSync(t *testing.T) {
	w, r := imported(t)
	w.breakSource(r)
	_, err := w.Finish(t.Context(), r.ID, 0)
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.AuthFailed, "", rehome.CredentialsRefused)

	authors, err := w.Authors(t.Context(), r.ID, 0, 1)
	must(t, err)
	name := "Somebody Else"
	_, err = w.MapAuthor(t.Context(), r.ID, authors[0].ID, &name, nil)
	must(t, err)
	w.work()
	if i := w.get(r); !i.ClosedAt.IsZero() || i.State.Status != rehome.AuthFailed {
		t.Fatalf("status %s, closed at %s: the last sync was not made", i.State.Status, i.ClosedAt)
	}
	user, password := "u", rehome.Secret("hunter2")
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{Username: &user, Password: &password})
	must(t, err)
	w.work()
	if i := w.get(r); i.ClosedAt.IsZero() {
		t.Errorf("it stands at %s and is not closed", i.State.Status)
	}
}
